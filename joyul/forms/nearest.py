"""Demonstrations chosen for each row: those most like it (Liu et al., 2022, "What makes good in-context examples for GPT-3?").

Likeness is lexical, so that a prompt.yaml says by itself what is shown: the cosine of TF-IDF weights of runs of two to four
characters, which serve languages that join words, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

Shown = Mapping[str, str]


class Nearest:
    """The `count` of `pool` (maps of `text`, `label`, maybe `text_pair`) most like a row, the most like one last."""

    def __init__(self, pool: Sequence[Shown], count: int) -> None:
        self.pool, self.count = tuple(pool), count
        self._counted = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
        try:
            self._weights = self._counted.fit_transform(map(_text, pool))
        except ValueError:  # not two letters in all of them
            self._weights = None

    def to(self, inputs: Mapping[str, object]) -> list[Shown]:
        """Those to show before a row; never the row itself. Where it is empty the longest, which need the most room."""
        text = _text(inputs)
        others = [place for place, item in enumerate(self.pool) if _text(item) != text]
        if not text.strip():
            likeness = np.array([float(len(_text(item))) for item in self.pool])
        elif self._weights is None:
            likeness = np.zeros(len(self.pool))
        else:
            likeness = (self._weights @ self._counted.transform([text]).T).toarray()[:, 0]
        ordered = sorted(others, key=lambda place: -likeness[place])
        return [self.pool[place] for place in reversed(ordered[: self.count])]


def _text(inputs: Mapping[str, object]) -> str:
    return f"{inputs['text']} {inputs.get('text_pair', '')}".strip()
