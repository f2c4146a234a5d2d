"""Inline SVG as text: a line chart, horizontal bars, a confusion matrix. Pure functions; the page's CSS gives colours.

The drawings are narrow (460 units) on purpose: scaled to a phone their letters stay readable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from joyul.report.letters import fit, short, text, width_of

WIDTH = 460
LEFT, RIGHT, BOTTOM = 60, 16, 46
NUMBERS = 21  # from the plot to the numbers of the x axis
MOST_MARKS = 8  # numbers on the second row of the x axis
TOP, TOP_WITH_MARKS = 14, 36
SHADE = 0.55  # the darkest cell: text on it keeps a contrast of 4.5 in both themes

Point = tuple[float, float | None]  # no y: a gap in the line
Format = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Series:
    """One line. `look` is `line`, `thin`, `dash` (dashed, with dots), `dots` (no line) or `rule` (a reference line).

    `tips`, one per point, are shown on hover; `labels`, one per point, stand beside it.
    """

    name: str
    points: Sequence[Point]
    look: str = "line"
    tips: Sequence[str] = ()
    labels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Scale:
    """A second row of numbers below the x axis: its name, and (x, number) of each."""

    name: str
    places: Sequence[tuple[float, str]]


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers that enclose [low, high], roughly `about` intervals of them."""
    if high <= low:
        pad = abs(low) * 0.1 or 1.0
        low, high = low - pad, high + pad
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * (1 - 1e-9))
    return [float(f"{i * step:.12g}") for i in range(math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9) + 1)]


@dataclass(frozen=True, slots=True)
class Axes:
    """Where a value stands on the drawing."""

    x: tuple[float, float]
    y: tuple[float, float]
    top: float
    height: float

    @property
    def bottom(self) -> float:
        """The lower end of the plot."""
        return self.height - BOTTOM

    def across(self, value: float) -> float:
        """Where a value of x stands."""
        low, high = self.x
        share = (value - low) / (high - low) if high > low else 0.5
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def down(self, value: float) -> float:
        """Where a value of y stands."""
        low, high = self.y
        return round(self.bottom - (value - low) / (high - low) * (self.bottom - self.top), 1)


def line_chart(
    series: Sequence[Series],
    *,
    name: str,
    title: str,
    desc: str,
    x_label: str,
    height: int = 270,
    best: Sequence[tuple[float, float, str]] = (),
    marks: Sequence[tuple[float, str]] = (),
    second: Scale | None = None,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    x_format: Format = short,
    y_format: Format = short,
) -> str:
    """Lines over one x axis. `best` points (x, y, words) get a diamond, `marks` (x, name) a vertical line,
    `second` numbers the x axis once more.

    Raises ValueError when there is no point to draw.
    """
    xs = [x for one in series for x, y in one.points if y is not None]
    ys = [y for one in series for _, y in one.points if y is not None]
    low, high = y_range or (min(ys), max(ys))
    y_ticks = ticks(low, high)
    top = TOP_WITH_MARKS if marks else TOP
    axes = Axes(x_range or (min(xs), max(xs)), (y_ticks[0], y_ticks[-1]), top, height)
    body = [*_grid(axes, y_ticks, x_format, y_format), *_names(axes, x_label, second), *_marks(axes, marks)]
    body += [part for one in series for part in _line(axes, one)]
    body += [_diamond(axes, *point) for point in best]
    return _svg(name, title, desc, WIDTH, height, "".join(body))


def _grid(axes: Axes, y_ticks: Sequence[float], x_format: Format, y_format: Format) -> list[str]:
    parts = []
    for value in y_ticks:
        y = axes.down(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4.5:g}" text-anchor="end">{text(y_format(value))}</text>')
    for value in _inside(axes.x):
        x, label = axes.across(value), x_format(value)
        anchor = "end" if x + width_of(label) / 2 > WIDTH else "middle"
        parts.append(f'<text x="{x if anchor == "middle" else WIDTH}" y="{axes.bottom + NUMBERS}" text-anchor="{anchor}">')
        parts.append(f"{text(label)}</text>")
    return parts


