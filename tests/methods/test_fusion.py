"""Fine-tuning and learned prompts in one chain: one artifact, gone on with bit by bit, used as one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import joyul
from joyul.run import Run
from tests import tiny
from tests.conftest import write_csv
from tests.forks import kept

SETTINGS = {"base": "bert", "precision": "fp32", "epochs": 2, "batch_size": 16, "save_every": 1, "test": "none"}
CHAINS = ("full+soft_prompt", "layers+prefix", "lora+soft_prompt", "lora+prefix", "soft_prompt+head")
TEXTS = ["the good film", "a dull story and a bad plot"]


@pytest.fixture
def desk(tmp_path: Path, rows: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small file and a tiny base that hears what it reads; commands are typed there."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "r.csv", [("text", "label"), *rows[:60]])
    tiny.save(tmp_path / "bert", initializer_range=0.3)
    return tmp_path


def answers(run: Run, one_by_one: bool = False) -> list[float]:
    opened = run.load()
    found = [opened.predict([text])[0] for text in TEXTS] if one_by_one else opened.predict(TEXTS)
    return [answer.score or 0.0 for answer in found]


@pytest.mark.parametrize("method", [CHAINS[0], *(pytest.param(chain, marks=pytest.mark.slow) for chain in CHAINS[1:])])
def test_a_chain_is_one_artifact_and_goes_on_bit_by_bit(method: str, desk: Path) -> None:
    whole = joyul.train("r.csv", method=method, out="whole", **SETTINGS)  # type: ignore[arg-type]
    assert answers(whole) == pytest.approx(answers(whole, one_by_one=True), abs=1e-5)
    assert whole.metrics["lineage"][-1]["method"] == method
    interrupted(method)
    assert kept(joyul.train(Path("run")).folder) == kept(whole.folder)
    assert same_files(Path("run"), whole.folder)


def test_adapters_and_a_prompt_learn_together(desk: Path) -> None:
    joint = joyul.train("r.csv", method="lora+soft_prompt", joint="true", out="whole", **SETTINGS)  # type: ignore[arg-type]
    apart = joyul.train("r.csv", method="lora", out="lora", **SETTINGS)  # type: ignore[arg-type]
    adapters = [load_file(folder / "stages" / "01-lora" / "adapter_model.safetensors") for folder in (joint.folder, apart.folder)]
    moved = [not torch.equal(adapters[0][name], value) for name, value in adapters[1].items() if "lora_" in name]
    assert all(moved), "the adapters went on moving beside the prompt"
    assert (joint.folder / "stages" / "02-soft_prompt" / "adapter_model.safetensors").is_file()
    assert not (joint.folder / "model").exists(), "nothing of the base moved"
    assert answers(joint) == pytest.approx(answers(joint, one_by_one=True), abs=1e-5)
    interrupted("lora+soft_prompt", joint="true")
    assert kept(joyul.train(Path("run")).folder) == kept(joint.folder)
    assert same_files(Path("run"), joint.folder)


def interrupted(method: str, updates: int = 10, **settings: str) -> None:
    """A run that is left in its second stage."""
    running = joyul.steps("r.csv", method=method, out="run", **{**SETTINGS, **settings})  # type: ignore[arg-type]
    found = [next(running) for _ in range(updates)]
    running.close()
    assert found[-1].stage == 2


def same_files(one: Path, other: Path) -> bool:
    """Whether every tensor of every stage is the same, bit by bit."""
    files = sorted(path.relative_to(other) for path in other.glob("stages/*/*.safetensors"))
    assert files
    pairs = [(load_file(one / file), load_file(other / file)) for file in files]
    return all(a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a) for a, b in pairs)
