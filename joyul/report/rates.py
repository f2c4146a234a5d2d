"""The drawings of a learning-rate search: the range test, the probes, the planned schedule; and the page of `joyul lr`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from joyul.engine.range_test import smoothed
from joyul.messages import words
from joyul.report import svg
from joyul.report.charts import Figure, Plan
from joyul.report.letters import short
from joyul.report.svg import Series

Line = Mapping[str, Any]
BREAKS = 1.25  # times the first loss: what lies above is drawn there
SEARCHING = ("range", "probe")  # kinds of Steps whose effect on the weights is taken back


def training(steps: Sequence[Line]) -> list[Line]:
    """The Steps without those of a rate search."""
    return [step for step in steps if step.get("kind") not in SEARCHING]


def figures(steps: Sequence[Line]) -> list[Figure]:
    """For each stage whose rate was searched for: the range test and the probes."""
    stages = list(dict.fromkeys(step.get("stage", 1) for step in steps if step.get("kind") in SEARCHING))
    found = []
    for stage in stages:
        mine = [step for step in steps if step.get("stage", 1) == stage]
        method = f" ({mine[0].get('method')})" if len(stages) > 1 else ""
        ends = chosen(mine).get("bracket") or []
        found += [one for one in (_range(mine, ends, stage, method), _probes(mine, stage, method)) if one is not None]
    return found


def chosen(steps: Sequence[Line]) -> Line:
    """What the last probe announced: `chosen`, `usual`, `bracket`; empty where the search did not end."""
    probes = [step["candidate"] for step in steps if step.get("kind") == "probe" and step.get("candidate")]
    return next((one for one in reversed(probes) if "chosen" in one), {})


def range_points(steps: Sequence[Line]) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """(log10 rate, loss) of the range test, and the same with the loss smoothed; both cut off where training breaks down."""
    tests = [step for step in steps if step.get("kind") == "range" and step.get("loss") is not None and step.get("learning_rate")]
    powers = [math.log10(step["learning_rate"]) for step in tests]
    losses = [float(step["loss"]) for step in tests]
    means = smoothed(losses)
    highest = BREAKS * means[0] if means else 0.0  # where training breaks down the losses would press the rest of the curve flat
    return _under(highest, powers, losses), _under(highest, powers, means)


def _under(highest: float, xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
    return [(x, min(y, highest)) for x, y in zip(xs, ys, strict=True)]


def _range(steps: Sequence[Line], ends: Sequence[float], stage: int, method: str) -> Figure | None:
    raw, smooth = range_points(steps)
    if not raw:
        return None
    names = words("report_train_loss"), words("report_smooth")
    tips = [words("lr_tip", rate=_rate(x), value=short(y)) for x, y in smooth]
    marks = [(math.log10(end), words(key)) for end, key in zip(ends, ("lr_begins", "lr_turns"), strict=False)]
    title = words("lr_range") + method
    desc = words("lr_range_note", low=_rate(raw[0][0]), high=_rate(raw[-1][0]), updates=len(raw))
    series = [Series(names[0], raw, "thin"), Series(names[1], smooth, "line", tips)]
    drawing = svg.line_chart(
        series, name=f"range{stage}", title=title, desc=desc, x_label=words("report_rate"), marks=marks, x_format=_rate
    )
    return Figure(title, drawing, desc, svg.legend([(one.look, one.name) for one in series]))


def _probes(steps: Sequence[Line], stage: int, method: str) -> Figure | None:
    found = [step["candidate"] for step in steps if step.get("kind") == "probe" and step.get("candidate")]
    points = sorted((math.log10(one["run_rate"]), one["valid_loss"]) for one in found if one["valid_loss"] is not None)
    decided = chosen(steps)
    if not points or not decided:
        return None
    tips = [words("lr_tip", rate=_rate(x), value=short(y)) for x, y in points]
    marks = [(math.log10(decided["chosen"]), words("lr_chosen"))]
    if decided["chosen"] != decided["usual"]:
        marks.append((math.log10(decided["usual"]), words("lr_usual")))
    reach = [x for x, _ in (*points, *marks)]
    title = words("lr_probes") + method
    desc = words("lr_probes_note", count=len(found), updates=found[0]["updates"], rows=found[0]["held_rows"],
                 rate=short(decided["chosen"]))  # fmt: skip
    drawing = svg.line_chart(
        [Series(words("report_valid_loss"), points, "dash", tips)], name=f"probes{stage}", title=title, desc=desc,
        x_label=words("report_rate"), marks=sorted(marks), x_range=(min(reach), max(reach)), x_format=_rate,
    )  # fmt: skip
    return Figure(title, drawing, desc)


def schedule(points: Plan) -> Figure:
    """The planned rate over the updates of a stage."""
    desc = words("lr_schedule_note", updates=round(points[-1][0]), rate=short(max(y for _, y in points)))
    drawing = svg.line_chart(
        [Series(words("report_rate"), points)], name="schedule", title=words("lr_schedule"), desc=desc,
        x_label=words("report_step"), height=190,
    )  # fmt: skip
    return Figure(words("lr_schedule"), drawing, desc)


def _rate(power: float) -> str:
    return short(float(f"{10**power:.2g}"))
