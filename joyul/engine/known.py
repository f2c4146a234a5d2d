"""Keys and values that are there before a pass begins: the model goes on from them and keeps nothing of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import DynamicLayer


class _Known(DynamicLayer):  # type: ignore[no-untyped-call]
    """Those of one layer, shape (rows or 1, heads, length, size), before those of the pass."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lazy_initialization(keys, values)
        self.keys, self.values = self.known = keys, values

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        keys, values = (part.expand(len(key_states), -1, -1, -1) for part in self.known)
        return torch.cat([keys, key_states], dim=-2), torch.cat([values, value_states], dim=-2)


def known(layers: Iterable[tuple[Tensor, Tensor]]) -> Cache:
    """Keys and values of each layer, shape (rows, heads, length, size), or of one row for all of them."""
    return Cache(layers=[_Known(keys, values) for keys, values in layers])


def filled(cache: Any) -> list[tuple[Tensor, Tensor]]:
    """Keys and values of each layer as a pass has left them."""
    return [(layer.keys, layer.values) for layer in cache.layers]
