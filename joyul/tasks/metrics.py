"""Scores of single-label predictions and their 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

RESAMPLES = 1000


def label_scores(targets: Sequence[str], predictions: Sequence[str | None], labels: Sequence[str]) -> dict[str, float]:
    """Accuracy, and F1 averaged over all `labels` alike. No answer (None) counts as wrong."""
    answers = ["" if answer is None else answer for answer in predictions]
    return {
        "accuracy": float(accuracy_score(targets, answers)),
        "macro_f1": float(f1_score(targets, answers, labels=list(labels), average="macro", zero_division=0.0)),
    }


def wilson(hits: int, rows: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (1927)."""
    interval = binomtest(hits, rows).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def label_intervals(
    targets: Sequence[str], predictions: Sequence[str | None], labels: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Wilson for accuracy; for macro F1 the percentile bootstrap over rows, drawn as multinomials of the confusion table."""
    hits = sum(target == answer for target, answer in zip(targets, predictions, strict=True))
    names = [*labels, ""]
    table = confusion_matrix(targets, ["" if answer is None else answer for answer in predictions], labels=names)
    draws = np.random.default_rng(0).multinomial(len(targets), table.ravel() / table.sum(), RESAMPLES)
    scores = _macro_f1(draws.reshape(RESAMPLES, len(names), len(names)), len(labels))
    low, high = np.quantile(scores, (0.025, 0.975))
    return {"accuracy": wilson(hits, len(targets)), "macro_f1": (float(low), float(high))}


def _macro_f1(tables: np.ndarray, count: int) -> np.ndarray:
    """Macro F1 over the first `count` classes of confusion tables of shape (draws, classes, classes)."""
    right = np.diagonal(tables, axis1=1, axis2=2)[:, :count]
    sizes = (tables.sum(axis=2) + tables.sum(axis=1))[:, :count]
    scores: np.ndarray = np.where(sizes > 0, 2 * right / np.maximum(sizes, 1), 0.0).mean(axis=1)
    return scores
