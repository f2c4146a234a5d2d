"""Which language a prompt speaks: Korean where its words or the rows are, else English."""

from __future__ import annotations

import re
from collections.abc import Iterable

SYLLABLE = re.compile("[가-힣]")
LETTER = re.compile(r"[^\W\d_]")


def korean(said: Iterable[str]) -> bool:
    """Whether any of these words is written in Hangul."""
    return any(map(SYLLABLE.search, said))


def mostly_korean(texts: Iterable[str]) -> bool:
    """Whether most letters of these texts are Hangul."""
    whole = "".join(texts)
    return 2 * len(SYLLABLE.findall(whole)) > len(LETTER.findall(whole))