def _names(axes: Axes, x_label: str, second: Scale | None) -> list[str]:
    """What the x axis counts: below it at the right; with a second row, each name at the left of its numbers."""
    lower = axes.height - 5
    if second is None or not second.places:
        return [f'<text x="{WIDTH - RIGHT}" y="{lower:g}" text-anchor="end">{text(x_label)}</text>']
    rows = ((axes.bottom + NUMBERS, x_label), (lower, second.name))
    parts = [f'<text x="0" y="{y:g}">{text(fit(label, LEFT - 12))}</text>' for y, label in rows]
    every = math.ceil(len(second.places) / MOST_MARKS)
    for value, label in second.places[every - 1 :: every]:
        x = axes.across(value)
        anchor, place = ("end", WIDTH) if x + width_of(label) / 2 > WIDTH else ("middle", x)
        parts.append(f'<line class="epoch" x1="{x}" x2="{x}" y1="{axes.bottom}" y2="{axes.bottom + 5:g}"/>')
        parts.append(f'<text x="{place}" y="{lower:g}" text-anchor="{anchor}">{text(label)}</text>')
    return parts


def _inside(domain: tuple[float, float]) -> list[float]:
    """Ticks of the x axis; no fractions where the axis counts something (steps)."""
    low, high = domain
    found = [value for value in ticks(low, high, about=5) if low <= value <= high]
    return [value for value in found if value == int(value)] if high - low > 2 else found


def _marks(axes: Axes, marks: Sequence[tuple[float, str]]) -> list[str]:
    parts = []
    for index, (value, name) in enumerate(marks):
        x = axes.across(value)
        anchor, shift = ("end", -4) if x + width_of(name) > WIDTH else ("start", 4)
        parts.append(f'<line class="mark" x1="{x}" x2="{x}" y1="4" y2="{axes.bottom}"/>')
        # two heights, so that the names of short stages do not run into each other
        parts.append(f'<text class="name" x="{x + shift:g}" y="{14 + 14 * (index % 2)}" text-anchor="{anchor}">')
        parts.append(f"{text(name)}</text>")
    return parts


def _line(axes: Axes, series: Series) -> list[str]:
    look = text(series.look)
    parts = [] if series.look == "dots" else [f'<path class="{look}" d="{_path(axes, series.points)}"/>']
    radius, kind = (3.5, f"dot {look}") if series.look in ("dash", "dots") else (5, "ghost")
    for (x, y), tip in zip(series.points, series.tips, strict=False):
        if y is not None:
            where = f'cx="{axes.across(x)}" cy="{axes.down(y)}" r="{radius}"'
            parts.append(f'<circle class="{kind}" {where}><title>{text(tip)}</title></circle>')
    return [*parts, *_labels(axes, series)]


def _labels(axes: Axes, series: Series) -> list[str]:
    """The label of each point, above it or, at the upper edge, below."""
    parts = []
    for (x, y), label in zip(series.points, series.labels, strict=False):
        if y is not None:
            across, down = axes.across(x), axes.down(y)
            place = down - 8 if down - axes.top > 16 else down + 19
            anchor = "end" if across + width_of(label) / 2 > WIDTH else "middle"
            parts.append(f'<text class="count" x="{across}" y="{place:g}" text-anchor="{anchor}">{text(label)}</text>')
    return parts


def _path(axes: Axes, points: Sequence[Point]) -> str:
    parts, pen_up = [], True
    for x, y in points:
        if y is None:
            pen_up = True
            continue
        here = f"{axes.across(x)} {axes.down(y)}"
        parts.append(f"M{here}L{here}" if pen_up else f"L{here}")  # a lone point becomes a round dot
        pen_up = False
    return "".join(parts)


def _diamond(axes: Axes, x: float, y: float, words: str) -> str:
    across, down = axes.across(x), axes.down(y)
    above = down - axes.top > 24
    anchor = "end" if across > WIDTH * 0.75 else "start" if across < WIDTH * 0.3 else "middle"
    return (
        f'<path class="best" d="M{across} {down - 7:g}l7 7l-7 7l-7 -7z"><title>{text(words)}</title></path>'
        f'<text class="halo" x="{across}" y="{down - 12 if above else down + 22:g}" text-anchor="{anchor}">'
        f"{text(words)}</text>"
    )


