"""Prompt tuning (Lester et al., 2021): learned vectors beside the text, P-tuning (Liu et al., 2021): made by a network.

They stand in front of it, or (`position=after`) behind it, where a model that reads from left to right has read it already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from joyul.contracts import Architecture, Form
from joyul.engine.learned import Learned
from joyul.engine.placement import behind, entrance, placed, placement, unplaced
from joyul.engine.unpad import forget
from joyul.messages import words
from joyul.methods.initial import LABELS, vectors
from joyul.methods.learned import LearnedStage, fits

AFTER = "after"


@dataclass(frozen=True)
class SoftPrompt(LearnedStage):
    """Vectors beside the text, and the head. A base that has some already goes on with those."""

    def why_not(self, form: Form, architecture: Architecture) -> str | None:
        if self.settings.position != AFTER:
            return None
        if architecture != "decoder":
            return words("after_needs_causal")
        return words("after_not_for_tokens", task=form.setting.task.name) if form.setting.task.target_type == "tags" else None

    def insert(self, model: nn.Module, form: Form | None = None) -> nn.Module:
        if self.parts(model):
            return model
        start = vectors(model, form, self.room, self.settings.prompt_init or LABELS)
        if form is not None:
            fits(model, form, self.room)
        self._put(model, Learned(start, self.settings.reparametrisation or "none"), self.settings.position == AFTER)
        return model

    def parts(self, model: nn.Module) -> list[Learned]:
        found = placement(model)
        return [found.vectors] if found is not None and found.vectors is not None else []

    def shape(self, model: nn.Module) -> dict[str, Any]:
        part = self.parts(model)[0]
        return {"length": part.count, "through": part.through, **({"position": AFTER} if behind(model) else {})}

    def empty(self, model: nn.Module, shape: dict[str, Any]) -> None:
        table = entrance(model).get_input_embeddings()
        assert isinstance(table, nn.Embedding)
        start = torch.zeros(int(shape["length"]), table.embedding_dim, device=table.weight.device)
        self._put(model, Learned(start, shape["through"]), shape.get("position") == AFTER)

    def remove(self, model: nn.Module) -> None:
        found = placement(model)
        if found is not None:
            found.vectors, found.behind = None, False
            unplaced(model)
            forget(model)

    def _put(self, model: nn.Module, vectors: Learned, after: bool) -> None:
        place = placed(model)
        place.vectors, place.behind = vectors, after
        forget(model)
