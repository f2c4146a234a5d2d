"""Curves as letters: a small chart in Braille dots for a terminal. Pure functions of their points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from joyul.report.letters import short

BLANK = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # a letter is two dots wide and four high (Unicode 2800)

Point = tuple[float, float]


def chart(points: Sequence[Point], width: int = 60, height: int = 8, mark: float | None = None) -> list[str]:
    """`height` lines: a y axis with its highest and lowest value, then the points, joined; `mark` is a column at that x.

    Points that are not finite are left out; where none is left, so is the chart.
    """
    found = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    if not found:
        return []
    low, high = min(y for _, y in found), max(y for _, y in found)
    labels = [short(high), *[""] * (height - 2), short(low)][:height]
    room = max(map(len, labels))
    cells = [[0] * width for _ in range(height)]
    columns = _columns(found, 2 * width)
    if mark is not None:
        _stroke(cells, _across(mark, found, 2 * width), 0, 4 * height - 1, dashed=True)
    before: int | None = None
    for column, value in sorted(columns.items()):
        row = round((high - value) / (high - low) * (4 * height - 1)) if high > low else 2 * height
        _stroke(cells, column, row if before is None else _towards(before, row), row)
        before = row
    return [f"{label:>{room}} {''.join(chr(BLANK + cell) for cell in line)}" for label, line in zip(labels, cells, strict=True)]


def _columns(points: Sequence[Point], width: int) -> dict[int, float]:
    """The mean y of the points that fall into each column of dots; straight lines between them."""
    held: dict[int, list[float]] = {}
    for x, y in points:
        held.setdefault(_across(x, points, width), []).append(y)
    means = sorted((column, sum(values) / len(values)) for column, values in held.items())
    filled = dict(means)
    for (left, first), (right, last) in pairwise(means):
        filled |= {column: first + (last - first) * (column - left) / (right - left) for column in range(left + 1, right)}
    return filled


def _across(x: float, points: Sequence[Point], width: int) -> int:
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    return min(width - 1, max(0, round((x - low) / (high - low) * (width - 1)))) if high > low else 0


def _towards(before: int, row: int) -> int:
    """The dot beside `before` in the direction of `row`: a steep piece of the line is a column of dots."""
    return before + (row > before) - (row < before)


def _stroke(cells: list[list[int]], column: int, start: int, end: int, dashed: bool = False) -> None:
    for row in range(min(start, end), max(start, end) + 1, 2 if dashed else 1):
        cells[row // 4][column // 2] |= DOTS[row % 4][column % 2]
