"""The learning-rate range test (Smith, 2017, "Cyclical learning rates for training neural networks", section 3.3): one short run
in which the rate rises exponentially. Where the loss begins to fall and where it turns are the ends of the rates worth trying.

And the search between those ends: rates `FACTOR` apart, from one neighbour to the next, until the best has both beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

SMOOTHING = 0.8  # weight of what was, in the running mean of the losses: a memory of five updates
BEFORE_STOP = 10  # updates in which the running mean is still that of the first losses
BEGINS = 0.1  # share of the whole fall after which learning has begun
FACTOR = math.sqrt(10)  # between neighbouring probes: two to a power of ten


def rising(low: float, high: float, updates: int, done: int) -> float:
    """The rate of update `done` (counted from 0) as a share of `high`: evenly spaced logarithms from `low` to `high`."""
    return 1.0 if updates < 2 else float((high / low) ** (min(done, updates - 1) / (updates - 1) - 1))


def smoothed(losses: Sequence[float]) -> list[float]:
    """The exponential running mean, corrected for its start (Kingma and Ba, 2015, section 3)."""
    found, mean, weight = [], 0.0, 0.0
    for loss in losses:
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        weight = SMOOTHING * weight + (1 - SMOOTHING)
        found.append(mean / weight)
    return found


def diverged(losses: Sequence[float]) -> bool:
    """Whether to stop: the smoothed loss is twice its lowest, and above it by half of the first one."""
    means = smoothed(losses)
    # a loss near 0 doubles by chance
    return len(means) > BEFORE_STOP and means[-1] > max(2 * min(means), min(means) + means[0] / 2)


def bracket(rates: Sequence[float], losses: Sequence[float]) -> tuple[float, float]:
    """The lowest and the highest rate worth trying: where the smoothed loss has begun to fall, and where it is lowest.

    `rates` and `losses` are those of the range test, at least one. Where the loss never falls, both are the lowest rate.
    """
    means = smoothed(losses)
    turn = means.index(min(means))
    begun = means[0] - BEGINS * (means[0] - means[turn])
    first = next(index for index, mean in enumerate(means) if mean <= begun)
    return rates[first], rates[turn]


def following(losses: Mapping[int, float], lowest: int, highest: int) -> int | None:
    """Which rate to try next, as the number of factors above the start: a neighbour of the best so far; None when it has both.

    `losses` are those of the rates tried (infinite where training broke down: then only lower rates are tried).
    """
    best = lowest_of(losses)
    beside = (best - 1,) if math.isinf(losses[best]) else (best + 1, best - 1)
    return next((number for number in beside if number not in losses and lowest <= number <= highest), None)


def lowest_of(losses: Mapping[int, float]) -> int:
    """The rate of the lowest loss; the lower rate among equals."""
    return min(losses, key=lambda number: (losses[number], number))


def between(losses: Mapping[int, float]) -> float:
    """The best rate in factors above the start: the lowest point of the parabola through the best and its neighbours, at most
    half a factor from the best; the best itself where a neighbour is missing or broke down."""
    best = lowest_of(losses)
    left, middle, right = (losses.get(best + shift, math.inf) for shift in (-1, 0, 1))
    bend = left - 2 * middle + right
    if not math.isfinite(bend) or bend <= 0:
        return float(best)
    return best + max(-0.5, min(0.5, (left - right) / (2 * bend)))
