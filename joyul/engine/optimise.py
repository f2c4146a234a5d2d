"""AdamW over a method's parameter groups, and the schedules of the rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from transformers import get_scheduler

from joyul.contracts import ParameterGroup

BETAS, EPSILON = (0.9, 0.999), 1e-8  # AdamW's own (Loshchilov and Hutter, 2019), those of transformers' Trainer too
# Joyul's name: (transformers' name, what it is fixed to there). `polynomial` of power 1 and restarts of one cycle would be
# `linear` and `cosine` under another name, hence 2 and 3. The last fifth falls as in Hägele et al. (2024).
SCHEDULES: dict[str, tuple[str, dict[str, Any]]] = {
    "linear": ("linear", {}),
    "cosine": ("cosine", {}),
    "cosine_with_restarts": ("cosine_with_restarts", {"num_cycles": 3}),
    "polynomial": ("polynomial", {"power": 2.0, "lr_end": 0.0}),
    "inverse_sqrt": ("inverse_sqrt", {}),
    "warmup_stable_decay": ("warmup_stable_decay", {"decay_type": "1-sqrt"}),
    "constant": ("constant_with_warmup", {}),
}
FACTOR = "rate_factor"  # of a part of the parameters
IN_CACHE = 1 << 17  # numbers of each kind
DECAY_SHARE = 0.2  # of the updates, in which `warmup_stable_decay` falls


def optimizer(groups: Sequence[ParameterGroup], learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW, fused. Vectors (biases, norms) do not decay, as in transformers' Trainer."""
    parts: dict[tuple[int, float, bool], list[nn.Parameter]] = {}
    for number, group in enumerate(groups):
        for decays in (True, False):
            for name, parameter in group.parameters.items():
                if (parameter.ndim > 1) is decays:
                    factor = group.rate_factor * group.faster.get(name, 1.0)
                    parts.setdefault((number, factor, decays), []).append(parameter)
    made = [
        {"params": chosen, FACTOR: factor, "weight_decay": weight_decay if decays else 0.0}
        for (_, factor, decays), chosen in parts.items()
    ]
    return at_rate(torch.optim.AdamW(made, lr=learning_rate, betas=BETAS, eps=EPSILON, fused=True), learning_rate)


def at_rate(made: torch.optim.AdamW, learning_rate: float) -> torch.optim.AdamW:
    """The same optimizer with another highest rate, its moments as they are. A `scheduler` has to be made anew for it."""
    for part in made.param_groups:
        part["lr"] = part["initial_lr"] = learning_rate * part[FACTOR]
    return made


Shape = Callable[[int], float]  # the rate as a share of the highest one, by the number of updates done


def scheduler(
    optimizer: torch.optim.Optimizer, schedule: str | Shape, warmup: float, updates: int, done: int = 0
) -> LRScheduler:
    """The rate over `updates` updates: up over the first share `warmup`, then as `schedule` says (transformers').

    The rate of a first update that warms up is 0, so the last one never does: a run of a single update would learn nothing.
    A Shape is taken as it is. It is a function of the update alone, so `done` of them are passed over in one step.
    """
    if not isinstance(schedule, str):
        return LambdaLR(optimizer, schedule)
    name, fixed = SCHEDULES[schedule]
    warming = min(math.ceil(warmup * updates), updates - 1)
    if schedule == "warmup_stable_decay":
        fixed = {**fixed, "num_decay_steps": min(math.ceil(DECAY_SHARE * updates), updates - warming)}
    made = get_scheduler(name, optimizer, warming, updates, scheduler_specific_kwargs=fixed)
    assert isinstance(made, LRScheduler)
    if done:
        made.load_state_dict({**made.state_dict(), "last_epoch": done - 1, "_step_count": done + 1})
        made.step()
    return made


class StackedAdamW:
    """AdamW as `optimizer` makes it, on parameters that lie one over the other: `stacked` has the heads in its first two
    dimensions, and every head moves at a rate of its own. `groups` say how the parameters are called and how fast each is.
    """

    def __init__(self, stacked: Mapping[str, Tensor], groups: Sequence[ParameterGroup], weight_decay: float) -> None:
        self._parts = []
        for group in groups:
            for name, parameter in group.parameters.items():
                flat = stacked[name].detach().flatten(2).flatten(0, 1)
                decay = weight_decay if parameter.ndim > 1 else 0.0
                factor = group.rate_factor * group.faster.get(name, 1.0)
                self._parts.append((stacked[name], flat, torch.zeros_like(flat), torch.zeros_like(flat), factor, decay))
        self._done = 0

    @torch.no_grad()
    def step(self, rates: Tensor, shares: Tensor) -> None:
        """Move every head by its gradient times its share (clipping), at its rate: `rates` and `shares` of shape (heads, 1)."""
        self._done += 1
        for leaf, weights, first, second, factor, decay in self._parts:
            assert leaf.grad is not None
            gradient = leaf.grad.view_as(weights)
            few = max(1, IN_CACHE // weights.shape[1])
            for start in range(0, len(weights), few):  # heads that fit into the processor's cache together
                parts = [found[start : start + few] for found in (weights, first, second, gradient, rates * factor, shares)]
                self._move(decay, *parts)
            leaf.grad = None

    def _move(
        self, decay: float, weights: Tensor, first: Tensor, second: Tensor, gradient: Tensor, rates: Tensor, shares: Tensor
    ) -> None:
        gradient.mul_(shares)
        first.lerp_(gradient, 1 - BETAS[0])
        second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        root = second.sqrt().div_(math.sqrt(1 - BETAS[1] ** self._done)).add_(EPSILON)
        if decay:
            weights.mul_(1 - rates * decay)
        weights.sub_(torch.div(first, root).mul_(rates / (1 - BETAS[0] ** self._done)))


def shape(schedule: str | Shape, warmup: float, updates: int) -> Shape:
    """What `scheduler` will set."""
    made = scheduler(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0), schedule, warmup, updates)
    assert isinstance(made, LambdaLR)
    share: Shape = made.lr_lambdas[0]
    return share


def planned(schedule: str, warmup: float, learning_rate: float, updates: int, points: int = 200) -> list[tuple[int, float]]:
    """(update counted from 1, rate) of a whole plan, thinned to about so many points."""
    share, every = shape(schedule, warmup, updates), max(1, updates // points)
    return [(done + 1, learning_rate * share(done)) for done in (*range(0, updates - 1, every), updates - 1)]
