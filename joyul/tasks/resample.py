"""Percentile bootstrap over rows (Efron, 1979): rows are drawn again with replacement, the statistic is computed on each draw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

RESAMPLES = 1000
CELLS = 4_000_000  # weights held at once
Interval = tuple[float, float]


def bootstrap(rows: int, statistic: Callable[[np.ndarray], np.ndarray]) -> list[Interval]:
    """95 % intervals of each value that `statistic` gives.

    It maps weights of shape (draws, rows), how often each row was drawn, to values of shape (draws, values).
    """
    generator = np.random.default_rng(0)
    size = max(1, CELLS // max(1, rows))
    found = []
    for start in range(0, RESAMPLES, size):
        draws = min(size, RESAMPLES - start)
        weights = np.stack([np.bincount(generator.integers(0, rows, rows), minlength=rows) for _ in range(draws)])
        found.append(statistic(weights.astype(np.float64)))
    return percentiles(np.concatenate(found))


def percentiles(values: np.ndarray) -> list[Interval]:
    """The middle 95 % of each column; a draw in which a value is not defined is left out."""
    low, high = np.nanquantile(values, (0.025, 0.975), axis=0)
    return [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
