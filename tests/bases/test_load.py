"""What a base is, and what is kept of its head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from joyul.bases.anatomy import head_names
from joyul.bases.facts import SHAPE_BYTES, SHAPES_KEPT, Moving, Shape, Work, cost
from joyul.bases.load import load_model, open_base
from tests import tiny

KINDS = {
    "bert": "encoder", "roberta": "encoder", "distilbert": "encoder", "gpt2": "decoder", "llama": "decoder",
    "t5": "encoder-decoder", "bart": "encoder-decoder",
}  # fmt: skip
HEADS = {
    "bert": {"bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"},
    "distilbert": {"pre_classifier.weight", "pre_classifier.bias", "classifier.weight", "classifier.bias"},
    "gpt2": {"score.weight"},
}


@pytest.mark.parametrize("architecture", KINDS)
def test_architecture_and_width(architecture: str, tmp_path: Path) -> None:
    files = open_base(tiny.save(tmp_path, architecture))
    assert (files.architecture, files.width) == (KINDS[architecture], tiny.WIDTH)
    assert files.length_limit == 64
    assert files.tokenizer.pad_token is not None


@pytest.mark.parametrize("architecture", HEADS)
def test_head_names(architecture: str, tmp_path: Path) -> None:
    model = load_model(open_base(tiny.save(tmp_path, architecture)), "AutoModelForSequenceClassification", ("a", "b"))
    assert set(head_names(model)) == HEADS[architecture]
    assert head_names(model.base_model) == []


def test_a_head_for_the_same_labels_is_kept_and_for_others_is_new(tmp_path: Path) -> None:
    folder = tiny.save(
        tmp_path, "bert", "AutoModelForSequenceClassification", id2label={0: "no", 1: "yes"}, label2id={"no": 0, "yes": 1}
    )
    files = open_base(folder)
    assert files.labels == ("no", "yes")
    kept = load_model(files, "AutoModelForSequenceClassification", ("no", "yes"))
    new = load_model(files, "AutoModelForSequenceClassification", ("cold", "warm"), seed=1)
    again = load_model(files, "AutoModelForSequenceClassification", ("cold", "warm"), seed=1)
    body = "bert.encoder.layer.0.output.dense.weight"
    states = [model.state_dict() for model in (kept, new, again)]
    assert torch.equal(states[0][body], states[1][body])
    assert not torch.equal(states[0]["classifier.weight"], states[1]["classifier.weight"])
    assert torch.equal(states[1]["classifier.weight"], states[2]["classifier.weight"])
    assert new.config.id2label == {0: "cold", 1: "warm"}


def test_dropout_reaches_every_place(tmp_path: Path) -> None:
    for architecture in ("bert", "distilbert", "gpt2"):
        files = open_base(tiny.save(tmp_path / architecture, architecture))
        model = load_model(files, "AutoModelForSequenceClassification", ("a", "b"), dropout=0.37)
        rates = {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)}
        assert rates == {0.37}


def test_cost_by_hand() -> None:
    """1,000 active parameters, 10 tokens, 2 epochs, all moving: 6 operations a parameter and token, at 0.35 of the rate."""
    shape = Shape(layers=2, width=10, heads=2, parameters=1500, embedding_parameters=500)
    work = Work(tokens=10, epochs=2, piece_tokens=8, piece_length=4, compiled=3)
    found = cost(shape, moving=Moving(1500), work=work, flops=1000, resident=7000)
    assert found.seconds == pytest.approx(10 * 2 * 6 * 1000 / (0.35 * 1000))
    assert found.memory == 7000 + 1500 * 16 + 8 * (34 * 10 + 5 * 2 * 4) * 2 * 2 + 3 * SHAPE_BYTES
    many = cost(shape, moving=Moving(1500), work=replace(work, compiled=10_000), flops=1000, resident=7000)
    assert many.memory - found.memory == (SHAPES_KEPT - 3) * SHAPE_BYTES
    small = cost(shape, moving=Moving(10), work=work, flops=1000, resident=7000)
    assert small.seconds == pytest.approx(10 * 2 * 4.02 * 1000 / (0.35 * 1000)), "adapters and prompts are few, but lie below all layers"
    upper = cost(shape, moving=Moving(500, below=1), work=work, flops=1000, resident=7000)
    assert upper.seconds == pytest.approx(10 * (1 + 2 * (2 + 1)) * 1000 / (0.35 * 1000)), "the lower half once, the upper half in both epochs"
    head = cost(shape, moving=Moving(20, below=2), work=work, flops=1000, resident=7000)
    assert head.seconds == pytest.approx(10 * (2 + 2 * 0.04) * 1000 / (0.35 * 1000))
    assert head.memory == 7000 + 20 * 16 + 8 * (34 * 10 + 5 * 2 * 4) * 2 + 3 * SHAPE_BYTES
