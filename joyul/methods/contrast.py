"""Contrastive fine-tuning of a sentence encoder, then a head in closed form: much from few labels (Tunstall et al., 2022).

SetFit, theirs, draws pairs and passes both rows of each; here a row is passed once an update and stands in pairs with all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from joyul.bases.anatomy import head_names, inner, last_linear, layer_list
from joyul.bases.pooling import pools
from joyul.contracts import Architecture, Form, ParameterGroup, Row
from joyul.engine.learned import own_parameters
from joyul.errors import BaseModelError
from joyul.forms.pairs import By, Pairs
from joyul.messages import words
from joyul.methods.base import InPlace
from joyul.methods.fitted import fit_head


@dataclass(frozen=True)
class Contrast(InPlace):
    """Needs a Form that reads a head; labelled pairs (`by`) need one label a row."""

    by: By = "labels"
    temperature: float = 0.1
    name: ClassVar[str] = "contrast"

    def why_not(self, form: Form, architecture: Architecture) -> str | None:
        if not form.auto_class.endswith("SequenceClassification"):
            return words("method_needs_head", form=form.name)
        paired = self.by == "dropout" or form.setting.task.target_type == "label"
        return None if paired else words("pairs_need_label", task=form.setting.task.name)

    def aim(self, model: nn.Module, form: Form) -> Form:
        return Pairs(form, _head(model), self.by, self.temperature)  # type: ignore[return-value]

    def moves(self, model: nn.Module) -> Sequence[ParameterGroup]:
        """All that the state is made of: not the layer that reads it, nor a mean that was appended, nor what passes that on."""
        fixed = {id(p) for p in model.get_submodule(_head(model)).parameters()}
        appended = _appended(model)
        if appended is not None:
            named, heads = dict(inner(model).named_parameters()), head_names(inner(model))
            fixed |= {id(p) for p in (*appended.parameters(), *(named[name] for name in heads))}
        return [ParameterGroup("encoder", {name: p for name, p in own_parameters(model).items() if id(p) not in fixed})]

    def settle(self, model: nn.Module, form: Form, train: Sequence[Row], valid: Sequence[Row], seed: int) -> None:
        fit_head(model, form, _head(model), train, valid, seed)


def _head(model: nn.Module) -> str:
    """The layer that makes the logits. Raises BaseModelError where no linear one does."""
    name = last_linear(model)
    if name is None:
        raise BaseModelError("no_linear_head", found=inner(model).config.model_type)
    return name


def _appended(model: nn.Module) -> nn.Module | None:
    """The mean as a layer, where one was appended (`bases.pooling`)."""
    try:
        last = layer_list(model)[-1]
    except BaseModelError:
        return None
    return last if pools(last) else None