def bars(items: Sequence[tuple[str, float, str]], *, name: str, title: str, desc: str) -> str:
    """One horizontal bar per (label, value, words): the label above its bar, so that long ones have room."""
    room, row = WIDTH - 70, 36
    longest = max((value for _, value, _ in items), default=0) or 1
    parts = []
    for index, (label, value, words) in enumerate(items):
        y, length = index * row, round(max(value, 0) / longest * room, 1)
        parts.append(f'<g><title>{text(label)}: {text(words)}</title><text x="0" y="{y + 14}">')
        parts.append(f'{text(fit(label, WIDTH))}</text><rect class="bar" x="0" y="{y + 19}" width="{length}" ')
        parts.append(
            f'height="11" rx="2"/><text class="strong" x="{length + 7:g}" y="{y + 29}">{text(words)}</text></g>'
        )
    return _svg(name, title, desc, WIDTH, max(len(items), 1) * row, "".join(parts))


def heat(
    rows: Sequence[str], columns: Sequence[str], counts: Sequence[Sequence[int]], *, name: str, title: str, desc: str,
    down: str, across: str,
) -> str:  # fmt: skip
    """A confusion matrix, its axes named `down` and `across`.

    Shade is the root of the share of the row (rare errors show); right answers are framed.
    """
    down, across = f"{down} ↓", f"{across} →"
    side = min(max(map(width_of, [*rows, down]), default=0) + 14, 190)
    lean = side * 0.7 if len(columns) > 3 else 0  # many column names stand at 45 degrees and need room at the right
    head = lean + 34 if lean else 42
    wide = min(max((WIDTH - side) / len(columns), 34), 150)
    tall = min(wide, 44 if len(columns) > 4 else 64)
    parts = [
        f'<text class="name" x="{side:g}" y="12">{text(across)}</text>',
        f'<text class="name" x="{side - 8:g}" y="{head - 7:g}" text-anchor="end">{text(down)}</text>',
    ]
    for j, column in enumerate(columns):
        x, y = side + (j + 0.5) * wide, head - 7
        place = f'transform="rotate(-45 {x:g} {y:g})"' if lean else 'text-anchor="middle"'
        parts.append(f'<text x="{x:g}" y="{y:g}" {place}>{text(fit(column, side - 8 if lean else wide))}</text>')
    for i, (row, line) in enumerate(zip(rows, counts, strict=True)):
        y = head + i * tall
        parts.append(f'<text x="{side - 8:g}" y="{y + tall / 2 + 4.5:g}" text-anchor="end">')
        parts.append(f"{text(fit(row, side - 8))}</text>")
        for j, column in enumerate(columns):
            tip = f"{row} → {column}: {line[j]} / {sum(line)}"
            shade = math.sqrt(line[j] / (sum(line) or 1)) * SHADE
            parts.append(_cell(side + j * wide, y, wide, tall, line[j], shade, row == column, tip))
    width, height = math.ceil(side + wide * len(columns) + lean), math.ceil(head + tall * len(rows) + 2)
    style = f"max-width:{width * 1.1:.0f}px;min-width:{width * 0.75:.0f}px"
    return _svg(name, title, desc, width, height, "".join(parts), style)


def _cell(x: float, y: float, wide: float, tall: float, count: int, shade: float, right: bool, tip: str) -> str:
    return (
        f'<g><title>{text(tip)}</title><rect class="{"right" if right else "wrong"}" x="{x + 1:g}" y="{y + 1:g}" '
        f'width="{wide - 2:g}" height="{tall - 2:g}" fill-opacity="{shade:.3f}"/>'
        f'<text x="{x + wide / 2:g}" y="{y + tall / 2 + 4.5:g}" text-anchor="middle">{count or "·"}</text></g>'
    )


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """An HTML list of (look, name), each with a piece of its line; `best` is the diamond."""
    return '<ul class="legend">' + "".join(f"<li>{_swatch(look)} {text(name)}</li>" for look, name in entries) + "</ul>"


def _swatch(look: str) -> str:
    line = "" if look in ("dots", "best") else f'<path class="{look}" d="M1 7H25"/>'
    dot = f'<circle class="dot {look}" cx="13" cy="7" r="3.5"/>' if look in ("dash", "dots") else ""
    best = '<path class="best" d="M13 1l6 6l-6 6l-6 -6z"/>' if look == "best" else ""
    return f'<svg width="26" height="14" viewBox="0 0 26 14" aria-hidden="true">{line}{dot}{best}</svg>'


def _svg(name: str, title: str, desc: str, width: int, height: int, body: str, style: str = "") -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-labelledby="{name}-title {name}-desc" style="{style}">'
        f'<title id="{name}-title">{text(title)}</title><desc id="{name}-desc">{text(desc)}</desc>{body}</svg>'
    )
