"""Part of the layers, or each at its own rate, or one after the other: what moves is told by depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from joyul.bases.anatomy import depths, inner, layer_list
from joyul.bases.pooling import pools
from joyul.contracts import Architecture, Form, ParameterGroup
from joyul.engine.learned import own_parameters
from joyul.errors import UsageError
from joyul.methods.base import InPlace


@dataclass(frozen=True)
class Layers(InPlace):
    """The top `top` layers, the norm behind them and the head. `decay` and `gradual` as in `by_depth` and `opened`."""

    top: int
    decay: float = 1.0
    gradual: bool = False
    name: ClassVar[str] = "layers"

    def why_not(self, form: Form, architecture: Architecture) -> str | None:
        return None

    def moves(self, model: nn.Module) -> Sequence[ParameterGroup]:
        return by_depth(model, lowest(model, self.top), self.decay)

    def at(self, groups: Sequence[ParameterGroup], done: int, total: int) -> Sequence[ParameterGroup]:
        return opened(groups, done, total) if self.gradual else groups


def lowest(model: nn.Module, top: int) -> int:
    """The depth of the lowest of the top layers of the base. Raises UsageError where there are fewer.

    A mean that was appended as a layer (`bases.pooling`) is none of them: it is the lowest part of the head.
    """
    layers = sum(not pools(layer) for layer in layer_list(model))
    if top > layers:
        raise UsageError("top_layers_too_many", found=str(top), layers=layers, model=inner(model).config.model_type)
    return layers - top + 1


def by_depth(model: nn.Module, least: int, decay: float) -> list[ParameterGroup]:
    """One group a depth from `least` up, the highest first.

    The head has the whole learning rate, each depth below it `decay` times that of the one above (Sun et al., 2019; with the
    head counted as in BEiT, Bao et al., 2021).
    """
    base, depth = inner(model), depths(model)
    named = own_parameters(base)
    highest = max(depth.values())
    groups = []
    for level in range(highest, least - 1, -1):
        mine = {name: named[name] for name, found in depth.items() if found == level and name in named}
        if mine:
            groups.append(ParameterGroup(f"depth {level}", mine, decay ** (highest - level)))
    return groups


def opened(groups: Sequence[ParameterGroup], done: int, total: int) -> Sequence[ParameterGroup]:
    """Gradual unfreezing from the top (Howard and Ruder, 2018): the first group moves from the start, the last from half-time on.

    Between them they open at equal distances; ULMFiT opens one an epoch, which a short run has not enough of.
    """
    below = len(groups) - 1
    return [group for number, group in enumerate(groups) if 2 * below * done >= number * total]
