"""Values as text, exactly as written: `01` stays `01`, true is `true`, nothing is None."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

Cell = str | list[str | None] | None  # what a table holds


class Lexeme(str):
    """A JSON number as it stands in the file (`1.0`, `01e2`), told from a string."""

    __slots__ = ()


def composed(text: str) -> str:
    """NFC: a syllable typed on a Mac and one typed elsewhere are the same text."""
    return unicodedata.normalize("NFC", text)


def as_cell(value: Any) -> Cell:
    """A list as a list of text, anything else as text."""
    return [as_text(item) for item in value] if isinstance(value, list) else as_text(value)


def as_text(value: Any) -> str | None:
    """None stays None; objects, and lists in lists, become their JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return as_json(value) if isinstance(value, dict | list) else str(value)


def as_json(value: Any) -> str:
    """JSON with every number as written, which `json.dumps` cannot do."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_json(str(key))}: {as_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(as_json(item) for item in value) + "]"
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    return str(value) if isinstance(value, Lexeme) else json.dumps(str(value), ensure_ascii=False)
