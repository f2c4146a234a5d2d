"""How sure a score and a difference are, when draws of the labelled rows and test rows are both samples. Numbers in, numbers out.

A score is a table of draws x rows: the same test rows answered after each draw (seeds are averaged within theirs). Draws and
rows are crossed random effects, so the variance of the mean is (MS_draws + MS_rows - MS_noise) / (draws * rows) with the mean
squares of the two-way analysis of variance (Brennan, Generalizability Theory, 2001, ch. 2).

Student's t with Satterthwaite's (1946) degrees of freedom covers too little here when draws are few: the mean square of three
draws is often far too small, and then looks sure. Banerjee's bound (Sankhya 23, 1961) gives each mean square its own quantile,
t(draws - 1)^2 MS_draws + t(rows - 1)^2 MS_rows, and never covers less than it says. Simulated in tests/compare/simulation.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit
from scipy.stats import binomtest

LEVEL = 0.05
POWER = 0.80
Array = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Squares:
    """Mean squares of tables of shape (..., draws, rows): of draws, of rows, and of what is left."""

    mean: Array
    of_draws: Array
    of_rows: Array
    of_noise: Array
    draws: int
    rows: int

    @property
    def variance(self) -> Array:
        """Of the mean. No component is negative: neither draws nor rows can make the mean surer than they are themselves."""
        total = np.maximum(self.of_draws + self.of_rows - self.of_noise, np.maximum(self.of_draws, self.of_rows))
        return np.asarray(total / (self.draws * self.rows))

    @property
    def freedom(self) -> Array:
        """Satterthwaite's degrees of freedom of `variance` (Biometrics Bulletin 2, 1946): how much it rests on few draws."""
        each = self.of_rows**2 / (self.rows - 1)
        if self.draws > 1:
            each = each + self.of_draws**2 / (self.draws - 1) + self.of_noise**2 / ((self.draws - 1) * (self.rows - 1))
        total = self.variance * self.draws * self.rows
        return np.asarray(np.where(each > 0, total**2 / np.where(each > 0, each, 1.0), self.rows - 1))

    def half(self, level: ArrayLike = LEVEL, *, power: float = 0.5, cautious: bool = True) -> Array:
        """Half the length of the interval at `level`, two-sided; with `power`, the difference that is then found so often.

        What both mean squares count is the noise, subtracted once: at the rows' quantile where it must never be too short
        (`cautious`, tests of differences), at the geometric mean of both where it should be neither too short nor too long.
        """
        rows = _multiplier(self.rows - 1, level, power)
        if self.draws == 1:
            return np.asarray(rows * np.sqrt(self.of_rows / self.rows))
        draws = _multiplier(self.draws - 1, level, power)
        twice = rows * (rows if cautious else draws) * self.of_noise
        least = rows**2 * np.maximum(self.of_rows, self.of_draws)
        squared = np.maximum(draws**2 * self.of_draws + rows**2 * self.of_rows - twice, least)
        return np.asarray(np.sqrt(squared / (self.draws * self.rows)))

    def p(self, least: float = 1e-12) -> Array:
        """The level at which the interval around the mean just reaches zero, by bisection of its logarithm; at least `least`."""
        low, high = np.full(np.shape(self.mean), np.log(least)), np.zeros(np.shape(self.mean))
        for _ in range(45):
            middle = (low + high) / 2
            inside = np.abs(self.mean) <= self.half(np.exp(middle))
            low, high = np.where(inside, middle, low), np.where(inside, high, middle)
        return np.asarray(np.where(np.abs(self.mean) > 0, np.exp((low + high) / 2), 1.0))


def _multiplier(freedom: int, level: ArrayLike, power: float) -> Array:
    return np.asarray(stdtrit(freedom, 1 - np.asarray(level) / 2) + stdtrit(freedom, power))


def squares(table: ArrayLike) -> Squares:
    """The mean squares of scores of shape (..., draws, rows); of one draw, the rows' alone. NaN for a single row."""
    scores = np.asarray(table, dtype=float)
    draws, rows = scores.shape[-2:]
    by_draw, by_row = scores.mean(-1), scores.mean(-2)
    mean = by_draw.mean(-1)
    of_rows = draws * by_row.var(-1, ddof=1) if rows > 1 else np.full_like(mean, np.nan)
    if draws == 1 or rows == 1:
        zero = np.zeros_like(mean)
        return Squares(mean, zero, of_rows, zero, draws, rows)
    of_draws = rows * by_draw.var(-1, ddof=1)
    total = ((scores - mean[..., None, None]) ** 2).sum((-1, -2))
    left = total - (draws - 1) * of_draws - (rows - 1) * of_rows
    return Squares(mean, of_draws, of_rows, np.maximum(left, 0.0) / ((draws - 1) * (rows - 1)), draws, rows)


