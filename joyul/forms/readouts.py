"""From the outputs of a head to losses and predictions: one small readout for each type of target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from joyul.contracts import Batch, Prediction, Row, Setting, Task
from joyul.engine.device import to_device
from joyul.forms.rows import pad


@dataclass(frozen=True)
class Readout:
    """`targets` of rows as a tensor, `losses` of shape (rows,) in float32, and what the task reads off each row of `outputs`."""

    targets: Callable[[Sequence[Row], Task], Tensor]
    losses: Callable[[Tensor, Tensor, float], Tensor]
    outputs: Callable[[Tensor], Tensor]


def one_label(logits: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """Cross-entropy."""
    return functional.cross_entropy(logits, targets, reduction="none", label_smoothing=label_smoothing)


def many_labels(logits: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """Binary cross-entropy, the mean over the labels; smoothing moves both answers towards a half."""
    smooth = targets * (1 - label_smoothing) + label_smoothing / 2
    return functional.binary_cross_entropy_with_logits(logits, smooth, reduction="none").mean(dim=1)


def number(logits: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """Squared error. There is nothing to smooth."""
    return (logits.squeeze(-1) - targets) ** 2


def _members(rows: Sequence[Row], task: Task) -> Tensor:
    members = torch.zeros(len(rows), len(task.labels))
    for index, row in enumerate(rows):
        members[index, row.target] = 1.0
    return members


READOUTS = {
    "label": Readout(lambda rows, task: torch.tensor([row.target for row in rows]), one_label, lambda x: x.softmax(dim=-1)),
    "labels": Readout(_members, many_labels, torch.sigmoid),
    "number": Readout(lambda rows, task: torch.tensor([row.target for row in rows]), number, lambda x: x.squeeze(-1)),
}


def batch(rows: Sequence[Row], setting: Setting) -> Batch:
    """Rows as one padded batch on the device, with targets where all rows have one."""
    task = setting.task
    has_targets = all(row.target is not None for row in rows)
    return to_device(Batch(rows, pad(rows, setting), READOUTS[task.target_type].targets(rows, task) if has_targets else None))


def losses(logits: Tensor, targets: Tensor | None, task: Task, label_smoothing: float) -> Tensor:
    """The loss of each row in float32, shape (rows,)."""
    assert targets is not None, "rows without targets have no loss"
    return READOUTS[task.target_type].losses(logits.float(), targets, label_smoothing)


def predictions(logits: Tensor, task: Task) -> list[Prediction]:
    """The task's answer to each row's probabilities or number."""
    outputs = READOUTS[task.target_type].outputs(logits.float())
    return [task.answer(found) for found in outputs.cpu().tolist()]
