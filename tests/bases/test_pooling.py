"""The appended layer against the mean taken by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from joyul.bases.load import load_model, open_base
from joyul.bases.pooling import append_mean_pooling, can_pool
from joyul.engine.unpad import unpadded
from tests import tiny


@pytest.mark.parametrize("architecture", ["bert", "roberta"])
def test_the_layer_gives_the_normalised_mean_of_real_tokens(architecture: str, tmp_path: Path) -> None:
    files = open_base(tiny.save(tmp_path, architecture))
    model = load_model(files, "AutoModelForSequenceClassification", ("no", "yes")).eval()
    assert can_pool(model)
    batch = files.tokenizer(["a good film", "the plot is dull and bad from the start"], return_tensors="pt", padding=True)
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        states = model.base_model(**inputs).last_hidden_state
        mask = inputs["attention_mask"].unsqueeze(-1)
        mean = (states * mask).sum(1) / mask.sum(1)
        append_mean_pooling(model)
        pooled = model.base_model(**inputs).last_hidden_state[:, 0]
    expected = functional.layer_norm(mean + states[:, 0] / 100, mean.shape[-1:], eps=model.config.layer_norm_eps)
    assert torch.allclose(pooled, expected, atol=1e-3)
    assert functional.cosine_similarity(pooled, functional.layer_norm(mean, mean.shape[-1:])).min() > 0.999
    saved = tmp_path / "saved"
    model.save_pretrained(saved)
    again = type(model).from_pretrained(saved).eval()
    with torch.no_grad():
        assert torch.equal(again(**inputs).logits, model(**inputs).logits), "stock transformers reads it as it is"


@pytest.mark.parametrize("architecture", ["bert", "roberta"])
def test_its_attention_is_told_what_the_others_are_told(architecture: str, tmp_path: Path) -> None:
    files = open_base(tiny.save(tmp_path, architecture))
    model = load_model(files, "AutoModelForSequenceClassification", ("no", "yes")).eval()
    append_mean_pooling(model)
    batch = files.tokenizer(["a good film", "the plot is dull and bad from the start"], return_tensors="pt", padding=True)
    with unpadded(model, dict(batch)) as lean:
        assert lean, "the layers see no padding, the appended one included"


def test_other_architectures_are_left_alone(tmp_path: Path) -> None:
    for architecture in ("gpt2", "distilbert"):
        files = open_base(tiny.save(tmp_path / architecture, architecture))
        assert not can_pool(load_model(files, "AutoModelForSequenceClassification", ("no", "yes")))
