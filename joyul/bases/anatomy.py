"""Where the head of a transformers model is, and what its sentence states are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from torch import nn
from transformers import PreTrainedModel

Pooling = Literal["mean", "cls"]


def inner(model: nn.Module) -> PreTrainedModel:
    """The transformers model inside whatever a method wrapped around it."""
    return next(module for module in model.modules() if isinstance(module, PreTrainedModel))


def width(model: nn.Module) -> int:
    """Units of a hidden state."""
    return int(inner(model).config.get_text_config().hidden_size)


def head_names(model: PreTrainedModel) -> list[str]:
    """Names of the parameters that belong to the head: outside the base model, and the pooler, which only the head reads.

    Empty for a model without a head (AutoModel).
    """
    prefix = model.base_model_prefix + "."
    names = [name for name, _ in model.named_parameters()]
    if not any(name.startswith(prefix) for name in names):
        return []
    return [name for name in names if not name.startswith(prefix) or name.startswith(prefix + "pooler.")]


def declared_pooling(folder: str | Path) -> Pooling | None:
    """How a sentence encoder saved by sentence-transformers pools its states; None where nothing is declared."""
    file = Path(folder) / "1_Pooling" / "config.json"
    if not file.is_file():
        return None
    declared = json.loads(file.read_text(encoding="utf-8"))
    return "mean" if declared.get("pooling_mode_mean_tokens") else "cls"


def parameter_count(model: nn.Module) -> int:
    """All parameters, moving or not."""
    return sum(parameter.numel() for parameter in model.parameters())
