"""Gradient checkpointing: activations are computed again on the way back instead of being kept (Chen et al., 2016)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from joyul.bases.anatomy import inner
from joyul.errors import DoesNotFit


def check(model: nn.Module) -> None:
    """Raise DoesNotFit for a model that has no place for it."""
    base = inner(model)
    if not base.supports_gradient_checkpointing:
        raise DoesNotFit("no_checkpointing", found=base.config.model_type)


@contextmanager
def recomputing(model: nn.Module) -> Iterator[None]:
    """Recompute layer by layer, without re-entering autograd: what is frozen below loses no gradient, dropout repeats itself."""
    base = inner(model)
    base.gradient_checkpointing_enable({"use_reentrant": False})  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        base.gradient_checkpointing_disable()  # type: ignore[no-untyped-call]
