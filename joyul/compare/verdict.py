"""Which method to ship, decided on validation rows by a rule fixed beforehand; test scores are only reported.

The rule: of the methods within one standard error of the highest validation score (mean over draws), the one that did best on
other sets (`compare/recommend.py`); between equals the higher score, then the one with fewer trained parameters. Methods that
cannot be told from it on the validation rows are tied with it: p at or above 5 % after Holm's correction over the pairs with the
winner. On one draw p is that of the exact McNemar test on the same rows; over several draws, whose validation rows differ, that
of the paired t test on the draws' scores.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from joyul.compare.evidence import Evidence, difference
from joyul.compare.recommend import recommended
from joyul.compare.statistics import LEVEL, holm
from joyul.errors import RunError
from joyul.messages import words
from joyul.report.units import duration, is_share, size

MODELLESS = ("majority", "lexicon", "tfidf")  # baselines that need no pre-trained model
MOST_NAMES, MOST_PRICES = 5, 3  # of what is tied


@dataclass(frozen=True)
class Candidate:
    """An entry that did not fail: what the validation rows say, what it trained, and its line of the table."""

    valid: Evidence
    trainable: int
    record: dict[str, Any]

    @property
    def name(self) -> str:
        """As the table calls it."""
        return self.valid.entry.name


def decide(
    candidates: Sequence[Candidate], rows: Sequence[dict[str, Any]], metric: str, controls: Sequence[Candidate] = (),
    unread: Collection[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """`{"method", "base", "tied", "text", "p_holm"}` from the candidates, all lines of the table and a winning chain's control.

    Raises RunError when no method is left.
    """
    if not candidates:
        raise RunError("all_methods_failed")
    chosen = recommended([item.valid for item in candidates], [item.trainable for item in candidates], unread)
    best, highest = (candidates[place] for place in chosen)
    others = [item for item in (*candidates, *controls) if item is not best]
    found = [difference(best.valid, other.valid) for other in others]
    adjusted = holm([made.p if made is not None else 1.0 for made in found])
    unsure = [other for other, p in zip(others, adjusted, strict=True) if p >= LEVEL]
    tied = [item for item in unsure if item not in controls]
    smallest = [made.detectable for made, other in zip(found, others, strict=True) if made is not None and other in tied]
    said = [
        *_said(best, highest, tied, metric), *_unseen(smallest, metric), *_fusion(best, others, unsure), *_test(best),
        *_baseline(best, rows), *_diagnosis(best), *_more_labels(best),
    ]  # fmt: skip
    entry = best.valid.entry
    return {
        "method": entry.method, "base": entry.base, "name": best.name, "tied": [item.name for item in tied],
        "text": " ".join(said), "p_holm": {other.name: p for other, p in zip(others, adjusted, strict=True)},
    }  # fmt: skip


def _said(best: Candidate, highest: Candidate, tied: Sequence[Candidate], metric: str) -> list[str]:
    valid = best.valid
    score, rows, draws = f"{valid.score:.3f}", valid.rows, len(valid.draws)
    if best is not highest:
        above = {"highest": highest.name, "top": f"{highest.valid.score:.3f}"}
        said = [words("verdict_preferred", method=best.name, metric=metric, score=score, rows=rows * draws, **above)]
    elif draws == 1:
        said = [words("verdict_winner", method=best.name, metric=metric, score=score, rows=rows)]
    else:
        said = [words("verdict_winner_draws", method=best.name, metric=metric, score=score, rows=rows, draws=draws)]
    if tied:
        cheapest = [best, *sorted(tied, key=lambda item: item.record["row_seconds"] or 0.0)][:MOST_PRICES]
        names = ", ".join(item.name for item in tied) if len(tied) < MOST_NAMES else words("verdict_others", count=len(tied))
        key = "verdict_tied" if draws == 1 else "verdict_tied_draws"
        said.append(words(key, tied=names, method=best.name, rows=rows, draws=draws))
        said.append(words("verdict_prices", prices="; ".join(map(_price, cheapest))))
    return said


def _price(item: Candidate) -> str:
    record = item.record
    return words(
        "verdict_price", method=item.name, training=duration(record["train_seconds"]), memory=size(record["peak_memory"]),
        kept=size(record["bytes"]), row=duration(record["row_seconds"]),
    )  # fmt: skip


def _unseen(smallest: Sequence[float], metric: str) -> list[str]:
    """What could have hidden: the smallest difference that these rows show four times in five, where any is that large."""
    if smallest and max(smallest) >= 1 and is_share(metric):
        return [words("verdict_too_few")]
    return [words("verdict_detectable", size=f"{max(smallest):.3f}")] if smallest else []


def _fusion(best: Candidate, others: Sequence[Candidate], tied: Sequence[Candidate]) -> list[str]:
    """A chain is called better only where it beats each of its parts, and the best of them given the same time."""
    entry, parts = best.valid.entry, set(best.valid.entry.method.split("+"))
    if len(parts) < 2:
        return []
    against = [item for item in others if item.valid.entry.base == entry.base and item.valid.entry.method in parts]
    equal = [item.name for item in against if item in tied or item.valid.score >= best.valid.score]
    if equal:
        return [words("verdict_parent", method=best.name, parents=", ".join(equal))]
    missing = sorted(parts - {item.valid.entry.method for item in against if item.valid.entry.control is None})
    if missing:
        return [words("verdict_parts_missing", method=best.name, parts=", ".join(missing))]
    if not any(item.valid.entry.control for item in against):
        return [words("verdict_no_control", method=best.name)]
    return [words("verdict_fusion", method=best.name, parts=", ".join(item.name for item in against))]


def _test(best: Candidate) -> list[str]:
    score, interval = best.record["score"], best.record["interval"]
    if score is None or interval is None:
        return []
    return [words("verdict_test", score=f"{score:.3f}", low=f"{interval[0]:.3f}", high=f"{interval[1]:.3f}")]


def _baseline(best: Candidate, rows: Sequence[dict[str, Any]]) -> list[str]:
    """Say so when what needs no model is as good on the rows that are only reported."""
    score = best.record["score"]
    plain = [row for row in rows if row["method"] in MODELLESS and row["name"] != best.name and row["score"] is not None]
    if score is None or not plain:
        return []
    strongest = max(plain, key=lambda row: float(row["score"]))
    if strongest["score"] < score:
        return []
    return [words("verdict_baseline", name=strongest["name"], score=f"{strongest['score']:.3f}")]


def _diagnosis(best: Candidate) -> list[str]:
    found = best.record.get("diagnosis")
    return [words("verdict_diagnosis", method=best.name, diagnosis=found)] if found else []


def _more_labels(best: Candidate) -> list[str]:
    found = best.record.get("gain_50")
    if found is None:
        return []
    low, high = found["interval"]
    return [words("verdict_more_labels", gain=f"{found['value']:+.3f}", low=f"{low:+.3f}", high=f"{high:+.3f}")]
