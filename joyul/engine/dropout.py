"""Dropout whose masks cost little: sixteen random bits an element from one fast stream, instead of a number for each.

Drawn by torch on a CPU, the masks of a small encoder take longer than a quarter of its matrix products (LOG.md). The masks are
a function of the seed given to `reseed` and of the order of the calls, and the same on every machine.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from joyul.engine.layout import Span

LEVELS = 1 << 16  # probabilities are rounded to multiples of 1/65536; the scale is that of the rounded one
Kept = tuple[Tensor, float]  # which elements stay, and what they are multiplied with, so that the mean stays


class Source(Protocol):
    """What masks come from."""

    def kept(self, shape: torch.Size, share: float) -> Kept:
        """A mask that takes about `share` of the elements away."""

    def attended(self, spans: Sequence[Span], heads: int, before: int, share: float) -> list[Kept]:
        """Masks of attention in rectangles of rows, of shape (rows, heads, length, `before` + length) each."""


class Masks(threading.local):
    """A stream of dropout masks; every thread has its own."""

    def __init__(self, seed: int = 0) -> None:
        self._other: Source | None = None
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Start the stream that belongs to `seed`."""
        self._bits = np.random.SFC64(seed)

    def kept(self, shape: torch.Size, share: float) -> Kept:
        """As `Source` says."""
        if self._other is not None:
            return self._other.kept(shape, share)
        level, count = round(share * LEVELS), shape.numel()
        words = self._bits.random_raw(-(-count // 4))
        bits = torch.from_numpy(words.view(np.int16)[:count]).view(shape)
        return bits >= level - LEVELS // 2, LEVELS / (LEVELS - level)

    def attended(self, spans: Sequence[Span], heads: int, before: int, share: float) -> list[Kept]:
        """As `Source` says."""
        if self._other is not None:
            return self._other.attended(spans, heads, before, share)
        return [self.kept(torch.Size((span.rows, heads, span.length, before + span.length)), share) for span in spans]

    @contextmanager
    def drawn_by(self, other: Source) -> Iterator[None]:
        """While open, the masks of this thread come from there."""
        self._other = other
        try:
            yield
        finally:
            self._other = None

    def drop(self, states: Tensor, share: float) -> Tensor:
        """`states` with about `share` of its elements at zero."""
        return dropped(states, self.kept(states.shape, share))


def dropped(states: Tensor, mask: Kept) -> Tensor:
    """`states` with the elements at zero that do not stay."""
    kept, scale = mask
    return states * kept.to(states.dtype).mul_(scale)


MASKS = Masks()


def reseed(seed: int, lane: int = 0) -> None:
    """Start every stream of random numbers of a training step: this thread's own, and in the first lane torch's."""
    MASKS.reseed(seed)
    if lane:
        return
    torch.default_generator.manual_seed(seed)  # torch.manual_seed also writes down the call stack: half a millisecond
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)


@contextmanager
def quick_dropout(model: nn.Module) -> Iterator[None]:
    """While open, the Dropout modules of a model on the CPU draw from `MASKS`; elsewhere nothing changes."""
    modules = [module for module in model.modules() if type(module) is nn.Dropout and "forward" not in vars(module)]
    on_cpu = all(parameter.device.type == "cpu" for parameter in model.parameters())
    # what computes its activations twice has to draw the same masks twice: torch puts its own generator back, not ours
    on_cpu = on_cpu and not any(getattr(module, "gradient_checkpointing", False) for module in model.modules())
    for module in modules if on_cpu else ():
        module.forward = _forward(module)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for module in modules if on_cpu else ():
            del module.forward


def _forward(module: nn.Dropout):  # type: ignore[no-untyped-def]
    def forward(states: Tensor) -> Tensor:
        return MASKS.drop(states, module.p) if module.training and module.p else states

    return forward
