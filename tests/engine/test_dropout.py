"""Our dropout: its share, its scale, its gradient, and that it repeats."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from joyul.engine.dropout import MASKS, quick_dropout, reseed


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("shape", [(1000, 1001), (3, 5, 7, 11)])
def test_the_share_and_the_mean(share: float, shape: tuple[int, ...]) -> None:
    reseed(5)
    dropped = MASKS.drop(torch.ones(shape), share)
    zeros = float((dropped == 0).float().mean())
    spread = (share * (1 - share) / dropped.numel()) ** 0.5
    assert abs(zeros - share) < 5 * spread
    kept = dropped[dropped != 0]
    assert torch.allclose(kept, torch.full_like(kept, 1 / (1 - share)), rtol=1e-4)


def test_rows_and_columns_are_independent() -> None:
    reseed(1)
    dropped = (MASKS.drop(torch.ones(4000, 64), 0.5) > 0).double()
    assert float(torch.corrcoef(dropped.T).fill_diagonal_(0).abs().max()) < 0.1


def test_modules_repeat_with_the_seed_and_only_in_training() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.3))
    states = torch.randn(16, 8)
    with quick_dropout(model):
        reseed(3)
        first = model(states)
        second = model(states)
        reseed(3)
        assert torch.equal(model(states), first)
        assert not torch.equal(first, second)
        model.eval()
        assert torch.equal(model(states), model[0](states))
    assert "forward" not in vars(model[1])


def test_the_gradient_passes_where_the_mask_does() -> None:
    reseed(0)
    states = torch.ones(50, 50, requires_grad=True)
    dropped = MASKS.drop(states, 0.25)
    dropped.sum().backward()
    assert torch.equal(states.grad, dropped.detach())
