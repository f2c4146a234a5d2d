"""Layers and depths against what autograd says was computed from what."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers
from torch import nn

from joyul.bases.anatomy import depths, head_names, layer_list
from joyul.errors import BaseModelError
from tests import tiny

ENCODERS = ("bert", "roberta", "xlm-roberta", "electra", "distilbert", "deberta-v2", "modernbert")
CLASSIFIERS = (*ENCODERS, *tiny.DECODERS)
SEQ2SEQ = ("t5", "bart")


def build(architecture: str, **changes: Any) -> Any:
    auto = transformers.AutoModelForSeq2SeqLM if architecture in SEQ2SEQ else transformers.AutoModelForSequenceClassification
    torch.manual_seed(0)
    return auto.from_config(tiny.config(architecture, 60, **changes)).eval()


def inputs(architecture: str) -> dict[str, torch.Tensor]:
    tokens = torch.tensor([[2, 7, 8, 9, 3], [2, 10, 11, 3, 0]])
    found = {"input_ids": tokens, "attention_mask": (tokens != 0).long()}
    return {**found, "labels": tokens[:, :4].contiguous()} if architecture in SEQ2SEQ else found


def read_by(model: nn.Module, layers: list[nn.Module], given: dict[str, torch.Tensor]) -> tuple[list[int], list[set[str]]]:
    """The order in which layers run, and the names of the parameters that each one's states were computed from."""
    order: list[int] = []
    states: list[Any] = [None] * len(layers)
    hooks = []
    for index, layer in enumerate(layers):

        def note(module: nn.Module, args: Any, kwargs: Any, index: int = index) -> None:
            order.append(index)
            states[index] = args[0] if args else kwargs["hidden_states"]

        hooks.append(layer.register_forward_pre_hook(note, with_kwargs=True))
    output = model(**given)
    for hook in hooks:
        hook.remove()
    named = dict(model.named_parameters())
    found = []
    for state in (*states, output.logits):
        weights = torch.randn(state.shape, generator=torch.Generator().manual_seed(0))
        slopes = torch.autograd.grad((state * weights).sum(), list(named.values()), allow_unused=True, retain_graph=True)
        found.append({name for name, slope in zip(named, slopes, strict=True) if slope is not None})
    return order, found


@pytest.mark.parametrize("architecture", [*CLASSIFIERS, *SEQ2SEQ])
def test_depths_are_those_that_autograd_finds(architecture: str) -> None:
    model = build(architecture)
    layers, depth = layer_list(model), depths(model)
    order, found = read_by(model, layers, inputs(architecture))
    assert len(layers) == (4 if architecture == "t5" else 2)
    assert order == list(range(len(layers)))
    decoders = 2 if architecture == "t5" else 1 if architecture == "bart" else 0
    for index, names in enumerate(found[:-1]):
        assert max((depth[name] for name in names), default=0) <= index, "nothing above a layer makes its input"
        within = range(len(layers) - decoders + 1, index + 1) if decoders and index >= len(layers) - decoders else range(1, index + 1)
        for name, level in depth.items():
            assert level not in within or name in names, f"{name} sits below layer {index}, but does not make its input"
    unread = {name for name in found[-1] if depth[name] == 0} - set().union(*found[:-1])
    assert not unread, "what only the last states are computed from belongs to the last layer or the head"
    head = {name for name, level in depth.items() if level == len(layers) + 1}
    assert head == set(head_names(model))


def test_a_bare_encoder_has_layers_and_no_head() -> None:
    model = transformers.AutoModel.from_config(tiny.config("bert", 60))
    assert [*map(id, layer_list(model))] == [*map(id, model.encoder.layer)]
    assert set(depths(model).values()) == {0, 1, 2}


def test_a_layer_used_again_and_again_is_refused() -> None:
    with pytest.raises(BaseModelError, match="albert computes the same layer again and again"):
        layer_list(build("albert"))


def test_a_model_without_layers_is_refused() -> None:
    model = transformers.AutoModel.from_config(transformers.MobileNetV2Config())
    del model.layer
    with pytest.raises(BaseModelError, match="no stack of layers is found in a model of type mobilenet_v2"):
        layer_list(model)
