"""Scores of single-label predictions and their 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, matthews_corrcoef

from joyul.contracts import Score
from joyul.tasks.resample import RESAMPLES, Interval, percentiles

Answers = Sequence[str | None]


def label_scores(targets: Sequence[str], predictions: Answers, labels: Sequence[str]) -> dict[str, float]:
    """Accuracy, and F1 averaged over all `labels` alike. No answer (None) counts as wrong."""
    answers = ["" if answer is None else answer for answer in predictions]
    return {
        "accuracy": float(accuracy_score(targets, answers)),
        "macro_f1": float(f1_score(targets, answers, labels=list(labels), average="macro", zero_division=0.0)),
    }


def wilson(hits: int, rows: int) -> Interval:
    """Wilson's 95 % interval of a share (1927)."""
    interval = binomtest(hits, rows).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def share(hits: int, rows: int) -> Score:
    """A share with Wilson's interval."""
    return Score(hits / rows, wilson(hits, rows))


def label_intervals(targets: Sequence[str], predictions: Answers, labels: Sequence[str]) -> dict[str, Interval]:
    """Wilson for accuracy; for macro F1 the percentile bootstrap over rows, drawn as multinomials of the confusion table."""
    hits = sum(target == answer for target, answer in zip(targets, predictions, strict=True))
    macro, _ = _f1(_tables(targets, predictions, labels))
    return {"accuracy": wilson(hits, len(targets)), "macro_f1": percentiles(macro[:, None])[0]}


def further_label_scores(targets: Sequence[str], predictions: Answers, labels: Sequence[str]) -> dict[str, Score]:
    """F1 weighted by the rows of each label, and Matthews' correlation (Gorodkin, 2004, for more than two labels)."""
    answers = ["" if answer is None else answer for answer in predictions]
    tables = _tables(targets, predictions, labels)
    weighted, mcc = percentiles(np.stack([_f1(tables)[1], _mcc(tables)], axis=1))
    f1 = float(f1_score(targets, answers, labels=list(labels), average="weighted", zero_division=0.0))
    return {"weighted_f1": Score(f1, weighted), "mcc": Score(float(matthews_corrcoef(targets, answers)), mcc)}


def operating_scores(targets: Sequence[str], predictions: Answers, positive: str) -> dict[str, Score]:
    """Sensitivity (share of positive rows found) and specificity (share of the others left alone)."""
    pairs = list(zip(targets, predictions, strict=True))
    found = [answer == positive for target, answer in pairs if target == positive]
    spared = [answer is not None and answer != positive for target, answer in pairs if target != positive]
    scores = {}
    if found:
        scores["sensitivity"] = share(sum(found), len(found))
    if spared:
        scores["specificity"] = share(sum(spared), len(spared))
    return scores


def _tables(targets: Sequence[str], predictions: Answers, labels: Sequence[str]) -> np.ndarray:
    """Confusion tables of resampled rows, shape (draws, labels + 1, labels + 1); the last line and column mean no answer."""
    names = [*labels, ""]
    table = confusion_matrix(targets, ["" if answer is None else answer for answer in predictions], labels=names)
    draws = np.random.default_rng(0).multinomial(len(targets), table.ravel() / table.sum(), RESAMPLES)
    return np.asarray(draws.reshape(RESAMPLES, len(names), len(names)))


def _f1(tables: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F1 over the labels of each table, averaged alike and by rows."""
    right = np.diagonal(tables, axis1=1, axis2=2)[:, :-1]
    rows = tables.sum(axis=2)[:, :-1]
    sizes = rows + tables.sum(axis=1)[:, :-1]
    scores = np.where(sizes > 0, 2 * right / np.maximum(sizes, 1), 0.0)
    return scores.mean(axis=1), (scores * rows).sum(axis=1) / rows.sum(axis=1)


def _mcc(tables: np.ndarray) -> np.ndarray:
    """The multi-class correlation of each table; 0 where one side is constant, as scikit-learn has it."""
    tables = tables.astype(np.float64)
    rows, columns, total = tables.sum(axis=2), tables.sum(axis=1), tables.sum(axis=(1, 2))
    shared = np.trace(tables, axis1=1, axis2=2) * total - (rows * columns).sum(axis=1)
    spread = (total**2 - (rows**2).sum(axis=1)) * (total**2 - (columns**2).sum(axis=1))
    scores: np.ndarray = np.where(spread > 0, shared / np.sqrt(np.maximum(spread, 1.0)), 0.0)
    return scores
