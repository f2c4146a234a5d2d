"""Which method to recommend: of those that the validation rows cannot tell from the highest, the one that did best on other sets.

Few rows choose by chance among many methods: the highest of ten scores on forty rows is mostly luck. What did well on other sets
is no proof either, but it does not depend on those forty rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from joyul.bases.facts import WARN_UNKNOWN
from joyul.compare.evidence import Evidence, difference
from joyul.compare.nouns import Outcome
from joyul.endpoint.address import PREFIX

ONE_ERROR = 0.3173  # two-sided p of a difference of one standard error
# By the mean of their scores on sets of 400 rows that the base can read. On those that it cannot, `tfidf`, which reads without
# it, has the highest mean (`benchmarks/order.py` keeps them).
ORDER = ("full", "lora", "full+soft_prompt", "layers", "soft_prompt", "head", "frozen", "tfidf", "prompt")


def recommended(found: Sequence[Evidence], trainable: Sequence[int], unread: Collection[str]) -> tuple[int, int]:
    """The places of the one to recommend and of the one with the highest score, whose parameters decide between equals.

    `unread`: bases that do not know a good part of the words; what stands on them comes behind what does not. What was not
    measured on other sets (other methods, models behind an endpoint) has only its score, for and against it. `found` may not be
    empty.
    """

    def rank(one: Evidence) -> int:
        return ORDER.index(one.entry.method) + (len(ORDER) if one.entry.base in unread else 0)

    highest = max(range(len(found)), key=lambda place: (found[place].score, -trainable[place]))
    if not _measured(found[highest]):
        return highest, highest
    near = [place for place, one in enumerate(found) if place == highest or (_measured(one) and _near(found[highest], one))]
    return min(near, key=lambda place: (rank(found[place]), -found[place].score, trainable[place])), highest


def _measured(one: Evidence) -> bool:
    return one.entry.method in ORDER and not one.entry.base.startswith(PREFIX)


def _near(highest: Evidence, other: Evidence) -> bool:
    """Whether they lie within one standard error of their difference on the same rows."""
    told = difference(highest, other)
    return told is None or told.p >= ONE_ERROR


def unread_bases(outcomes: Iterable[Outcome]) -> set[str]:
    """Those of whose text a share is unknown that a run warns of."""
    return {one.entry.base for one in outcomes if (one.costs.get("unknown_tokens") or 0.0) >= WARN_UNKNOWN}
