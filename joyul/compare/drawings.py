"""The drawings of a comparison as inline SVG: intervals in a row, score against cost, learning curves, paired differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from joyul.report.letters import fit, text, width_of
from joyul.report.svg import BOTTOM, LEFT, RIGHT, WIDTH, Axes, ticks

Format = Callable[[float], str]
HEIGHT, TOP = 330, 18
COLOURS = 8  # looks c0 to c7 in compare.css


@dataclass(frozen=True, slots=True)
class Mark:
    """A score with its interval at a place of the x axis. `look` is the number of its colour; `best` gets a diamond."""

    name: str
    x: float
    y: float
    low: float
    high: float
    look: int = 0
    best: bool = False
    tip: str = ""


def look(number: int) -> str:
    """The CSS class of a colour."""
    return f"c{number % COLOURS}"


def strip(mark: Mark, low: float, high: float) -> str:
    """One interval on the scale from `low` to `high`, as wide as the cell of a table."""
    def across(value: float) -> float:
        return round(4 + 152 * (min(max(value, low), high) - low) / ((high - low) or 1), 1)

    middle, colour = across(mark.y), look(mark.look)
    point = _diamond(middle, 11) if mark.best else f'<circle class="{colour}" cx="{middle}" cy="11" r="4.5"/>'
    return (
        f'<svg class="strip" viewBox="0 0 160 22" width="160" height="22" role="img" aria-label="{text(mark.tip)}">'
        f'<line class="grid" x1="4" x2="156" y1="11" y2="11"/>'
        f'<line class="whisker {colour}" x1="{across(mark.low)}" x2="{across(mark.high)}" y1="11" y2="11"/>{point}</svg>'
    )


def scatter(
    marks: Sequence[Mark], *, name: str, title: str, desc: str, x_label: str, x_format: Format, y_format: Format
) -> str:
    """Scores over costs, the costs in powers of ten; each point with its interval and its number, counted from 1.

    Names would stand on each other where scores are close, which is where one looks: they are for a legend (`numbered`).
    """
    exponents = [math.log10(max(mark.x, 1e-3)) for mark in marks]
    span = (math.floor(min(exponents)) - 0.15, math.ceil(max(exponents) + 0.01) + 0.15)
    axes = _axes(span, [value for mark in marks for value in (mark.low, mark.high)])
    body = _levels(axes, y_format)
    for power in range(math.ceil(span[0]), math.floor(span[1]) + 1):
        body.append(_below(axes, axes.across(power), x_format(10.0**power)))
    body.append(_caption(x_label))
    points = [(number, mark, axes.across(x)) for number, (mark, x) in enumerate(zip(marks, exponents, strict=True), start=1)]
    body += [_whisker(axes, mark, x) for _, mark, x in points]
    for number, mark, x in sorted(points, key=lambda point: (point[1].best, -point[0])):  # the best on top
        at = f'x="{x:g}" y="{axes.down(mark.y) + 4:g}" text-anchor="middle"'
        body.append(f'<g>{_point(axes, mark, x, 9)}<text class="number" {at} aria-hidden="true">{number}</text></g>')
    return _framed(name, title, desc, HEIGHT, body)


def curves(
    lines: Sequence[tuple[str, Sequence[Mark]]], *, name: str, title: str, desc: str, x_label: str, y_format: Format
) -> str:
    """Scores over the number of labels, in powers of two, with their intervals; the lines a little apart so that these show."""
    every = [mark for _, marks in lines for mark in marks]
    sizes = sorted({mark.x for mark in every})
    span = (math.log2(sizes[0]) - 0.2, math.log2(sizes[-1]) + 0.2)
    axes = _axes(span, [value for mark in every for value in (mark.low, mark.high)])
    body = _levels(axes, y_format) + [_below(axes, axes.across(math.log2(size)), f"{size:g}") for size in sizes]
    body.append(_caption(x_label))
    for place, (_, marks) in enumerate(lines):
        aside = (place - (len(lines) - 1) / 2) * 4
        xs = [axes.across(math.log2(mark.x)) + aside for mark in marks]
        path = "L".join(f"{x:g} {axes.down(mark.y)}" for x, mark in zip(xs, marks, strict=True))
        body.append(f'<path class="{look(marks[0].look)}" d="M{path}"/>')
        body += [f"<g>{_whisker(axes, mark, x)}{_point(axes, mark, x)}</g>" for x, mark in zip(xs, marks, strict=True)]
    return _framed(name, title, desc, HEIGHT, body)


def forest(marks: Sequence[Mark], *, name: str, title: str, desc: str, x_format: Format) -> str:
    """Differences with their intervals, one under the other, beside the line of no difference."""
    row, top = 40, 6
    low, high = min(0.0, *(mark.low for mark in marks)), max(0.0, *(mark.high for mark in marks))
    scale = ticks(low, high)
    axes = Axes((scale[0], scale[-1]), (0, 1), top, row * len(marks) + top + BOTTOM)

    def across(value: float) -> float:
        return round(12 + (value - scale[0]) / (scale[-1] - scale[0]) * (WIDTH - 24), 1)

    bottom = axes.bottom
    body = []
    for value in scale:
        kind, x = "zero" if value == 0 else "grid", across(value)
        body.append(f'<line class="{kind}" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>')
    body += [_below(axes, across(value), x_format(value)) for value in scale]
    for place, mark in enumerate(marks):
        y, colour = top + row * place + 28, "shown" if mark.best else "hidden"
        label = f'<text x="0" y="{y - 12}" class="strong">{text(fit(mark.name, WIDTH))}</text>'
        line = f'<line class="whisker {colour}" x1="{across(mark.low)}" x2="{across(mark.high)}" y1="{y}" y2="{y}"/>'
        body.append(f"<g><title>{text(mark.tip)}</title>{label}{line}")
        body.append(f'<circle class="{colour}" cx="{across(mark.y)}" cy="{y}" r="4.5"/></g>')
    return _framed(name, title, desc, math.ceil(axes.height), body)


def _axes(x: tuple[float, float], values: Sequence[float]) -> Axes:
    scale = ticks(min(values), max(values))
    return Axes(x, (scale[0], scale[-1]), TOP, HEIGHT)


def _levels(axes: Axes, y_format: Format) -> list[str]:
    parts = []
    for value in ticks(*axes.y):
        y = axes.down(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4.5:g}" text-anchor="end">{text(y_format(value))}</text>')
    return parts


def _below(axes: Axes, x: float, label: str) -> str:
    half = width_of(label) / 2
    anchor, at = ("end", float(WIDTH)) if x + half > WIDTH else ("start", 0.0) if x - half < 0 else ("middle", x)
    return f'<text x="{at:g}" y="{axes.bottom + 17:g}" text-anchor="{anchor}">{text(label)}</text>'


def _caption(label: str) -> str:
    return f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 5}" text-anchor="end">{text(label)}</text>'


def numbered(marks: Sequence[Mark]) -> str:
    """The legend of `scatter`: the numbers of its points, in their colours, and whose they are."""
    items = [
        f'<li><i class="{"best" if mark.best else look(mark.look)}">{number}</i> {text(mark.name)}</li>'
        for number, mark in enumerate(marks, start=1)
    ]
    return f'<ul class="legend numbers">{"".join(items)}</ul>'


def _point(axes: Axes, mark: Mark, x: float, size: float = 5) -> str:
    y = axes.down(mark.y)
    disc = f'<circle class="{look(mark.look)}" cx="{x:g}" cy="{y}" r="{size:g}"/>'
    return f"<title>{text(mark.tip)}</title>" + (_diamond(x, y, 1.4 * size) if mark.best else disc)


def _whisker(axes: Axes, mark: Mark, x: float) -> str:
    low, high = axes.down(mark.low), axes.down(mark.high)
    return f'<line class="whisker {look(mark.look)}" x1="{x:g}" x2="{x:g}" y1="{low}" y2="{high}"/>'


def _diamond(x: float, y: float, half: float = 7) -> str:
    return f'<path class="best" d="M{x:g} {y - half:g}l{half:g} {half:g}l-{half:g} {half:g}l-{half:g} -{half:g}z"/>'


def _framed(name: str, title: str, desc: str, height: int, body: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{text(title)}</title><desc id="{name}-desc">{text(desc)}</desc>{"".join(body)}</svg>'
    )
