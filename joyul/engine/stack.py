"""Many heads in the place of one: their weights lie one over the other, and the rows of each go through its own.

A pass over the model computes all of them: a layer that moves is one batched product. Heads stand in a grid of strands by places:
those of a strand read the same rows and drop the same units out, so what they read is computed once, up to the first layer that
moves. Behind it the rows lie strand by strand, head by head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from joyul.contracts import ParameterGroup
from joyul.engine.dropout import Masks

MOVING = (nn.Linear, nn.LayerNorm)  # layers that can be stacked


def stackable(model: nn.Module, groups: Sequence[ParameterGroup]) -> bool:
    """Whether all that moves belongs to layers that can be stacked, of which it is the whole."""
    layers = [(layer, _names(layer, groups)) for layer in _owners(model, groups)]
    whole = all(len(names) == len(list(layer.parameters())) for layer, names in layers)
    found = sorted(name for _, names in layers for name in names.values())
    return whole and found == sorted(name for group in groups for name in group.parameters)


class Stack:
    """`each` heads for each of `starts`, the weights by name that a strand's heads begin with.

    `weights` holds those of all heads by name, shape (strands, heads of each, *shape of the parameter).
    """

    def __init__(
        self, model: nn.Module, groups: Sequence[ParameterGroup], starts: Sequence[Mapping[str, Tensor]], each: int
    ) -> None:
        self.strands, self.each = len(starts), each
        self.weights = {
            name: torch.stack([start[name].detach() for start in starts]).unsqueeze(1).repeat_interleave(each, 1).requires_grad_()
            for group in groups for name in group.parameters
        }  # fmt: skip
        self._layers = [(layer, _names(layer, groups)) for layer in _owners(model, groups)]
        self._drops = [module for module in model.modules() if type(module) is nn.Dropout]
        self._counts: Sequence[int] = ()
        self._rows = 0
        self._masks: Sequence[Masks] = ()

    def of(self, strand: int, place: int) -> dict[str, Tensor]:
        """The weights of one head by name, as they are at any time."""
        return {name: stacked.detach()[strand, place] for name, stacked in self.weights.items()}

    def norms(self) -> Tensor:
        """The length of every head's gradient, shape (heads,)."""
        found = [torch.linalg.vector_norm(one.grad.flatten(2), dim=2) for one in self.weights.values() if one.grad is not None]
        whole: Tensor = torch.linalg.vector_norm(torch.stack(found), dim=0)
        return whole.flatten()

    @contextmanager
    def standing(self, counts: Sequence[int], seeds: Sequence[int] | None = None) -> Iterator[None]:
        """While open, the model answers for all heads; `counts` are the rows of each strand, all padded to the most of them.

        `seeds` start the dropout of each strand; none drops nothing out, beside what the modules themselves do.
        """
        self._counts, self._rows = counts, max(counts)
        self._masks = [Masks(seed) for seed in seeds or ()] if self._drops else []
        kinds: dict[type, Callable[..., Callable[[Tensor], Tensor]]] = {nn.Linear: self._linear, nn.LayerNorm: self._norm}
        stand_ins = [(layer, kinds[type(layer)](layer, names)) for layer, names in self._layers]
        stand_ins += [(module, self._dropout(module)) for module in self._drops] if seeds is not None else []
        before = [vars(module).get("forward") for module, _ in stand_ins]
        for module, forward in stand_ins:
            module.forward = forward
        try:
            yield
        finally:
            for (module, _), earlier in zip(stand_ins, before, strict=True):
                del module.forward
                if earlier is not None:
                    module.forward = earlier

    def spread(self, values: Tensor) -> Tensor:
        """One value a row of the strands as one a row of the heads: (strands * rows, ...) to (strands * heads * rows, ...)."""
        return values.view(self.strands, -1, *values.shape[1:]).repeat_interleave(self.each, 0).flatten(0, 1)

    def _linear(self, layer: nn.Linear, names: Mapping[str, str]) -> Callable[[Tensor], Tensor]:
        weight, bias = self.weights[names["weight"]], self.weights[names["bias"]] if "bias" in names else None

        def forward(states: Tensor) -> Tensor:
            shared = len(states) == self.strands * self._rows
            lead = (self.strands, self.each * layer.out_features) if shared else (self.strands * self.each, layer.out_features)
            lines = states.reshape(lead[0], -1, layer.in_features)
            wide = weight.reshape(*lead, layer.in_features).mT
            added = None if bias is None else bias.reshape(lead[0], 1, lead[1])
            answers = torch.bmm(lines, wide) if added is None else torch.baddbmm(added, lines, wide)
            if shared and self.each > 1:
                answers = answers.view(lead[0], -1, self.each, layer.out_features).transpose(1, 2)
            return answers.reshape(-1, *states.shape[1:-1], layer.out_features)

        return forward

    def _norm(self, layer: nn.LayerNorm, names: Mapping[str, str]) -> Callable[[Tensor], Tensor]:
        parts = [self.weights[names[part]] if part in names else None for part in ("weight", "bias")]

        def forward(states: Tensor) -> Tensor:
            normal = functional.layer_norm(states, layer.normalized_shape, None, None, layer.eps)
            each = 1 if len(states) == self.strands * self._rows else self.each
            answers = normal.reshape(self.strands, each, -1, states.shape[-1])
            weight, bias = (None if part is None else part.unsqueeze(2) for part in parts)
            answers = answers if weight is None else answers * weight
            answers = answers if bias is None else answers + bias
            return answers.reshape(-1, *states.shape[1:])

        return forward

    def _dropout(self, module: nn.Dropout) -> Callable[[Tensor], Tensor]:
        def forward(states: Tensor) -> Tensor:
            if not module.training or not module.p:
                return states
            factors = states.new_zeros(self.strands, 1, self._rows, *states.shape[1:])
            for place, (masks, count) in enumerate(zip(self._masks, self._counts, strict=True)):
                kept, scale = masks.kept(torch.Size((count, *states.shape[1:])), module.p)
                factors[place, 0, :count] = kept.to(states.dtype).mul_(scale)
            return (states.view(self.strands, -1, self._rows, *states.shape[1:]) * factors).view_as(states)

        return forward


def _owners(model: nn.Module, groups: Sequence[ParameterGroup]) -> list[nn.Module]:
    """The layers whose own parameters move."""
    return [layer for layer in model.modules() if type(layer) in MOVING and _names(layer, groups)]


def _names(layer: nn.Module, groups: Sequence[ParameterGroup]) -> dict[str, str]:
    """The names of a layer's own parameters that move, by what the layer calls them."""
    known = {id(parameter): name for group in groups for name, parameter in group.parameters.items()}
    return {part: known[id(own)] for part, own in layer.named_parameters(recurse=False) if id(own) in known}
