"""Instructions that the base writes itself: on a real local server, and by tiny models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

import joyul
from joyul.bases.load import load_model, open_base
from joyul.contracts import Example, Setting
from joyul.engine.generate import written
from joyul.errors import DataError, DoesNotFit, JoyulError
from joyul.forms.continuation import Continuation
from joyul.forms.wording import Wording
from joyul.methods.answers import Answers
from joyul.methods.propose import Proposed, cleaned
from joyul.methods.race import Race, Trial
from joyul.tasks.classify import Classify
from tests import tiny
from tests.conftest import BAD, GOOD, write_csv
from tests.endpoint.server import MODEL, Served, serving

LABELS = ("bad", "good")
EXAMPLES = [Example(f"r:{n}", {"text": text}, LABELS[n % 2]) for n, text in enumerate(tiny.TEXTS)]
ASKED = "What was the instruction?"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server that labels rightly only under an instruction that it has written itself, and writes two, one of them twice."""
    monkeypatch.setenv("JOYUL_CACHE", str(tmp_path / "cache"))
    with serving() as served:
        served.positive = GOOD
        served.say = _say
        yield served


def _say(text: str, label: str) -> str:
    return f'Sure:\n\n"Say whether {"a film" if "plot" in text.partition("cast")[0] else "it"} is liked."' if ASKED in text else label


@pytest.fixture
def few(tmp_path: Path) -> str:
    rows = [(f"a {word} {thing}", label) for label, words in (("yes", GOOD), ("no", BAD)) for word in words[:4] for thing in ("film", "plot", "cast")]
    return write_csv(tmp_path / "few.csv", [("text", "label"), *rows])


def settings(served: Served, tmp_path: Path, **further: Any) -> dict[str, Any]:
    return {"base": f"openai:{MODEL}", "base_url": served.url, "method": "prompt", "valid": "0.25", "test": "none", "out": str(tmp_path / "run"), **further}


def test_an_endpoint_proposes_what_is_then_raced(told: Served, few: str, tmp_path: Path) -> None:
    run = joyul.train(few, **settings(told, tmp_path, proposals=4))
    questions = [one for one in told.requests if ASKED in one["messages"][-1]["content"]]
    assert len(questions) == 4 == len({json.dumps(one) for one in questions}), "each is shown other rows"
    shown = questions[0]["messages"][0]["content"]
    assert shown.count("Text: a ") >= 4 and "Answer: yes" in shown and "Answer: no" in shown
    tried = [line["candidate"]["instruction"].splitlines()[0] for line in run.metrics["search"][0]["tried"]]
    proposed = {"Say whether it is liked.", "Say whether a film is liked."}
    assert set(tried[1:]) <= proposed and len(tried) == 1 + len(set(tried[1:])), "the same one is not tried twice"
    assert set(told.paid.values()) == {1}
    asked = len(told.requests)
    again = joyul.train(few, **settings(told, tmp_path, proposals=4, out=str(tmp_path / "again")))
    assert (len(told.requests), again.metrics["endpoint"]["requests"]) == (asked, 0), "nothing is asked twice"


