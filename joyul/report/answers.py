"""Drawings of answers that no confusion matrix shows: numbers against their targets, and the F1 of each label or type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from joyul.messages import words
from joyul.report import counts, svg, units
from joyul.report.charts import Figure
from joyul.report.letters import short
from joyul.report.svg import Series

MOST_POINTS, MOST_BARS = 1000, 20
EACH = "f1_"  # how the score of one label or type is called


def picture(lines: Sequence[Mapping[str, Any]], scores: Mapping[str, Any]) -> Figure | None:
    """What suits the answers; None where neither does."""
    return scatter(lines) or bars(scores)


def scatter(lines: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Predictions over targets, with the line where they are equal; every so many rows where there are too many to see."""
    pairs = [(counts.finite(line.get("target")), counts.finite(line.get("prediction"))) for line in lines]
    points = [(x, y) for x, y in pairs if x is not None and y is not None]
    if not points:
        return None
    shown = points[:: -(-len(points) // MOST_POINTS)]
    ends = min(min(point) for point in points), max(max(point) for point in points)
    title = words("report_numbers")
    note = words("report_numbers_note", shown=len(shown), rows=len(points))
    tips = [words("report_numbers_tip", target=short(x), prediction=short(y)) for x, y in shown]
    series = [Series(words("report_equal"), [(ends[0], ends[0]), (ends[1], ends[1])], "rule"),
              Series(words("report_observed"), shown, "dots", tips)]  # fmt: skip
    drawing = svg.line_chart(series, name="numbers", title=title, desc=note, x_label=words("report_target"), height=360)
    return Figure(title, drawing, note, svg.legend([(one.look, one.name) for one in series]))


def bars(scores: Mapping[str, Any]) -> Figure | None:
    """The F1 of each label or type of entity, the lowest first."""
    each = {name.removeprefix(EACH): cell for name, cell in scores.items() if name.startswith(EACH)}
    found = [(name, counts.finite(cell.get("value"))) for name, cell in each.items()]
    items = sorted(((name, value) for name, value in found if value is not None), key=lambda item: item[1])[:MOST_BARS]
    if not items:
        return None
    title = words("report_each")
    desc = words("report_each_desc", lowest=items[0][0], value=units.score(items[0][1], "f1"))
    drawing = svg.bars([(name, value, units.score(value, "f1")) for name, value in items], name="each", title=title, desc=desc)
    return Figure(title, drawing, desc)
