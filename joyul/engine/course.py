"""Where a stage's training stands between two updates: all that the loop needs to go on as if it had never stopped.

Dropout and the order of the rows are functions of (seed, stage, update) and (seed, epoch), the rate is one of the update: what is
left are the weights that move, the optimizer's moments, the buffers that training changes, and an update still to be evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from joyul.contracts import STANDARD_ERROR, ParameterGroup, Step

WEIGHT, BUFFER, MOMENT = "weight/", "buffer/", "moment/"


class Course:
    """`done` updates lie behind; `pending` is the last of them while its evaluation is not finished."""

    def __init__(
        self, model: nn.Module, groups: Sequence[ParameterGroup], done: int = 0, pending: Step | None = None,
        moments: Mapping[str, Tensor] | None = None,
    ) -> None:  # fmt: skip
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        moving = [parameter for group in groups for parameter in group.parameters.values()]
        self.done, self.pending = done, pending
        self._model, self._moments = model, dict(moments or {})
        self._parameters = {names[id(parameter)]: parameter for parameter in moving}
        self._optimizer: torch.optim.Optimizer | None = None

    def begin(self, optimizer: torch.optim.Optimizer) -> None:
        """Called by the loop once its optimizer is made: puts the moments back, where there are some."""
        self._optimizer = optimizer
        for key, value in self._moments.items():
            kind, _, name = key.removeprefix(MOMENT).partition("/")
            parameter = self._parameters[name]
            optimizer.state[parameter][kind] = value.to(parameter.device)
        self._moments = {}

    def evaluated(self, evaluate: Callable[[], Mapping[str, float]]) -> Step:
        """The pending Step with its scores."""
        assert self.pending is not None
        found = dict(evaluate())
        step = replace(self.pending, standard_error=found.pop(STANDARD_ERROR, None), valid=found)
        self.pending = None
        return step

    def tensors(self) -> dict[str, Tensor]:
        """Weights that move, persistent buffers and moments, by `weight/NAME`, `buffer/NAME` and `moment/KIND/NAME`."""
        found: dict[str, Tensor] = {WEIGHT + name: parameter.detach() for name, parameter in self._parameters.items()}
        found |= {BUFFER + name: buffer for name, buffer in buffers(self._model).items()}
        return {**found, **self._moments, **self._made()}

    def _made(self) -> dict[str, Tensor]:
        if self._optimizer is None:
            return {}
        states = {name: self._optimizer.state.get(parameter, {}) for name, parameter in self._parameters.items()}
        pairs = ((name, kind, value) for name, state in states.items() for kind, value in state.items())
        return {f"{MOMENT}{kind}/{name}": value for name, kind, value in pairs if isinstance(value, Tensor)}


def buffers(model: nn.Module) -> dict[str, Tensor]:
    """Buffers that belong to the model's state, each once."""
    kept = model.state_dict(keep_vars=True)
    return {name: buffer for name, buffer in model.named_buffers() if name in kept}


@torch.no_grad()
def restore(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put weights and buffers back by name. Raises KeyError for a name the model has not."""
    places: dict[str, Tensor] = {WEIGHT + name: parameter for name, parameter in model.named_parameters()}
    places |= {BUFFER + name: buffer for name, buffer in model.named_buffers()}
    for key, value in tensors.items():
        if key.startswith((WEIGHT, BUFFER)):
            places[key].copy_(value)
