"""Folders of stock PEFT as `base=`: the same answers as stock PEFT, or an error that says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import joyul
from joyul.errors import BaseModelError, DoesNotFit, JoyulError, RunError
from joyul.methods.imported import Imported
from joyul.notes import Notes
from tests import tiny
from tests.forks import kept

WORDS = {"label_words": ["no=bad|dull", "yes=good|fine"], "template": "{text} the film is {label}"}
TEXTS = ["the good film", "a dull story and a bad plot"]
KINDS: dict[str, Any] = {
    "lora": lambda task: peft.LoraConfig(task_type=task, r=4, target_modules="all-linear" if task == "CAUSAL_LM" else ["query", "value"]),
    "prompt": lambda task: peft.PromptTuningConfig(task_type=task, num_virtual_tokens=4),
    "p_tuning": lambda task: peft.PromptEncoderConfig(task_type=task, num_virtual_tokens=4, encoder_hidden_size=16),
    "prefix": lambda task: peft.PrefixTuningConfig(task_type=task, num_virtual_tokens=4),
    "decoder_too": lambda task: peft.PromptTuningConfig(task_type=task, num_virtual_tokens=4, num_transformer_submodules=2),
    "adalora": lambda task: peft.AdaLoraConfig(task_type=task, target_modules=["query"], total_step=9),
}


def adapter(folder: Path, kind: str, task: str, architecture: str = "bert") -> tuple[Path, nn.Module]:
    """What stock PEFT writes, every number of it away from where it started; and stock PEFT's own model."""
    auto = {"SEQ_CLS": "SequenceClassification", "CAUSAL_LM": "CausalLM", "SEQ_2_SEQ_LM": "Seq2SeqLM"}[task]
    base = tiny.save(folder / "base", architecture, f"AutoModelFor{auto}")
    model = getattr(transformers, f"AutoModelFor{auto}").from_pretrained(base)
    model.config.pad_token_id = 0
    stock = peft.get_peft_model(model, KINDS[kind](task))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in stock.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    stock.save_pretrained(str(folder / "adapter"))
    return folder / "adapter", stock.eval()


def rewritten(folder: Path, **tensors: Tensor | None) -> None:
    file = folder / "adapter_model.safetensors"
    found = {**load_file(file), **tensors}
    save_file({name: value for name, value in found.items() if value is not None}, file, {"format": "pt"})


@pytest.mark.parametrize("kind", ["lora", "prefix"])
def test_a_classifier_answers_as_stock_peft_does(kind: str, reviews: str, tmp_path: Path) -> None:
    folder, stock = adapter(tmp_path, kind, "SEQ_CLS")
    made = joyul.train(data=reviews, base=str(folder), method="prompt", form="default", labels=["no", "yes"], out=str(tmp_path / "run"))
    words = transformers.AutoTokenizer.from_pretrained(tmp_path / "base")
    for text, answer in zip(TEXTS, made.load().predict(TEXTS), strict=True):
        with torch.no_grad():
            expected = stock(**words(text, return_tensors="pt")).logits.softmax(-1)[0]
        assert answer.scores == pytest.approx({"no": float(expected[0]), "yes": float(expected[1])}, abs=1e-5)


@pytest.mark.parametrize(("kind", "architecture"), [("lora", "llama"), ("prompt", "gpt2"), ("p_tuning", "llama"), ("prefix", "qwen3")])
def test_a_language_model_answers_as_stock_peft_does(kind: str, architecture: str, reviews: str, tmp_path: Path) -> None:
    folder, stock = adapter(tmp_path, kind, "CAUSAL_LM", architecture)
    made = joyul.train(data=reviews, base=str(folder), method="prompt", labels=["no", "yes"], **WORDS, out=str(tmp_path / "run"))
    opened = made.load()
    assert opened.form.name == "continuation"
    words, inputs = opened.form.setting.tokenizer, {"input_ids": torch.tensor([[5, 7, 9, 11]])}
    with torch.no_grad():
        own = opened.tuned.model(**inputs, attention_mask=torch.ones(1, 4, dtype=torch.long)).logits[:, -1]
        theirs = stock(**inputs, attention_mask=torch.ones(1, 4, dtype=torch.long)).logits[:, -1]
    assert torch.allclose(own, theirs, atol=1e-5 * float(theirs.max() - theirs.min()))
    assert words.vocab_size == own.shape[-1]


def test_an_adapter_is_followed_by_a_learned_prompt(reviews: str, tmp_path: Path) -> None:
    folder, _ = adapter(tmp_path, "lora", "SEQ_CLS")
    given: dict[str, Any] = {
        "data": reviews, "base": str(folder), "method": "soft_prompt", "labels": ["no", "yes"], "epochs": 1, "batch_size": 16,
        "save_every": 1, "precision": "fp32",
    }  # fmt: skip
    whole = joyul.train(**given, out=str(tmp_path / "whole"))
    assert [path.name for path in (whole.folder / "stages").iterdir()] == ["01-soft_prompt"], "folded into model/ before it"
    running = joyul.steps(**given, out=str(tmp_path / "run"))
    next(running), next(running)
    running.close()
    assert kept(joyul.train(tmp_path / "run").folder) == kept(whole.folder)
    joint = joyul.train(**{**given, "joint": "true"}, out=str(tmp_path / "joint"))
    assert sorted(path.name for path in (joint.folder / "stages").iterdir()) == ["01-lora", "02-soft_prompt"]
    assert joint.load().predict(TEXTS)


