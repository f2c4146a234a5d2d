"""Where the layers and the head of a transformers model are, and what its sentence states are."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from torch import nn
from transformers import PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_MASKED_LM_MAPPING_NAMES

from joyul.contracts import Architecture
from joyul.errors import BaseModelError

Pooling = Literal["mean", "cls"]
# Norms and projections behind a stack of layers, as transformers calls them. DeBERTa's `LayerNorm` is none: each layer reads it.
BEHIND = (
    "norm", "norm_f", "ln_f", "layer_norm", "layernorm", "final_norm", "final_layer_norm", "final_layernorm", "project_out",
)  # fmt: skip


def inner(model: nn.Module) -> PreTrainedModel:
    """The transformers model inside whatever a method wrapped around it."""
    return next(module for module in model.modules() if isinstance(module, PreTrainedModel))


def twin(model: nn.Module) -> nn.Module:
    """A copy with modules of its own and the same tensors: what is inserted or taken off there does not show here."""
    tensors = [*model.parameters(), *model.buffers()]
    return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})


def width(model: nn.Module) -> int:
    """Units of a hidden state."""
    return int(inner(model).config.get_text_config().hidden_size)


def layer_list(model: nn.Module) -> list[nn.Module]:
    """The layers in the order of computation: the encoder's before the decoder's.

    Raises BaseModelError where there are none, or where one layer is computed several times (ALBERT).
    """
    return [layer for _, layers in _stacks(inner(model)) for layer in layers]


def reading_layers(model: nn.Module) -> list[nn.Module]:
    """The layers that read the text: all of them, or those of the encoder before a decoder. Raises BaseModelError likewise."""
    return list(_stacks(inner(model))[0][1])


def depths(model: nn.Module) -> dict[str, int]:
    """How deep each parameter of `inner(model)` sits, by name: 0 the embeddings and whatever all layers read, 1 to n the layers.

    What follows a stack (a last norm) sits with its last layer, the head at n + 1. Raises BaseModelError as `layer_list`.
    """
    base, count = inner(model), 0
    prefixes: dict[str, int] = {}
    for name, layers in _stacks(base):
        prefixes |= {f"{name}.{index}.": count + index + 1 for index in range(len(layers))}
        count += len(layers)
        parts = name.split(".")[:-1]
        owners = [".".join(parts[:length]) for length in range(len(parts) + 1)]
        prefixes |= {f"{owner}.{behind}.".lstrip("."): count for owner in owners for behind in BEHIND}
    head = set(head_names(base))
    return {
        name: count + 1 if name in head else next((depth for start, depth in prefixes.items() if name.startswith(start)), 0)
        for name, _ in base.named_parameters()
    }


def _stacks(base: PreTrainedModel) -> list[tuple[str, nn.ModuleList]]:
    """The stack of layers of each half by its name in `base`: the heaviest ModuleList, which no other one holds.

    UMT5 under a head for tags says that it has two halves, and has one.
    """
    halves: list[nn.Module] = [base.base_model]
    if base.config.is_encoder_decoder:
        halves = [base.get_encoder(), base.get_decoder()]  # type: ignore[no-untyped-call]
    names = {id(module): name for name, module in base.named_modules()}
    stacks: list[tuple[str, nn.ModuleList]] = []
    for half in halves:
        lists = [module for module in half.modules() if isinstance(module, nn.ModuleList)]
        if not lists:
            raise BaseModelError("layers_not_found", found=base.config.model_type)
        heaviest = max(lists, key=parameter_count)  # the first among equals holds the others
        if all(heaviest is not other for _, other in stacks):
            stacks.append((names[id(heaviest)], heaviest))
    if len(stacks[0][1]) < base.config.get_text_config().num_hidden_layers:
        raise BaseModelError("layers_shared", found=base.config.model_type)
    return stacks


def head_names(model: PreTrainedModel) -> list[str]:
    """Names of the parameters that belong to the head: outside the base model, and the pooler, which only the head reads.

    Empty for a model without a head (AutoModel).
    """
    prefix = model.base_model_prefix + "."
    names = [name for name, _ in model.named_parameters()]
    if not any(name.startswith(prefix) for name in names):
        return []
    return [name for name in names if not name.startswith(prefix) or name.startswith(prefix + "pooler.")]


def last_linear(model: nn.Module) -> str | None:
    """The layer of the head that makes the logits, by its name in `model`; None where no linear layer does."""
    owners = {name.rpartition(".")[0] for name in head_names(inner(model)) if "pooler" not in name}
    names = [name for name, module in model.named_modules() if name in owners and isinstance(module, nn.Linear)]
    return str(names[-1]) if names else None


@contextmanager
def without(model: nn.Module, name: str) -> Iterator[None]:
    """While open, the module `name` passes on what it gets: without the last linear layer, the logits are what it reads."""
    owner, _, attribute = name.rpartition(".")
    parent, module = model.get_submodule(owner), model.get_submodule(name)
    setattr(parent, attribute, nn.Identity())
    try:
        yield
    finally:
        setattr(parent, attribute, module)


def architecture(config: Any) -> Architecture:
    """What kind of transformer a configuration describes."""
    if config.is_encoder_decoder:
        return "encoder-decoder"
    if config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False):
        return "encoder"
    return "decoder" if config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES else "encoder"


def positions(config: Any) -> int | None:
    """Positions that a configuration has; None where it counts no further than asked."""
    text = config.get_text_config()
    found = getattr(text, "max_position_embeddings", None)
    if found and ("roberta" in config.model_type or config.model_type in ("camembert", "mpnet")):
        found -= (text.pad_token_id or 0) + 1  # their positions start behind the padding index
    return int(found) if found else None


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
