"""Prompts from end to end: zero-shot, prompt-based fine-tuning, and what is said where they do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

import joyul
from joyul.errors import DoesNotFit, UsageError
from tests import tiny

WORDS = ["no=bad|dull", "yes=good|fine"]


@pytest.mark.parametrize(("architecture", "auto_class", "form"), [
    ("bert", "AutoModelForMaskedLM", "cloze"), ("gpt2", "AutoModelForCausalLM", "continuation"), ("t5", "AutoModelForSeq2SeqLM", "continuation"),
])  # fmt: skip
def test_prompt_based_fine_tuning_learns(architecture: str, auto_class: str, form: str, reviews: str, tmp_path: Path) -> None:
    base = tiny.save(tmp_path / "base", architecture, auto_class)
    made = joyul.train(
        data=reviews, base=base, method="prompt+full", label_words=WORDS, template="{text} the film is {label}", epochs=16,
        patience=16, learning_rate=3e-3, out=str(tmp_path / "run"),
    )  # fmt: skip
    assert made.metrics["scores"]["test"]["accuracy"]["value"] > 0.8
    opened = made.load()
    assert opened.form.name == form
    assert [answer.value for answer in opened.predict(["the good film", "a dull story"])] == ["yes", "no"]
    assert not made.metrics["plain_loadable"], "stock transformers knows nothing of the label words"


def test_zero_shot_asks_what_the_base_was_trained_for(tmp_path: Path) -> None:
    for architecture, auto_class, form in (
        ("bert", "AutoModelForMaskedLM", "cloze"), ("bert", "AutoModel", "similarity"), ("llama", "AutoModelForCausalLM", "continuation"),
    ):  # fmt: skip
        base = tiny.save(tmp_path / architecture / auto_class, architecture, auto_class)
        made = joyul.train(base=base, method="prompt", labels="good,bad", label_words="good=good|fine,bad=dull", out=str(tmp_path / auto_class))
        opened = made.load()
        assert (opened.form.name, opened.form.spec()["words"]) == (form, {"good": ["good", "fine"], "bad": ["dull"]})
        assert opened.predict(["a good film"])[0].value in ("good", "bad")


def test_bases_that_brought_no_words_are_refused(base: str, tmp_path: Path) -> None:
    with pytest.raises(DoesNotFit, match="output layer"):
        joyul.train(base=base, method="prompt", form="cloze", labels="good,bad", out=str(tmp_path / "run"))
    with pytest.raises(UsageError, match="asks for no label in words"):
        joyul.train(base=base, method="full", form="default", labels="good,bad", instruction="say it", out=str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
