"""Thresholds, chosen on validation rows: where a positive answer begins, and when no answer is better than a doubtful one."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from joyul.errors import DataError, UsageError

POINTS = ("sensitivity", "specificity")
EVEN = 0.5
FEWEST = 10  # rows with a label from which on it gets a threshold of its own; below, that would fit chance


def operating_point(text: str) -> tuple[str, float]:
    """`sensitivity=0.95` as (what to hold, at least how much). Raises UsageError."""
    match = re.fullmatch(r"\s*(\w+)\s*[=:]\s*([0-9.]+)\s*", text)
    name = match[1].lower() if match else text
    if match is None or name not in POINTS:
        raise UsageError("operating_point_unknown", found=name, allowed=POINTS)
    try:
        value = float(match[2])
    except ValueError:
        value = -1.0
    if not 0 < value <= 1:
        raise UsageError("operating_point_share", found=text)
    return name, value


def point_threshold(member: Sequence[bool], probabilities: Sequence[float], point: str) -> float:
    """The probability from which on a row counts as positive, so that the rows reach the operating point at the least cost.

    For sensitivity the highest such threshold, for specificity the lowest. Raises DataError where the rows hold one side only.
    """
    name, wanted = operating_point(point)
    inside = np.sort([p for p, is_in in zip(probabilities, member, strict=True) if is_in])
    outside = np.sort([p for p, is_in in zip(probabilities, member, strict=True) if not is_in])
    if not len(inside) or not len(outside):
        raise DataError("operating_point_one_sided")
    if name == "sensitivity":
        missed = int(len(inside) * (1 - wanted) + 1e-9)  # so many positive rows may lie below
        return float(inside[missed])
    spared = int(np.ceil(len(outside) * wanted - 1e-9))  # so many other rows have to lie below
    return float(np.nextafter(outside[spared - 1], np.inf))


def set_thresholds(member: np.ndarray, probabilities: np.ndarray) -> list[float]:
    """One threshold a label, each where the label's F1 is highest; rare labels share the one with the highest micro F1.

    Both arguments have the shape (rows, labels). F1-optimal thresholds of rare labels overfit (Lipton et al., 2014).
    """
    shared = best_threshold(member.ravel(), probabilities.ravel())
    return [
        best_threshold(member[:, place], probabilities[:, place]) if member[:, place].sum() >= FEWEST else shared
        for place in range(member.shape[1])
    ]


def best_threshold(member: np.ndarray, probabilities: np.ndarray) -> float:
    """The threshold with the highest F1, in the middle between two probabilities; among equals the one nearest to 0.5."""
    if not member.any():
        return EVEN
    order = np.argsort(-probabilities, kind="stable")
    sorted_, hits = probabilities[order], np.cumsum(member[order])
    last = np.append(np.flatnonzero(np.diff(sorted_)), len(sorted_) - 1)  # equal probabilities stay together
    scores = 2 * hits[last] / (last + 1 + member.sum())
    below = np.append(sorted_[1:], 0.0)[last]
    middles = (sorted_[last] + below) / 2
    best = np.flatnonzero(scores >= scores.max() - 1e-12)
    return float(middles[best[np.argmin(np.abs(middles[best] - EVEN))]])
