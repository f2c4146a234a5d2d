"""A Form as a sentence encoder: what its head reads of a row, drawn together for rows that belong together, apart for others.

Rows of one label belong together (Khosla et al., 2020, "Supervised contrastive learning"), or a row with itself under other
dropout masks (Gao et al., 2021, "SimCSE").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from joyul.bases.anatomy import without
from joyul.contracts import Batch, Form, Row

By = Literal["labels", "dropout"]


class Pairs:
    """The Form `inside` to train by all pairs of an update; what is not said here is as there.

    `temperature` divides the cosines: the lower, the more the nearest rows count.
    """

    def __init__(self, inside: Form, head: str, by: By, temperature: float) -> None:
        self.inside, self.head, self.by, self.temperature = inside, head, by, temperature

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inside, name)

    @property
    def views(self) -> int:
        """How often every row is passed."""
        return 1 if self.by == "labels" else 2

    def states(self, model: nn.Module, batch: Batch) -> Tensor:
        """What the layer `head` reads of each row, shape (rows, width)."""
        with without(model, self.head):
            found: Tensor = model(**batch.inputs).logits
        return found

    def together(self, states: Tensor, rows: Sequence[Row]) -> Tensor:
        """The loss of each row, shape (rows,)."""
        if self.by == "dropout":
            first, second = states.chunk(2)
            return simcse(first, second, self.temperature)
        return supervised(states, torch.tensor([row.target for row in rows], device=states.device), self.temperature)

    def losses(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        """The same for a batch that is a whole update."""
        states = torch.cat([self.states(model, batch) for _ in range(self.views)])
        return self.together(states.float(), batch.rows)


def supervised(states: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """The loss of each row, shape (rows,), from states (rows, width) and labels (rows,): L_out of Khosla et al. (2020), eq. 2.

    The mean of -log softmax(cosine / temperature) over the others of its label, among all others; 0 for a row without such.
    """
    near = functional.normalize(states, dim=-1)
    itself = torch.eye(len(near), dtype=torch.bool, device=near.device)
    logits = (near @ near.T / temperature).masked_fill(itself, -torch.inf)
    shares = (logits - logits.logsumexp(dim=1, keepdim=True)).masked_fill(itself, 0.0)
    same = (labels[:, None] == labels[None, :]) & ~itself
    return -(shares * same).sum(dim=1) / same.sum(dim=1).clamp(min=1)


def simcse(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """The loss of each row, shape (rows,), from two views of shape (rows, width): eq. 1 of Gao et al. (2021)."""
    one, other = functional.normalize(first, dim=-1), functional.normalize(second, dim=-1)
    return functional.cross_entropy(one @ other.T / temperature, torch.arange(len(one), device=one.device), reduction="none")
