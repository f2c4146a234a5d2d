"""Answers and losses of validation rows in one pass, against two."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from joyul.bases.load import load_model, open_base
from joyul.contracts import Example, Setting
from joyul.engine.evaluate import evaluate, judge
from joyul.engine.once import once
from joyul.forms.default import Default
from joyul.tasks.classify import Classify
from tests import tiny


@pytest.mark.parametrize("architecture", ["bert", "roberta", "gpt2", "t5"])
def test_answers_and_losses_are_those_of_two_passes(architecture: str, tmp_path: Path) -> None:
    files = open_base(tiny.save(tmp_path / "base", architecture, "AutoModel"))
    form = Default(Setting(Classify(("no", "yes")), files.tokenizer, files.architecture, 40))
    rows = form.encode([Example(str(n), {"text": text}, ("no", "yes")[n % 2]) for n, text in enumerate(tiny.TEXTS)])
    model = load_model(files, form.auto_class, ("no", "yes"), seed=1).eval()
    with torch.no_grad():
        each = [float(form.losses(model, form.collate([row])).sum()) for row in rows]
    expected = evaluate(model, form, rows, most=4)
    passes: list[int] = []
    model.base_model.register_forward_hook(lambda module, given, outputs: passes.append(1))
    found, loss = judge(model, form, rows, most=4)
    assert loss == pytest.approx(sum(each) / len(rows), abs=1e-5)
    assert found == expected
    assert len(passes) == len(rows) // 4, "once for every piece"
    assert "forward" not in vars(model), "put back"


def test_only_the_very_same_tensors_are_not_passed_again() -> None:
    class Counts(nn.Module):
        passed = 0

        def forward(self, x: torch.Tensor, scale: int = 1) -> torch.Tensor:
            self.passed += 1
            return x * scale

    model, x = Counts(), torch.ones(2)
    with once(model):
        assert model(x=x) is model(x=x) and model.passed == 1
        assert model(x=x.clone()).equal(x) and model.passed == 2, "equal is not the same"
        assert model(x=x, scale=3).equal(3 * x) and model.passed == 3
        assert model(x).equal(x) and model(x).equal(x) and model.passed == 5, "unnamed: not looked at"
        assert model(x=x).equal(x) and model.passed == 6
    assert model(x=x) is not model(x=x) and model.passed == 8
