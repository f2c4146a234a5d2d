"""Six awkward cells, through the public contracts alone: full+prompt, full+soft_prompt, tags under a soft prompt, an
encoder-decoder that generates, zero-shot, and a run as base.

Each learns (or answers), is saved, and answers the same when opened again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

import joyul
from joyul import artifact
from joyul.artifact import Artifact
from joyul.bases.load import load_model, open_base
from joyul.bases.source import RECIPE_FILE
from joyul.contracts import Example, Form, Method, Prediction, Setting, Step, Task
from joyul.engine.evaluate import evaluate, predict
from joyul.errors import UsageError
from joyul.files import write_text
from joyul.forms.default import Default
from joyul.forms.tags import Tags
from joyul.methods.chain import Data, Tuned, encode, stage
from joyul.methods.full import Full
from joyul.methods.prompt import Prompt
from joyul.notes import Notes
from joyul.recipe.settings import StageSettings
from joyul.tasks.classify import Classify
from joyul.tasks.tag import Tag
from tests import tiny
from tests.contract.parts import CATALOGUE, Generate, Prompted, SoftPrompt, TextToText

FAST = StageSettings(epochs=10, learning_rate=5e-3, batch_size=16, weight_decay=0.0, schedule="linear", warmup=0.1, clip=1.0)
MARKED = ("good", "bad", "fine", "dull")
PROMPT = FAST.model_copy(update={"learning_rate": 3e-2, "epochs": 3})


def start(folder: str, form: type[Form], task: Task) -> Tuned:
    files = open_base(folder)
    setting = Setting(task, files.tokenizer, files.architecture, 32)
    made = form(setting)  # type: ignore[call-arg]
    return Tuned(load_model(files, made.auto_class, task.labels, seed=0), made)


def run(tuned: Tuned, stages: Sequence[tuple[Method, StageSettings]], data: Data) -> list[Step]:
    steps: list[Step] = []
    for number, (method, settings) in enumerate(stages, start=1):
        steps += stage(tuned, method, settings, data, number=number, first_step=len(steps) + 1)
    return steps


def reopened(tuned: Tuned, folder: Path) -> Artifact:
    """The result saved and opened again, as `joyul.load` does."""
    folder.mkdir()
    write_text(folder / RECIPE_FILE, "base: tests\n")
    artifact.save_weights(folder, tuned)
    write_text(folder / artifact.METRICS_FILE, "{}\n")
    return artifact.load(folder, CATALOGUE)


def same_answers(tuned: Tuned, opened: Artifact, examples: Sequence[Example]) -> list[Prediction]:
    """Predictions of both, asserted equal; scores to 1e-6."""
    before = predict(tuned.model, tuned.form, encode(tuned.form, examples, Notes()))
    after = opened.predict_examples(examples)
    assert [p.value for p in before] == [p.value for p in after]
    assert [p.score for p in before] == pytest.approx([p.score for p in after], abs=1e-6)
    return after


def accuracy(tuned: Tuned, examples: Sequence[Example]) -> float:
    found = evaluate(tuned.model, tuned.form, encode(tuned.form, examples, Notes()))
    return found.metrics[tuned.form.setting.task.metric]


@pytest.fixture
def examples(rows: list[tuple[str, str]]) -> list[Example]:
    return [Example(f"rows:{number}", {"text": text}, label) for number, (text, label) in enumerate(rows, start=1)]


@pytest.fixture
def data(examples: list[Example]) -> Data:
    return Data(examples[:60], examples[60:])


def test_full_then_prompt_keeps_the_head_and_chooses_the_template(base: str, data: Data, tmp_path: Path) -> None:
    tuned = start(base, Default, Classify(("no", "yes")))
    steps = run(tuned, [(Full(), FAST), (Prompt(("the story is {text} {text}",)), StageSettings())], data)
    searched = [step for step in steps if step.kind == "search"]
    assert [step.candidate for step in searched] == [{"template": "{text}"}, {"template": "the story is {text} {text}"}]
    assert all(step.rows == len(data.valid) for step in searched), "weights have seen the training rows: they cannot choose"
    taken = next(step for step in searched if step.candidate == tuned.form.spec())
    assert accuracy(tuned, data.valid) == taken.score
    assert accuracy(tuned, data.train) > 0.9
    opened = reopened(tuned, tmp_path / "run")
    assert opened.form.spec() == taken.candidate
    same_answers(tuned, opened, data.valid)


def test_full_then_soft_prompt_is_one_artifact(base: str, data: Data, tmp_path: Path) -> None:
    tuned = start(base, Default, Classify(("no", "yes")))
    method = SoftPrompt()
    run(tuned, [(Full(), FAST)], data)
    frozen = {name: value.clone() for name, value in tuned.model.named_parameters() if "encoder" in name}
    steps = list(stage(tuned, method, PROMPT, data, number=2))
    assert isinstance(tuned.model, Prompted)
    for name, value in tuned.model.model.named_parameters():
        assert name not in frozen or torch.equal(value, frozen[name]), f"{name} moved in a stage that freezes it"
    assert tuned.model.vectors.abs().max() > 0.05, "the prompt did not move"
    assert steps[0].method == "soft_prompt"
    opened = reopened(tuned, tmp_path / "run")
    assert "stages/" in str(artifact.why_not_plain(tuned, tmp_path / "run")), "stock transformers would leave the prompt out"
    assert (tmp_path / "run" / "stages" / "02-soft_prompt" / "adapter_model.safetensors").is_file()
    same_answers(tuned, opened, data.valid)


def test_the_soft_prompt_does_not_see_padding(base: str, data: Data) -> None:
    """One row alone and in a padded batch: equal logits; a positive control with the mask taken away differs."""
    tuned = start(base, Default, Classify(("no", "yes")))
    run(tuned, [(SoftPrompt(), PROMPT)], data)
    long = Example("long", {"text": "a film about a dog and a cat and a good story"}, "yes")
    rows = encode(tuned.form, [*data.valid[:1], long], Notes())
    tuned.model.eval()
    with torch.no_grad():
        alone = tuned.model(**tuned.form.collate(rows[:1]).inputs).logits
        batch = tuned.form.collate(rows)
        together = tuned.model(**batch.inputs).logits
        batch.inputs["attention_mask"].fill_(1)
        unmasked = tuned.model(**batch.inputs).logits
    spread = float(together.max() - together.min())
    assert torch.allclose(alone[0], together[0], atol=1e-4 * spread)
    assert not torch.allclose(alone[0], unmasked[0], atol=1e-4 * spread)


def test_tags_with_a_soft_prompt(base: str, rows: list[tuple[str, str]], tmp_path: Path) -> None:
    tagged = [
        Example(str(number), {"text": text}, ["MARK" if word in MARKED else "O" for word in text.split()])
        for number, (text, _) in enumerate(rows)
    ]
    data = Data(tagged[:60], tagged[60:])
    tuned = start(base, Tags, Tag.learn([example.target for example in tagged]))
    steps = run(tuned, [(Full(), FAST), (SoftPrompt(), PROMPT)], data)
    assert accuracy(tuned, data.valid) > 0.95
    words = sum(len(example.inputs["text"].split()) for example in data.train[:16])
    assert steps[0].rows == 16
    assert words != 16, "the loss is a mean over words, not rows"
    answers = same_answers(tuned, reopened(tuned, tmp_path / "run"), data.valid)
    assert [len(answer.value) for answer in answers] == [len(example.inputs["text"].split()) for example in data.valid]


@pytest.mark.parametrize("architecture", ["t5", "bart"])
def test_an_encoder_decoder_generates(architecture: str, tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "base", architecture, "AutoModelForSeq2SeqLM")
    pairs = [("the film is good", "good"), ("the film is bad", "bad"), ("a dull plot", "dull"), ("a fine cast", "fine")] * 8
    examples = [Example(str(number), {"text": text}, answer) for number, (text, answer) in enumerate(pairs)]
    tuned = start(folder, TextToText, Generate())
    settings = FAST.model_copy(update={"epochs": 40, "learning_rate": 5e-3})
    run(tuned, [(Full(), settings)], Data(examples, examples[:4]))
    answers = same_answers(tuned, reopened(tuned, tmp_path / "run"), examples[:4])
    assert [answer.value for answer in answers] == ["good", "bad", "dull", "fine"]


def test_zero_shot_needs_no_rows(base: str, tmp_path: Path) -> None:
    given = {"labels": ["good", "bad"], "template": "the film is {label}"}
    made = joyul.train(base=base, method="prompt", out=str(tmp_path / "zero"), **given)
    assert made.metrics["scores"] == {}
    assert (made.folder / "steps.jsonl").read_text() == ""
    assert not (made.folder / "model").exists(), "no weight moved"
    answers = made.load().predict(["the film is good", "the film is bad"])
    assert [answer.value for answer in answers] == ["good", "bad"], "a text equal to a label's prompt is nearest to it"


def test_a_run_is_a_base(base: str, reviews: str, tmp_path: Path) -> None:
    first = joyul.train(data=reviews, base=base, epochs=10, learning_rate=5e-3, out=str(tmp_path / "first"))
    second = joyul.train(data=reviews, base=str(first.folder), method="head", epochs=1, out=str(tmp_path / "second"))
    assert [item["method"] for item in second.metrics["lineage"]] == ["full", "head"]
    body = AutoModelForSequenceClassification.from_pretrained(first.folder / "model").base_model.encoder.state_dict()
    after = AutoModelForSequenceClassification.from_pretrained(second.folder / "model").base_model.encoder.state_dict()
    assert all(torch.equal(body[name], after[name]) for name in body), "the head alone moves"
    chosen = joyul.train(
        data=reviews, base=str(first.folder), method="prompt", template=["{text}", "{text} {text}"], out=str(tmp_path / "third")
    )
    assert chosen.metrics["trainable"] == 0
    texts = ["the good film", "a dull story"]
    assert [answer.value for answer in chosen.load().predict(texts)] == [answer.value for answer in first.load().predict(texts)]


@pytest.mark.parametrize("architecture", ["bert", "roberta", "distilbert", "gpt2", "llama"])
def test_model_loads_in_plain_transformers_with_equal_logits(architecture: str, reviews: str, tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "base", architecture)
    for method in ("full", "head"):
        made = joyul.train(data=reviews, base=folder, method=method, epochs=1, max_length=9, out=str(tmp_path / method))
        assert made.metrics["plain_loadable"]
        model = AutoModelForSequenceClassification.from_pretrained(made.folder / "model").eval()
        words = AutoTokenizer.from_pretrained(made.folder / "model")
        texts = ["the good film", "a dull story and a bad plot", "the plot is good and the story well told " * 30]
        with torch.no_grad():
            plain = model(**words(texts, return_tensors="pt", padding=True, truncation=True)).logits.softmax(-1)
        for row, answer in zip(plain, made.load().predict(texts), strict=True):
            scores: Any = answer.scores
            assert row.tolist() == pytest.approx([scores[model.config.id2label[index]] for index in range(2)], abs=1e-5)


def test_a_stock_pipeline_cuts_long_rows_as_the_run_does(base: str, reviews: str, tmp_path: Path) -> None:
    made = joyul.train(data=reviews, base=base, epochs=1, max_length=9, out=str(tmp_path / "short"))
    text = "the plot is good and the story well told " * 30
    stock = pipeline("text-classification", model=str(made.folder / "model"), truncation=True)(text)[0]
    answer = made.load().predict([text])[0]
    assert (stock["label"], stock["score"]) == (answer.value, pytest.approx(answer.score, abs=1e-5))
    longer = joyul.train(data=reviews, base=str(made.folder), epochs=1, max_length=80, out=str(tmp_path / "longer"))
    assert longer.load().form.setting.max_length == 80, "the run's length is no limit of its base"
    with pytest.raises(UsageError, match="reads at most 80 tokens"):
        joyul.train(data=reviews, base=str(made.folder), epochs=1, max_length=81, out=str(tmp_path / "longest"))


def test_a_run_without_weights_is_a_base_from_anywhere(
    base: str, reviews: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(base).parent)
    zero = joyul.train(base="bert", method="prompt", labels=["good", "bad"], out=str(tmp_path / "zero"))
    monkeypatch.chdir(tmp_path)
    assert zero.load().predict(["good"])[0].value == "good", "its base was named from another folder"
    tuned = joyul.train(data=reviews, base="zero", method="full", epochs=1, out="tuned")
    assert tuned.metrics["plain_loadable"], "other labels: only the weights go on, under a new head"
    assert [item["method"] for item in tuned.metrics["lineage"]] == ["prompt", "full"]
