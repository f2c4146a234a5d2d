"""The drawings of a run: which series stand in which chart, and the sentence that says the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from joyul.messages import words
from joyul.report import counts, svg, units
from joyul.report.letters import short
from joyul.report.svg import Series

Line = Mapping[str, Any]
Plan = Sequence[tuple[float, float]]  # (step, rate)
MOST_LABELS = 20
MOST_PAIRS = 15


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing with its heading, its legend (HTML) and the sentence that describes it."""

    title: str
    svg: str
    note: str = ""
    legend: str = ""
    shape: str = ""  # `wide` takes the whole width, `tall` two rows beside it


def evaluations(steps: Iterable[Line]) -> list[Line]:
    """The steps that ended with an evaluation."""
    return [step for step in steps if step.get("valid")]


def kept(steps: Sequence[Line], metric: str) -> list[Line]:
    """Per stage, the evaluation with the best score; among equals (and without scores) the one with the lowest loss."""
    best: dict[Any, tuple[tuple[float, float], Line]] = {}
    for step in evaluations(steps):
        value, loss = counts.finite(step["valid"].get(metric)), counts.finite(step["valid"].get("loss"))
        rank = (value if value is not None else 0.0, -loss if loss is not None else 0.0)
        stage = step.get("stage", 1)
        if (value is not None or loss is not None) and (stage not in best or rank > best[stage][0]):
            best[stage] = (rank, step)
    return [step for _, step in best.values()]


def curves(
    steps: Sequence[Line], metric: str, planned: Mapping[int, Plan] | None = None, taken: Sequence[Line] = ()
) -> list[Figure]:
    """Loss, score and learning rate over the steps, and what a search tried; only those that have points.

    `planned`: each stage's rates as planned; `taken`: what each search came to (`candidate`, `score`).
    """
    made = _loss(steps, metric), _score(steps, metric), _rate(steps, planned or {}), _tried(steps, metric, taken)
    found = [figure for figure in made if figure is not None]
    return [replace(found[0], shape="tall"), *found[1:]] if len(found) == 3 else found


def _series(name: str, parts: list[list[tuple[float, float]]], look: str, tip: Callable[[float, float], str]) -> Series:
    points = counts.joined(parts)
    return Series(name, points, look, [tip(x, y) if y is not None else "" for x, y in points])


def _tip(name: str, show: Callable[[float], str] = short) -> Callable[[float, float], str]:
    return lambda x, y: words("report_tip", name=name, step=f"{x:g}", value=show(y))


def _stages(steps: Sequence[Line]) -> list[tuple[float, str]]:
    """Where each stage starts, with its name; nothing where there is only one."""
    starts: dict[Any, tuple[float, str]] = {}
    for step in steps:
        starts.setdefault(step.get("stage", 1), (float(step["step"]), str(step.get("method", ""))))
    return list(starts.values()) if len(starts) > 1 else []


def _epochs(steps: Sequence[Line]) -> list[tuple[float, str]]:
    """Where each whole epoch ended, counted anew in every stage."""
    epochs = [(float(step["step"]), counts.finite(step.get("epoch"))) for step in steps]
    return [(step, f"{epoch:g}") for step, epoch in epochs if epoch and epoch == int(epoch)]


def _loss(steps: Sequence[Line], metric: str) -> Figure | None:
    train = counts.pieces(steps, lambda step: step.get("loss"))
    valid = counts.pieces(steps, lambda step: (step.get("valid") or {}).get("loss"))
    if not train and not valid:
        return None
    names = words("report_train_loss"), words("report_smooth"), words("report_valid_loss")
    series = [
        Series(names[0], counts.joined([counts.thin(part) for part in train]), "thin"),
        _series(names[1], [counts.thin(counts.smooth(part), 150) for part in train], "line", _tip(names[1])),
        _series(names[2], valid, "dash", _tip(names[2])),
    ]
    best = [
        (float(step["step"]), float(loss), short(loss))
        for step in kept(steps, metric)
        if (loss := counts.finite(step["valid"].get("loss"))) is not None
    ]
    note = _span(names[0], [y for part in train for _, y in part]) + _span(
        names[2], [y for part in valid for _, y in part]
    )
    return _chart("loss", words("report_loss"), note, series, best, steps, height=480)


