"""The mean of the weights over the later half of a training, where its rate falls and its weights circle about a good place.

Tail averaging (Jain et al., 2018; with a falling rate as in Kaddour, 2022): steadier than the last weights, at the price of one
more copy of what moves. The mean is what is validated from then on, so that what is kept is what was scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from joyul.contracts import ParameterGroup, Step

AVERAGE = "average/"
SAMPLES = 100  # weights that the mean is taken of, about; every update's would cost more time and give nearly the same


class Average:
    """Takes weights in from the middle of `epochs` on (None: never), once in so many updates."""

    def __init__(self, groups: Sequence[ParameterGroup], epochs: float | None, updates: int = 1) -> None:
        self.parameters = {name: parameter for group in groups for name, parameter in group.parameters.items()}
        self.begins = None if epochs is None else epochs / 2
        self.every = max(1, updates // (2 * SAMPLES))
        self.count = 0
        self.mean: dict[str, Tensor] = {}

    def read(self, step: Step) -> None:
        """Take the weights behind an update in, where it is time."""
        if self.begins is None or step.epoch is None:
            return
        if step.adjusted and "epochs" in step.adjusted and not self.count:
            self.begins = float(step.adjusted["epochs"]) / 2
        if step.epoch > self.begins and step.step % self.every == 0:
            self._add()

    @torch.no_grad()
    def _add(self) -> None:
        self.count += 1
        if not self.mean:
            self.mean = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
            return
        for name, parameter in self.parameters.items():
            self.mean[name].lerp_(parameter, 1 / self.count)

    def present(self) -> Mapping[str, Tensor]:
        """What counts now: the mean, or the present weights as long as there is none."""
        return self.mean or {name: parameter.detach() for name, parameter in self.parameters.items()}

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While open, what counts stands in the model."""
        if not self.mean:
            yield
            return
        live = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
        put(self.mean, self.parameters)
        try:
            yield
        finally:
            put(live, self.parameters)

    def record(self) -> dict[str, Any]:
        """What it knows beside the tensors, as JSON."""
        return {"begins": self.begins, "every": self.every, "count": self.count}

    def tensors(self) -> dict[str, Tensor]:
        """The mean by `average/NAME`."""
        return {AVERAGE + name: value for name, value in self.mean.items()}

    def resume(self, record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `record` and `tensors`."""
        self.begins, self.every, self.count = record["begins"], record["every"], record["count"]
        found = {name: AVERAGE + name for name in self.parameters if AVERAGE + name in tensors}
        self.mean = {name: tensors[key].to(self.parameters[name].device) for name, key in found.items()}


@torch.no_grad()
def put(values: Mapping[str, Tensor], parameters: Mapping[str, nn.Parameter]) -> None:
    """Write values into parameters by name."""
    for name, value in values.items():
        parameters[name].copy_(value)
