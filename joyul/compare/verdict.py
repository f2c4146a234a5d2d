"""Which method to ship, decided on validation rows by a rule fixed beforehand; test scores are only reported.

The rule: the highest validation score; between equal scores the one with fewer trained parameters. Methods whose answers on the
validation rows cannot be told from the winner's (exact McNemar test, 5 %) are tied with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from joyul.compare.statistics import LEVEL, mcnemar
from joyul.errors import RunError
from joyul.messages import words


@dataclass(frozen=True)
class Candidate:
    """A method that did not fail: its validation score, and for each validation row whether it was right."""

    method: str
    valid_score: float
    right: Sequence[bool]
    trainable: int
    record: dict[str, Any]


def decide(candidates: Sequence[Candidate], baseline: dict[str, Any] | None, metric: str) -> dict[str, Any]:
    """`{"method", "tied", "text"}`. Raises RunError when no method is left."""
    if not candidates:
        raise RunError("all_methods_failed")
    best = max(candidates, key=lambda item: (item.valid_score, -item.trainable))
    tied = [item.method for item in candidates if item is not best and mcnemar(best.right, item.right) >= LEVEL]
    return {"method": best.method, "tied": tied, "text": " ".join(_sentences(best, tied, baseline, metric))}


def _sentences(best: Candidate, tied: Sequence[str], baseline: dict[str, Any] | None, metric: str) -> list[str]:
    rows = len(best.right)
    said = [words("verdict_winner", method=best.method, metric=metric, score=f"{best.valid_score:.3f}", rows=rows)]
    if tied:
        said.append(words("verdict_tied", method=best.method, tied=", ".join(tied), rows=rows))
    score = best.record["score"]
    if baseline is not None and score is not None and baseline["score"] is not None and baseline["score"] >= score:
        said.append(words("verdict_baseline", name=baseline["method"], score=f"{baseline['score']:.3f}"))
    return said
