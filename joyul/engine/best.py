"""Keeps the best state of what moves, and says when to stop. It only reads Steps.

Few validation rows choose by luck: the highest score of a training is often an early one that a row or two have raised, while the
later states, behind smaller steps, are better on new rows (LOG.md). So the latest state wins among those whose scores the rows
cannot tell from the highest: less than one standard error below it (the rule by which Breiman et al., 1984, choose trees).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

import torch
from torch import Tensor

from joyul.contracts import ParameterGroup, Step
from joyul.engine.average import Average, put

BEST = "best/"
Patience = int | Literal["none"] | None


def good_as(step: Step, top: Step, metric: str) -> bool:
    """Whether the validation rows cannot tell `step` from `top`, the highest score."""
    assert step.valid is not None
    assert top.valid is not None
    return step.valid[metric] >= top.valid[metric] - (top.standard_error or 0.0)


def highest(step: Step, top: Step | None, metric: str) -> bool:
    """Whether `step` scores higher than `top` did; between equal scores the lower validation loss wins."""
    return top is None or _value(step, metric) > _value(top, metric)


def _value(step: Step, metric: str) -> tuple[float, float]:
    assert step.valid is not None
    return step.valid[metric], -step.valid["loss"]


def kept(steps: Sequence[Step], metric: str) -> Step:
    """The one of these validated Steps whose state `Best` keeps."""
    top = max(steps, key=lambda step: _value(step, metric))
    return next(step for step in reversed(steps) if good_as(step, top, metric))


class Best:
    """The latest state whose validation score is as good as the highest. `patience`: evaluations without a higher one.

    A state is what `average` says counts. Without validation there is nothing to choose by: the last one stays.
    """

    def __init__(self, groups: Sequence[ParameterGroup], metric: str, patience: Patience, average: Average) -> None:
        self.parameters = {name: parameter for group in groups for name, parameter in group.parameters.items()}
        self.metric, self.patience, self.average = metric, patience, average
        self.step: Step | None = None  # whose state is kept
        self.top: Step | None = None  # with the highest score
        self.state: dict[str, Tensor] = {}
        self.worse = 0

    @property
    def over(self) -> bool:
        """Whether it is time to stop."""
        return isinstance(self.patience, int) and self.worse >= self.patience

    def read(self, step: Step) -> bool:
        """Take a Step in; True when it is time to stop."""
        if step.valid is not None:
            self._compare(step)
        self.average.read(step)  # behind the comparison: what is kept is what was scored
        return step.valid is not None and self.over

    def _compare(self, step: Step) -> None:
        if highest(step, self.top, self.metric):
            self.top, self.worse = step, 0
        else:
            self.worse += 1
        assert self.top is not None
        if good_as(step, self.top, self.metric):
            self.step = step
            self._keep(self.average.present())

    def _keep(self, state: Mapping[str, Tensor]) -> None:
        self.state = {name: value.clone() for name, value in state.items()}

    def restore(self) -> None:
        """Put the best state back into the model, or what counts at the end where nothing was compared."""
        put(self.state or self.average.mean, self.parameters)

    def record(self) -> dict[str, Any]:
        """What it knows beside the tensors, as JSON. `here`: the best state is the present one."""
        steps = {"step": asdict(self.step) if self.step else None, "top": asdict(self.top) if self.top else None}
        return {**steps, "worse": self.worse, "here": self._here(), "average": self.average.record()}

    def tensors(self) -> dict[str, Tensor]:
        """The best state by `best/NAME`, where it is not the present one; the average's."""
        kept = {} if self._here() else {BEST + name: value for name, value in self.state.items()}
        return {**kept, **self.average.tensors()}

    def _here(self) -> bool:
        return bool(self.state) and all(torch.equal(self.parameters[name], value) for name, value in self.state.items())

    def resume(self, record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `record` and `tensors`; the present weights are in the model by now."""
        top = record.get("top", record["step"])  # a state that was saved before the two could differ holds one
        self.step, self.top = (Step(**found) if found else None for found in (record["step"], top))
        self.worse = record["worse"]
        self.state = {name: tensors[BEST + name].to(p.device) for name, p in self.parameters.items() if BEST + name in tensors}
        if record["here"]:
            self._keep({name: parameter.detach() for name, parameter in self.parameters.items()})
        self.average.resume(record["average"], tensors)
