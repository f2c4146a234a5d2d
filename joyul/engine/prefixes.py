"""Learned keys and values in front of a layer's own (Li and Liang, 2021; Liu et al., 2022), without a cache.

They are joined to the keys and values where attention is computed, so that it works wherever transformers lets attention be
exchanged, encoders included; with `generate` they never enter the cache. Every token may read all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from joyul.engine.learned import Learned, taken

NAME, PART = "joyul_prefix", "learned_prefix"
NO_ROOM = ("softcap", "s_aux")  # terms of attention that are not written out here


def prefix(module: nn.Module) -> tuple[Tensor, Tensor] | None:
    """The learned keys and values of an attention module, each of shape (rows or 1, key heads, count, size); None: none there."""
    learned = getattr(module, PART, None)
    if learned is None:
        return None
    keys, values = learned().unflatten(-1, (2, learned.heads, -1)).movedim(-3, 0).transpose(-3, -2)
    return (keys, values) if keys.ndim == 4 else (keys[None], values[None])


class Prefix(Learned):
    """The prefix of one attention module; `start` has shape (count, 2 * heads * size), keys before values."""

    heads: int = 1
    attention: str = "sdpa"  # what computed attention before


def prefix_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None,
    dropout: float = 0.0, scaling: float | None = None, **options: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    """transformers' attention interface: torch's fused attention over the prefix and what was there before."""
    found = prefix(module)
    if found is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **options)
    keys, values = (part.to(key.dtype).expand(len(key), -1, -1, -1) for part in found)
    count = keys.shape[2]
    causal = bool(getattr(module, "is_causal", True)) if options.get("is_causal") is None else bool(options["is_causal"])
    mask = widened(attention_mask, count, causal and query.shape[2] > 1, query.shape[2], key)
    if options.get("position_bias") is not None:
        options["position_bias"] = functional.pad(options["position_bias"], (count, 0))
    options["is_causal"] = False
    return sdpa_attention_forward(
        module, query, torch.cat([keys, key], dim=2), torch.cat([values, value], dim=2), mask, dropout, scaling, **options
    )


def widened(mask: Tensor | None, count: int, causal: bool, queries: int, key: Tensor) -> Tensor | None:
    """A mask over the keys, with `count` columns more in front that all may read, as far as they hold something."""
    real = taken(count)
    if mask is None and not causal and real is None:
        return None
    if mask is None:
        length = key.shape[2]
        mask = torch.ones(queries, length, dtype=torch.bool, device=key.device)[None, None]
        mask = mask.tril(length - queries) if causal else mask
    wide = functional.pad(mask, (count, 0), value=True if mask.dtype == torch.bool else 0.0)
    return wide if real is None else hidden(wide, real)


def hidden(mask: Tensor, real: Tensor) -> Tensor:
    """A mask, or what is added to scores, with the first columns out of sight where `real`, shape (rows, count), says so."""
    out = functional.pad(~real[:, None, None, :], (0, mask.shape[-1] - real.shape[1]), value=False)
    return mask.masked_fill(out, False if mask.dtype == torch.bool else torch.finfo(mask.dtype).min)


@dataclass
class Seen:
    """What an attention module was given: keys and values of shape (rows, key heads, tokens, size)."""

    module: nn.Module
    keys: Tensor
    values: Tensor
    options: dict[str, Any]


class _Watch:
    """Who watches attention modules at work, while somebody does."""

    seen: list[Seen] | None = None


@contextmanager
def watched(base: PreTrainedModel) -> Iterator[list[Seen]]:
    """While open, every self-attention of a pass over `base` is written down."""
    before = base.config._attn_implementation
    base.set_attn_implementation(f"{NAME}_watched")
    _Watch.seen = []
    try:
        yield _Watch.seen
    finally:
        _Watch.seen = None
        base.set_attn_implementation(before)


def _watch(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, *args: Any, **options: Any) -> tuple[Tensor, None]:
    if _Watch.seen is not None:
        _Watch.seen.append(Seen(module, key.detach(), value.detach(), options))
    return prefix_attention(module, query, key, value, *args, **options)


AttentionInterface.register(NAME, prefix_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
AttentionInterface.register(f"{NAME}_watched", _watch)
AttentionMaskInterface.register(f"{NAME}_watched", sdpa_mask)
