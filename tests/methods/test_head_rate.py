"""A head drawn for the run learns `head_rate` times as fast: AdamW's first step moves every weight by its rate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import joyul
from tests import tiny
from tests.conftest import write_csv

RATE = 1e-3
ONE_UPDATE = {
    "base": "bert", "epochs": 0.01, "batch_size": 8, "learning_rate": RATE, "warmup": 0, "schedule": "constant", "precision": "fp32",
    "dropout": 0, "weight_decay": 0, "save_every": "none", "valid": "none", "test": "none", "average": False,
}  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[tuple[str, str]]) -> Path:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "r.csv", [("text", "label"), *rows[:40]])
    tiny.save(tmp_path / "bert")
    return tmp_path


def weights(run: Any) -> dict[str, Tensor]:
    return load_file(Path(run.folder) / "model" / "model.safetensors")


def step_lengths(before: dict[str, Tensor], after: dict[str, Tensor]) -> dict[str, float]:
    """The longest way of a single number, by the part it belongs to."""
    found: dict[str, float] = {}
    for name, value in after.items():
        part = "head" if name.startswith(("classifier.", "bert.pooler.")) else "rest"
        found[part] = max(found.get(part, 0.0), (value - before[name]).abs().max().item())
    return found


def drawn(desk: Path, **given: Any) -> dict[str, Tensor]:
    """The weights a run with seed 0 starts from: those of one that hardly moves."""
    return weights(joyul.train("r.csv", out="start", **{**ONE_UPDATE, "learning_rate": 1e-8, "head_rate": 1, **given}))


@pytest.mark.parametrize("method", ["full", "layers"])
def test_a_new_head_goes_ten_times_as_far(desk: Path, method: str) -> None:
    before = drawn(desk, method=method)
    usual = step_lengths(before, weights(joyul.train("r.csv", out="a", method=method, **ONE_UPDATE)))
    assert usual["head"] == pytest.approx(10 * RATE, rel=0.01)
    assert usual["rest"] == pytest.approx(RATE, rel=0.01)
    alike = step_lengths(before, weights(joyul.train("r.csv", out="b", method=method, head_rate=1, **ONE_UPDATE)))
    assert alike["head"] == pytest.approx(RATE, rel=0.01)


def test_the_rate_that_is_told_is_that_of_the_rest(desk: Path) -> None:
    run = joyul.train("r.csv", out="a", **ONE_UPDATE)
    lines = (Path(run.folder) / "steps.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["learning_rate"] for line in lines] == [pytest.approx(RATE)]


def test_a_head_that_was_trained_does_not(desk: Path) -> None:
    """By a stage before, or by the run that is the base."""
    head = joyul.train("r.csv", out="head", method="head", **{**ONE_UPDATE, "learning_rate": RATE})
    on_it = joyul.train("r.csv", out="on", **{**ONE_UPDATE, "base": "head"})
    assert step_lengths(weights(head), weights(on_it)) == {part: pytest.approx(RATE, rel=0.01) for part in ("head", "rest")}
    chain = {**ONE_UPDATE, "method": "head+full", "learning_rate": f"1e-6+{RATE}"}
    assert step_lengths(drawn(desk), weights(joyul.train("r.csv", out="chain", **chain)))["head"] == pytest.approx(RATE, rel=0.02)


def test_it_reaches_a_head_through_a_compact_vocabulary(desk: Path) -> None:
    """The groups are exchanged there for some of fewer rows; the factors stay."""
    torch.manual_seed(0)
    before = drawn(desk)
    after = weights(joyul.train("r.csv", out="a", head_rate=3, **ONE_UPDATE))
    assert step_lengths(before, after)["head"] == pytest.approx(3 * RATE, rel=0.01)
