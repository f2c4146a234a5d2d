"""What a stage does unless it says otherwise: it inserts nothing and leaves the Form as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from torch import nn

from joyul.contracts import Form, ParameterGroup, Row


class InPlace:
    """A stage whose whole result is in the transformers model, or in the Form."""

    trains: ClassVar[bool] = True
    self_contained: ClassVar[bool] = False

    def forms(self, form: Form) -> Sequence[Form]:
        return ()

    def further(self, model: nn.Module, best: Form, done: int) -> Sequence[Form | Callable[..., Form]] | None:
        return None

    def insert(self, model: nn.Module, form: Form | None = None) -> nn.Module:
        return model

    def moves(self, model: nn.Module) -> Sequence[ParameterGroup]:
        return ()

    def at(self, groups: Sequence[ParameterGroup], done: int, total: int) -> Sequence[ParameterGroup]:
        return groups

    def aim(self, model: nn.Module, form: Form) -> Form:
        return form

    def settle(self, model: nn.Module, form: Form, train: Sequence[Row], valid: Sequence[Row], seed: int) -> None:
        return None

    def save(self, model: nn.Module, folder: Path) -> None:
        return None

    def load(self, model: nn.Module, folder: Path) -> nn.Module:
        return model

    def plain(self, model: nn.Module) -> nn.Module:
        return model

    def merged(self, model: nn.Module) -> nn.Module | None:
        return model
