"""Losses of the three readouts against those transformers computes by itself for the same problem type."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification

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


@pytest.mark.parametrize(("targets", "plain"), [(["1", "2", "5"], True), (["1000", "2000", "90000"], False)])
def test_numbers_in_other_units_are_not_what_stock_transformers_answers(tmp_path: Path, targets: list[str], plain: bool) -> None:
    files = open_base(tiny.save(tmp_path / "base", "bert"))
    assert Default(Setting(Regress.learn(targets), files.tokenizer, files.architecture, 32)).plain is plain
