"""Probabilities of label words from those of an answer's tokens.

Along the tokens that were written, every likely token that was not is a way to other words: its probability belongs to the words
that begin so, in equal shares where there are several. What is written to the end belongs to the word it spells. The sum over the
words is what the model gave to any of them; the rest went to other answers.
"""

from __future__ import annotations

import codecs
import math
import unicodedata
from collections.abc import Sequence

from joyul.endpoint.reply import Token

ENDS = " \t\r\n.,!;:\"'`*)。"  # what may stand around a word that is the answer


def plain(text: str) -> str:
    """A word without what may stand around it, composed, in small letters."""
    return unicodedata.normalize("NFC", text).casefold().strip(ENDS)


def masses(tokens: Sequence[Token], words: Sequence[str]) -> list[float]:
    """The probability of each word, shape (words,); their sum is at most 1."""
    spelled = [plain(word).encode() for word in words]
    found, path, certainty = [0.0] * len(words), b"", 0.0
    fitting = list(range(len(words)))
    for token in tokens:
        for other, logprob in token.others:
            if other != token.spelled:
                _share(found, _fitting(path + other, spelled), certainty + logprob)
        path, certainty = path + token.spelled, certainty + token.logprob
        fitting = _fitting(path, spelled)
        if not fitting:
            return found
    said = _folded(path)[0].rstrip(ENDS).encode()
    _share(found, [place for place in fitting if spelled[place] == said] or fitting, certainty)
    return found if tokens else [0.0] * len(words)


def _share(found: list[float], places: Sequence[int], logprob: float) -> None:
    for place in places:
        found[place] += math.exp(logprob) / len(places)


def _fitting(path: bytes, spelled: Sequence[bytes]) -> list[int]:
    """The words that begin with what is written, or that it goes on from with nothing but punctuation."""
    text, tail = _folded(path)
    said, bare = text.encode() + tail, b"" if tail else text.rstrip(ENDS).encode()
    return [place for place, word in enumerate(spelled) if word.startswith(said) or word == bare]


def _folded(path: bytes) -> tuple[str, bytes]:
    """The whole characters, as `plain` has them, and the bytes of one that is not whole yet."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(path)
    tail: bytes = decoder.getstate()[0]
    return unicodedata.normalize("NFC", text).casefold().lstrip(ENDS), tail
