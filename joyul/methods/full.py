"""Full fine-tuning: every weight moves. Nothing is inserted; `model/` holds the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from joyul.contracts import Architecture, Form, ParameterGroup
from joyul.engine.learned import own_parameters
from joyul.methods.base import InPlace
from joyul.methods.layers import by_depth, opened


@dataclass(frozen=True)
class Full(InPlace):
    """Fits every task, form and architecture that gives a loss. `decay` and `gradual` need layers that can be told apart."""

    decay: float = 1.0
    gradual: bool = False
    name: ClassVar[str] = "full"

    def why_not(self, form: Form, architecture: Architecture) -> str | None:
        return None

    def moves(self, model: nn.Module) -> Sequence[ParameterGroup]:
        if self.decay == 1.0 and not self.gradual:
            return [ParameterGroup("all", own_parameters(model))]
        return by_depth(model, 0, self.decay)

    def at(self, groups: Sequence[ParameterGroup], done: int, total: int) -> Sequence[ParameterGroup]:
        return opened(groups, done, total) if self.gradual else groups
