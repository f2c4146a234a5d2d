"""Keeps the best state of what moves, and says when to stop. It only reads Steps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from joyul.contracts import ParameterGroup, Step


class Best:
    """The state at the highest validation score; between equal scores the lower validation loss wins.

    Without validation there is nothing to choose by: the last state stays.
    """

    def __init__(self, groups: Sequence[ParameterGroup], metric: str, patience: int | None) -> None:
        self.parameters = {name: parameter for group in groups for name, parameter in group.parameters.items()}
        self.metric, self.patience = metric, patience
        self.step: Step | None = None
        self.state: dict[str, Tensor] = {}
        self.worse = 0

    def read(self, step: Step) -> bool:
        """Take a Step in; True when it is time to stop."""
        if step.valid is None:
            return False
        if self.step is None or self._value(step) > self._value(self.step):
            self.step, self.worse = step, 0
            self.state = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
        else:
            self.worse += 1
        return self.patience is not None and self.worse >= self.patience

    def _value(self, step: Step) -> tuple[float, float]:
        assert step.valid is not None
        return step.valid[self.metric], -step.valid["loss"]

    @torch.no_grad()
    def restore(self) -> None:
        """Put the best state back into the model."""
        for name, value in self.state.items():
            self.parameters[name].copy_(value)
