"""The head alone: the base is frozen, in evaluation mode. Nothing is inserted; `model/` holds the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import nn

from joyul.bases.anatomy import head_names, inner
from joyul.contracts import Architecture, Form, ParameterGroup
from joyul.messages import words
from joyul.methods.base import InPlace


class Head(InPlace):
    """Needs a Form that reads a head: label words and similarity have none."""

    name: ClassVar[str] = "head"

    def why_not(self, form: Form, architecture: Architecture) -> str | None:
        return None if form.auto_class.endswith("Classification") else words("method_needs_head", form=form.name)

    def moves(self, model: nn.Module) -> Sequence[ParameterGroup]:
        base = inner(model)
        named = dict(base.named_parameters())
        return [ParameterGroup("head", {name: named[name] for name in head_names(base)})]
