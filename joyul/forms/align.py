"""Which token stands for which word or character: read off the tokenizer's offsets, so that any fast tokenizer serves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Alignment:
    """The pieces of a row (words, or the text itself as its characters), the tokens that carry a tag, and what each reaches.

    `places[i]` is a token; `reach[i]` the pieces it covers, as (first, one past the last). The tag belongs to the first: further
    tokens of a word carry none, nor do spaces.
    """

    pieces: Sequence[str]
    places: tuple[int, ...]
    reach: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Tagged:
    """What a readout found: the class index and its probability for each token that carries a tag. `cut`: the row was cut off."""

    pieces: Sequence[str]
    reach: Sequence[tuple[int, int]]
    tags: Sequence[int]
    probabilities: Sequence[float]
    cut: bool = False


def pieces(text: str | Sequence[str], unit: str) -> Sequence[str]:
    """The words or characters of a text; a list is its words already (nothing counts as an empty word)."""
    if isinstance(text, str):
        return text if unit == "characters" else text.split()
    return [word or "" for word in text]


def joined(found: Sequence[str]) -> str:
    """The pieces as the text that is tokenised: words with a space between them."""
    return found if isinstance(found, str) else " ".join(found)


def align(found: Sequence[str], offsets: Sequence[tuple[int, int]]) -> Alignment:
    """The alignment of pieces to tokens, given the characters (start, end) of `joined(found)` that each token covers."""
    text = joined(found)
    owner = _owners(found)
    places, reach, done = [], [], 0
    for place, (start, end) in enumerate(offsets):
        inside = [owner[at] for at in range(start, end) if not text[at].isspace()]
        if inside and inside[0] >= done:
            done = inside[-1] + 1
            places.append(place)
            reach.append((inside[0], done))
    return Alignment(found, tuple(places), tuple(reach))


def _owners(found: Sequence[str]) -> Sequence[int]:
    """The piece that each character of the text belongs to; a space between words to the word before it."""
    if isinstance(found, str):
        return range(len(found))
    ends = list(accumulate(len(word) + 1 for word in found))
    return [piece for piece, end in enumerate(ends) for _ in range(end - (ends[piece - 1] if piece else 0))]
