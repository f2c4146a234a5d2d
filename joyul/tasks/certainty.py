"""What probabilities are worth: ranking (AUC), calibration (ECE), and answers withheld."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from joyul.contracts import Prediction, Score
from joyul.tasks.metrics import share
from joyul.tasks.resample import bootstrap

BINS = 10  # of equal width


def auc(member: np.ndarray, probabilities: np.ndarray) -> Score | None:
    """Area under the ROC curve, the mean over the columns that hold both members and others; None where none does.

    `member` and `probabilities` have the shape (rows, labels). A single pair of complementary columns is the binary AUC;
    several are one label against the rest, averaged alike (macro).
    """
    columns = [place for place in range(member.shape[1]) if 0 < member[:, place].sum() < len(member)]
    if not columns:
        return None
    value = float(np.mean([roc_auc_score(member[:, place], probabilities[:, place]) for place in columns]))

    def resampled(weights: np.ndarray) -> np.ndarray:
        areas = np.stack([weighted_auc(member[:, place], probabilities[:, place], weights) for place in columns], axis=1)
        means: np.ndarray = areas.mean(axis=1, keepdims=True)
        return means

    return Score(value, bootstrap(len(member), resampled)[0])


def weighted_auc(member: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUC of rows counted `weights` times, shape (draws, rows): the share of pairs in the right order, ties half."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    inside = np.add.reduceat(weights[:, order] * member[order], starts, axis=1)
    outside = np.add.reduceat(weights[:, order] * ~member[order].astype(bool), starts, axis=1)
    below = np.cumsum(outside, axis=1) - outside
    pairs = inside.sum(axis=1) * outside.sum(axis=1)
    right = (inside * (below + outside / 2)).sum(axis=1)
    areas: np.ndarray = np.where(pairs > 0, right / np.maximum(pairs, 1), np.nan)
    return areas


def calibration_error(hits: np.ndarray, confidence: np.ndarray) -> Score:
    """Expected calibration error: |share right - mean confidence| over bins of confidence (Guo et al., 2017)."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.zeros((len(hits), BINS))
    gaps[np.arange(len(hits)), bins] = confidence - hits

    def error(weights: np.ndarray) -> np.ndarray:
        summed: np.ndarray = np.abs(weights @ gaps).sum(axis=1, keepdims=True)
        return summed / len(hits)

    return Score(float(error(np.ones((1, len(hits))))[0, 0]), bootstrap(len(hits), error)[0])


def answered_scores(targets: Sequence[str], predictions: Sequence[Prediction]) -> dict[str, Score]:
    """The share of rows that are answered, and how often an answer is right."""
    answered = [(t, p.value) for t, p in zip(targets, predictions, strict=True) if p.value is not None]
    scores = {"coverage": share(len(answered), len(targets))}
    if answered:
        scores["answered_accuracy"] = share(sum(target == value for target, value in answered), len(answered))
    return scores
