"""Finished runs beside each other: `joyul compare runs/a runs/b`. They must have been tested on the same rows.

A run keeps its validation score but not its validation answers: so the one with the highest validation score is shipped, and what
is tied with it is told by the paired difference on the test rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joyul import artifact
from joyul.bases.source import runs_near
from joyul.compare.evidence import Evidence, differences, row_values
from joyul.compare.nouns import Answers, Entry
from joyul.compare.page import Facts
from joyul.compare.record import blank
from joyul.compare.result import Comparison, save
from joyul.compare.statistics import LEVEL
from joyul.contracts import Prediction, Task
from joyul.errors import DataError, RunError, UsageError
from joyul.files import check_free, next_free
from joyul.messages import words
from joyul.notes import Notes
from joyul.recipe.resolve import Recipe
from joyul.record import versions
from joyul.results import PREDICTIONS_FILE


@dataclass(frozen=True)
class Ended:
    """What a finished run left behind."""

    name: str
    folder: Path
    metrics: Mapping[str, Any]
    lines: Sequence[Mapping[str, Any]]
    task: Task


def compare_finished(runs: Sequence[str | Path], recipe: Recipe, notes: Notes) -> Comparison:
    """Compare at least two. Raises UsageError, RunError for a run without test rows, DataError for runs with different ones."""
    if len(runs) < 2:
        raise UsageError("runs_two")
    read = [_read(Path(run)) for run in runs]
    for other in read[1:]:
        _same(read[0], other)
    folder = Path(recipe.run.out) if recipe.run.out else next_free(Path("runs") / "compare")
    check_free(folder)
    found = [_evidence(run) for run in read]
    rows = [_line(run, evidence) for run, evidence in zip(read, found, strict=True)]
    pairs = differences(found)
    verdict = _verdict(read, rows, pairs)
    record = _record(read, rows, pairs, verdict)
    facts = Facts(record, {run.name: [{**line, "text": line["id"]} for line in run.lines] for run in read}, notes.kept)
    winner = next(run.folder for run in read if run.name == verdict["name"])
    return save(folder, record, winner, facts)


def _read(folder: Path) -> Ended:
    if not (folder / artifact.METRICS_FILE).is_file():
        raise UsageError("not_a_run", found=str(folder), allowed=runs_near(folder))
    metrics = json.loads((folder / artifact.METRICS_FILE).read_text(encoding="utf-8"))
    file = folder / PREDICTIONS_FILE
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []
    if not lines:
        raise RunError("run_without_test", where=str(folder))
    return Ended(str(folder), folder, metrics, lines, artifact.task_of(folder))


def _same(first: Ended, other: Ended) -> None:
    """Refuse runs whose test rows, or whose score, are not the same."""
    if first.metrics["metric"] != other.metrics["metric"]:
        one, two = first.metrics["metric"], other.metrics["metric"]
        raise DataError("runs_other_metric", first=first.name, one=one, second=other.name, two=two)
    here, there = ({line["id"]: line["target"] for line in run.lines} for run in (first, other))
    different = [name for name in {**here, **there} if name not in here or name not in there or here[name] != there[name]]
    if different or [line["id"] for line in first.lines] != [line["id"] for line in other.lines]:
        shown = different[0] if different else first.lines[0]["id"]
        raise DataError("runs_other_rows", first=first.name, second=other.name, count=len(different), row=shown)


def _evidence(run: Ended) -> Evidence:
    ids, targets = tuple(line["id"] for line in run.lines), tuple(line["target"] for line in run.lines)
    answers = Answers(ids, targets, tuple(Prediction(line["prediction"], line["score"]) for line in run.lines))
    entry = Entry(run.name, str(run.metrics["base"]))
    return Evidence(entry, (1,), (answers.score(run.task),), (row_values([answers], run.task),))


def _line(run: Ended, found: Evidence) -> dict[str, Any]:
    metrics, valid = run.metrics, run.metrics["scores"].get("valid", {}).get(run.metrics["metric"], {})
    return blank(
        found.entry, score=found.score, interval=list(found.interval) if found.interval else None, valid_score=valid.get("value"),
        train_seconds=metrics["seconds"]["train"], chain=metrics["method"],
        **{key: metrics.get(key) for key in ("peak_memory", "bytes", "trainable", "row_seconds", "diagnosis")},
    )  # fmt: skip


def _verdict(read: Sequence[Ended], rows: Sequence[dict[str, Any]], pairs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    unknown = [row["name"] for row in rows if row["valid_score"] is None]
    if unknown:
        raise RunError("run_without_valid", where=unknown[0])
    best = max(rows, key=lambda row: (row["valid_score"], -(row["trainable"] or 0)))
    shown = {name for pair in pairs if pair["p_holm"] < LEVEL and best["name"] in (pair["first"], pair["second"])
             for name in (pair["first"], pair["second"])}  # fmt: skip
    tied = [row["name"] for row in rows if row is not best and row["name"] not in shown]
    count = len(read[0].lines)
    said = [words("verdict_finished", method=best["name"], metric=read[0].metrics["metric"], score=f"{best['valid_score']:.3f}")]
    if tied:
        said.append(words("verdict_tied_test", tied=", ".join(tied), method=best["name"], rows=count))
    return {"method": best["name"], "base": best["base"], "name": best["name"], "tied": tied, "text": " ".join(said)}


def _record(
    read: Sequence[Ended], rows: Sequence[dict[str, Any]], pairs: Sequence[dict[str, Any]], verdict: dict[str, Any]
) -> dict[str, Any]:
    first = read[0].metrics
    return {
        "methods": list(rows), "verdict": verdict, "differences": list(pairs), "metric": first["metric"], "scored_on": "test",
        "rows": first["rows"], "draws": 1, "seeds": 1, "folds": None, "tries": 1, "task": first["task"], "shots": ["all"],
        "seconds": sum(run.metrics["seconds"]["total"] for run in read), "base": first["base"], "seed": None,
        "versions": versions(), "data": first["data"],
    }  # fmt: skip
