"""Scores of numbers and their 95 % intervals."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from joyul.contracts import Score
from joyul.tasks.resample import Interval, bootstrap

Z = 1.959964  # the normal distribution's 97.5 % point
FEWEST = 4  # rows that Fisher's z needs


def fit(targets: np.ndarray, answers: np.ndarray) -> dict[str, float]:
    """The share of the variance explained (R2: 1 at best, 0 for the mean), Spearman's and Pearson's correlation.

    They are 0 where one side of a correlation is constant, or the targets are: nothing can be said then.
    """
    if len(targets) < 2 or np.ptp(targets) == 0:
        return {"r2": 0.0, "spearman": 0.0, "pearson": 0.0}
    flat = np.ptp(answers) == 0
    return {
        "r2": float(r2_score(targets, answers)),
        "spearman": 0.0 if flat else float(spearmanr(targets, answers).statistic),
        "pearson": 0.0 if flat else float(pearsonr(targets, answers).statistic),
    }


def fit_intervals(targets: np.ndarray, answers: np.ndarray) -> dict[str, Interval]:
    """Bootstrap for R2; Fisher's z (1915) for Pearson, for Spearman with the variance of Bonett and Wright (2000)."""
    found, rows = fit(targets, answers), len(targets)
    return {
        "r2": _explained(targets, answers) if rows > 1 and np.ptp(targets) > 0 else (-1.0, 1.0),
        "spearman": _fisher(found["spearman"], rows, 1 + found["spearman"] ** 2 / 2),
        "pearson": _fisher(found["pearson"], rows, 1.0),
    }


def _explained(targets: np.ndarray, answers: np.ndarray) -> Interval:
    parts = np.stack([(answers - targets) ** 2, targets**2, targets], axis=1)

    def shares(weights: np.ndarray) -> np.ndarray:
        left, squares, summed = (weights @ parts).T
        spread = squares - summed**2 / len(targets)
        explained: np.ndarray = np.where(spread > 1e-9 * squares, 1 - left / np.where(spread > 0, spread, 1.0), np.nan)
        return explained[:, None]

    return bootstrap(len(targets), shares)[0]


def _fisher(value: float, rows: int, variance: float) -> Interval:
    if rows < FEWEST:
        return -1.0, 1.0
    centre = math.atanh(max(-1 + 1e-12, min(1 - 1e-12, value)))
    reach = Z * math.sqrt(variance / (rows - 3))
    return math.tanh(centre - reach), math.tanh(centre + reach)


def errors(targets: np.ndarray, answers: np.ndarray) -> dict[str, Score]:
    """Mean absolute and root mean squared error, in the unit of the targets (smaller is better), bootstrapped over rows."""
    gaps = np.stack([np.abs(answers - targets), (answers - targets) ** 2], axis=1)

    def means(weights: np.ndarray) -> np.ndarray:
        summed: np.ndarray = weights @ gaps / len(targets)
        return np.column_stack([summed[:, 0], np.sqrt(summed[:, 1])])

    mae, rmse = bootstrap(len(targets), means)
    return {
        "mae": Score(float(mean_absolute_error(targets, answers)), mae),
        "rmse": Score(float(root_mean_squared_error(targets, answers)), rmse),
    }
