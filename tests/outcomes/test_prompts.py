"""Prompts from end to end: zero-shot, prompt-based fine-tuning, and what is said where they do not fit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import joyul
from joyul.errors import DoesNotFit, JoyulError, UsageError
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


def test_a_search_says_what_it_tried_and_what_it_took(base: str, reviews: str, tmp_path: Path) -> None:
    made = joyul.train(data=reviews, base=base, method="prompt", candidates=4, demonstrations=8, out=str(tmp_path / "run"))
    (search,) = made.metrics["search"]
    taken = [line for line in search["tried"] if line["taken"]]
    assert len(taken) == 1 and taken[0]["candidate"] == search["candidate"]
    assert {"interval", "rows", "score", "tied"} <= set(taken[0])
    assert len(search["tried"]) > 6, "a round without anything new does not end it"
    assert search["score"] == taken[0]["score"] and abs(search["optimism"]) < 1
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "◆" in page and "tried on" in page
    opened = made.load()
    assert opened.form.name == "similarity"
    shown = opened.form.spec().get("demonstrations", [])
    assert len(shown) == search["candidate"].get("demonstrations", 0), "prompt.yaml has the texts, metrics.json how many"
    assert opened.predict(["the good film"])[0].value in ("no", "yes")


def test_wordings_that_leave_no_room_are_counted(reviews: str, tmp_path: Path) -> None:
    """Of a base that reads 64 tokens: as many demonstrations as are asked for do not fit."""
    base = tiny.save(tmp_path / "base", "gpt2", "AutoModelForCausalLM")
    given = {"label_words": WORDS, "template": "{text} the film is {label}", "demonstrations": 30}
    made = joyul.train(data=reviews, base=base, method="prompt", out=str(tmp_path / "run"), **given)
    (search,) = made.metrics["search"]
    assert search["unasked"] >= 1
    assert f"{search['unasked']} wording" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_a_prompt_is_used_again(base: str, reviews: str, tmp_path: Path) -> None:
    first = joyul.train(data=reviews, base=base, method="prompt", template="the film is {label}", out=str(tmp_path / "first"))
    file = tmp_path / "mine.yaml"
    text = (tmp_path / "first" / "prompt.yaml").read_text(encoding="utf-8")
    file.write_text(text.replace("the film is", "a film, and it is"), encoding="utf-8")
    again = joyul.train(data=reviews, base=base, method="prompt", prompt=str(file), out=str(tmp_path / "again"))
    assert again.load().form.spec() == first.load().form.spec() | {"template": "a film, and it is {label}"}
    assert len(again.metrics["search"][0]["tried"]) == 1, "as it stands there: nothing else is tried"
    same = joyul.train(data=reviews, base=base, method="prompt", prompt=str(tmp_path / "first"), out=str(tmp_path / "same"))
    assert same.load().form.spec() == first.load().form.spec()


@pytest.mark.parametrize(("content", "given", "told"), [
    (None, {}, "no such file"),
    ("form: similarity\ntemplate: it is\n", {}, "{label}"),
    ("form: similarity\ntemplate: '{label}'\nwords: {maybe: perhaps}\n", {}, "maybe"),
    ("form: nothing\n", {}, "not a Form"),
    ("form: cloze\ntemplate: '{text} {label}'\n", {}, "output layer"),
    ("form: similarity\ntemplate: '{label}'\n", {"template": "a {label}"}, "both say"),
])  # fmt: skip
def test_a_prompt_that_cannot_be_used_is_refused(
    content: str | None, given: dict[str, str], told: str, base: str, reviews: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.yaml"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(JoyulError, match=re.escape(told)):
        joyul.train(data=reviews, base=base, method="prompt", prompt=str(file), out=str(tmp_path / "run"), **given)
    assert not (tmp_path / "run").exists()


CANNOT_BE_ASKED: list[tuple[dict[str, object], str]] = [
    ({"label_words": ["no=zzz", "yes=good"]}, "the word 'zzz' of the label 'no' is not in the vocabulary"),
    ({"label_words": ["no=fine|good", "yes=good"]}, "the labels 'no' and 'yes' have the same word"),
    ({"label_words": WORDS, "template": "it is {label}"}, "has no slot {text}"),
    ({"label_words": WORDS, "template": ["{text} it is {label}", "{text} it is"]}, "has no slot {label}"),
    ({"label_words": WORDS, "instruction": "film " * 80}, "no room is left for the text"),
]


@pytest.mark.parametrize(("architecture", "auto_class"), [
    ("bert", "AutoModelForMaskedLM"), ("gpt2", "AutoModelForCausalLM"), ("t5", "AutoModelForSeq2SeqLM"),
])  # fmt: skip
def test_what_cannot_be_asked_is_told_before_any_work(architecture: str, auto_class: str, reviews: str, tmp_path: Path) -> None:
    base = tiny.save(tmp_path / "base", architecture, auto_class)
    for given, told in CANNOT_BE_ASKED:
        with pytest.raises(UsageError, match=re.escape(told)):
            joyul.train(data=reviews, base=base, method="prompt", out=str(tmp_path / "run"), **given)
        assert not (tmp_path / "run").exists(), told
