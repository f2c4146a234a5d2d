"""What moves by depth, at which rate and from when on, against tables worked out by hand."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from joyul.bases.anatomy import layer_list
from joyul.bases.load import load_model, open_base
from joyul.contracts import Example, Setting
from joyul.engine.freeze import move_only, training_mode
from joyul.engine.loop import Plan, train
from joyul.engine.recompute import recomputing
from joyul.errors import BaseModelError, UsageError
from joyul.forms.default import Default
from joyul.methods.full import Full
from joyul.methods.layers import Layers
from joyul.tasks.classify import Classify
from tests.bases.test_anatomy import build, inputs


def moved(architecture: str, method: Layers | Full) -> dict[str, tuple[int, float]]:
    """Number of the group and factor of each parameter that moves."""
    groups = method.moves(build(architecture))
    return {name: (number, group.rate_factor) for number, group in enumerate(groups) for name in group.parameters}


@pytest.mark.parametrize(
    ("architecture", "top", "last"),
    [
        ("bert", "bert.encoder.layer.1.", "bert.pooler."), ("roberta", "roberta.encoder.layer.1.", "classifier."),
        ("xlm-roberta", "roberta.encoder.layer.1.", "classifier."), ("electra", "electra.encoder.layer.1.", "classifier."),
        ("distilbert", "distilbert.transformer.layer.1.", "pre_classifier."), ("deberta-v2", "deberta.encoder.layer.1.", "pooler."),
        ("modernbert", "model.layers.1.", "model.final_norm."), ("gpt2", "transformer.h.1.", "transformer.ln_f."),
        ("llama", "model.layers.1.", "model.norm."), ("mistral", "model.layers.1.", "model.norm."), ("qwen3", "model.layers.1.", "model.norm."),
        ("gemma", "model.layers.1.", "model.norm."), ("opt", "model.decoder.layers.1.", "model.decoder.final_layer_norm."),
    ],
)  # fmt: skip
def test_the_top_layer_moves_with_what_follows_it(architecture: str, top: str, last: str) -> None:
    """Also: whatever else moves belongs to the head; nothing of the layer below or the embeddings."""
    names = moved(architecture, Layers(1))
    every = [name for name, _ in build(architecture).named_parameters()]
    assert {name for name in every if name.startswith((top, last))} <= set(names)
    rest = [name for name in names if not name.startswith((top, last))]
    assert all(name.startswith(("classifier.", "score.", "pooler.", "head.", "model.decoder.project_out.")) for name in rest), rest


def test_rates_fall_by_depth() -> None:
    """Two layers: head 1, layer 2 a half, layer 1 a quarter, embeddings an eighth."""
    names = moved("bert", Full(decay=0.5))
    assert names["classifier.weight"] == names["bert.pooler.dense.weight"] == (0, 1.0)
    assert names["bert.encoder.layer.1.output.dense.weight"] == (1, 0.5)
    assert names["bert.encoder.layer.0.output.dense.weight"] == (2, 0.25)
    assert names["bert.embeddings.word_embeddings.weight"] == (3, 0.125)
    assert set(names) == {name for name, _ in build("bert").named_parameters()}


def test_unfreezing_goes_down_from_the_head_and_is_done_at_half_time() -> None:
    """Twelve updates, four groups: the k-th opens at k/6 of the run."""
    method = Full(gradual=True)
    groups = method.moves(build("bert"))
    assert [len(method.at(groups, done, 12)) for done in range(12)] == [1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 4, 4]
    assert method.at(groups, 0, 12)[0].name == "depth 3"
    assert len(Full().at(groups, 0, 12)) == 4
    assert len(method.at(groups[:1], 0, 1)) == 1


def test_what_is_not_open_yet_does_not_move(base: str, rows: list[tuple[str, str]]) -> None:
    """Eight updates over head, layer 2, layer 1, embeddings: they open at 0, 1/6, 2/6 and 3/6 of the run."""
    files = open_base(base)
    form = Default(Setting(Classify(("no", "yes")), files.tokenizer, files.architecture, 32))
    encoded = form.encode([Example(f"rows:{n}", {"text": text}, label) for n, (text, label) in enumerate(rows[:64], 1)])
    model = load_model(files, form.auto_class, ("no", "yes"))
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    method = Full(gradual=True)
    watched = [f"bert.{name}.weight" for name in (
        "pooler.dense", "encoder.layer.1.output.dense", "encoder.layer.0.output.dense", "embeddings.word_embeddings",
    )]  # fmt: skip
    seen = []
    for _ in train(model, form, encoded, method.moves(model), Plan(2, 1e-3, 16, warmup=0.0), at=method.at):
        now = dict(model.named_parameters())
        seen.append([not torch.equal(before[name], now[name]) for name in watched])
    assert [sum(flags) for flags in seen] == [1, 1, 2, 3, 4, 4, 4, 4]
    assert all(flags == sorted(flags, reverse=True) for flags in seen), "from the top down"


def test_too_many_layers_and_shared_ones_are_refused() -> None:
    with pytest.raises(UsageError, match=r"top_layers=3, but bert has 2 layers\. Give 1 to 2, or method=full"):
        Layers(3).moves(build("bert"))
    with pytest.raises(BaseModelError, match="albert computes the same layer again and again"):
        Layers(1).moves(build("albert"))
    assert [*Full().moves(build("albert"))[0].parameters]


@pytest.mark.parametrize("architecture", ["bert", "deberta-v2", "modernbert", "gpt2", "llama"])
def test_gradients_are_equal_when_activations_are_computed_twice(architecture: str) -> None:
    """With dropout, and the lower layer frozen."""
    model = build(architecture)
    groups = Layers(1).moves(model)
    found: list[dict[str, torch.Tensor]] = []
    for context in (nullcontext(), recomputing(model)):
        move_only(model, groups)
        with context:
            training_mode(model)
            torch.manual_seed(5)
            model(**inputs(architecture)).logits.square().sum().backward()
        found.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    assert set(found[0]) == set(found[1])
    for name, slope in found[0].items():
        assert torch.allclose(slope, found[1][name], rtol=1e-5, atol=1e-7 * slope.abs().max().item() + 1e-9), name


def test_checkpointing_really_computes_twice() -> None:
    model: nn.Module = build("bert").train()
    passes = []
    hook = layer_list(model)[1].attention.self.query.register_forward_hook(lambda *given: passes.append(1))  # type: ignore[union-attr]
    tokens = torch.tensor([[2, 7, 8, 3]])
    for twice in (False, True):
        passes.clear()
        if twice:
            with recomputing(model):
                model(input_ids=tokens).logits.sum().backward()
        else:
            model(input_ids=tokens).logits.sum().backward()
        assert len(passes) == 1 + twice
    hook.remove()
