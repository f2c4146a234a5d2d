"""Each trick that does not hang on the Form, on each text architecture: the plain computation's gradient, or refused for a reason.

`test_exact` does the same for layers without padding and for stored states. A sample by default, the others are slow.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from joyul.contracts import ParameterGroup
from joyul.engine import accumulate as accumulating
from joyul.engine import lanes as laning
from joyul.engine.accumulate import Pieces, accumulate
from joyul.engine.dropout import quick_dropout, reseed
from joyul.engine.freeze import move_only
from joyul.engine.lanes import Lanes, separable
from joyul.engine.linears import Copies, low_linears
from joyul.engine.vocabulary import CompactEmbedding, compact_vocabulary
from tests.engine.test_exact import ARCHITECTURES, HALVES, LOOSER, TOLERANCE, Case, distance

SAMPLE = ("bert", "deberta-v2-conv", "gemma3", "gpt2", "t5", "clip", "albert")
BF16 = 1.25  # times as far from fp32 as autocast's own gradient
REFUSED: dict[str, dict[str, str]] = {
    "pieces": {},
    "lanes": dict.fromkeys((*HALVES, "gemma3n"), "the Form changes the output layer for a pass"),
    "vocabulary": {
        **dict.fromkeys((*HALVES, "gemma3n"), "the table is the output layer too"), "t5-encoder": "the table has two owners",
        **dict.fromkeys(("gemma", "gemma3"), "the table scales what is read from it"),
    },
    "bf16": {},
}


def in_pieces(case: Case) -> float | None:
    """Micro-batches of five rows."""
    return distance(case.gradients(case.groups(0), case.rows), case.gradients(case.groups(0), case.rows, most=5)) / limit(case)


def in_lanes(case: Case) -> float | None:
    """Two threads, each with rows of its own."""

    def gradient(lanes: Lanes | None) -> dict[str, Tensor]:
        move_only(case.model, case.groups(0))
        case.model.train()
        with quick_dropout(case.model):
            accumulate(case.model, case.form, case.rows, Pieces(), lanes=lanes, reseed=lambda lane: reseed(7 + lane, lane))
        return {name: p.grad.clone() for name, p in case.model.named_parameters() if p.grad is not None}

    with quick_dropout(case.model):
        if not separable(case.model, case.form, case.rows):
            return None
    two = Lanes(2)
    try:
        return distance(gradient(None), gradient(two)) / limit(case)
    finally:
        two.close()


def with_few_words(case: Case) -> float | None:
    """Three updates of AdamW with decay on rows of few words; every weight afterwards, those of other words too."""
    trained = []
    for compact in (False, True):
        model = copy.deepcopy(case.model)
        groups: Any = [ParameterGroup("all", dict(model.named_parameters()))]
        with compact_vocabulary(model, case.form, groups, case.rows[:6] if compact else case.rows) as moving:
            if compact and not isinstance(model.get_input_embeddings(), CompactEmbedding):
                return None
            move_only(model, moving)
            adam = torch.optim.AdamW([p for group in moving for p in group.parameters.values()], lr=1e-2, weight_decay=0.1)
            for _ in range(3):
                accumulate(model, case.form, case.rows[:6], Pieces())
                adam.step()
                adam.zero_grad()
        trained.append(dict(model.named_parameters()))
    return distance(*trained) / limit(case)


def in_bf16(case: Case) -> float | None:
    """How far from fp32, over how far autocast's own gradient is."""
    case.model.float()

    def gradient(precision: str, ours: str) -> Tensor:
        move_only(case.model, case.groups(0))
        case.model.train()
        with low_linears(case.model, ours):
            accumulate(case.model, case.form, case.rows, Pieces(), precision)
        return torch.cat([p.grad.flatten().clone() for p in case.model.parameters() if p.grad is not None])

    truth, plain, low = gradient("fp32", "none"), gradient("bf16", "none"), gradient("bf16", "bf16")
    return float((low - truth).norm() / (plain - truth).norm()) / BF16


def limit(case: Case) -> float:
    return LOOSER.get(case.name, TOLERANCE)


TRICKS: dict[str, Callable[[Case], float | None]] = {
    "pieces": in_pieces, "lanes": in_lanes, "vocabulary": with_few_words, "bf16": in_bf16,
}  # fmt: skip


@pytest.fixture(autouse=True)
def few_rows_go_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laning, "LEAST", 1)


@pytest.mark.parametrize("name", [one if one in SAMPLE else pytest.param(one, marks=pytest.mark.slow) for one in ARCHITECTURES])
def test_each_trick_gives_the_plain_gradient_or_is_refused(name: str, tmp_path: Path) -> None:
    case = Case(tmp_path, name)
    for trick, measured in TRICKS.items():
        share = measured(case)
        assert (share is None) is (name in REFUSED[trick]), trick
        assert share is None or share <= 1.0, trick


def test_the_cells_are_counted() -> None:
    """What is refused cannot grow unseen, and nothing is refused that is not there."""
    done = {trick: len([name for name in ARCHITECTURES if name not in REFUSED[trick]]) for trick in TRICKS}
    assert len(ARCHITECTURES) == 22 and set(SAMPLE) <= set(ARCHITECTURES)
    assert done == {"pieces": 22, "lanes": 18, "vocabulary": 15, "bf16": 22}


@pytest.mark.parametrize("name", ["bert", "llama"])
def test_each_trick_broken_is_noticed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The positive controls: pieces that weigh the same, a row too few, decay forgotten, weights of before."""
    deal, kept, share = Lanes.deal, Copies.of, accumulating.share
    breaks: dict[str, tuple[Any, str, Any]] = {
        "pieces": (accumulating, "share", lambda losses, rows, total: share(losses, rows, total) * (1.5 if len(rows) < 5 else 1.0)),
        "lanes": (Lanes, "deal", lambda lanes, rows: [part[: len(part) - number] for number, part in enumerate(deal(lanes, rows))]),
        "vocabulary": (CompactEmbedding, "write_back", lambda table: table.whole.weight.data.index_copy_(0, table.used, table.weight.data)),
        "bf16": (Copies, "of", lambda copies, layer: (kept(copies, layer)[0] * 1.5, kept(copies, layer)[1])),
    }
    case = Case(tmp_path, name)
    assert breaks.keys() == TRICKS.keys()
    for trick, measured in TRICKS.items():
        with monkeypatch.context() as patch:
            patch.setattr(*breaks[trick])
            broken = measured(case)
            assert broken is not None and broken > 1.5, trick
