"""The mean of the weights of a training's later half, against torch's own running mean and by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from joyul.contracts import ParameterGroup, Step
from joyul.engine.average import Average
from joyul.engine.best import Best

UPDATES, EPOCHS = 800, 4.0


def step(number: int, valid: dict[str, float] | None = None) -> Step:
    return Step(number, 1, "full", "update", 1, 1, 0.1, 1, loss=1.0, epoch=number * EPOCHS / UPDATES, valid=valid)


def moving(model: nn.Module) -> list[ParameterGroup]:
    return [ParameterGroup("all", dict(model.named_parameters()))]


def walk(model: nn.Module) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))


def test_it_is_the_mean_that_torch_keeps() -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 2).double()
    average, peer = Average(moving(model), EPOCHS, UPDATES), AveragedModel(model)
    assert average.every == 4
    for number in range(1, UPDATES + 1):
        walk(model)
        average.read(step(number))
        if number > UPDATES // 2 and number % 4 == 0:
            peer.update_parameters(model)
    assert average.count == 100
    for name, value in peer.module.named_parameters():
        assert torch.allclose(average.mean[name], value, atol=1e-12, rtol=0), name


def test_what_is_kept_is_what_was_scored_and_the_walk_goes_on() -> None:
    weight = nn.Parameter(torch.zeros(1))
    groups = [ParameterGroup("all", {"weight": weight})]
    average = Average(groups, 4.0, 4)
    best, seen = Best(groups, "accuracy", None, average), []
    for number, score in enumerate([0.5, 0.6, 0.9, 0.8], start=1):
        weight.data.fill_(10.0 * number)
        with average.shown():
            seen.append(weight.item())
        assert weight.item() == 10.0 * number
        best.read(replace(step(number, {"accuracy": score, "loss": 1.0}), epoch=float(number)))
    assert seen == [10, 20, 30, 30], "epochs 1 to 3 are looked at before a mean is there, the fourth sees that of the third"
    assert average.mean["weight"].item() == 35
    best.restore()
    assert weight.item() == 30


def test_weights_come_back_after_a_failing_look() -> None:
    weight = nn.Parameter(torch.zeros(1))
    average = Average([ParameterGroup("all", {"weight": weight})], 2.0, 4)
    average.read(replace(step(2), epoch=2.0))
    weight.data.fill_(5)

    @average.shown()
    def look() -> None:
        assert weight.item() == 0
        raise KeyError

    with pytest.raises(KeyError):
        look()
    assert weight.item() == 5


def test_without_validation_the_mean_is_what_stays() -> None:
    weight = nn.Parameter(torch.zeros(1))
    groups = [ParameterGroup("all", {"weight": weight})]
    best = Best(groups, "accuracy", None, Average(groups, 2.0, 4))
    for number in range(1, 5):
        weight.data.fill_(number)
        best.read(replace(step(number), epoch=number / 2))
    best.restore()
    assert weight.item() == 3.5


def test_another_number_of_epochs_moves_its_beginning_until_it_has_begun() -> None:
    weight = nn.Parameter(torch.zeros(1))
    average = Average([ParameterGroup("all", {"weight": weight})], 2.0, 4)
    average.read(replace(step(1), epoch=0.5, adjusted={"epochs": 6.0}))
    assert average.begins == 3.0
    average.read(replace(step(2), epoch=3.5))
    average.read(replace(step(3), epoch=4.0, adjusted={"epochs": 20.0}))
    assert (average.begins, average.count) == (3.0, 2)


def test_one_that_never_takes_anything_in() -> None:
    weight = nn.Parameter(torch.ones(1))
    average = Average([ParameterGroup("all", {"weight": weight})], None)
    average.read(step(UPDATES))
    assert not average.mean and not average.tensors()
    assert average.present()["weight"].item() == 1
