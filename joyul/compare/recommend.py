"""Which method to recommend: of those that the validation rows cannot tell from the highest, the one that did best on other sets.

Few rows choose by chance among many methods: the highest of ten scores on forty rows is mostly luck. What did well on other sets
is no proof either, but it does not depend on those forty rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from joyul.compare.evidence import Evidence, difference

ONE_ERROR = 0.3173  # two-sided p of a difference of one standard error
# By the mean of their scores on six sets of 400 rows (`benchmarks/order.py` keeps them all).
ORDER = ("full", "full+soft_prompt", "lora", "layers", "head", "frozen", "tfidf", "soft_prompt", "prompt")


def recommended(found: Sequence[Evidence], trainable: Sequence[int]) -> tuple[int, int]:
    """The places of the one to recommend and of the one with the highest score, whose parameters decide between equals.

    A method that was not measured on other sets is only recommended for its score. `found` may not be empty.
    """
    highest = max(range(len(found)), key=lambda place: (found[place].score, -trainable[place]))
    near = [place for place in range(len(found)) if place == highest or _near(found[highest], found[place])]
    return min(near, key=lambda place: (_rank(found[place]), -found[place].score, trainable[place])), highest


def _near(highest: Evidence, other: Evidence) -> bool:
    """Whether they lie within one standard error of their difference on the same rows."""
    difference_found = difference(highest, other)
    return difference_found is None or difference_found.p >= ONE_ERROR


def _rank(one: Evidence) -> int:
    return ORDER.index(one.entry.method) if one.entry.method in ORDER else len(ORDER)
