"""The gradient of a loss that ties all rows of an update together, in pieces: first their states, then back through each.

Pairs within an update are lost when it is cut. So the states of all pieces are computed without keeping anything, the loss and
its gradient are taken from them, and every piece is passed once more to hand its part of that gradient down (Gao et al., 2021,
"Scaling deep contrastive learning batch size under memory limited setup"). Exact: both passes draw the same dropout masks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from joyul.contracts import Batch, Form, Row


class Together(Protocol):
    """A Form whose loss reads all rows of an update at once."""

    @property
    def views(self) -> int:
        """How often every row is passed, each time with other dropout masks."""

    def collate(self, rows: Sequence[Row]) -> Batch:
        """Rows as one padded batch."""

    def states(self, model: nn.Module, batch: Batch) -> Tensor:
        """What the loss reads of each row, shape (rows, width)."""

    def together(self, states: Tensor, rows: Sequence[Row]) -> Tensor:
        """The loss of each row, shape (rows,), from the states of all views, shape (views * rows, width)."""


def ties(form: Form) -> Together | None:
    """The Form, where its loss ties rows together."""
    return form if getattr(form, "together", None) is not None else None  # type: ignore[return-value]


def accumulate_together(
    states: Callable[[Sequence[Row]], Tensor], mean: Callable[[Tensor, Sequence[Row]], Tensor], views: int,
    pieces: Sequence[Sequence[Row]], reseed: Callable[[], None],
) -> float:  # fmt: skip
    """Leave the gradient of `mean`, the loss of all rows from all their states, in what `states` passes; the loss as a number."""
    rows, passes = [row for piece in pieces for row in piece], [*pieces] * views
    reseed()
    if len(pieces) == 1:
        loss = mean(torch.cat([states(piece) for piece in passes]), rows)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()
    with torch.no_grad():
        kept = torch.cat([states(piece) for piece in passes])
    loss = mean(kept.requires_grad_(), rows)
    (gradient,) = torch.autograd.grad(loss, kept)
    reseed()
    for piece, part in zip(passes, torch.split(gradient, [len(piece) for piece in passes]), strict=True):
        states(piece).backward(part)  # type: ignore[no-untyped-call]
    return loss.item()
