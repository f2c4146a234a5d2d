"""English nouns and verbs that depend on a number: `{rows} [row|rows] [is|are] left out`."""

from __future__ import annotations

import re
from collections.abc import Mapping

PART = re.compile(r"\{(?P<slot>\w+)(?::[^}]*)?\}|\[(?P<one>[^\[\]|]+)\|(?P<several>[^\[\]|]+)\]")
NUMBER = re.compile(r"[\d.,]+")


def with_counts(sentence: str, values: Mapping[str, object]) -> str:
    """The sentence, its slots still open, with one of each pair chosen: the first where the number before it is 1."""
    last = ""

    def chosen(found: re.Match[str]) -> str:
        nonlocal last
        if found["slot"] is None:
            return found["one"] if last == "1" else found["several"]
        value = str(values.get(found["slot"]))
        last = value if NUMBER.fullmatch(value) else last
        return found[0]

    return PART.sub(chosen, sentence)
