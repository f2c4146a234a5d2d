"""Keeps the best state of what moves, and says when to stop. It only reads Steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from joyul.contracts import ParameterGroup, Step
from joyul.engine.average import Average, put

BEST = "best/"


class Best:
    """The state at the highest validation score; between equal scores the lower validation loss wins.

    A state is what `average` says counts. Without validation there is nothing to choose by: the last one stays.
    """

    def __init__(self, groups: Sequence[ParameterGroup], metric: str, patience: int | None, average: Average) -> None:
        self.parameters = {name: parameter for group in groups for name, parameter in group.parameters.items()}
        self.metric, self.patience, self.average = metric, patience, average
        self.step: Step | None = None
        self.state: dict[str, Tensor] = {}
        self.worse = 0

    @property
    def over(self) -> bool:
        """Whether it is time to stop."""
        return self.patience is not None and self.worse >= self.patience

    def read(self, step: Step) -> bool:
        """Take a Step in; True when it is time to stop."""
        if step.valid is not None:
            self._compare(step)
        self.average.read(step)  # behind the comparison: what is kept is what was scored
        return step.valid is not None and self.over

    def _compare(self, step: Step) -> None:
        if self.step is None or self._value(step) > self._value(self.step):
            self.step, self.worse = step, 0
            self._keep(self.average.present())
        else:
            self.worse += 1

    def _value(self, step: Step) -> tuple[float, float]:
        assert step.valid is not None
        return step.valid[self.metric], -step.valid["loss"]

    def _keep(self, state: Mapping[str, Tensor]) -> None:
        self.state = {name: value.clone() for name, value in state.items()}

    def restore(self) -> None:
        """Put the best state back into the model, or what counts at the end where nothing was compared."""
        put(self.state or self.average.mean, self.parameters)

    def record(self) -> dict[str, Any]:
        """What it knows beside the tensors, as JSON. `here`: the best state is the present one."""
        step = asdict(self.step) if self.step else None
        return {"step": step, "worse": self.worse, "here": self._here(), "average": self.average.record()}

    def tensors(self) -> dict[str, Tensor]:
        """The best state by `best/NAME`, where it is not the present one; the average's."""
        kept = {} if self._here() else {BEST + name: value for name, value in self.state.items()}
        return {**kept, **self.average.tensors()}

    def _here(self) -> bool:
        return bool(self.state) and all(torch.equal(self.parameters[name], value) for name, value in self.state.items())

    def resume(self, record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `record` and `tensors`; the present weights are in the model by now."""
        self.step, self.worse = Step(**record["step"]) if record["step"] else None, record["worse"]
        self.state = {name: tensors[BEST + name].to(p.device) for name, p in self.parameters.items() if BEST + name in tensors}
        if record["here"]:
            self._keep({name: parameter.detach() for name, parameter in self.parameters.items()})
        self.average.resume(record["average"], tensors)