def score_interval(table: ArrayLike, score: float | None = None) -> Interval:
    """The 95 % interval of a mean over draws x rows (or of `score`, whose jackknife values the table holds).

    A score between 0 and 1 is bounded by Wilson's (1927) form with the rows that its variance is worth (Korn and Graubard, 1998):
    near 1 a symmetric interval covers too little. Of one draw of hits it is Wilson's own. Other scores: mean +- half.
    """
    found = squares(table)
    value = float(found.mean) if score is None else score
    half = float(found.half(cautious=False))
    if not 0 <= value <= 1:
        return value - half, value + half
    low, high = wilson(value, half, found.rows, hits=found.draws == 1 and is_hits(table))
    return float(low), float(high)


def wilson(value: ArrayLike, half: ArrayLike, rows: int, hits: bool = False) -> tuple[Array, Array]:
    """Wilson's interval of shares whose symmetric interval is +- `half`; of `hits` of one draw, by the rows themselves.

    Where all rows are right, or none, the variance says nothing: then too the rows themselves count.
    """
    share = np.asarray(value, dtype=float)
    spread = share * (1 - share)
    plain = stdtrit(np.inf, 1 - LEVEL / 2) ** 2 / rows
    unsure = plain if hits else np.where(spread > 0, np.asarray(half) ** 2 / np.where(spread > 0, spread, 1.0), plain)
    middle, reach = (share + unsure / 2) / (1 + unsure), np.sqrt(unsure * spread + unsure**2 / 4) / (1 + unsure)
    return np.maximum(middle - reach, 0.0), np.minimum(middle + reach, 1.0)


def is_hits(table: ArrayLike) -> bool:
    """Whether every score is 0 or 1."""
    return bool(np.isin(np.asarray(table, dtype=float), (0.0, 1.0)).all())


@dataclass(frozen=True, slots=True)
class Difference:
    """First minus second on the same draws and rows.

    `detectable` is the smallest true difference that such a comparison finds four times in five.
    """

    mean: float
    interval: Interval
    p: float
    detectable: float
    test: str


def paired(first: ArrayLike, second: ArrayLike, mean: float | None = None) -> Difference:
    """The difference of two tables of the same shape; `mean` where they hold jackknife values of a score that is no mean of rows.

    Hits of one draw: the exact McNemar test, with the interval of Bonett and Price (2012). Else Banerjee's bound on the table of
    differences, which for one draw is the paired t test.
    """
    one, two = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if one.shape[-2] == 1 and is_hits([one, two]):
        return _discordant(one[0] > 0, two[0] > 0)
    found = squares(one - two)
    value = float(found.mean) if mean is None else mean
    half = float(found.half())
    p = float(Squares(np.asarray(value), found.of_draws, found.of_rows, found.of_noise, found.draws, found.rows).p())
    return Difference(value, (value - half, value + half), p, float(found.half(power=POWER)), "two-way")


def _discordant(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Difference:
    rows = len(first)
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    more, less = (only_first + 1) / (rows + 2), (only_second + 1) / (rows + 2)  # one row added to either side
    normal = float(stdtrit(np.inf, 1 - LEVEL / 2))
    half = normal * float(np.sqrt((more + less - (more - less) ** 2) / (rows + 2)))
    share = max(more + less, 1 / rows)
    seen = (normal + float(stdtrit(np.inf, POWER))) * float(np.sqrt(share / rows))
    few = next(count for count in range(1, 64) if 2 * 0.5**count < LEVEL) / rows  # fewer rows are never significant
    middle = more - less
    interval = (max(-1.0, middle - half), min(1.0, middle + half))
    return Difference((only_first - only_second) / rows, interval, mcnemar(first, second), max(seen, few), "mcnemar")


def mcnemar(first: Sequence[bool] | NDArray[np.bool_], second: Sequence[bool] | NDArray[np.bool_]) -> float:
    """p of the exact McNemar test (1947) that two methods are right equally often on the same rows."""
    only_first = sum(bool(a) and not b for a, b in zip(first, second, strict=True))
    discordant = only_first + sum(bool(b) and not a for a, b in zip(first, second, strict=True))
    return float(binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0


def from_means(means: ArrayLike, overlap: float = 0.0) -> Difference:
    """A difference from one mean a draw (or fold), where every draw has rows of its own: Student's t.

    `overlap`: rows tested over rows trained on in a fold of a cross-validation, whose training rows are shared; without that
    correction it would look too sure (Nadeau and Bengio, Machine Learning 52, 2003). At least two means.
    """
    values = np.asarray(means, dtype=float)
    count, value = len(values), float(values.mean())
    error = float(np.sqrt(values.var(ddof=1) * (1 / count + overlap)))
    half = float(stdtrit(count - 1, 1 - LEVEL / 2)) * error
    p = 1.0 if value == 0 else 0.0 if error == 0 else float(2 * stdtr(count - 1, -abs(value) / error))
    return Difference(value, (value - half, value + half), p, half + float(stdtrit(count - 1, POWER)) * error, "means")


def holm(values: Sequence[float]) -> list[float]:
    """p values as they stand when all are looked at: Holm's step-down correction (Scandinavian Journal of Statistics 6, 1979)."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    adjusted, largest = [0.0] * len(values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = largest
    return adjusted
