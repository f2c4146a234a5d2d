"""`joyul adjust`: change settings of a run in progress, have it save now, or stop. Another process asks; the run answers.

The run reads requests between updates (`joyul.engine.control`); what took effect stands in its Steps and beside the setting in
recipe.yaml, whose value stays the one the run began with.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joyul.bases.source import RECIPE_FILE, runs_near
from joyul.engine.control import JOURNAL, SAVE, STOP, ask
from joyul.errors import UsageError
from joyul.recipe import chains
from joyul.recipe.chains import AUTO
from joyul.recipe.grammar import Given
from joyul.recipe.resolve import Recipe, given_words, resolve
from joyul.resume import COMPARISON_RECIPE, STEPS_FILE
from joyul.state import condition

STILL = {"ended": "adjust_ended", "failed": "adjust_failed", "interrupted": "adjust_interrupted"}  # runs that do not run
PATIENCE, EVERY = 30.0, 0.1  # seconds: how long an answer is waited for, and between two looks


@dataclass(frozen=True)
class Adjusted:
    """`step` is the one from which on the settings hold; None: not yet, or (`stop`, `save`) there is none. `read`: by the run."""

    folder: Path
    settings: Mapping[str, Any]
    words: tuple[str, ...]
    read: bool
    step: int | None


def adjust(path: str | Path, *asked: str, wait: float = PATIENCE, **settings: Any) -> Adjusted:
    """`joyul.adjust("runs/x", learning_rate=1e-5)`, or `"save"`, or `"stop"`; waits so many seconds for the run to answer.

    Raises UsageError for a run that does not run, and for what cannot be changed.
    """
    return adjust_run(Path(path), asked, given_words(settings), wait)


def adjust_run(folder: Path, asked: Sequence[str], given: Sequence[Given], wait: float = PATIENCE) -> Adjusted:
    """The same with settings as they are typed."""
    for word in asked:
        if word not in (STOP, SAVE):
            raise UsageError("adjust_word", found=word, allowed=(STOP, SAVE))
    recipe = resolve("adjust", given)
    _check_running(folder)
    stage, values = _checked(folder, recipe)
    if not values and not asked:
        raise UsageError("adjust_nothing")
    request = ask(folder, stage, values, tuple(asked))
    ends = time.monotonic() + wait
    while time.monotonic() < ends and condition(folder) == "running" and not _answered(folder, request, values):
        time.sleep(EVERY)
    return Adjusted(folder, values, tuple(asked), not request.exists(), _step(folder, request))


def _check_running(folder: Path) -> None:
    """Raise UsageError unless a run of its own runs there: those of a comparison have equal rules."""
    if not (folder / RECIPE_FILE).is_file() and not (folder / COMPARISON_RECIPE).is_file():
        raise UsageError("not_a_run", found=str(folder), allowed=runs_near(folder))
    if any((place / COMPARISON_RECIPE).is_file() for place in (folder, *folder.resolve().parents)):
        raise UsageError("adjust_comparison", where=str(folder))
    found = condition(folder)
    if found in STILL:
        raise UsageError(STILL[found], where=str(folder), folder=str(folder))


def _checked(folder: Path, asked: Recipe) -> tuple[int, dict[str, Any]]:
    """The number of the stage that is running, and the settings in the range of its method."""
    steps = _lines(folder / STEPS_FILE)
    stages = resolve("train", [], recipe_file=str(folder / RECIPE_FILE)).stages
    number = int(steps[-1]["stage"]) if steps else 1
    values = dict(chains.build(stages[number - 1].method, asked.stage_given)[0].values)
    if values.get("learning_rate") == AUTO:
        raise UsageError("adjust_auto")
    if "save_every" in asked.origins:
        values["save_every"] = asked.run.save_every
    return number, values


def _answered(folder: Path, request: Path, values: Mapping[str, Any]) -> bool:
    return not request.exists() and (not values or _step(folder, request) is not None)


def _step(folder: Path, request: Path) -> int | None:
    """The Step that a request holds from, once the run has written it into its journal."""
    entry = next((line for line in _lines(folder / JOURNAL) if request.name in line["asked"]), None)
    return int(entry["step"]) if entry is not None else None


def _lines(file: Path) -> list[dict[str, Any]]:
    """Whole lines of JSON; the last one may be half written."""
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
