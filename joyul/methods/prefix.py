"""Prefix tuning (Li and Liang, 2021), P-tuning v2 (Liu et al., 2022): learned keys and values in every layer, or in the top ones.

They start as the keys and values of real words, read by the base itself: on PEFT's board that is worth six points over zeros and
twenty-three over chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from joyul.bases.anatomy import inner, layer_list
from joyul.bases.pooling import pools
from joyul.contracts import Form
from joyul.engine.learned import Learned
from joyul.engine.placement import placed, placement, unplaced
from joyul.engine.prefixes import NAME, NO_ROOM, PART, Prefix, Seen, watched
from joyul.engine.unpad import forget
from joyul.errors import BaseModelError, DoesNotFit, UsageError
from joyul.methods.initial import LABELS, vectors
from joyul.methods.learned import LearnedStage, fits


@dataclass(frozen=True)
class PrefixTuning(LearnedStage):
    """Keys and values in front of those of the text in the top layers (None: all), and the head."""

    def insert(self, model: nn.Module, form: Form | None = None) -> nn.Module:
        if self.parts(model):
            return model
        if form is not None and not inner(model).config.is_encoder_decoder:
            fits(model, form, self.room)
        found = read(model, vectors(model, form, self.room, self.settings.prompt_init or LABELS))
        top = self.settings.top_layers or len(found)
        if top > len(found):
            raise UsageError("top_layers_too_many", found=str(top), layers=len(found), model=inner(model).config.model_type)
        for seen in found[len(found) - top :]:
            both = torch.cat([_flat(seen.keys), _flat(seen.values)], dim=1)
            self._put(seen.module, both, int(seen.keys.shape[0]), inner(model).config._attn_implementation)
        _ready(model, self.room)
        return model

    def parts(self, model: nn.Module) -> list[Learned]:
        return [part for module in _modules(model) if isinstance(part := getattr(module, PART, None), Prefix)]

    def shape(self, model: nn.Module) -> dict[str, Any]:
        parts, names = self.parts(model), {module: name for name, module in inner(model).named_modules()}
        owners = {getattr(module, PART, None): names[module] for module in _modules(model)}
        rows = [{"module": owners[p], "heads": p.heads, "width": int(p.start.shape[1])} for p in parts if isinstance(p, Prefix)]
        return {"length": parts[0].count, "through": parts[0].through, "modules": rows}

    def empty(self, model: nn.Module, shape: dict[str, Any]) -> None:
        base = inner(model)
        named = dict(base.named_modules())
        for row in shape["modules"]:
            if row["module"] not in named:
                raise DoesNotFit("prefix_no_module", found=row["module"], model=base.config.model_type)
            start = torch.zeros(int(shape["length"]), int(row["width"]), device=base.device)
            self._put(named[row["module"]], start, int(row["heads"]), base.config._attn_implementation, shape["through"])
        _ready(model, int(shape["length"]))

    def remove(self, model: nn.Module) -> None:
        if before := [part.attention for part in self.parts(model) if isinstance(part, Prefix)]:
            inner(model).set_attn_implementation(before[0])
        for module in _modules(model):
            if hasattr(module, PART):
                delattr(module, PART)
        if (found := placement(model)) is not None:
            found.before = 0
            unplaced(model)
        forget(model)

    def _put(self, module: nn.Module, start: Tensor, heads: int, attention: str, through: str | None = None) -> None:
        part = Prefix(start, through or self.settings.reparametrisation or "none")  # type: ignore[arg-type]
        part.heads, part.attention = heads, attention
        module.add_module(PART, part)


def _ready(model: nn.Module, length: int) -> None:
    """Attention with room for prefixes, and the text's positions behind them, where a model is told its positions."""
    base = inner(model)
    base.set_attn_implementation(NAME)
    placed(model).before = length
    forget(model)


def read(model: nn.Module, start: Tensor) -> list[Seen]:
    """The self-attention of each layer with the keys and values it makes of `start`, shape (count, width), from below.

    Raises DoesNotFit where attention cannot be exchanged, or has terms that are not written out for a prefix.
    """
    base = inner(model)
    if not base._can_set_attn_implementation():
        raise DoesNotFit("prefix_own_attention", model=base.config.model_type)
    halves = [base.get_encoder(), base.get_decoder()] if base.config.is_encoder_decoder else [base.base_model]  # type: ignore[no-untyped-call]
    modes = {module: module.training for module in base.modules()}
    nn.Module.eval(base)
    with torch.no_grad(), watched(base) as seen:
        for half in halves:
            half(inputs_embeds=start[None])
    for module, mode in modes.items():
        module.training = mode
    if any(one.options.get(term) is not None for one in seen for term in NO_ROOM):
        raise DoesNotFit("prefix_own_attention", model=base.config.model_type)
    found = [one for layer in _layers(model) for one in seen if any(one.module is part for part in layer.modules())]
    if not found:
        raise DoesNotFit("prefix_own_attention", model=base.config.model_type)
    for one in found:
        one.keys, one.values = one.keys[0, :, -len(start) :], one.values[0, :, -len(start) :]
    return found


def _layers(model: nn.Module) -> list[nn.Module]:
    """The layers with room for a prefix: one that only takes a mean has none."""
    return [layer for layer in layer_list(model) if not pools(layer)]


def _modules(model: nn.Module) -> list[nn.Module]:
    """Every module inside the layers, from below."""
    try:
        return [module for layer in layer_list(model) for module in layer.modules()]
    except BaseModelError:
        return []


def _flat(states: Tensor) -> Tensor:
    """(heads, count, size) to (count, heads * size)."""
    return states.transpose(0, 1).flatten(1)
