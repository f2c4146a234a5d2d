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
    """Scores over costs, the costs in powers of ten; each point with its interval and its name."""
    exponents = [math.log10(max(mark.x, 1e-3)) for mark in marks]
    span = (math.floor(min(exponents)) - 0.15, math.ceil(max(exponents) + 0.01) + 0.15)
    axes = _axes(span, [value for mark in marks for value in (mark.low, mark.high)])
    body = _levels(axes, y_format)
    for power in range(math.ceil(span[0]), math.floor(span[1]) + 1):
        body.append(_below(axes, axes.across(power), x_format(10.0**power)))
    body.append(_caption(x_label))
    taken: list[tuple[float, float, float]] = []
    for mark, exponent in sorted(zip(marks, exponents, strict=True), key=lambda pair: -pair[0].y):
        body += _pointed(axes, mark, axes.across(exponent))
        body.append(_named(mark, axes.across(exponent), axes.down(mark.y), taken))
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
        body += [part for x, mark in zip(xs, marks, strict=True) for part in _pointed(axes, mark, x)]
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


def _pointed(axes: Axes, mark: Mark, x: float) -> list[str]:
    y, colour = axes.down(mark.y), look(mark.look)
    point = _diamond(x, y) if mark.best else f'<circle class="{colour}" cx="{x:g}" cy="{y}" r="5"/>'
    whisker = f'<line class="whisker {colour}" x1="{x:g}" x2="{x:g}" y1="{axes.down(mark.low)}" y2="{axes.down(mark.high)}"/>'
    return [f"<g><title>{text(mark.tip)}</title>{whisker}{point}</g>"]


def _named(mark: Mark, x: float, y: float, taken: list[tuple[float, float, float]]) -> str:
    """The name beside its point, on the side with room, moved down where another name stands."""
    width = width_of(mark.name) + 8  # drawn bold
    left = x + 10 + width > WIDTH - RIGHT
    start = x - 10 - width if left else x + 10
    while any(abs(y - other) < 15 and start < end and begin < start + width for begin, end, other in taken):
        y += 15
    taken.append((start, start + width, y))
    anchor, at = ("end", x - 10) if left else ("start", x + 10)
    return f'<text class="halo" x="{at:g}" y="{y + 4.5:g}" text-anchor="{anchor}">{text(mark.name)}</text>'


def _diamond(x: float, y: float) -> str:
    return f'<path class="best" d="M{x:g} {y - 7:g}l7 7l-7 7l-7 -7z"/>'


def _framed(name: str, title: str, desc: str, height: int, body: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{text(title)}</title><desc id="{name}-desc">{text(desc)}</desc>{"".join(body)}</svg>'
    )