def test_what_it_costs_is_said_first(told: Served, few: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from joyul.cli import main

    given = [f"{key}={value}" for key, value in settings(told, tmp_path, proposals=2, price="1,2").items()]
    assert main(["train", few, *given]) == 0
    said = capsys.readouterr()
    text = " ".join(said.err.split())
    assert f"about {2 * 24 + 24 + 2} requests" in text
    assert text.index("about") < text.index("answered:")


def test_an_instruction_that_does_not_come_is_said(told: Served, few: str, tmp_path: Path) -> None:
    told.say = lambda text, label: None if ASKED in text else label
    run = joyul.train(few, **settings(told, tmp_path, proposals=1))
    assert len(run.metrics["search"][0]["tried"]) == 1
    assert "an instruction was asked for and none came" in (run.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("architecture", "auto_class", "plain"), [
    ("gpt2", "AutoModelForCausalLM", AutoModelForCausalLM), ("t5", "AutoModelForSeq2SeqLM", AutoModelForSeq2SeqLM),
])  # fmt: skip
def test_a_model_of_this_machine_proposes(architecture: str, auto_class: str, plain: Any, tmp_path: Path) -> None:
    """What it writes is the likeliest token each time; the rows it was shown are answered without it."""
    folder = tiny.save(tmp_path / "base", architecture, auto_class, initializer_range=0.5, **({"n_positions": 320} if architecture == "gpt2" else {}))
    files = open_base(folder)
    form = Continuation(Setting(Classify(LABELS), files.tokenizer, files.architecture, 300), Wording("{text} it is {label}"))
    own, model = load_model(files, form.auto_class, LABELS).eval(), plain.from_pretrained(folder).eval()
    ids = form.question("the film")
    likeliest = written(own, ids, 5, 0)
    start = [] if architecture == "gpt2" else [model.config.decoder_start_token_id]
    for done, token in enumerate(likeliest[len(start) :]):
        before = likeliest[: done + len(start)]
        given = {"input_ids": torch.tensor([[*ids, *before]])} if not start else {"input_ids": torch.tensor([ids]), "decoder_input_ids": torch.tensor([before])}
        assert int(model(**given).logits[0, -1].argmax()) == token
    race = Race(Answers(own, EXAMPLES), 0)
    maker = Proposed(own, 1, 0)
    made, shown = race.made(maker, Trial(form)), maker.shown(form, race.rows[1::5])
    if architecture == "t5":  # this one ends at once
        assert made.form == form
        return
    assert made.form.spec()["instruction"] and made.form.spec()["template"] == "{text} it is {label}"
    assert [one is form for one in made.folds] == [False, True, False, False, False]
    assert 2 <= len(shown) <= 8 and all(any(f"Text: {row.inputs['text']}\nAnswer: {row.target}" == one for row in race.rows[1::5]) for one in shown)
    list(race.run([Trial(form), made]))
    assert all(trial.rows == len(EXAMPLES) for trial in race.trials)
    held = [at for at in range(len(EXAMPLES)) if at % 5 == 1]
    assert [race.trials[1].credits[at] for at in held] == [race.trials[0].credits[at] for at in held]


def test_what_was_written_becomes_one_line() -> None:
    assert cleaned('Sure, here it is:\n\n"Say whether\nit is good."\n\nText: a film') == "Say whether it is good."
    assert cleaned("Instruction: Classify.") == "Classify." and cleaned(" \n ") == ""
    assert len(cleaned("word " * 1000)) <= 500


@pytest.mark.parametrize(("given", "kind", "told"), [
    ({"proposals": 2}, DoesNotFit, "no instruction that the base could write"),
    ({"proposals": 2, "data": None, "labels": "good,bad"}, DataError, "proposals=2 is taken from labelled rows"),
    ({"demonstrations": 2, "data": None, "labels": "good,bad"}, DataError, "demonstrations=2 is taken from labelled rows"),
    ({"search": "wide", "data": None, "labels": "good,bad"}, DataError, "search=wide is taken from labelled rows"),
    ({"template": ["a {label}", "{label} film"], "data": None, "labels": "good,bad"}, DataError, "no labelled rows to choose by"),
    ({"label_words": "no=,yes=good"}, JoyulError, "the label 'no' has no word"),
    ({"label_words": "good= |fine", "data": None, "labels": "good,bad"}, JoyulError, "the label 'good' has no word, or an empty one"),
    ({"label_words": "good=zzz", "data": None, "labels": "good,bad"}, JoyulError, "the word 'zzz' of the label 'good' is not in the vocabulary"),
    ({"form": "default", "demonstrations": 2}, DoesNotFit, "shows no examples"),
])  # fmt: skip
def test_what_cannot_be_is_refused_before_any_work(
    given: dict[str, Any], kind: type[JoyulError], told: str, base: str, reviews: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=told):
        joyul.train(**{"data": reviews, "base": base, "method": "prompt", "out": str(tmp_path / "run"), **given})
    assert not (tmp_path / "run").exists()


def test_demonstrations_are_tried_beside_a_given_template(base: str, reviews: str, tmp_path: Path) -> None:
    """The words of the labels are unknown to this base: said, not refused, as the rows shown can tell what they mean."""
    made = joyul.train(reviews, base=base, method="prompt", template="a {label} film", demonstrations=2, out=str(tmp_path / "run"))
    tried = [line["candidate"] for line in made.metrics["search"][0]["tried"]]
    assert [one.get("demonstrations", 0) for one in tried][:4] == [0, 4, 4, 4]
    assert any("bias" in one for one in tried), "calibrated"
    assert "knows nothing of these label words: no, yes" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
