"""Full fine-tuning: every weight moves. Nothing is inserted; `model/` holds the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import nn

from joyul.contracts import Architecture, Form, ParameterGroup
from joyul.methods.base import InPlace


class Full(InPlace):
    """Fits every task, form and architecture that gives a loss."""

    name: ClassVar[str] = "full"

    def why_not(self, form: Form, architecture: Architecture) -> str | None:
        return None

    def moves(self, model: nn.Module) -> Sequence[ParameterGroup]:
        return [ParameterGroup("all", dict(model.named_parameters()))]
