"""Demonstrations chosen for each row, against a plain computation and against the same ones written out."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from joyul.bases.load import open_base
from joyul.contracts import Example, Setting
from joyul.errors import UsageError
from joyul.forms import FORMS
from joyul.forms.instruct import Instruct
from joyul.forms.nearest import Nearest
from joyul.forms.prompted import Prompted
from joyul.forms.rows import untokenised
from joyul.forms.wording import Wording
from joyul.methods import offers
from joyul.tasks.classify import Classify
from tests import tiny

LABELS = ("bad", "good")
POOL = [{"text": text, "label": LABELS[place % 2]} for place, text in enumerate(tiny.TEXTS)]


def likeness(one: str, other: str) -> float:
    """Cosine of (1 + log count) * idf of runs of two to four characters within words set in spaces; idf over POOL, smoothed."""

    def runs(text: str) -> Counter[str]:
        padded = [f" {word} " for word in text.split()]
        return Counter(word[at : at + size] for word in padded for size in (2, 3, 4) for at in range(len(word) - size + 1))

    known = [set(runs(item["text"])) for item in POOL]

    def weights(text: str) -> dict[str, float]:
        return {
            run: (1 + math.log(count)) * (math.log((1 + len(POOL)) / (1 + sum(run in found for found in known))) + 1)
            for run, count in runs(text).items() if any(run in found for found in known)
        }  # fmt: skip

    first, second = weights(one), weights(other)
    norms = math.hypot(*first.values()) * math.hypot(*second.values())
    return sum(value * second.get(run, 0.0) for run, value in first.items()) / norms if norms else 0.0


@pytest.mark.parametrize("text", ["the plot is dull and bad", "a dog and a story", "i liked the cast"])
def test_the_most_alike_come_last(text: str) -> None:
    expected = sorted(POOL, key=lambda item: likeness(text, item["text"]))[-3:]
    assert Nearest(POOL, 3).to({"text": text}) == expected


def test_a_row_is_not_shown_itself_and_nothing_breaks_on_odd_texts() -> None:
    near = Nearest(POOL, 2)
    assert POOL[1] not in near.to({"text": POOL[1]["text"]})
    assert len(near.to({"text": "???"})) == 2
    longest = sorted(POOL, key=lambda item: len(item["text"]))[-2:]
    assert sorted(item["text"] for item in near.to({"text": ""})) == sorted(item["text"] for item in longest), "they need the most room"
    assert Nearest([{"text": "1", "label": "bad"}], 2).to({"text": "film"}) == [{"text": "1", "label": "bad"}]


@pytest.mark.parametrize(("architecture", "auto_class", "name"), [
    ("bert", "AutoModelForMaskedLM", "cloze"), ("gpt2", "AutoModelForCausalLM", "continuation"), ("t5", "AutoModelForSeq2SeqLM", "continuation"),
])  # fmt: skip
def test_rows_are_those_with_their_demonstrations_written_out(architecture: str, auto_class: str, name: str, tmp_path: Path) -> None:
    files = open_base(tiny.save(tmp_path / "base", architecture, auto_class))
    setting = Setting(Classify(LABELS), files.tokenizer, files.architecture, 64)
    said = Wording("{text} it is {label}", instruction="is the film good", demonstrations=tuple(POOL), nearest=2)
    form = FORMS[name](setting, said)  # type: ignore[call-arg]
    texts = ["the plot is dull and bad", POOL[0]["text"]]
    rows = form.encode([Example(text, {"text": text}) for text in texts])
    for text, row in zip(texts, rows, strict=True):
        shown = tuple(Nearest(POOL, 2).to({"text": text}))
        plain = FORMS[name](setting, replace(said, demonstrations=shown, nearest=0))  # type: ignore[call-arg]
        assert row.tokens == plain.encode([Example(text, {"text": text})])[0].tokens
    assert FORMS[name].restore(form.spec(), setting).spec() == form.spec()
    made = offers.showing_nearest(2, 0)(form, [Example(str(n), {"text": item["text"]}, item["label"]) for n, item in enumerate(POOL)], lambda *_: [])
    assert isinstance(made, Prompted)
    assert (made.wording.nearest, len(made.wording.demonstrations)) == (2, len(POOL))
    long = replace(said, demonstrations=tuple({"text": "film " * 40, "label": label} for label in LABELS))
    with pytest.raises(UsageError, match="no room is left"):
        FORMS[name](setting, long).encode([Example("1", {"text": "a film"})])  # type: ignore[call-arg]


def test_a_hosted_model_is_shown_the_nearest_too() -> None:
    setting = untokenised(Classify(LABELS), "hosted")
    form = Instruct(setting, demonstrations=tuple(POOL), nearest=2)
    turns = form.messages(Example("1", {"text": "the plot is dull and bad"}))
    assert [turn["content"] for turn in turns if turn["role"] == "user"][:-1] == [
        item["text"] for item in Nearest(POOL, 2).to({"text": "the plot is dull and bad"})
    ]
    assert Instruct.restore(form.spec(), setting).spec() == form.spec()
