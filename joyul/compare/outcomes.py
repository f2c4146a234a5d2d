"""One method on one draw with one seed: what it answered, what it cost, where it lies."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Hashable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joyul import artifact, linear
from joyul.bases.source import MODEL_FOLDER
from joyul.compare.nouns import Answers, Draw, Entry, Outcome
from joyul.contracts import Prediction, Step
from joyul.data.examples import Examples
from joyul.engine.evaluate import Evaluation
from joyul.errors import RunError
from joyul.forms.written import PROMPT_FILE

if TYPE_CHECKING:
    from joyul.compare.baselines import Answer, Result, Work
    from joyul.run import Run

COSTS = ("peak_memory", "bytes", "trainable", "row_seconds", "diagnosis", "unknown_tokens")


class BudgetSpent(RunError):
    """The time given to the comparison is over."""


def until(running: Generator[Step, None, Run], deadline: float | None) -> Generator[Step, None, Run]:
    """The same run, given up at `deadline` (seconds of the clock that never goes back). Raises BudgetSpent."""
    with closing(running):
        while True:
            try:
                step = next(running)
            except StopIteration as end:
                run: Run = end.value
                return run
            if deadline is not None and time.monotonic() > deadline:
                raise BudgetSpent("budget_spent")
            yield step


def perform(entry: Entry, work: Work, draw: Draw, seed: int, make: Callable[[Work], Result]) -> Outcome:
    """Let `make` run it. Raises JoyulError and what a model may raise."""
    return _outcome(entry, draw, seed, *make(work))


def _outcome(
    entry: Entry, draw: Draw, seed: int, folder: Path, metrics: Mapping[str, Any], evaluations: Mapping[str, Evaluation]
) -> Outcome:
    splits = draw.gathered.splits
    assert splits.valid is not None
    costs = {"train_seconds": metrics["seconds"]["train"], **{key: metrics[key] for key in COSTS}}
    test = _answers(splits.test, evaluations["test"]) if splits.test else None
    return Outcome(entry, draw, seed, _answers(splits.valid, evaluations["valid"]), test, costs, folder)


def _answers(examples: Examples, evaluation: Evaluation) -> Answers:
    return Answers(tuple(examples.ids), tuple(evaluation.targets), tuple(evaluation.predictions), _groups(examples))


def _groups(examples: Examples) -> tuple[Hashable, ...] | None:
    """The group of every row; a row without one is its own."""
    found = examples.groups
    return tuple(group or f"\0{place}" for place, group in enumerate(found)) if any(found) else None


def answered(entry: Entry, work: Work, draw: Draw, learn: Callable[[Work], Answer]) -> Outcome:
    """What leaves nothing to keep but its answers. Raises JoyulError and what a model may raise."""
    splits, task, started = draw.gathered.splits, work.task, time.perf_counter()
    answer = learn(work)
    spent = time.perf_counter() - started

    def answers(examples: Examples) -> Answers:
        said = tuple(Prediction(value) for value in answer(examples))
        targets = tuple(task.decode(task.encode(example.target, example.id)) for example in examples)
        return Answers(tuple(examples.ids), targets, said, _groups(examples))

    assert splits.valid is not None
    found = answers(splits.valid), answers(splits.test) if splits.test else None
    rows = len(splits.valid) + len(splits.test or ())
    seconds = (time.perf_counter() - started - spent) / max(1, rows)
    return Outcome(entry, draw, 0, *found, {"train_seconds": spent, "row_seconds": seconds, "trainable": 0})


def strip(folder: Path) -> None:
    """Take the weights out of a run that nobody will open: what it measured stays, and it says that it is no result any more."""
    for name in (MODEL_FOLDER, artifact.STAGES_FOLDER, linear.FOLDER, "checkpoints"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / PROMPT_FILE).unlink(missing_ok=True)
