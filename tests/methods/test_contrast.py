"""Contrastive stages against losses worked out by hand, SetFit's way of reading, and the update computed in one piece."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

import joyul
from joyul.bases.load import load_model, open_base
from joyul.contracts import Example, Setting
from joyul.engine.accumulate import Pieces, accumulate
from joyul.engine.dropout import quick_dropout, reseed
from joyul.forms.default import Default
from joyul.forms.pairs import By, Pairs, simcse, supervised
from joyul.methods.contrast import Contrast
from joyul.tasks.classify import Classify

TEMPERATURE = 0.5


def test_the_supervised_loss_by_hand() -> None:
    """Three rows at 0, 90 and 180 degrees, of labels a, a, b: cosines 0 (first two), -1 and 0."""
    states = torch.tensor([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]])
    found = supervised(states, torch.tensor([0, 0, 1]), TEMPERATURE)
    first = -math.log(math.exp(0) / (math.exp(0) + math.exp(-1 / TEMPERATURE)))
    second = -math.log(math.exp(0) / (math.exp(0) + math.exp(0)))
    assert found.tolist() == pytest.approx([first, second, 0.0], abs=1e-6)


def test_the_supervised_loss_as_a_double_sum() -> None:
    """Khosla et al. (2020), equation 2, term by term."""
    generator = torch.Generator().manual_seed(0)
    states, labels = torch.randn(9, 5, generator=generator, dtype=torch.float64), [0, 1, 2, 0, 1, 2, 0, 0, 3]
    unit = [row / row.norm() for row in states]
    expected = []
    for i, own in enumerate(labels):
        others = [j for j in range(9) if j != i]
        below = sum(math.exp(float(unit[i] @ unit[j]) / TEMPERATURE) for j in others)
        same = [j for j in others if labels[j] == own]
        terms = [-math.log(math.exp(float(unit[i] @ unit[j]) / TEMPERATURE) / below) for j in same]
        expected.append(sum(terms) / len(same) if same else 0.0)
    assert supervised(states, torch.tensor(labels), TEMPERATURE).tolist() == pytest.approx(expected, abs=1e-12)


def test_a_row_alone_has_no_pair_and_no_gradient() -> None:
    state = torch.ones(1, 4, requires_grad=True)
    supervised(state, torch.tensor([0]), TEMPERATURE).sum().backward()
    assert state.grad is not None and torch.equal(state.grad, torch.zeros(1, 4))


def test_the_unsupervised_loss_by_hand() -> None:
    """Two rows at a right angle, each seen twice the same: log(1 + exp(-1 / temperature))."""
    views = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    expected = math.log(1 + math.exp(-1 / TEMPERATURE))
    assert simcse(views, 3 * views, TEMPERATURE).tolist() == pytest.approx([expected] * 2, abs=1e-6)


@pytest.mark.parametrize("by", ["labels", "dropout"])
def test_an_update_in_pieces_has_the_gradient_of_the_whole(base: str, rows: list[tuple[str, str]], by: By) -> None:
    """Pairs across pieces count. Without dropout an uncut update is the same; with it, the same masks passed with gradient."""
    files, task = open_base(base), Classify(("no", "yes"))
    form = Default(Setting(task, files.tokenizer, files.architecture, 32))
    encoded = form.encode([Example(str(n), {"text": text}, label) for n, (text, label) in enumerate(rows[:12])])
    for dropout in (0.0, 0.1):
        model = load_model(files, form.auto_class, task.labels, seed=0, dropout=dropout).double()
        model.train()
        aim = Contrast(by, TEMPERATURE).aim(model, form)
        assert isinstance(aim, Pairs)
        with quick_dropout(model):
            found = accumulate(model, aim, encoded, Pieces(5), reseed=reseed), _gradients(model)  # type: ignore[arg-type]
            reseed(0)
            pieces = Pieces(5 if dropout else None).of(encoded)
            order = [row for piece in pieces for row in piece]
            states = [aim.states(model, form.collate(piece)) for _ in range(aim.views) for piece in pieces]
            loss = aim.together(torch.cat(states), order).mean()
            loss.backward()
        expected = loss.item(), _gradients(model)
        assert found[0] == pytest.approx(expected[0], rel=1e-9) and len(pieces) == (3 if dropout else 1)
        largest = max(float(gradient.abs().max()) for gradient in expected[1].values())
        for name, gradient in expected[1].items():
            assert torch.allclose(found[1][name], gradient, rtol=1e-6, atol=1e-9 * largest), name
        assert largest > 1e-6


def _gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """What `model` holds; afterwards it holds none."""
    found = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    model.zero_grad(set_to_none=True)
    return found


def test_the_head_is_the_optimum_on_the_states_that_were_trained(base: str, reviews: str, tmp_path: Path) -> None:
    """Saved and opened again; scikit-learn on what the head reads gives the same answers."""
    run = joyul.train(data=reviews, base=base, method="contrast", epochs=20, learning_rate=5e-3, out=str(tmp_path / "run"))
    assert run.metrics["scores"]["test"]["accuracy"]["value"] > 0.8
    assert run.metrics["plain_loadable"]
    again = joyul.load(tmp_path / "run").predict(["a good film", "a bad film"])
    assert [answer.value for answer in again] == ["yes", "no"]


def test_a_chain_goes_on_from_it(base: str, reviews: str, tmp_path: Path) -> None:
    run = joyul.train(
        data=reviews, base=base, method="contrast+head", contrast__pairs="dropout", epochs=1, out=str(tmp_path / "run")
    )
    assert [entry["method"] for entry in run.metrics["lineage"]] == ["contrast+head"]


def test_what_has_no_pairs_is_refused(base: str, tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    from joyul.errors import DoesNotFit
    from tests.conftest import write_csv

    file = write_csv(tmp_path / "n.csv", [("text", "label"), *((text, str(n % 7 / 2)) for n, (text, _) in enumerate(rows))])
    with pytest.raises(DoesNotFit, match="pairs=dropout"):
        joyul.train(data=file, base=base, task="regress", method="contrast", out=str(tmp_path / "run"))
