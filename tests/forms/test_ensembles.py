"""Ensembles of templates against the mean of single ones, worked out by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML
from torch import Tensor, nn

import joyul
from joyul.bases.load import load_model, open_base
from joyul.contracts import Example, ParameterGroup, Setting
from joyul.engine.evaluate import predict
from joyul.engine.store import Stores
from joyul.engine.trunk import frozen_trunk
from joyul.errors import UsageError
from joyul.forms import FORMS
from joyul.forms.prompted import Prompted
from joyul.forms.similarity import Similarity
from joyul.forms.wording import Phrase, Wording
from joyul.methods.answers import Answers
from joyul.methods.prompt import Prompt
from joyul.methods.race import Race, Trial
from joyul.notes import Notes
from joyul.tasks.classify import Classify
from tests import tiny

KINDS = [("bert", "AutoModelForMaskedLM", "cloze"), ("gpt2", "AutoModelForCausalLM", "continuation"), ("t5", "AutoModelForSeq2SeqLM", "continuation")]
LABELS = ("bad", "good")
SAID = (
    Phrase("{text} it is {label}", {"bad": ("bad", "poor"), "good": ("good",)}),
    Phrase("the film : {text} and the plot was {label}", {"bad": ("not good", "dull"), "good": ("fine",)}),
    Phrase("a story {text} {label}", {"bad": ("waste",), "good": ("joy",)}),
)
TEXTS = ["a fine story told well", "bad", "the cast is bad and the plot is dull and a waste of time"]
EXAMPLES = [Example(str(n), {"text": text}, LABELS[n % 2]) for n, text in enumerate(TEXTS)]


def opened(architecture: str, auto_class: str, name: str, folder: Path) -> tuple[Prompted, nn.Module]:
    """A Form that asks all three, with an instruction, a demonstration and a bias; and its model."""
    files = open_base(tiny.save(folder / "base", architecture, auto_class, initializer_range=0.3))
    shown = ({"text": "i liked the story", "label": "good"},)
    said = Wording("", {}, "is the film fine", shown, {"good": 0.25}).saying(SAID)
    form = FORMS[name](Setting(Classify(LABELS), files.tokenizer, files.architecture, 60), said)  # type: ignore[call-arg]
    assert isinstance(form, Prompted)
    return form, load_model(files, form.auto_class, LABELS).eval()


def by_hand(form: Prompted, model: nn.Module) -> Tensor:
    """The probabilities of single templates, one row at a time; the mean of their logarithms, moved by the bias."""
    logs = []
    for phrase in SAID:
        alone = form.worded(replace(form.wording, template=phrase.template, words=phrase.words, ensemble=(), bias={}))
        found = [predict(model, alone, alone.encode([example]))[0].scores or {} for example in EXAMPLES]
        logs.append(torch.tensor([[one["bad"], one["good"]] for one in found]).log())
    return (torch.stack(logs).mean(dim=0) + torch.tensor([0.0, 0.25])).softmax(-1)


@pytest.mark.parametrize(("architecture", "auto_class", "name"), KINDS)
def test_an_ensemble_is_the_mean_of_its_templates(architecture: str, auto_class: str, name: str, tmp_path: Path) -> None:
    form, model = opened(architecture, auto_class, name, tmp_path)
    rows, expected = form.encode(EXAMPLES), by_hand(form, model)
    found = torch.tensor([[one.scores["bad"], one.scores["good"]] for one in predict(model, form, rows) if one.scores])
    assert torch.allclose(found, expected, atol=1e-5)
    with torch.no_grad():
        losses = form.losses(model, form.collate(rows))
    assert torch.allclose(losses, -expected.log()[range(3), [0, 1, 0]], atol=1e-5)
    single = torch.tensor([[one.scores["bad"], one.scores["good"]] for one in predict(model, form.members[0], form.members[0].encode(EXAMPLES)) if one.scores])
    assert float((single - expected).abs().max()) > 1e-2, "one template says the same: the test could not fail"


def test_a_search_asks_each_template_once(tmp_path: Path) -> None:
    """An ensemble and a calibration are other sums of scores that are there."""
    form, model = opened(*KINDS[1], tmp_path)
    answers = Answers(model, EXAMPLES)
    for member in form.members:
        answers.of(member, range(3))
    read = answers.tokens
    assert answers.probabilities(form, range(3)) == pytest.approx(by_hand(form, model).double().numpy(), abs=1e-5)
    assert [one.value for one in answers.of(form, [2, 0])] == [one.value for one in predict(model, form, form.encode([EXAMPLES[2], EXAMPLES[0]]))]
    assert answers.to(form.biased({}), EXAMPLES).shape == (3, 2)
    assert answers.tokens == read


def test_given_and_usual_templates_are_tried_together(tmp_path: Path) -> None:
    form, model = opened(*KINDS[0], tmp_path)
    alone = form.worded(Wording().saying(SAID[:1]))
    given = Prompt(templates=("{text} it is {label}", "{label} film {text}")).forms(alone)
    assert given[-1].spec()["ensemble"] == [{"template": "{label} film {text}", "words": {"bad": ["bad", "poor"], "good": ["good"]}}]
    wide = Prompt(wide=True, candidates=3)
    assert [one.spec() for one in wide.forms(alone)][-1]["ensemble"], "the usual ones"
    edited = [one.spec() for one in wide.further(model, form, 1) or () if not callable(one)]
    assert sorted(len(spec["ensemble"]) for spec in edited) == [1, 1, 1, 2, 2, 2, 3, 3, 3], "one less, one edited, one more"
    race = Race(Answers(model, EXAMPLES), 0)
    list(race.run([Trial(one) for one in (alone, form)]))
    assert race.score(race.trials[1]) in (0, 1 / 3, 2 / 3, 1)
    near = Similarity(form.setting)
    assert Prompt(templates=("a {label}", "{label} film")).forms(near)[-1].spec()["template"] == ["a {label}", "{label} film"]


@pytest.mark.parametrize(("architecture", "auto_class", "name"), KINDS[:2])
def test_it_is_written_read_and_used(architecture: str, auto_class: str, name: str, reviews: str, tmp_path: Path) -> None:
    form, model = opened(architecture, auto_class, name, tmp_path)
    file = tmp_path / "mine.yaml"
    with open(file, "w", encoding="utf-8") as opening:
        YAML().dump({"form": name, **form.spec()}, opening)
    assert type(form).restore(YAML(typ="base").load(file), form.setting).spec() == form.spec()
    made = joyul.train(base=str(tmp_path / "base"), method="prompt", labels="bad,good", prompt=str(file), max_length=60, out=str(tmp_path / "run"))
    found = torch.tensor([[one.scores["bad"], one.scores["good"]] for one in made.load().predict(TEXTS) if one.scores])
    assert torch.allclose(found, by_hand(form, model), atol=1e-5)
    same = {**form.spec(), "ensemble": [{"template": SAID[1].template}]}
    assert type(form).restore(same, form.setting).wording.ensemble == (replace(SAID[1], words=SAID[0].words),)
    for wrong, told in (({"template": "it is {label}"}, "no slot"), ({"template": SAID[1].template, "words": {"god": "fine"}}, "god")):
        with pytest.raises(UsageError, match=told):
            type(form).restore({**form.spec(), "ensemble": [wrong]}, form.setting)


def test_weights_are_tuned_through_all_templates(reviews: str, tmp_path: Path) -> None:
    tiny.save(tmp_path / "base", *KINDS[0][:2])
    said = "template: '{text} it is {label}'\nwords: {no: bad, yes: good}\nensemble:\n- template: 'the film {text} is {label}'\n"
    (tmp_path / "mine.yaml").write_text(f"form: cloze\n{said}")
    tuned = {"method": "full", "epochs": 12, "patience": 12, "learning_rate": 3e-3}
    made = joyul.train(data=reviews, base=str(tmp_path / "base"), prompt=str(tmp_path / "mine.yaml"), out=str(tmp_path / "run"), **tuned)
    assert made.metrics["scores"]["test"]["accuracy"]["value"] > 0.8
    assert len(made.load().form.spec()["ensemble"]) == 1


@pytest.mark.parametrize("kind", KINDS[:2])
def test_stored_states_of_the_first_template_stay_its_own(kind: tuple[str, str, str], tmp_path: Path) -> None:
    form, model = opened(*kind, tmp_path)
    moving = [ParameterGroup("top", {name: p for name, p in model.named_parameters() if re.search(r"(layer|h)\.1\.", name)})]
    rows, notes = form.encode(EXAMPLES), Notes()
    with torch.no_grad():
        expected = form.losses(model, form.collate(rows))
        with frozen_trunk(model, form, moving, rows, [], "fp32", Stores(), notes) as (spliced, kept, _):
            found = spliced.losses(model, spliced.collate(kept))
    assert "computed once for each row" in notes.kept[0][1]
    assert torch.allclose(found, expected, atol=1e-5)
