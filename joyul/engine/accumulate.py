"""The gradient of one update, added up over the micro-batches it is cut into, whatever their size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from joyul.contracts import Form, Row
from joyul.engine.batches import TOKEN_BUDGET, cut
from joyul.engine.device import device
from joyul.engine.finite import require_finite
from joyul.engine.lanes import Lanes
from joyul.engine.together import Together, accumulate_together, ties
from joyul.errors import RunError
from joyul.shortage import out_of_memory

Gradient = Sequence[Tensor | None]  # one a parameter


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
        return list(cut(rows, self.budget, self.most, self.padded))

    def size(self, rows: Sequence[Row]) -> int:
        """Tokens that a micro-batch of these rows computes."""
        lengths = [row.length for row in rows]
        return len(lengths) * max(lengths) if self.padded else sum(lengths)

    def halve(self, rows: Sequence[Row]) -> None:
        """Smaller pieces from now on. Raises RunError when a single row does not fit."""
        largest = max(self.of(rows), key=len)
        if len(largest) == 1:
            raise RunError("out_of_memory", row=largest[0].id, tokens=largest[0].length)
        self.most = len(largest) // 2


def accumulate(
    model: nn.Module, form: Form, rows: Sequence[Row], pieces: Pieces, precision: str = "fp32", label_smoothing: float = 0.0,
    lanes: Lanes | None = None, reseed: Callable[[int], None] = lambda lane: None,
) -> float:  # fmt: skip
    """Leave the gradient of the mean loss over `rows` in the parameters; the loss as a number.

    `reseed(lane)` starts the random numbers of a lane. Out of memory, the update starts again in smaller pieces (a backward pass
    that broke off has added part of its gradient): the sum stays that of the same rows. Raises NonFiniteLoss naming the rows,
    RunError when a single row does not fit.
    """
    total = sum(row.weight * row.units for row in rows)
    tied = ties(form)
    dealt = lanes.deal(rows) if lanes else [list(rows)]

    def loss_of(piece: Sequence[Row]) -> Tensor:
        with arithmetic(precision):
            losses = form.losses(model, form.collate(piece), label_smoothing)
        require_finite(losses, piece)
        return share(losses, piece, total)

    while True:
        try:
            if tied is not None:
                return _together(model, tied, pieces.of(rows), precision, total, partial(reseed, 0))
            if lanes is None or len(dealt) == 1:
                reseed(0)
                return _here(loss_of, pieces.of(rows))
            return _apart(loss_of, [pieces.of(part) for part in dealt], model, lanes, reseed)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
        model.zero_grad(set_to_none=True)
        pieces.halve(rows)
        if device().type == "cuda":
            torch.cuda.empty_cache()


def arithmetic(precision: str) -> torch.autocast:
    """While open, what `precision` says is computed so."""
    return torch.autocast(device().type, torch.bfloat16, enabled=precision == "bf16")


def share(losses: Tensor, rows: Sequence[Row], total: float) -> Tensor:
    """What `rows` add to the mean loss of the update, whose rows weigh `total` in all."""
    weights = torch.tensor([row.weight for row in rows], device=losses.device)
    return (losses.to(torch.promote_types(losses.dtype, torch.float32)) * weights).sum() / total


def _together(
    model: nn.Module, form: Together, pieces: Sequence[Sequence[Row]], precision: str, total: float, reseed: Callable[[], None]
) -> float:
    def states(piece: Sequence[Row]) -> Tensor:
        with arithmetic(precision):
            found = form.states(model, form.collate(piece))
        return found.to(torch.promote_types(found.dtype, torch.float32))

    def loss(found: Tensor, rows: Sequence[Row]) -> Tensor:
        losses = form.together(found, rows)
        require_finite(losses, rows)
        return share(losses, rows, total)

    return accumulate_together(states, loss, form.views, pieces, reseed)


def _here(loss_of: Callable[[Sequence[Row]], Tensor], pieces: Sequence[Sequence[Row]]) -> float:
    summed = 0.0
    for piece in pieces:
        loss = loss_of(piece)
        loss.backward()  # type: ignore[no-untyped-call]
        summed += loss.item()
    return summed


def _apart(
    loss_of: Callable[[Sequence[Row]], Tensor], dealt: Sequence[Sequence[Sequence[Row]]], model: nn.Module, lanes: Lanes,
    reseed: Callable[[int], None],
) -> float:  # fmt: skip
    """The same, the pieces of every lane in a thread of its own; gradients are added in the order of the lanes."""
    moving = [parameter for parameter in model.parameters() if parameter.requires_grad]

    def lane(number: int) -> tuple[float, Gradient]:
        reseed(number)
        summed = 0.0
        found: Gradient = [None] * len(moving)
        for piece in dealt[number]:
            loss = loss_of(piece)
            found = added(found, torch.autograd.grad(loss, moving, allow_unused=True))
            summed += loss.item()
        return summed, found

    done = lanes.each([partial(lane, number) for number in range(len(dealt))])
    whole: Gradient = [None] * len(moving)
    for _, gradient in done:
        whole = added(whole, gradient)
    for parameter, found in zip(moving, whole, strict=True):
        parameter.grad = found
    return sum(loss for loss, _ in done)


def added(first: Gradient, second: Gradient) -> Gradient:
    """The sum of two gradients, in the memory of the first; None where both are."""
    both = [(one, other) for one, other in zip(first, second, strict=True) if one is not None and other is not None]
    if both:
        torch._foreach_add_([one for one, _ in both], [other for _, other in both])
    return [other if one is None else one for one, other in zip(first, second, strict=True)]
