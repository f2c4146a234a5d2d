"""The letters in a drawing: escaped, short, and cut to the room there is."""

from __future__ import annotations

import re
from html import escape
from unicodedata import east_asian_width

LETTER = 7.9  # mean width of a Latin letter on a phone, where letters are drawn larger; Korean ones count twice


def text(value: object) -> str:
    """`value` escaped for XML, without the control characters that XML forbids."""
    return escape(re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]", "�", str(value)))


def short(value: float) -> str:
    """A number in few letters: `0.25`, `2e-5`, `12k`."""
    if abs(value) >= 10_000:
        return f"{value / 1000:.4g}k" if abs(value) < 10_000_000 else f"{value / 1e6:.4g}M"
    return re.sub(r"e([+-])0+", r"e\1", f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}")


def width_of(label: str) -> float:
    """The drawn width of a label, estimated."""
    return sum(LETTER * (1.8 if east_asian_width(letter) in "WF" else 1) for letter in label)


def fit(label: str, room: float) -> str:
    """The label cut to `room`, with an ellipsis."""
    label = " ".join(label.split())
    if width_of(label) <= room:
        return label
    while label and width_of(label) + LETTER > room:
        label = label[:-1]
    return label + "…"