def _score(steps: Sequence[Line], metric: str) -> Figure | None:
    def show(value: float) -> str:
        return units.score(value, metric)

    valid = counts.pieces(steps, lambda step: (step.get("valid") or {}).get(metric))
    if not valid:
        return None
    name = words("report_valid_score", metric=metric.replace("_", " "))
    series = [_series(name, valid, "dash", _tip(name, show))]
    best = [
        (float(step["step"]), float(value), show(value) + _epoch(step))
        for step in kept(steps, metric)
        if (value := counts.finite(step["valid"].get(metric))) is not None
    ]
    note = _span(name, [y for part in valid for _, y in part], show)
    return _chart("score", name, note, series, best, steps, _percent if units.is_share(metric) else short)


def _tried(steps: Sequence[Line], metric: str, taken: Sequence[Line]) -> Figure | None:
    """The score of each wording that a search tried, on the rows it was chosen on."""

    def show(value: float) -> str:
        return units.score(value, metric)

    tried = [step for step in steps if step.get("kind") == "search"]
    parts = counts.pieces(tried, lambda step: step.get("score"))
    if len(tried) < 2 or not parts:
        return None
    name = words("report_search_score", metric=metric.replace("_", " "))
    chosen = [(one["candidate"], one["score"]) for one in taken]
    found = [step for step in tried if (step.get("candidate"), step.get("score")) in chosen][: len(taken)]
    best = [(float(step["step"]), float(step["score"]), show(step["score"])) for step in found]
    note = _span(name, [y for part in parts for _, y in part], show)
    series = [_series(words("report_candidate"), parts, "dots", _tip(words("report_candidate"), show))]
    style = _percent if units.is_share(metric) else short
    return _chart("tried", name, note, series, best, tried, style, kept=words("report_taken"))


def _epoch(step: Line) -> str:
    """The axis counts steps; the diagnosis speaks of epochs."""
    return words("report_at_epoch", epoch=f"{step['epoch']:g}") if step.get("epoch") is not None else ""


def _percent(value: float) -> str:
    return f"{value * 100:.3g} %"


def _rate(steps: Sequence[Line], planned: Mapping[int, Plan]) -> Figure | None:
    """The rate as it was, over the rate as it was planned (a stage may stop early). Planned ends are cut at the next stage."""
    parts = counts.pieces(steps, lambda step: step.get("learning_rate"))
    if not parts:
        return None
    title, peaks = words("report_rate"), [max(y for _, y in part) for part in parts]
    note = _span(title, [y for part in parts for _, y in part])
    ends = [part[0][0] for part in parts[1:]] + [float("inf")]
    plans = [[(x, y) for x, y in plan if x < end] for plan, end in zip(planned.values(), ends, strict=False)]
    last = max((x for plan in plans for x, _ in plan), default=None)
    show: Callable[[float], str] = short
    if len(plans) != len(parts):
        plans = [[] for _ in parts]
    if min(peaks) > 0 and max(peaks) > 10 * min(peaks):
        # a prompt learns a thousand times faster than weights: on one scale the slower stage would be a flat line
        parts, plans = (_shares(each, peaks) for each in (parts, plans))
        note, show = words("report_rate_shares", peaks=", ".join(map(short, peaks))), _percent
    series = [Series(words("report_planned"), counts.joined([plan for plan in plans if plan]), "thin"),
              _series(title, [counts.thin(part, 150) for part in parts], "line", _tip(title, show))]  # fmt: skip
    figure = _chart("rate", title, note, series, [], steps, show, 190, until=last)
    return replace(figure, note=note if show is _percent else "")


def _shares(parts: Sequence[Plan], peaks: Sequence[float]) -> list[list[tuple[float, float]]]:
    return [[(x, y / peak) for x, y in part] for part, peak in zip(parts, peaks, strict=True)]


