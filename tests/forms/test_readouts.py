"""Losses of the three readouts against those transformers computes by itself for the same problem type."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, pipeline

from joyul.bases.load import load_model, open_base
from joyul.contracts import Example, Setting, Task
from joyul.forms.default import Default
from joyul.tasks.classify import Classify, ClassifyMany
from joyul.tasks.regress import Regress
from tests import tiny

TEXTS = ["a good film", "the plot is dull and bad from the start", "fine"]
CASES: list[tuple[Task, list[object], torch.Tensor]] = [
    (Classify(("a", "b")), ["b", "a", "b"], torch.tensor([1, 0, 1])),
    (ClassifyMany(("a", "b", "c")), [["a", "c"], [], ["b"]], torch.tensor([[1.0, 0, 1], [0, 0, 0], [0, 1, 0]])),
    (Regress(2.0), ["1.5", "0", "4.25"], torch.tensor([1.5, 0.0, 4.25])),
]


@pytest.mark.parametrize("architecture", ["bert", "roberta", "gpt2"])
@pytest.mark.parametrize(("task", "targets", "encoded"), CASES, ids=["label", "labels", "number"])
def test_losses_and_answers_equal_plain_transformers(
    task: Task, targets: list[object], encoded: torch.Tensor, architecture: str, tmp_path: Path
) -> None:
    files = open_base(tiny.save(tmp_path / "b", architecture))
    form = Default(Setting(task, files.tokenizer, files.architecture, 32))
    model = load_model(files, form.auto_class, task.labels, target=task.target_type).eval()
    model.save_pretrained(tmp_path / "m")
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "m").eval()
    assert plain.config.problem_type == {"label": "single_label_classification", "labels": "multi_label_classification",
                                         "number": "regression"}[task.target_type]  # fmt: skip
    assert plain.config.num_labels == (len(task.labels) or 1)
    rows = form.encode([Example(str(n), {"text": text}, target) for n, (text, target) in enumerate(zip(TEXTS, targets, strict=True))])
    with torch.no_grad():
        output = plain(**files.tokenizer(TEXTS, return_tensors="pt", padding=True), labels=encoded)
        losses = form.losses(model, form.collate(rows))
        answers = form.reader(model)(form.collate(rows))
    assert losses.shape == (3,)
    assert losses.mean().item() == pytest.approx(output.loss.item(), abs=1e-6)
    assert [task.decode(row.target) for row in rows] == [["a", "c"], [], ["b"]] if task.target_type == "labels" else True
    if task.target_type == "number":
        assert [answer.value for answer in answers] == pytest.approx(output.logits.squeeze(-1).tolist(), rel=1e-5)
    else:
        sure = torch.sigmoid(output.logits) if task.target_type == "labels" else output.logits.softmax(-1)
        found = torch.tensor([list((answer.scores or {}).values()) for answer in answers])
        assert torch.allclose(found, sure, atol=1e-6)


def test_unusual_numbers_are_standardised() -> None:
    task = Regress.learn(["1000", "3000", "2000", "oops"])
    assert (task.centre, round(task.scale, 3)) == (2000.0, 816.497)
    assert task.decode(task.encode("1234.5")) == 1234.5
    assert task.answer(0.0).value == 2000.0
    usual = Regress.learn(["1", "2", "4"]).configured({"bounds": ("0", "5")})
    assert (usual.centre, usual.scale, usual.answer(7.2).value) == (0.0, 1.0, 5.0)
    assert Regress.restore(usual.spec()) == usual


PLAIN: list[tuple[Task, str | None]] = [
    (Regress.learn(["1", "2", "5"]), None),
    (Regress.learn(["1000", "2000", "3000"]), "times 816.497, plus 2000"),
    (Regress.learn(["1", "2", "5"]).configured({"bounds": ("0", "5")}), "kept between 0 and 5"),
    (Classify(("a", "b")), None),
    (Classify(("a", "b"), "b", "sensitivity=0.9"), None),  # no validation rows: the likelier label, as everywhere
    (Classify(("a", "b"), "b", "sensitivity=0.9", 0.25), "b is the answer from a probability of 0.25 on"),
    (Classify(("a", "b"), abstain=0.7), "less probable than 0.7 are withheld"),
    (ClassifyMany(("a", "b")), None),
    (ClassifyMany(("a", "b"), thresholds={"a": 0.5, "b": 0.5}), None),
    (ClassifyMany(("a", "b"), thresholds={"a": 0.5, "b": 0.125}), "not from 0.5: b 0.125"),
]


@pytest.mark.parametrize(("task", "reason"), PLAIN)
def test_what_stock_transformers_would_answer_differently_is_told_with_the_reason(task: Task, reason: str | None, tmp_path: Path) -> None:
    files = open_base(tiny.save(tmp_path / "base", "bert"))
    form = Default(Setting(task, files.tokenizer, files.architecture, 32))
    assert (form.why_not_plain is None) if reason is None else reason in str(form.why_not_plain)
    assert "'so: {text}'" in str(form.with_template("so: {text}").why_not_plain)


def test_a_threshold_is_what_a_stock_pipeline_leaves_out(tmp_path: Path) -> None:
    """The same outputs, another answer: the reason is no mere caution."""
    files = open_base(tiny.save(tmp_path / "b", "bert"))
    task = Classify(("a", "b"), "b", "sensitivity=0.9", 1e-6)
    form = Default(Setting(task, files.tokenizer, files.architecture, 32))
    model = load_model(files, form.auto_class, task.labels, target=task.target_type).eval()
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor([2.0, 0.0]))
        answers = form.reader(model)(form.collate(form.encode([Example("1", {"text": TEXTS[0]})])))
    stock = pipeline("text-classification", model=model, tokenizer=files.tokenizer)(TEXTS[0])
    assert (answers[0].value, stock[0]["label"]) == ("b", "a")
