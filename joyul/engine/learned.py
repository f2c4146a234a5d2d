"""Vectors that are learned, as they stand (Lester et al., 2021) or through a small network.

The network in their place is P-tuning's (Liu et al., 2021), beside them that of Residual Prompt Tuning (Razdaibiedina et al.,
2023).
"""

from __future__ import annotations

import threading
from typing import Literal

import torch
from torch import Tensor, nn

Through = Literal["none", "mlp", "residual"]


class _Pass(threading.local):
    """How many vectors each row of the pass that runs now has, shape (rows, 1), of each thread its own; None: all as many."""

    counts: Tensor | None = None


PASS = _Pass()


class Inserted(nn.Module):
    """What a stage put into a model of transformers; no weight of the base."""


class Learned(Inserted):
    """`count` vectors of `width`, which start as `start`, shape (count, width).

    `through` says what they pass on the way: nothing, a network of their width (`mlp`, which forgets where they start), or the
    same beside them (`residual`, which does not: its last layer starts at zero).
    """

    def __init__(self, start: Tensor, through: Through = "none") -> None:
        super().__init__()
        self.start = nn.Parameter(start.detach().clone())
        self.through = through
        size = int(start.shape[1])
        self.network: nn.Module | None = None
        if through != "none":
            last = nn.Linear(size, size)
            self.network = nn.Sequential(nn.Linear(size, size), nn.ReLU(), last).to(start.device, start.dtype)
            if through == "residual":
                nn.init.zeros_(last.weight)
                nn.init.zeros_(last.bias)

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.start.shape[0])

    def forward(self) -> Tensor:
        """The vectors, shape (count, width)."""
        if self.network is None:
            return self.start
        made: Tensor = self.network(self.start)
        return self.start + made if self.through == "residual" else made


def own_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters by name without those that prompt stages inserted."""
    inside = {id(p) for module in model.modules() if isinstance(module, Inserted) for p in module.parameters()}
    return {name: parameter for name, parameter in model.named_parameters() if id(parameter) not in inside}


def taken(count: int) -> Tensor | None:
    """Which of `count` places in front hold a vector of their row, the last ones; shape (rows, count), None: all of them."""
    counts = PASS.counts
    return None if counts is None else torch.arange(count, device=counts.device) >= count - counts


def scattered(states: Tensor, places: Tensor) -> Tensor:
    """`states` (rows, length, ...) read at `places` (rows, tokens): shape (rows, tokens, ...)."""
    index = places.reshape(*places.shape, *[1] * (states.ndim - 2)).expand(*places.shape, *states.shape[2:])
    return torch.gather(states, 1, index)
