"""Predictions and scores of rows, in fp32, in pieces no larger than training computes at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from joyul.contracts import STANDARD_ERROR, Batch, Form, Prediction, Row, Task
from joyul.engine.batches import TOKEN_BUDGET, Cut, cut, mixed
from joyul.engine.device import device
from joyul.engine.finite import require_finite
from joyul.engine.once import once
from joyul.engine.opening import opened
from joyul.engine.unpad import unpadded
from joyul.notes import Notes
from joyul.shortage import out_of_memory

Found = TypeVar("Found")

NORMAL_95 = 1.96  # standard errors that a 95 % interval reaches to a side


def predict(
    model: nn.Module, form: Form, rows: Sequence[Row], notes: Notes | None = None, most: int | None = None
) -> list[Prediction]:
    """One Prediction a row, in the order of `rows`.

    Only predictions are kept, never outputs, so that evaluation takes no more memory than a training step.
    """
    found = computed(model, form, rows, lambda: form.reader(model), notes, most)
    without = [row.id for row, prediction in zip(rows, found, strict=True) if _numberless(prediction)]
    (notes or Notes()).rows("rows_without_answer", without)
    return found


def computed(
    model: nn.Module, form: Form, rows: Sequence[Row], reader: Callable[[], Callable[[Batch], Iterable[Found]]],
    notes: Notes | None = None, most: int | None = None,
) -> list[Found]:  # fmt: skip
    """What the function that `reader` makes finds for each row of a batch, in the order of `rows`."""
    model.eval()
    found: list[Found] = []
    with torch.no_grad(), _lean(model, form, rows, most) as pieces:
        read = reader()
        for piece in (notes or Notes()).track(pieces, "predicting", len(pieces)):
            for _, answers in _halved(piece, lambda part: read(form.collate(part))):
                found += answers
    return pieces.in_order(found)


def _numberless(prediction: Prediction) -> bool:
    """Whether the model gave no number; an answer that is withheld has its probability."""
    return prediction.value is None and prediction.score is None and prediction.reason is None


def _halved(piece: Sequence[Row], compute: Callable[[Sequence[Row]], Found]) -> Iterator[tuple[Sequence[Row], Found]]:
    """What is computed of a piece; where memory is full, of its halves, down to single rows."""
    try:
        found = compute(piece)
    except (MemoryError, RuntimeError) as error:
        if len(piece) == 1 or not out_of_memory(error):
            raise
    else:
        yield piece, found
        return
    middle = len(piece) // 2
    yield from _halved(piece[:middle], compute)
    yield from _halved(piece[middle:], compute)


@contextmanager
def _lean(model: nn.Module, form: Form, rows: Sequence[Row], most: int | None) -> Iterator[Cut]:
    """Rows cut into what is computed at once; while open, what they share is read once, or else no padding is read.

    A linear model has no layers, and where `engine.trunk` puts states in (`spliced`) nothing before them is read.
    """
    budget = TOKEN_BUDGET[device().type]
    if not any(isinstance(module, PreTrainedModel) for module in model.modules()):
        yield cut(rows, budget, most)
        return
    example = form.collate(mixed(rows)) if rows else None
    with opened(model, () if getattr(form, "spliced", False) else rows, example) as known:
        if known:
            yield cut(rows, budget, most, known=known)
            return
        with unpadded(model, example.inputs if example else None) as lean:
            yield cut(rows, budget, most, padded=not lean)


@dataclass(frozen=True)
class Evaluation:
    """`metrics` are the task's scores of `predictions` against `targets` (all decoded)."""

    targets: list[Any]
    predictions: list[Prediction]
    metrics: dict[str, float]

    def standard_error(self, task: Task) -> float:
        """Of the score that choices are made by, downwards: how far its 95 % interval reaches below it, over 1.96.

        Wilson's interval of a share is wide on this side even where every row is right.
        """
        low = task.intervals(self.targets, [prediction.value for prediction in self.predictions])[task.metric][0]
        return max(0.0, self.metrics[task.metric] - low) / NORMAL_95


def evaluate(
    model: nn.Module, form: Form, rows: Sequence[Row], notes: Notes | None = None, most: int | None = None
) -> Evaluation:
    """Predict rows that have targets and score them."""
    return _scored(form.setting.task, rows, predict(model, form, rows, notes, most))


def _scored(task: Task, rows: Sequence[Row], predictions: list[Prediction]) -> Evaluation:
    targets = [task.decode(row.target) for row in rows]
    return Evaluation(targets, predictions, task.metrics(targets, [prediction.value for prediction in predictions]))


def judge(model: nn.Module, form: Form, rows: Sequence[Row], most: int | None = None) -> tuple[Evaluation, float]:
    """What `evaluate` says and the mean loss over all units, dropout off, in one pass where both ask the model for the same.

    Raises NonFiniteLoss, naming the rows.
    """
    model.eval()
    answers, summed = list[Prediction](), 0.0
    with torch.no_grad(), _lean(model, form, rows, most) as pieces, once(model):
        read = form.reader(model)

        def both(part: Sequence[Row]) -> tuple[list[Prediction], Tensor]:
            batch = form.collate(part)
            return read(batch), form.losses(model, batch)

        for piece in pieces:
            for part, (found, losses) in _halved(piece, both):
                require_finite(losses, part)
                answers += found
                summed += losses.sum().item()
    return _scored(form.setting.task, rows, pieces.in_order(answers)), summed / sum(row.units for row in rows)


def validator(model: nn.Module, form: Form, rows: Sequence[Row], most: int | None = None) -> Callable[[], dict[str, float]]:
    """What the loop calls at the end of an epoch: the task's scores, the loss, and the chosen score's `STANDARD_ERROR`."""

    def validate() -> dict[str, float]:
        found, loss = judge(model, form, rows, most)
        return {**found.metrics, "loss": loss, STANDARD_ERROR: found.standard_error(form.setting.task)}

    return validate
