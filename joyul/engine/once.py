"""A model that is asked twice for the same rows passes them once: validation wants their answers and their losses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


@contextmanager
def once(model: nn.Module) -> Iterator[None]:
    """While open, the model gives its last outputs again when it is given the very same tensors, unchanged, again.

    For inference only: what would have moved between two calls (weights, dropout) must stand still.
    """
    plain, own = model.forward, "forward" in vars(model)
    known: dict[str, Tensor] = {}
    outputs: Any = None

    def forward(*args: Any, **inputs: Any) -> Any:
        nonlocal known, outputs
        if args or not known or not _same(known, inputs):
            outputs = plain(*args, **inputs)
            known = {} if args else inputs
        return outputs

    model.forward = forward
    try:
        yield
    finally:
        if own:
            model.forward = plain
        else:
            del model.forward


def _same(known: dict[str, Any], inputs: dict[str, Any]) -> bool:
    return known.keys() == inputs.keys() and all(known[name] is value for name, value in inputs.items())
