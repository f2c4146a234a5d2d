"""The gradient of one update, added up over the micro-batches it is cut into, whatever their size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from joyul.contracts import Form, Row
from joyul.engine.batches import TOKEN_BUDGET, cut
from joyul.engine.device import accelerator, device
from joyul.engine.finite import require_finite
from joyul.errors import RunError

SIGNS = ("DefaultCPUAllocator", "bad_alloc", "not enough memory", "could not create a memory object")  # of a full memory


@dataclass
class Pieces:
    """How an update is cut: at most `budget` tokens and `most` rows at once; `padded`: padding is computed, so it counts."""

    most: int | None = None
    padded: bool = True
    budget: int = 0

    def __post_init__(self) -> None:
        self.budget = self.budget or TOKEN_BUDGET[device().type]

    def of(self, rows: Sequence[Row]) -> list[list[Row]]:
        """The micro-batches of an update."""
        return cut(rows, self.budget, self.most, self.padded)

    def halve(self, rows: Sequence[Row]) -> None:
        """Smaller pieces from now on. Raises RunError when a single row does not fit."""
        largest = max(self.of(rows), key=len)
        if len(largest) == 1:
            raise RunError("out_of_memory", row=largest[0].id, tokens=largest[0].length)
        self.most = len(largest) // 2


def accumulate(
    model: nn.Module, form: Form, rows: Sequence[Row], pieces: Pieces, precision: str = "fp32", label_smoothing: float = 0.0
) -> float:
    """Leave the gradient of the mean loss over `rows` in the parameters; the loss as a number.

    Out of memory, the update starts again in smaller pieces (a backward pass that broke off has added part of its gradient): the
    sum stays that of the same rows. Raises NonFiniteLoss naming the rows, RunError when a single row does not fit.
    """
    while True:
        try:
            return _summed(model, form, rows, pieces, precision, label_smoothing)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
        model.zero_grad(set_to_none=True)
        pieces.halve(rows)
        if device().type == "cuda":
            torch.cuda.empty_cache()


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory was full."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(sign in str(error) for sign in SIGNS)


def _summed(
    model: nn.Module, form: Form, rows: Sequence[Row], pieces: Pieces, precision: str, label_smoothing: float
) -> float:
    total = sum(row.weight * row.units for row in rows)
    summed = 0.0
    for piece in pieces.of(rows):
        with torch.autocast(device().type, torch.bfloat16, enabled=precision == "bf16"):
            losses = form.losses(model, form.collate(piece), label_smoothing)
        weights = torch.tensor([row.weight for row in piece], device=losses.device)
        require_finite(losses, piece)
        loss = (losses.float() * weights).sum() / total
        accelerator().backward(loss)
        summed += loss.item()
    return summed
