"""Best state, early stopping, diagnosis."""

from __future__ import annotations

import pytest
import torch
from statsmodels.stats.proportion import proportion_confint
from torch import nn

from joyul.contracts import ParameterGroup, Prediction, Step
from joyul.engine.average import Average
from joyul.engine.best import Best, kept
from joyul.engine.diagnose import diagnose
from joyul.engine.evaluate import Evaluation
from joyul.engine.freeze import move_only, training_mode
from joyul.tasks.classify import Classify


def step(number: int, valid: tuple[float, float] | None = None, loss: float = 1.0, error: float | None = None) -> Step:
    scores = None if valid is None else {"accuracy": valid[0], "loss": valid[1]}
    return Step(number, 1, "full", "update", 1, 1, 0.1, 1, loss=loss, epoch=float(number), valid=scores, standard_error=error)


def test_the_best_state_comes_back_and_patience_ends() -> None:
    weight = nn.Parameter(torch.zeros(1))
    moving = [ParameterGroup("all", {"weight": weight})]
    best = Best(moving, "accuracy", 2, Average(moving, None))
    stops = []
    for number, valid in enumerate([(0.5, 1.0), (0.7, 0.9), (0.7, 0.8), (0.7, 0.85), (0.6, 0.7)], start=1):
        weight.data.fill_(number)
        stops.append(best.read(step(number, valid)))
    assert stops == [False, False, False, False, True], "a lower loss at the same score is better; a higher one and a lower score are not"
    best.restore()
    assert weight.item() == 4.0, "between equal scores the later state stays"


def test_scores_that_the_rows_cannot_tell_apart_leave_the_latest_state() -> None:
    """The error counts that is told with the highest score: 0.9 - 0.15."""
    weight = nn.Parameter(torch.zeros(1))
    moving = [ParameterGroup("all", {"weight": weight})]
    best = Best(moving, "accuracy", 3, Average(moving, None))
    told = [(0.6, 0.2), (0.9, 0.15), (0.76, 0.01), (0.74, 0.3)]
    steps = [step(number, (score, 1.0), error=error) for number, (score, error) in enumerate(told, start=1)]
    for one in steps:
        weight.data.fill_(one.step)
        best.read(one)
        assert kept(steps[: one.step], "accuracy") is best.step, "the diagnosis names the state that stays"
    best.restore()
    assert weight.item() == 3.0
    assert best.worse == 2, "nearly as good is not better: patience goes on counting"


def test_a_state_saved_before_the_latest_was_kept_is_gone_on_with() -> None:
    """It holds one Step, which was the highest and the one that was kept."""
    weight = nn.Parameter(torch.ones(1))
    moving = [ParameterGroup("all", {"weight": weight})]
    saved, best = (Best(moving, "accuracy", 3, Average(moving, None)) for _ in range(2))
    saved.read(step(1, (0.7, 0.9)))
    record = {key: value for key, value in saved.record().items() if key != "top"}
    best.resume(record, saved.tensors())
    assert best.top == best.step == saved.step


@pytest.mark.parametrize("hits", [18, 17, 9, 0])
def test_the_error_of_a_share_is_wilsons_downwards(hits: int) -> None:
    found = Evaluation(["a"] * 18, [Prediction("a")] * hits + [Prediction("b")] * (18 - hits), {"accuracy": hits / 18})
    low = proportion_confint(hits, 18, method="wilson")[0]
    assert found.standard_error(Classify(("a", "b"))) == pytest.approx((hits / 18 - low) / 1.96, abs=1e-6)


def test_without_validation_the_last_state_stays() -> None:
    weight = nn.Parameter(torch.ones(1))
    moving = [ParameterGroup("all", {"weight": weight})]
    best = Best(moving, "accuracy", 1, Average(moving, None))
    assert not best.read(step(1))
    weight.data.fill_(5)
    best.restore()
    assert weight.item() == 5.0


def test_only_what_moves_trains() -> None:
    """A frozen block keeps its dropout off; a dropout beside what moves is on."""
    frozen = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    model = nn.Sequential(frozen, nn.Dropout(0.5), nn.Linear(2, 2))
    move_only(model, [ParameterGroup("head", dict(model[2].named_parameters()))])
    training_mode(model)
    assert [parameter.requires_grad for parameter in model.parameters()] == [False, False, True, True]
    assert (frozen.training, frozen[1].training, model[1].training, model[2].training) == (False, False, True, True)


def said(steps: list[Step], metric: str, baseline: float | None) -> str:
    found = diagnose(steps, metric, baseline)
    assert found is not None
    assert found.kind.split("_")[0] in found.text.lower().replace("no sign", "fine").replace("validated once", "fine").replace("nothing", "not").replace("there were ", "")
    return found.text


def test_diagnosis_says_what_the_curves_say() -> None:
    falling = [step(n, (0.8, 1.0 - 0.1 * n), loss=1.0 - 0.1 * n) for n in range(1, 5)]
    assert said([*falling[:-1], step(4, (0.9, 0.5), 0.6)], "accuracy", 0.5).startswith("Still improving when it ended")
    rising = [step(1, (0.8, 0.5), 0.6), step(2, (0.82, 0.4), 0.4), step(3, (0.81, 0.5), 0.2), step(4, (0.8, 0.7), 0.1)]
    assert said(rising, "accuracy", 0.5).startswith("Overfitting since epoch 3")
    assert "epoch 2 was kept" in said(rising, "accuracy", 0.5)
    assert said([step(1, (0.5, 0.7)), step(2, (0.5, 0.7))], "accuracy", 0.52).startswith("Nothing was learned")
    assert said([step(1, (0.5, 0.7)), step(2, (0.504, 0.7))], "accuracy", 0.5).startswith("Nothing was learned"), "by a hair is not learned"
    assert "(0.000)" in said([step(1, (-0.2, 6.1)), step(2, (-0.1, 6.0))], "accuracy", -0.43), "as R2 below zero"
    assert said([step(1, (0.8, 0.5))], "accuracy", 0.5).startswith("The state of epoch 1 was kept (accuracy 0.800")
    assert said([step(1)], "accuracy", None).startswith("There were no validation rows")
    assert said([step(1, (0.8, 0.5)), step(2, (0.9, 0.4)), step(3, (0.9, 0.41))], "accuracy", 0.5).startswith("No sign of overfitting: the state of epoch 3")
    assert diagnose([], "accuracy", None) is None
    tied = [step(1, (0.7, 0.6)), step(2, (0.8, 0.5)), step(3, (0.8, 0.49))]
    assert "epoch 3 was kept" in said(tied, "accuracy", 0.5), "as Best: the later among equal scores"
