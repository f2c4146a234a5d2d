"""Numbers and texts as people read them, and the escaping that Markdown needs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from joyul.messages import words
from joyul.report.counts import finite

NOTHING = "–"
# scores between 0 and 1 that are read as percent
SHARES = ("accuracy", "f1", "precision", "recall", "exact", "rouge", "sensitivity", "specificity", "coverage")
ORIGINS = {"you": "report_origin_you", "recipe file": "report_origin_file", "measured": "report_origin_measured"}


def is_share(metric: str) -> bool:
    """Whether this score is shown as percent."""
    return any(part in metric.lower() for part in SHARES)


def score(value: object, metric: str, digits: int = 1) -> str:
    """`90.0 %` for shares, `0.734` for the rest."""
    number = finite(value)
    if number is None:
        return NOTHING
    return f"{number * 100:.{digits}f} %" if is_share(metric) and -1.5 <= number <= 1.5 else f"{number:.4g}"


def gain(value: float, metric: str) -> str:
    """A difference: `+1.2 points` of shares, `+0.034` of the rest."""
    return words("report_points", n=f"{value * 100:+.1f}") if is_share(metric) else f"{value:+.3f}"


def interval(bounds: object, metric: str) -> str | None:
    """`86.0 – 93.0 %`, or None when there is none."""
    if not isinstance(bounds, Sequence) or len(bounds) != 2 or None in (finite(bounds[0]), finite(bounds[1])):
        return None
    low, high = (score(bound, metric) for bound in bounds)
    return f"{low.removesuffix(' %')} – {high}"


def size(value: object) -> str:
    """Bytes: `91 MB`."""
    return _scaled(value, 1000, (" B", " kB", " MB", " GB", " TB"))


def count(value: object) -> str:
    """`22.7 M` parameters; small numbers in full."""
    number = finite(value)
    return f"{number:,.0f}" if number is not None and number < 100_000 else _scaled(value, 1000, ("", " k", " M", " B"))


def _scaled(value: object, base: int, units: Sequence[str]) -> str:
    number = finite(value)
    if number is None:
        return NOTHING
    power = 0
    while round(number, 1) >= base and power < len(units) - 1:
        number, power = number / base, power + 1
    return f"{number:.0f}{units[power]}" if number >= 99.95 or power == 0 else f"{number:.3g}{units[power]}"


def duration(value: object) -> str:
    """Seconds: `4.0 ms`, `31.2 s`, `2 min 5 s`, `1 h 3 min`."""
    seconds = finite(value)
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return words("report_ms", n=f"{seconds * 1000:.3g}")
    if seconds < 59.95:
        return words("report_s", n=f"{seconds:.3g}")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return words("report_min_s", min=minutes, s=rest)
    return words("report_h_min", h=minutes // 60, min=minutes % 60)


def origin(text: str) -> str:
    """Where a setting came from, in the language in use."""
    if text in ORIGINS:
        return words(ORIGINS[text])
    kind, _, why = text.partition(":")
    if kind.strip() != "default":
        return text
    return words("report_origin_default") + (f": {why.strip()}" if why.strip() else "")


def said(value: Any) -> str:
    """A target or a prediction in one text."""
    if value is None:
        return words("report_no_answer")
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {item}" for key, item in value.items())
    return ", ".join(str(item) for item in value) if isinstance(value, (list, tuple)) else str(value)


def cut(text: str, limit: int = 300) -> str:
    """The text up to `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


class Raw(str):
    """Text that already is Markdown."""


def markdown(value: object) -> str:
    """`value` as plain text inside one line of Markdown or one cell of a table: nothing in it acts."""
    if isinstance(value, Raw):
        return value
    line = " ".join(str(value).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\`*_{}\[\]#|~$!])", r"\\\1", line)
    return re.sub(r"://", ":\u200b//", line)  # no automatic link out of a row's text


def portable(value: str) -> str:
    """A file's name without the folders of this machine: a model card is made to be handed on."""
    return re.split(r"[\\/]", value.rstrip("\\/"))[-1] if re.match(r"(/|~|\\\\|[A-Za-z]:[\\/])", value) else value
