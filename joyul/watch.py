"""`joyul watch`: live curves of runs in the terminal. Only reads what a run writes: steps.jsonl, recipe.yaml, state.json."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from joyul.bases.source import RECIPE_FILE, runs_near
from joyul.errors import JoyulError, UsageError
from joyul.messages import words
from joyul.plot import chart
from joyul.recipe.resolve import resolve
from joyul.report import counts, units
from joyul.report.letters import short
from joyul.report.rates import training
from joyul.state import Condition, condition
from joyul.terminal import results

STEPS_FILE, METHODS_FOLDER = "steps.jsonl", "methods"
SHOWN = {"running": "watch_running", "ended": "watch_ended", "failed": "watch_failed", "interrupted": "watch_interrupted"}
EVERY = 1.0  # seconds between two looks
RECENT = 50  # updates that the rate of work is taken over

Line = dict[str, Any]


@dataclass
class Followed:
    """A run folder as far as it has been read: `steps` are the whole lines of steps.jsonl."""

    folder: Path
    steps: list[Line] = field(default_factory=list)
    _read: int = 0  # bytes
    _file: tuple[int, int] | None = None  # device and inode: a run begun anew is read anew

    @property
    def state(self) -> Condition:
        """Whether it runs; a process that was killed cannot have said that it does not."""
        return condition(self.folder)

    def look(self) -> None:
        """Read what was added. Half a line is left for the next look; a line that is no JSON is passed over."""
        try:
            with open(self.folder / STEPS_FILE, "rb") as file:
                self._notice(file.fileno())
                file.seek(self._read)
                whole = file.read().rpartition(b"\n")[0]
        except FileNotFoundError:  # not one step yet
            return
        self._read += len(whole) + 1 if whole else 0
        self.steps += [line for text in whole.splitlines() if (line := _parsed(text)) is not None]

    def _notice(self, handle: int) -> None:
        """Start over where the file was replaced or cut."""
        found = os.fstat(handle)
        if self._file not in (None, (found.st_dev, found.st_ino)) or found.st_size < self._read:
            self.steps, self._read = [], 0
        self._file = (found.st_dev, found.st_ino)


def watch(folders: Sequence[str]) -> None:
    """Show the runs until nothing in the folders runs, or Ctrl-C; without a terminal, once. Raises UsageError for no run."""
    followed = [Followed(path) for name in folders for path in _runs(Path(name))]
    for run in followed:
        run.look()
    if not results.is_terminal:
        results.print(view(followed))
        return
    with Live(view(followed), console=results, auto_refresh=False) as live:
        while any(condition(Path(name)) == "running" for name in folders):
            time.sleep(EVERY)
            for run in followed:
                run.look()
            live.update(view(followed), refresh=True)


def state(folders: Sequence[str]) -> list[Line]:
    """The same as values: the last Step of each run, and whether the run runs, ended, failed or was interrupted."""
    followed = [Followed(path) for name in folders for path in _runs(Path(name))]
    for run in followed:
        run.look()
    return [{"folder": str(run.folder), "state": run.state, "step": run.steps[-1] if run.steps else None} for run in followed]


def view(runs: Sequence[Followed]) -> RenderableType:
    """What is shown: a panel for each run."""
    return Group(*(_panel(run, height=8 if len(runs) == 1 else 4) for run in runs))


def _runs(folder: Path) -> list[Path]:
    """The folder itself, or the runs of a comparison."""
    inside = sorted(path.parent for path in (folder / METHODS_FOLDER).glob(f"*/{RECIPE_FILE}"))
    if inside:
        return inside
    if not (folder / RECIPE_FILE).is_file():
        raise UsageError("not_a_run", found=str(folder), allowed=runs_near(folder))
    return [folder]


def _parsed(text: bytes) -> Line | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and "step" in line else None


def _panel(run: Followed, height: int) -> Panel:
    title = f"{run.folder} · {words(SHOWN[run.state])}"
    if not run.steps:
        return Panel(words("watch_no_step"), title=Text(title), title_align="left")
    parts: list[RenderableType] = [Text(_now(run))]
    charts = [made for made in (_chart(*curve, height) for curve in _curves(run.steps)) if made is not None]
    parts += [Columns(charts, padding=(0, 3))] if charts else []
    return Panel(Group(*parts), title=Text(title), title_align="left")


def _now(run: Followed) -> str:
    """Where it stands: update, epoch, loss, rate, rows a second, the time left of this stage."""
    last, total = run.steps[-1], _epochs(run)
    recent = run.steps[-RECENT:]
    seconds = sum(counts.finite(step.get("seconds")) or 0.0 for step in recent)
    pace = sum(counts.finite(step.get("rows")) or 0.0 for step in recent) / seconds if seconds > 0 else None
    epoch = counts.finite(last.get("epoch"))
    known = [
        ("watch_method", last.get("method")), ("watch_step", last["step"]),
        ("watch_epoch", f"{epoch:.2f}" + (f" / {total:g}" if total else "") if epoch is not None else None),
        ("watch_loss", _short(last.get("loss"))), ("watch_rate", _short(last.get("learning_rate"))),
        ("watch_pace", f"{pace:.3g}" if pace is not None else None),
        ("watch_left", None if run.state != "running" else _left(recent, epoch, total)),
    ]  # fmt: skip
    valid = [step for step in run.steps if step.get("valid")]
    scores = [f"{name} {value:.4g}" for name, value in valid[-1]["valid"].items()] if valid else []
    lines = [" · ".join(words(key, value=value) for key, value in known if value is not None)]
    return "\n".join([*lines, *([words("watch_valid", scores=", ".join(scores))] if scores else [])])


def _short(value: object) -> str | None:
    number = counts.finite(value)
    return short(number) if number is not None else None


def _left(recent: Sequence[Line], epoch: float | None, total: float | None) -> str | None:
    """The time the rest of the stage takes at the recent pace, evaluations included."""
    first = counts.finite(recent[0].get("epoch"))
    if epoch is None or total is None or first is None or epoch <= first:
        return None
    seconds = sum(counts.finite(step.get("seconds")) or 0.0 for step in recent[1:])
    return units.duration(max(0.0, total - epoch) / (epoch - first) * seconds)


def _epochs(run: Followed) -> float | None:
    """The planned epochs of the stage that is running: from its Steps where they were changed, else from the recipe."""
    mine = [step.get("adjusted") or {} for step in run.steps if step.get("stage") == run.steps[-1]["stage"]]
    changed = next((found["epochs"] for found in reversed(mine) if "epochs" in found), None)
    if changed is not None:
        return float(changed)
    try:
        stages = resolve("train", [], recipe_file=str(run.folder / RECIPE_FILE)).stages
        return float(stages[run.steps[-1]["stage"] - 1].values["epochs"])
    except (JoyulError, KeyError, IndexError, TypeError):  # another version's recipe: only the total is missing
        return None


def _curves(steps: Sequence[Line]) -> list[tuple[str, list[tuple[float, float]]]]:
    """Smoothed training loss, then the validation score, of the stage that is running."""
    mine = [step for step in training(steps) if step.get("stage") == steps[-1].get("stage")]
    losses = [point for part in counts.pieces(mine, lambda step: step.get("loss")) for point in counts.smooth(part)]
    valid = [step for step in mine if step.get("valid")]
    metric = next((name for name in valid[-1]["valid"] if name != "loss"), "") if valid else ""
    scores = [point for part in counts.pieces(valid, lambda step: step["valid"].get(metric)) for point in part]
    return [(words("report_smooth"), losses), (words("report_valid_score", metric=metric), scores)]


def _chart(title: str, points: Sequence[tuple[float, float]], height: int) -> Text | None:
    lines = chart(points, width=34, height=height) if len(points) > 1 else []
    return Text("\n".join([title, *lines])) if lines else None
