"""Scores of several labels a row, and their 95 % intervals."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from sklearn.metrics import f1_score

from joyul.contracts import Score
from joyul.tasks.metrics import share
from joyul.tasks.resample import Interval, bootstrap

AVERAGES = ("micro", "macro", "weighted")
MOST_LISTED = 20  # labels with a score of their own


def matrix(rows: Sequence[Collection[str] | None], labels: Sequence[str]) -> np.ndarray:
    """1 where a row has a label, shape (rows, labels). No answer (None) has none."""
    return np.array([[label in (row or ()) for label in labels] for row in rows], dtype=np.int64).reshape(len(rows), len(labels))


def set_scores(targets: np.ndarray, answers: np.ndarray) -> dict[str, float]:
    """F1 over all decisions (micro) and the mean over labels (macro)."""
    return {f"{kind}_f1": _f1(targets, answers, kind) for kind in AVERAGES[:2]}


def set_intervals(targets: np.ndarray, answers: np.ndarray) -> dict[str, Interval]:
    """Percentile bootstrap over rows."""
    found = _bootstrapped(targets, answers)
    return {f"{kind}_f1": found[place] for place, kind in enumerate(AVERAGES[:2])}


def further_set_scores(targets: np.ndarray, answers: np.ndarray, labels: Sequence[str]) -> dict[str, Score]:
    """Weighted F1, rows that are right as a whole, and the F1 of each label where there are few."""
    found = _bootstrapped(targets, answers)
    scores = {
        "weighted_f1": Score(_f1(targets, answers, "weighted"), found[2]),
        "exact": share(int((targets == answers).all(axis=1).sum()), len(targets)),
    }
    if len(labels) <= MOST_LISTED:
        single = f1_score(targets, answers, average=None, zero_division=0.0)
        scores |= {
            f"f1_{label}": Score(float(value), interval)
            for label, value, interval in zip(labels, np.atleast_1d(single), found[3:], strict=True)
        }
    return scores


def _f1(targets: np.ndarray, answers: np.ndarray, average: str) -> float:
    return float(f1_score(targets, answers, average=average, zero_division=0.0))


def _bootstrapped(targets: np.ndarray, answers: np.ndarray) -> list[Interval]:
    """Intervals of micro, macro and weighted F1, then of each label."""
    right, said, there = targets * answers, answers, targets

    def scores(weights: np.ndarray) -> np.ndarray:
        hits, sizes, rows = weights @ right, weights @ said + weights @ there, weights @ there
        each = np.where(sizes > 0, 2 * hits / np.maximum(sizes, 1), 0.0)
        micro = 2 * hits.sum(axis=1) / np.maximum(sizes.sum(axis=1), 1)
        weighted = (each * rows).sum(axis=1) / np.maximum(rows.sum(axis=1), 1)
        return np.column_stack([micro, each.mean(axis=1), weighted, each])

    return bootstrap(len(targets), scores)

