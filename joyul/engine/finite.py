"""A loss that is no number stops everything: the rows are named, and no weight is changed by it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from joyul.contracts import Row
from joyul.errors import RunError, listing


class NonFiniteLoss(RunError):
    """A loss or gradient became infinite or NaN; no weight was changed in that step."""


def require_finite(losses: Tensor, rows: Sequence[Row]) -> None:
    """Raise NonFiniteLoss naming the rows whose loss is infinite or NaN."""
    finite = torch.isfinite(losses.detach()).tolist()
    if not all(finite):
        raise NonFiniteLoss("loss_not_finite", rows=listing(row.id for row, fine in zip(rows, finite, strict=True) if not fine))
