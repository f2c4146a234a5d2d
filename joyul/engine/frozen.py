"""How much of a model lies below everything that moves: what is the same for a row in every epoch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from joyul.bases.anatomy import depths, head_names, inner, reading_layers
from joyul.bases.facts import Moving
from joyul.contracts import Form, ParameterGroup
from joyul.engine.placement import placement
from joyul.errors import BaseModelError

TOLERANCE = 1e-5  # of the largest output, fp32


def frozen_layers(model: nn.Module, groups: Sequence[ParameterGroup]) -> int:
    """How many of the layers that read the text lie below everything that moves.

    0 where something moves outside of layers and head, or where layers cannot be told apart.
    """
    if not groups:  # nor is there a model of its own behind an endpoint
        return 0
    base = inner(model)
    placed = placement(model)
    if placed is not None and placed.count:  # the states of a row are not those of its own tokens
        return 0
    moving = {id(parameter) for group in groups for parameter in group.parameters.values()}
    try:
        known = depths(model)
        count = len(reading_layers(base))
    except BaseModelError:
        return 0
    if not moving <= {id(parameter) for parameter in base.parameters()}:
        return 0
    lowest = min((known[name] for name, parameter in base.named_parameters() if id(parameter) in moving), default=count + 1)
    return min(max(0, lowest - 1), count)


def why_unknown(model: nn.Module, groups: Sequence[ParameterGroup]) -> str | None:
    """The reason the layers below a head that moves alone cannot be told apart; None where they can, or where more moves."""
    if not groups:
        return None
    base = inner(model)
    head, named = set(head_names(base)), {id(parameter): name for name, parameter in base.named_parameters()}
    if not all(named.get(id(p)) in head for group in groups for p in group.parameters.values()):
        return None
    try:
        reading_layers(base)
    except BaseModelError as error:
        return str(error)
    return None


def moved(model: nn.Module, groups: Sequence[ParameterGroup]) -> Moving:
    """How much these groups are, and how much of the model lies below them."""
    return Moving(sum(p.numel() for group in groups for p in group.parameters.values()), frozen_layers(model, groups))


def digest(model: nn.Module, form: Form, frozen: Mapping[str, nn.Parameter]) -> str:
    """Of all that stored states depend on beside the row: frozen weights, and how rows become tokens."""
    setting = form.setting
    said = None if getattr(form, "reads_text_alone", False) else (form.name, form.spec())
    found = hashlib.blake2b(repr((said, setting.max_length, setting.tokenizer.name_or_path)).encode())
    placed = placement(model)
    found.update(str(placed.before if placed else 0).encode())  # where the text's positions begin
    for name, parameter in frozen.items():
        found.update(name.encode() + parameter.detach().cpu().contiguous().view(torch.uint8).numpy().data)
    return found.hexdigest()