def _span(name: str, values: Sequence[float], show: Callable[[float], str] = short) -> str:
    if not values:
        return ""
    return (
        words(
            "report_span",
            name=name,
            first=show(values[0]),
            last=show(values[-1]),
            low=show(min(values)),
            high=show(max(values)),
        )
        + " "
    )


def _chart(
    name: str,
    title: str,
    note: str,
    series: Sequence[Series],
    best: Sequence[tuple[float, float, str]],
    steps: Sequence[Line],
    y_format: Callable[[float], str] = short,
    height: int = 270,
    until: float | None = None,
    kept: str | None = None,
) -> Figure:
    """`until`: the axis goes on beyond the last step. `kept`: what the best points are called."""
    series = [one for one in series if any(y is not None for _, y in one.points)]
    # the same for all charts, so that they can be compared
    span = float(steps[0]["step"]), max(float(steps[-1]["step"]), until or 0.0)
    drawing = svg.line_chart(
        series,
        name=name,
        title=title,
        desc=note.strip(),
        x_label=words("report_step"),
        best=best,
        marks=_stages(steps),
        second=svg.Scale(words("report_epoch"), _epochs(steps)),
        x_range=span,
        y_format=y_format,
        height=height,
    )
    entries = [(one.look, one.name) for one in series] + [("best", kept or words("report_kept"))] * bool(best)
    return Figure(title[:1].upper() + title[1:], drawing, legend=svg.legend(entries) if len(entries) > 1 else "")


def confusion(found: counts.Confusion) -> Figure | None:
    """The matrix, or above `MOST_LABELS` labels the most confused pairs (None when no row was wrong)."""
    total = sum(map(sum, found.counts))
    if len(found.rows) <= MOST_LABELS:
        hits = sum(line[found.columns.index(row)] for row, line in zip(found.rows, found.counts, strict=True))
        desc = words("report_confusion_desc", labels=len(found.rows), rows=total, right=hits)
        drawing = svg.heat(
            found.rows, found.columns, found.counts, name="confusion", title=words("report_confusion"), desc=desc,
            down=words("report_target"), across=words("report_prediction"),
        )
        return Figure(
            words("report_confusion"),
            drawing,
            words("report_confusion_note"),
            shape="wide" if len(found.rows) > 6 else "",
        )
    pairs = found.pairs(MOST_PAIRS)
    if not pairs:
        return None
    title = words("report_pairs")
    items = [(f"{target} → {prediction}", float(rows), str(rows)) for target, prediction, rows in pairs]
    desc = words("report_pairs_desc", labels=len(found.rows), pair=items[0][0], rows=pairs[0][2])
    return Figure(title, svg.bars(items, name="pairs", title=title, desc=desc), words("report_pairs_note"))


def calibration(bins: Sequence[counts.Bin]) -> Figure:
    """How sure against how often right; the straight rule is where both agree."""
    title = words("report_calibration")
    rows = sum(one.rows for one in bins)
    note = words(
        "report_calibration_note",
        rows=rows,
        confidence=units.score(sum(one.confidence * one.rows for one in bins) / rows, "accuracy"),
        accuracy=units.score(sum(one.accuracy * one.rows for one in bins) / rows, "accuracy"),
    )
    tips = [
        words(
            "report_bin",
            rows=one.rows,
            confidence=units.score(one.confidence, "accuracy"),
            accuracy=units.score(one.accuracy, "accuracy"),
        )
        for one in bins
    ]
    series = [
        Series(words("report_ideal"), [(0, 0), (1, 1)], "rule"),
        Series(
            words("report_observed"), [(one.confidence, one.accuracy) for one in bins], "dash", tips,
            [f"{one.rows:,}" for one in bins],
        ),
    ]
    drawing = svg.line_chart(
        series,
        name="calibration",
        title=title,
        desc=note,
        x_label=words("report_confidence"),
        y_range=(0, 1),
        x_format=_percent,
        y_format=_percent,
    )
    return Figure(title, drawing, note, svg.legend([(one.look, one.name) for one in series]))
