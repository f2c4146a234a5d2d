"""The range test on losses worked by hand, and the search on a parabola whose lowest point is known."""

from __future__ import annotations

import math

import pytest

from joyul.engine.range_test import FACTOR, between, bracket, diverged, following, lowest_of, rising, smoothed


def test_the_running_mean_by_hand() -> None:
    """0.8 and 0.2: after 1, 2, 3 losses (1, 0, 0): 0.2/0.2, 0.16/0.36, 0.128/0.488."""
    assert smoothed([1.0, 0.0, 0.0]) == pytest.approx([1.0, 0.16 / 0.36, 0.128 / 0.488])
    assert smoothed([0.7] * 30) == pytest.approx([0.7] * 30)


def test_the_rate_rises_by_equal_factors_to_the_highest() -> None:
    rates = [0.5 * rising(0.005, 0.5, 3, done) for done in range(3)]
    assert rates == pytest.approx([0.005, 0.05, 0.5])
    assert rising(1e-5, 1.0, 1, 0) == 1.0


def test_it_stops_where_the_loss_breaks_out_and_not_where_a_small_loss_doubles() -> None:
    falling = [0.7 - 0.02 * n for n in range(15)]
    assert not diverged(falling)
    assert not diverged([0.7, 9.0])  # too early to tell
    assert diverged([*falling, 3.0, 5.0])
    assert not diverged([*falling, *[0.01] * 20, 0.2])  # 0.05 after 0.01: doubled, but far below the start


def test_the_ends_of_a_valley() -> None:
    """The loss stays at 1 for ten rates, falls to 0 over ten, stays for ten, and rises again."""
    rates = [10 ** (-5 + n / 10) for n in range(40)]
    losses = [1.0] * 10 + [1 - (n + 1) / 10 for n in range(10)] + [0.0] * 10 + [float(n) for n in range(10)]
    low, high = bracket(rates, losses)
    assert rates[10] <= low <= rates[14]  # the first tenth of the fall, later by the memory of the mean
    assert rates[25] <= high <= rates[31]
    assert bracket([1e-3], [0.5]) == (1e-3, 1e-3)
    assert bracket([1e-3, 1e-2], [0.5, 0.9]) == (1e-3, 1e-3)  # it never fell


@pytest.mark.parametrize("lowest_rate", [1e-4, 3e-4, 2e-3, 0.02, 0.5])
def test_the_search_finds_the_lowest_point_of_a_parabola(lowest_rate: float) -> None:
    """Loss = (log10 rate - log10 best) squared: from 1e-3 on, within bounds, to the exact rate."""
    start, losses = 1e-3, {}
    number: int | None = 0
    while number is not None:
        losses[number] = (math.log10(start * FACTOR**number) - math.log10(lowest_rate)) ** 2
        number = following(losses, -4, 8)
    assert start * FACTOR ** between(losses) == pytest.approx(lowest_rate, rel=1e-6)
    assert len(losses) <= 3 + abs(round(2 * math.log10(lowest_rate / start)))


def test_the_search_keeps_to_its_bounds_and_goes_down_from_a_rate_that_breaks() -> None:
    assert following({0: math.inf}, -3, 3) == -1
    assert following({0: math.inf, -1: math.inf}, -1, 3) is None
    assert following({0: 1.0}, 0, 0) is None
    assert following({0: 1.0, 1: 2.0}, -3, 3) == -1
    assert following({0: 1.0, 1: 0.5}, -3, 3) == 2
    assert following({0: 1.0, 1: 2.0, -1: 2.0}, -3, 3) is None
    assert lowest_of({0: 1.0, 1: 1.0}) == 0


def test_beside_a_break_or_an_edge_the_best_rate_stands_as_it_is() -> None:
    assert between({0: 1.0, -1: 2.0, 1: math.inf}) == 0.0
    assert between({0: 1.0, 1: 2.0}) == 0.0
    assert between({0: 1.0, -1: 1.0, 1: 1.0}) == -1.0  # level: the lowest rate tried
    assert between({0: 0.999, -1: 1.0, 1: 9.0}) == pytest.approx(-0.5, abs=1e-3)  # at most half-way to a neighbour
