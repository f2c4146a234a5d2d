"""The schedules against those of transformers, called directly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler
from transformers import optimization

from joyul.engine.optimise import SCHEDULES, scheduler, shape

UPDATES, WARMING = 50, 5
PEERS: dict[str, Callable[[Any], LRScheduler]] = {
    "linear": lambda adam: optimization.get_linear_schedule_with_warmup(adam, WARMING, UPDATES),
    "cosine": lambda adam: optimization.get_cosine_schedule_with_warmup(adam, WARMING, UPDATES),
    "cosine_with_restarts": lambda adam: optimization.get_cosine_with_hard_restarts_schedule_with_warmup(adam, WARMING, UPDATES, 3),
    "polynomial": lambda adam: optimization.get_polynomial_decay_schedule_with_warmup(adam, WARMING, UPDATES, 0.0, 2.0),
    "inverse_sqrt": lambda adam: optimization.get_inverse_sqrt_schedule(adam, WARMING),
    "warmup_stable_decay": lambda adam: optimization.get_wsd_schedule(adam, WARMING, 10, UPDATES, decay_type="1-sqrt"),
    "constant": lambda adam: optimization.get_constant_schedule_with_warmup(adam, WARMING),
}


def optimizer(rate: float = 0.3) -> torch.optim.Optimizer:
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=rate)


def rates(made: LRScheduler, updates: int = UPDATES) -> list[float]:
    found = []
    for _ in range(updates):
        found.append(float(made.get_last_lr()[0]))
        made.optimizer.step()
        made.step()
    return found


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_is_that_of_transformers_and_its_shape_is_what_it_sets(name: str) -> None:
    ours = rates(scheduler(optimizer(), name, WARMING / UPDATES, UPDATES))
    assert ours == rates(PEERS[name](optimizer()))
    share = shape(name, WARMING / UPDATES, UPDATES)
    assert [0.3 * share(done) for done in range(UPDATES)] == pytest.approx(ours, rel=1e-12)


def test_worked_values() -> None:
    """Rate shares written down by hand: half-way up the warm-up, at the top, and where each shape has a known value."""
    assert shape("linear", 0.1, 20)(1) == 0.5
    assert shape("linear", 0.1, 20)(11) == 0.5  # half of the 18 updates after the warm-up
    assert shape("polynomial", 0.0, 20)(10) == 0.25  # (1 - 1/2) squared
    assert shape("cosine_with_restarts", 0.0, 30)(10) == pytest.approx(1.0)  # the second cycle starts at the top
    assert shape("inverse_sqrt", 0.1, 40)(16) == 0.5  # 4 of warm-up: sqrt(4 / 16)
    assert shape("warmup_stable_decay", 0.1, 100)(79) == 1.0 and shape("warmup_stable_decay", 0.1, 100)(85) == 0.5


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_run_of_few_updates_or_of_warm_up_alone_has_finite_rates(name: str) -> None:
    for warmup, updates in ((0.1, 1), (0.1, 2), (0.99, 5), (0.0, 1)):
        found = rates(scheduler(optimizer(), name, warmup, updates), updates)
        assert all(0 <= rate <= 0.3 for rate in found), (warmup, updates, found)
        assert max(found) == 0.3, "some update learns"
