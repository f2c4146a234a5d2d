"""Scores of numbers and their 95 % intervals."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from joyul.contracts import Score
from joyul.tasks.resample import Interval, bootstrap

Z = 1.959964  # the normal distribution's 97.5 % point
FEWEST = 4  # rows that Fisher's z needs


def correlations(targets: np.ndarray, answers: np.ndarray) -> dict[str, float]:
    """Spearman's and Pearson's correlation; 0 where one side is constant: it says nothing then."""
    if len(targets) < 2 or np.ptp(targets) == 0 or np.ptp(answers) == 0:
        return {"spearman": 0.0, "pearson": 0.0}
    return {
        "spearman": float(spearmanr(targets, answers).statistic),
        "pearson": float(pearsonr(targets, answers).statistic),
    }


def correlation_intervals(targets: np.ndarray, answers: np.ndarray) -> dict[str, Interval]:
    """Fisher's z (1915) for Pearson; for Spearman with the variance of Bonett and Wright (2000)."""
    found = correlations(targets, answers)
    rows = len(targets)
    return {
        "spearman": _fisher(found["spearman"], rows, 1 + found["spearman"] ** 2 / 2),
        "pearson": _fisher(found["pearson"], rows, 1.0),
    }


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
