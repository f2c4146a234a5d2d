"""What replaces autocast's operations: linear layers with kept bf16 weights, and attention with a gradient written out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from joyul.engine.attention import _places, _Written
from joyul.engine.dropout import MASKS, reseed
from joyul.engine.layout import Layout
from joyul.engine.linears import low_linears
from tests.engine.test_exact import Case, distance


def answers(model: nn.Module, states: Tensor, precision: str) -> tuple[Tensor, dict[str, Tensor]]:
    """Output and gradients under autocast, with our layers for `bf16`."""
    model.zero_grad()
    states = states.clone().requires_grad_()
    with low_linears(model, precision), torch.autocast("cpu", torch.bfloat16):
        found = model(states)
        found.float().square().sum().backward()
    return found, {"states": states.grad, **{name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}}  # type: ignore[dict-item]


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(48, 96), nn.GELU(), nn.Linear(96, 48, bias=False), nn.LayerNorm(48), nn.Linear(48, 3))


def test_linear_layers_answer_bit_for_bit_as_under_autocast(model: nn.Module) -> None:
    states = torch.randn(5, 7, 48)
    theirs, plain = answers(model, states, "none")
    ours, low = answers(model, states, "bf16")
    assert torch.equal(theirs, ours)
    assert all(value.dtype == torch.float32 for value in low.values())
    assert distance(plain, low) < 2**-7  # sums of bf16 in another order
    assert all("forward" not in vars(layer) for layer in model)


def test_no_gradient_is_further_from_fp32_than_autocasts(model: nn.Module) -> None:
    states = torch.randn(64, 48)
    exact = states.clone().requires_grad_()
    model(exact).square().sum().backward()
    truth = {"states": exact.grad, **{name: p.grad.clone() for name, p in model.named_parameters()}}
    theirs, ours = answers(model, states, "none")[1], answers(model, states, "bf16")[1]
    for name, value in truth.items():
        assert float((ours[name] - value).norm()) <= 1.25 * float((theirs[name] - value).norm()) + 1e-6


def test_a_moved_weight_is_cast_again(model: nn.Module) -> None:
    states = torch.randn(4, 48)
    adam = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
    with low_linears(model, "bf16") as low, torch.autocast("cpu", torch.bfloat16):
        before = model(states)
        assert torch.equal(before, model(states))
        before.float().sum().backward()
        adam.step()
        low.forget()
        after = model(states)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(after, model(states))
    assert not torch.equal(before, after)


def test_training_in_bf16_follows_training_in_fp32(tmp_path: Path) -> None:
    """The whole loop: thirty updates at a high rate, the loss in the end."""
    from joyul.contracts import ParameterGroup
    from joyul.engine.loop import Plan, train

    ends = {}
    for precision in ("fp32", "bf16"):
        case = Case(tmp_path / precision, "bert")
        case.model.float()
        groups = [ParameterGroup("all", dict(case.model.named_parameters()))]
        plan = Plan(epochs=10, learning_rate=3e-3, batch_size=8, precision=precision)
        losses = [step.loss for step in train(case.model, case.form, case.rows, groups, plan)]
        assert losses[-1] < 0.9 * losses[0]
        ends[precision] = losses[-1]
    assert ends["bf16"] == pytest.approx(ends["fp32"], rel=0.2)


def test_states_changed_in_place_are_cast_again() -> None:
    layer = nn.Linear(8, 8)
    states = torch.randn(3, 8)
    with low_linears(layer, "bf16"), torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        first = layer(states)
        states.mul_(2.0)
        assert not torch.equal(first, layer(states))


def test_nothing_changes_without_autocast_and_where_nothing_moves(model: nn.Module) -> None:
    states = torch.randn(4, 48)
    plain = model(states)
    with low_linears(model, "bf16"):
        assert torch.equal(plain, model(states))
    model.requires_grad_(False)
    gradients = answers(model, states, "bf16")[1]
    assert gradients.keys() == {"states"}


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("causal", [False, True])
def test_the_written_gradient_of_attention(dropout: float, causal: bool) -> None:
    """Against finite differences, in fp64, rows of lengths 1 to 9 in several blocks."""
    torch.manual_seed(1)
    lengths, heads, width = [9, 1, 4, 5], 2, 3
    mask = torch.arange(9)[None] < torch.tensor(lengths)[:, None]
    layout = Layout.of(mask.long())
    assert len(layout.blocks) > 1
    biases = []
    for block in layout.blocks:
        readable = mask[block.first : block.last, None, None, : block.length].expand(-1, 1, block.length, -1)
        readable = readable & torch.ones(block.length, block.length, dtype=torch.bool).tril() if causal else readable
        bias = torch.zeros(readable.shape, dtype=torch.float64).masked_fill(~readable, torch.finfo(torch.float64).min)
        biases.append(nn.functional.pad(bias, (0, 0, 0, 0, 0, 0, 0, block.rows - bias.shape[0])))
    lines = [torch.randn(layout.size, heads, width, dtype=torch.float64, requires_grad=True) for _ in range(3)]

    def attend(*states: Tensor) -> Tensor:
        reseed(3)
        found: Tensor = _Written.apply(*states, layout, _places(layout, heads), biases, dropout, 0.5)  # type: ignore[no-untyped-call]
        return found

    assert torch.autograd.gradcheck(attend, lines, atol=1e-7)
    assert float(attend(*lines)[layout.tokens :].abs().max()) == 0.0


def test_attention_in_bf16_is_as_near_to_fp32_as_the_plain_one(tmp_path: Path) -> None:
    """Gradients of a whole model under autocast, ours and plain, measured from those in fp32."""
    from joyul.engine.accumulate import Pieces, accumulate
    from joyul.engine.unpad import unpadded

    case = Case(tmp_path / "base", "bert")
    case.model.float()
    found = {}
    for name, precision, ours in (("truth", "fp32", False), ("plain", "bf16", False), ("ours", "bf16", True)):
        case.model.train()
        case.model.zero_grad()
        lean = unpadded(case.model, case.form.collate(case.rows[:4]).inputs)
        if ours:
            with lean, low_linears(case.model, precision):
                accumulate(case.model, case.form, case.rows, Pieces(), precision)
        else:
            accumulate(case.model, case.form, case.rows, Pieces(), precision)
        found[name] = torch.cat([p.grad.flatten() for p in case.model.parameters() if p.grad is not None])
    far = {name: float((found[name] - found["truth"]).norm() / found["truth"].norm()) for name in ("plain", "ours")}
    assert 0 < far["ours"] < 1.25 * far["plain"]
    assert MASKS.kept(torch.Size([4]), 0.5)[1] == 2.0
