"""An update in several threads: the same gradient, every time the same, and only where nothing is drawn out of turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from joyul.contracts import Row
from joyul.engine import lanes as module
from joyul.engine.accumulate import Pieces, accumulate
from joyul.engine.dropout import quick_dropout, reseed
from joyul.engine.finite import NonFiniteLoss
from joyul.engine.freeze import move_only
from joyul.engine.lanes import Lanes, lanes
from joyul.engine.unpad import unpadded
from joyul.methods.learned import LearnedStage
from joyul.methods.prefix import PrefixTuning
from joyul.methods.soft_prompt import SoftPrompt
from joyul.recipe.settings import StageSettings
from tests.engine.test_exact import TOLERANCE, Case, distance

RESIDUAL = StageSettings(prompt_length=4, reparametrisation="residual")


@pytest.fixture
def bert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setattr(module, "LEAST", 1)
    return Case(tmp_path / "base", "bert")


@pytest.fixture(params=[2, 3])
def several(request: pytest.FixtureRequest) -> Iterator[Lanes]:
    made = Lanes(request.param)
    yield made
    made.close()


def gradients(case: Case, apart: Lanes | None, most: int | None = None) -> dict[str, Any]:
    groups = case.groups(0)
    move_only(case.model, groups)
    case.model.train()
    case.model.zero_grad()
    with unpadded(case.model, case.form.collate(case.rows[:4]).inputs) as lean, quick_dropout(case.model):
        assert lean
        accumulate(case.model, case.form, case.rows, Pieces(most), lanes=apart, reseed=lambda lane: reseed(7 + lane, lane))
    return {name: parameter.grad.clone() for name, parameter in case.model.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize("most", [None, 2])
def test_the_gradient_is_that_of_one_thread(bert: Case, several: Lanes, most: int | None) -> None:
    assert distance(gradients(bert, None), gradients(bert, several, most)) < TOLERANCE


@pytest.mark.parametrize("prompt", [SoftPrompt("p_tuning", RESIDUAL), PrefixTuning("prefix", RESIDUAL)], ids=lambda one: one.name)
def test_learned_prompts_go_apart(bert: Case, several: Lanes, prompt: LearnedStage) -> None:
    torch.manual_seed(0)
    prompt.insert(bert.model, bert.form)
    found = gradients(bert, None)
    assert sum("learned" in name for name in found) > 1, "the prompt has a gradient"
    assert distance(found, gradients(bert, several)) < TOLERANCE
    with quick_dropout(bert.model), lanes(bert.model, bert.form, bert.rows) as apart:
        assert apart.count == torch.get_num_threads()


def test_the_comparison_notices_a_lane_that_is_lost(bert: Case, several: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = gradients(bert, None)
    deal = Lanes.deal
    monkeypatch.setattr(Lanes, "deal", lambda self, rows: [*deal(self, rows)[:-1], deal(self, rows)[-1][:1]])
    assert distance(plain, gradients(bert, several)) > 1e-3


def test_masks_repeat_in_every_lane_and_differ_between_them(bert: Case, several: Lanes) -> None:
    for part in bert.model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.3
    first, plain = gradients(bert, several), gradients(bert, None)
    assert all(torch.equal(first[name], again) for _ in range(3) for name, again in gradients(bert, several).items())
    assert distance(first, plain) > 1e-3


def test_rows_are_dealt_by_tokens() -> None:
    rows = [Row(f"r:{length}", {"input_ids": [1] * length}) for length in (10, 300, 200, 90, 5)]
    apart = Lanes(2)
    assert [[row.length for row in lane] for lane in apart.deal(rows)] == [[300, 5], [200, 90, 10]]
    assert apart.deal(rows[:1]) == [rows[:1]]  # 10 tokens are too few to go apart
    apart.close()


def test_what_a_lane_raises_arrives_when_all_have_ended(bert: Case, several: Lanes) -> None:
    ended = []

    def fine() -> None:
        threading.Event().wait(0.2)
        ended.append(1)

    def broken() -> None:
        raise NonFiniteLoss("loss_not_finite", rows="r:1")

    with pytest.raises(NonFiniteLoss):
        several.each([broken, fine])
    assert ended


def test_models_that_draw_from_the_one_stream_stay_together(bert: Case) -> None:
    bert.model.train()
    with quick_dropout(bert.model), lanes(bert.model, bert.form, bert.rows) as apart:
        assert apart.count == torch.get_num_threads()

    class Noise(nn.Module):
        def forward(self, states: torch.Tensor) -> torch.Tensor:
            return states + 0.1 * torch.randn_like(states)

    bert.model.dropout = Noise()
    state = torch.default_generator.get_state()
    with quick_dropout(bert.model), lanes(bert.model, bert.form, bert.rows) as apart:
        assert apart.count == 1
    assert torch.equal(state, torch.default_generator.get_state())


def test_forms_that_change_the_model_for_a_pass_stay_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the rows of the output layer that are read: the layer is another one while the pass runs."""
    from joyul.bases.load import load_model, open_base
    from joyul.contracts import Example, Setting
    from joyul.engine.linears import low_linears
    from joyul.forms.cloze import Cloze
    from joyul.tasks.classify import Classify
    from tests import tiny

    monkeypatch.setattr(module, "LEAST", 1)
    files = open_base(str(tiny.save(tmp_path / "base", "bert", "AutoModelForMaskedLM")))
    form = Cloze(Setting(Classify(("bad", "good")), files.tokenizer, files.architecture, 40))
    model = load_model(files, form.auto_class, seed=1)
    rows = form.encode([Example(f"r:{n}", {"text": text}, ("bad", "good")[n % 2]) for n, text in enumerate(tiny.TEXTS[:8])])
    with low_linears(model, "bf16"), quick_dropout(model), lanes(model, form, rows) as apart:
        assert apart.count == 1
        standing = vars(model.get_output_embeddings())["forward"]
        form.losses(model, form.collate(rows))
        assert vars(model.get_output_embeddings())["forward"] is standing
