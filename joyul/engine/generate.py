"""What a model writes on from a text, the likeliest token each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import nn

from joyul.bases.anatomy import inner
from joyul.engine.device import device

GREEDY = {"do_sample": False, "num_beams": 1, "temperature": None, "top_p": None, "top_k": None}


def written(model: nn.Module, ids: Sequence[int], most: int, pad: int) -> list[int]:
    """At most `most` tokens behind `ids` (causal), or in answer to them (encoder-decoder)."""
    model.eval()
    base = cast(Any, inner(model))
    given = torch.tensor([list(ids)], device=device())
    mask = torch.ones_like(given)
    with torch.no_grad():
        found = base.generate(input_ids=given, attention_mask=mask, max_new_tokens=most, pad_token_id=pad, **GREEDY)[0].tolist()
    return list(found if base.config.is_encoder_decoder else found[len(ids) :])
