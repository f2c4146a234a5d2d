"""What is counted from the lines of a run: smoothing, confusion, worst errors, calibration. No words, no drawing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Any

Line = Mapping[str, Any]
Point = tuple[float, float | None]
BINS = 10


def finite(value: object) -> float | None:
    """`value` as a float when it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def pieces(steps: Iterable[Line], value: Callable[[Line], object]) -> list[list[tuple[float, float]]]:
    """The (step, value) points of the lines that have a value, broken where a stage ends or a value is not finite."""
    found: list[list[tuple[float, float]]] = []
    for _, lines in groupby(steps, key=lambda line: line.get("stage", 1)):
        given = [(float(line["step"]), finite(value(line))) for line in lines if value(line) is not None]
        for good, run in groupby(given, key=lambda point: point[1] is not None):
            if good:
                found.append([(x, y) for x, y in run if y is not None])
    return found


def joined(parts: Sequence[Sequence[tuple[float, float]]]) -> list[Point]:
    """The pieces as one line with gaps."""
    points: list[Point] = []
    for part in parts:
        if points:
            points.append((part[0][0], None))
        points.extend(part)
    return points


def smooth(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Centred mean over about a twentieth of the points (a mean that only looks back would lag behind the curve)."""
    reach = len(points) // 40 + (len(points) >= 10)
    sums = [0.0, *accumulate(y for _, y in points)]
    spans = ((max(0, i - reach), min(len(points), i + reach + 1)) for i in range(len(points)))
    return [(x, (sums[end] - sums[start]) / (end - start)) for (x, _), (start, end) in zip(points, spans, strict=True)]


def thin(points: Sequence[tuple[float, float]], limit: int = 400) -> list[tuple[float, float]]:
    """At most about `limit` points: the lowest and highest of each bucket, so that no spike is lost."""
    if len(points) <= limit:
        return list(points)
    size = math.ceil(len(points) / (limit // 2))
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), size):
        bucket = points[start : start + size]
        kept += sorted({min(bucket, key=lambda p: p[1]), max(bucket, key=lambda p: p[1])})
    return kept


def right(line: Line) -> bool:
    """Whether the prediction is the target; lists are compared in their order."""
    target, prediction = line.get("target"), line.get("prediction")
    if isinstance(target, list) and isinstance(prediction, list):
        return [str(item) for item in target] == [str(item) for item in prediction]
    return prediction is not None and str(target) == str(prediction)


@dataclass(frozen=True, slots=True)
class Confusion:
    """`counts[i][j]` rows have the target `rows[i]` and the prediction `columns[j]`."""

    rows: list[str]
    columns: list[str]
    counts: list[list[int]]

    def pairs(self, limit: int) -> list[tuple[str, str, int]]:
        """The most frequent mistakes: (target, prediction, rows)."""
        cells = [
            (row, column, count)
            for row, line in zip(self.rows, self.counts, strict=True)
            for column, count in zip(self.columns, line, strict=True)
            if count and row != column
        ]
        return sorted(cells, key=lambda cell: -cell[2])[:limit]

    def per_label(self) -> list[tuple[str, int, float | None, float | None]]:
        """(label, rows, recall, precision), the least found first; None where there is nothing to divide by."""
        said = {column: sum(line[j] for line in self.counts) for j, column in enumerate(self.columns)}
        table = []
        for row, line in zip(self.rows, self.counts, strict=True):
            hit, total = line[self.columns.index(row)], sum(line)
            table.append((row, total, hit / total if total else None, hit / said[row] if said[row] else None))
        return sorted(table, key=lambda entry: (2.0 if entry[2] is None else entry[2], entry[0]))


def confusion(lines: Sequence[Line], no_answer: str) -> Confusion | None:
    """Targets against predictions; None where they are not single labels. Rows without a target are not counted."""
    lines = [line for line in lines if line.get("target") is not None]
    values = [line.get(key) for line in lines for key in ("target", "prediction")]
    if not lines or any(isinstance(value, (list, dict)) for value in values):
        return None
    labels = sorted({str(value) for value in values if value is not None}, key=_natural)
    missing = any(line.get("prediction") is None for line in lines)
    cells = Counter((str(line["target"]), _said(line, no_answer)) for line in lines)
    columns = labels + [no_answer] * missing
    return Confusion(labels, columns, [[cells[row, column] for column in columns] for row in labels])


def _said(line: Line, no_answer: str) -> str:
    return no_answer if line.get("prediction") is None else str(line["prediction"])


def _natural(label: str) -> tuple[float, str]:
    """Numbers in their order, before words."""
    return (float(label), label) if label.isascii() and label.isdigit() else (math.inf, label)


def worst(lines: Iterable[Line], limit: int = 20) -> list[Line]:
    """Wrong rows, the surest first; for numbers, those furthest off."""
    wrong = [line for line in lines if line.get("target") is not None and not right(line)]
    return sorted(wrong, key=_badness, reverse=True)[:limit]


def _badness(line: Line) -> float:
    target, prediction = finite(line.get("target")), finite(line.get("prediction"))
    if target is not None and prediction is not None and line.get("score") is None:
        return abs(target - prediction)
    score = finite(line.get("score"))
    return -1.0 if score is None else score


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows whose score lies in [low, high): how sure the model was, and how often it was right."""

    low: float
    high: float
    rows: int
    confidence: float
    accuracy: float


def calibration(lines: Iterable[Line]) -> list[Bin]:
    """The bins, of ten, that have rows; empty where there are no probabilities."""
    scored = [
        (score, right(line))
        for line in lines
        if None not in (line.get("target"), line.get("prediction")) and (score := finite(line.get("score"))) is not None
    ]
    if any(not 0 <= score <= 1.000001 for score, _ in scored):
        return []
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for score, hit in scored:
        bins[min(int(score * BINS), BINS - 1)].append((score, hit))
    return [
        Bin(
            i / BINS,
            (i + 1) / BINS,
            len(rows),
            sum(s for s, _ in rows) / len(rows),
            sum(h for _, h in rows) / len(rows),
        )
        for i, rows in enumerate(bins)
        if rows
    ]
