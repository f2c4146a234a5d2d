"""Prompt tuning (Lester et al., 2021): learned vectors in front of the text, P-tuning (Liu et al., 2021): made by a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from joyul.contracts import Form
from joyul.engine.learned import Learned
from joyul.engine.placement import entrance, placed, placement, unplaced
from joyul.engine.unpad import forget
from joyul.methods.initial import LABELS, vectors
from joyul.methods.learned import LearnedStage, fits


@dataclass(frozen=True)
class SoftPrompt(LearnedStage):
    """Vectors in front of the text, and the head. A base that has some already goes on with those."""

    def insert(self, model: nn.Module, form: Form | None = None) -> nn.Module:
        if self.parts(model):
            return model
        start = vectors(model, form, self.room, self.settings.prompt_init or LABELS)
        if form is not None:
            fits(model, form, self.room)
        placed(model).vectors = Learned(start, self.settings.reparametrisation or "none")
        forget(model)
        return model

    def parts(self, model: nn.Module) -> list[Learned]:
        found = placement(model)
        return [found.vectors] if found is not None and found.vectors is not None else []

    def shape(self, model: nn.Module) -> dict[str, Any]:
        part = self.parts(model)[0]
        return {"length": part.count, "through": part.through}

    def empty(self, model: nn.Module, shape: dict[str, Any]) -> None:
        table = entrance(model).get_input_embeddings()
        assert isinstance(table, nn.Embedding)
        start = torch.zeros(int(shape["length"]), table.embedding_dim, device=table.weight.device)
        placed(model).vectors = Learned(start, shape["through"])
        forget(model)

    def remove(self, model: nn.Module) -> None:
        found = placement(model)
        if found is not None:
            found.vectors = None
            unplaced(model)
            forget(model)
