"""What a person sees while Joyul works: notes, progress bars, the course of training, results. Everything goes to stderr,
so that stdout holds results only."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from joyul.contracts import Step
from joyul.messages import words
from joyul.notes import Level, Notes
from joyul.recipe.resolve import Recipe
from joyul.report import candidates

Item = TypeVar("Item")
Ended = TypeVar("Ended")
PIPE_WIDTH = 120  # columns of a table that goes to a file or another program
BAR_AFTER = 1.0  # seconds; shorter work needs no bar

messages = Console(stderr=True, highlight=False)
results = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


class TerminalNotes(Notes):
    """Shows every note as it comes."""

    def show(self, level: Level, text: str) -> None:
        style, sign = ("yellow", "!") if level == "warn" else ("dim", "·")
        messages.print(f"[{style}]{sign} {escape(text)}[/]", soft_wrap=True)

    def track(self, items: Iterable[Item], key: str, total: int | None = None) -> Iterator[Item]:
        """A progress bar, once the work has taken a second."""
        started, bar, task = time.monotonic(), None, None
        try:
            for count, item in enumerate(items):
                if bar is None and time.monotonic() - started > BAR_AFTER:
                    bar = Progress(
                        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                        console=messages, transient=True, disable=not messages.is_terminal,
                    )  # fmt: skip
                    bar.start()
                    task = bar.add_task(words(key), total=total)
                if bar is not None and task is not None:
                    bar.update(task, completed=count)
                yield item
        finally:
            if bar is not None:
                bar.stop()


def follow(running: Generator[Step, None, Ended], recipe: Recipe) -> Ended:
    """Show a run's Steps until it ends, and give what it returns. The recipe tells how far there is to go."""
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"), TimeRemainingColumn(),
        console=messages, transient=True, disable=not messages.is_terminal,
    )  # fmt: skip
    with bar, closing(running):
        task, totals, first = bar.add_task("", total=None, state=""), dict[int, Any](), dict[int, Mapping[str, Any]]()
        while True:
            try:
                step = next(running)
            except StopIteration as end:
                ended: Ended = end.value
                return ended
            adjusted = step.adjusted or {}
            planned = totals.get(step.stage) or recipe.stages[step.stage - 1].values.get("epochs")
            totals[step.stage] = adjusted.get("epochs", planned)
            if adjusted:
                said = ", ".join(f"{key}={value}" for key, value in adjusted.items())
                messages.print(f"  {words('line_adjusted', said=said, step=step.step)}", soft_wrap=True, markup=False)
            bar.update(task, description=step.method, total=totals[step.stage], completed=step.epoch or 0, state=_state(step))
            if step.valid is not None or step.kind in ("search", "probe"):
                messages.print(f"  {_line(step, first.get(step.stage))}", soft_wrap=True)
                first.setdefault(step.stage, step.candidate or {})


def _state(step: Step) -> str:
    return f"{step.loss:.3f}" if step.loss is not None else ""


def _line(step: Step, first: Mapping[str, Any] | None) -> str:
    """`first`: the candidate that its stage tried first."""
    if step.kind == "search":
        return words("line_search", score=f"{step.score:.3f}", candidate=escape(candidates.line(step.candidate or {}, first)))
    if step.kind == "probe":
        return probe_line(step)
    valid = dict(step.valid or {})
    loss = valid.pop("loss", None)
    scores = ", ".join(f"{name} {value:.3f}" for name, value in valid.items())
    valid_loss = "–" if loss is None else f"{loss:.3f}"
    return words("line_epoch", epoch=f"{step.epoch:g}", loss=f"{step.loss:.3f}", valid_loss=valid_loss, scores=scores)


def probe_line(step: Step) -> str:
    """A probe of a learning-rate search: the rate as it is for the whole run, what came of it."""
    found = step.candidate or {}
    loss = "–" if found["valid_loss"] is None else f"{found['valid_loss']:.3f}"
    score = "–" if step.score is None else f"{step.score:.3f}"
    return words("line_probe", rate=f"{found['run_rate']:.2g}", loss=loss, score=score)


def show_run(folder: str, metrics: Mapping[str, Any]) -> None:
    """The result of a run, and what to type next."""
    show_scores(metrics["scores"], metrics["rows"])
    show_groups(metrics["groups"])
    if not metrics["scores"].get("test") and metrics["scores"]:
        messages.print(words("no_test_rows"))
    if metrics["diagnosis"]:
        messages.print(metrics["diagnosis"], soft_wrap=True)
    messages.print(words("run_saved", folder=escape(folder), typed=escape(shlex.quote(folder))), soft_wrap=True)


def show_scores(scores: Mapping[str, Any], rows: Mapping[str, int]) -> None:
    """Scores with their 95 % intervals, a column for each split."""
    if not scores:
        return
    names = dict.fromkeys(name for found in scores.values() for name in found)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(words("col_score"))
    for split in scores:
        table.add_column(words("col_split", split=words(f"col_{split}"), rows=rows.get(split, "")), justify="right")
    for name in names:
        table.add_row(escape(name), *(with_interval(found[name]) if name in found else "–" for found in scores.values()))
    results.print(table)


def show_groups(groups: Mapping[str, Any] | None) -> None:
    """The main score of each group, and the worst of them."""
    if not groups:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for header in (words("col_group"), words("col_rows"), words("col_score")):
        table.add_column(header)
    for name, score in groups["scores"].items():
        table.add_row(escape(name), str(score["rows"]), with_interval(score))
    results.print(table)
    if groups["worst"] is not None:
        results.print(words("groups_worst", group=escape(groups["worst"])), soft_wrap=True)


def with_interval(score: Mapping[str, Any]) -> str:
    """`0.875 (0.851–0.896)`."""
    interval = score.get("interval")
    return f"{score['value']:.3f}" + (f" ({interval[0]:.3f}–{interval[1]:.3f})" if interval else "")


def show_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A plain table on stdout."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    results.print(table)
