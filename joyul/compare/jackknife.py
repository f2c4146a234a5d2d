"""Every score as a mean over rows, so that one analysis serves accuracy and macro F1 alike.

The jackknife's pseudo-value of a row is n * score(all) - (n - 1) * score(all but it): its own share in the score (Tukey, 1958;
Miller, Biometrika 61, 1974). For a mean over rows it is the row's own value exactly; for other smooth scores the two-way analysis
of pseudo-values estimates the variance of the score as the delta method does.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 200  # scores computed for one table of predictions; above it rows are left out in blocks
Score = Callable[[Sequence[Any], Sequence[Any]], float]


def pseudo_values(
    score: Score, targets: Sequence[Any], predictions: Sequence[Any], groups: Sequence[Hashable] | None = None
) -> NDArray[np.float64]:
    """Shape (blocks,): one pseudo-value a row; a group, where `groups` says which rows belong together.

    Rows with equal target and prediction have equal pseudo-values, which are computed once. Where there are more than `MOST`
    rows and their targets leave room for more than `MOST` such pairs (numbers, texts, many labels), rows are left out in `MOST`
    blocks by their place. That depends on the targets alone: methods whose answers differ have the same blocks. A score that has
    no value without a block (a correlation of two rows) gives that block the score itself, and so does a single block.
    """
    rows = len(targets)
    if groups is None and (rows <= MOST or len(set(map(repr, targets))) ** 2 <= MOST):
        return _by_row(score, targets, predictions, [repr(pair) for pair in zip(targets, predictions, strict=True)])
    labels = list(groups) if groups is not None else [place * MOST // rows for place in range(rows)]
    return _by_block(score, targets, predictions, labels)


def _by_row(score: Score, targets: Sequence[Any], predictions: Sequence[Any], keys: Sequence[str]) -> NDArray[np.float64]:
    rows, whole = len(keys), score(targets, predictions)
    if rows < 2:
        return np.array([whole])
    without: dict[str, float] = {}
    for place, key in enumerate(keys):
        if key not in without:
            kept = [index for index in range(rows) if index != place]
            without[key] = score([targets[index] for index in kept], [predictions[index] for index in kept])
    return _filled(np.array([rows * whole - (rows - 1) * without[key] for key in keys]), whole)


def _by_block(
    score: Score, targets: Sequence[Any], predictions: Sequence[Any], labels: Sequence[Hashable]
) -> NDArray[np.float64]:
    whole, found = score(targets, predictions), list(dict.fromkeys(labels))
    if len(found) < 2:
        return np.array([whole])
    values = []
    for block in found:
        kept = [index for index, label in enumerate(labels) if label != block]
        left = score([targets[index] for index in kept], [predictions[index] for index in kept])
        values.append(len(found) * whole - (len(found) - 1) * left)
    return _filled(np.array(values), whole)


def _filled(values: NDArray[np.float64], whole: float) -> NDArray[np.float64]:
    """Rounded where they are the 0 and 1 of hits; without a value: the score itself."""
    values = np.where(np.isfinite(values), values, whole)
    near = np.round(values)
    return np.where(np.abs(values - near) < 1e-9, near, values)