def test_a_head_without_names_is_left_out_and_that_is_said(reviews: str, tmp_path: Path) -> None:
    folder, stock = adapter(tmp_path, "lora", "SEQ_CLS")
    notes = Notes()
    fresh = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "base")
    before = fresh.classifier.weight.clone()
    model, method = Imported(folder).into(fresh, False, notes)
    assert any("labels=a,b" in text for _, text in notes.kept)
    assert torch.equal(method.plain(model).get_parameter("classifier.weight"), before)
    assert not torch.equal(stock.base_model.model.classifier.modules_to_save["default"].weight, before)


def test_a_prompt_of_ours_knows_its_base(reviews: str, tmp_path: Path) -> None:
    base = tiny.save(tmp_path / "base", "llama", "AutoModelForCausalLM")
    given: dict[str, Any] = {"data": reviews, "method": "prompt+soft_prompt", "labels": ["no", "yes"], **WORDS}
    made = joyul.train(**given, base=base, epochs=1, out=str(tmp_path / "run"))
    stage = made.folder / "stages" / "02-soft_prompt"
    again = joyul.train(**{**given, "method": "prompt"}, base=str(stage), out=str(tmp_path / "again"))
    assert [a.score for a in again.load().predict(TEXTS)] == pytest.approx([a.score for a in made.load().predict(TEXTS)], abs=1e-6)
    tiny.save(tmp_path / "base", "llama", "AutoModelForCausalLM", seed=1)
    with pytest.raises(RunError, match="another base"):
        joyul.train(**{**given, "method": "prompt"}, base=str(stage), out=str(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def spoilt(folder: Path, fault: str) -> None:
    """One thing wrong in an adapter's folder."""
    config, weights = folder / "adapter_config.json", folder / "adapter_model.safetensors"
    key = next(name for name in (load_file(weights) if weights.is_file() else {}))
    said = json.loads(config.read_text(encoding="utf-8"))
    if fault == "no base":
        config.write_text(json.dumps({**said, "base_model_name_or_path": None}), encoding="utf-8")
    elif fault == "no kind":
        config.write_text(json.dumps({**said, "peft_type": "MAGIC"}), encoding="utf-8")
    elif fault == "no json":
        config.write_text("{", encoding="utf-8")
    elif fault == "pickled":
        weights.rename(folder / "adapter_model.bin")
    elif fault == "cut":
        weights.write_bytes(weights.read_bytes()[:200])
    elif fault == "nan":
        rewritten(folder, **{key: torch.full_like(load_file(weights)[key], float("nan"))})
    elif fault == "missing":
        rewritten(folder, **{key: None})
    elif fault == "more":
        rewritten(folder, **{f"{key}.x": torch.ones(1)})
    elif fault == "size":
        tiny.save(folder.parent / "base", "bert", "AutoModelForSequenceClassification", hidden_size=64)
    elif fault == "layers":
        tiny.save(folder.parent / "base", "bert", "AutoModelForSequenceClassification", num_hidden_layers=1)
    elif fault == "kind of model":
        tiny.save(folder.parent / "base", "gpt2", "AutoModelForSequenceClassification")


@pytest.mark.parametrize(("fault", "error", "said"), [
    ("no base", BaseModelError, "base_model_name_or_path"), ("no kind", RunError, "MAGIC|cannot be read"), ("no json", BaseModelError, "adapter_config"),
    ("pickled", RunError, "no adapter weights"), ("cut", RunError, "cannot be read"), ("nan", RunError, "NaN or infinite"),
    ("missing", DoesNotFit, "1 of the tensors it needs are missing"), ("more", DoesNotFit, "1 have no place"),
    ("size", DoesNotFit, r"has the shape \(4, 32\), and \(4, 64\) would fit"), ("layers", DoesNotFit, "4 have no place"),
    ("kind of model", DoesNotFit, "cannot be put into this model"),
])  # fmt: skip
def test_an_adapter_with_a_fault_is_refused(fault: str, error: type[JoyulError], said: str, reviews: str, tmp_path: Path) -> None:
    folder, _ = adapter(tmp_path, "lora", "SEQ_CLS")
    spoilt(folder, fault)
    with pytest.raises(error, match=said):
        joyul.train(data=reviews, base=str(folder), method="full", out=str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("kind", "task", "architecture", "said"), [
    ("prompt", "SEQ_CLS", "bert", r"instead of \[CLS\]"), ("p_tuning", "SEQ_CLS", "bert", "method=soft_prompt"),
    ("decoder_too", "SEQ_2_SEQ_LM", "t5", "num_transformer_submodules=1"), ("prefix", "SEQ_2_SEQ_LM", "bart", "decoder alone"),
    ("adalora", "SEQ_CLS", "bert", "it has to act at every update"),
])  # fmt: skip
def test_what_means_something_else_here_is_refused(kind: str, task: str, architecture: str, said: str, tmp_path: Path) -> None:
    folder, stock = adapter(tmp_path, kind, task, architecture)
    with pytest.raises(DoesNotFit, match=said):
        Imported(folder).into(stock.get_base_model(), False, Notes())


def test_a_prompt_for_another_size_is_refused(tmp_path: Path) -> None:
    folder, _ = adapter(tmp_path, "prompt", "CAUSAL_LM", "gpt2")
    tiny.save(tmp_path / "wide", "gpt2", "AutoModelForCausalLM", n_embd=64)
    with pytest.raises(RunError, match=r"have the shape \(4, 32\); the base takes \(4, 64\)"):
        Imported(folder).into(transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "wide"), False, Notes())
