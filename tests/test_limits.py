"""Limits on host memory: read from files written by hand, set by the system, and what a run makes of them."""

from __future__ import annotations

import json
import os
import random
import re
import resource
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file

import joyul
from joyul import limits
from joyul.errors import RunError
from tests import forks, tiny
from tests.conftest import ROOT, write_csv
from tests.forks import weights

GB = 2**30


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A process of 1 GB (3 GB of addresses) on a system whose groups are files of ours."""
    monkeypatch.setattr(limits, "GROUPS", tmp_path)
    monkeypatch.setattr(limits, "MINE", tmp_path / "mine")
    monkeypatch.setattr(psutil.Process, "memory_info", lambda self: SimpleNamespace(rss=GB, vms=3 * GB))
    monkeypatch.setattr(resource, "getrlimit", lambda which: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return tmp_path


def test_nothing_limits_it(system: Path) -> None:
    assert limits.room() is None
    (system / "mine").write_text("0::/\n")
    (system / "memory.max").write_text("max\n")
    assert limits.room() is None


def test_the_tightest_group_counts(system: Path) -> None:
    """8 GB for all, 4 GB for the group around it, none of its own: 3 GB are left beside the 1 GB it has."""
    (system / "mine").write_text("0::/pod/box\n")
    (system / "pod/box").mkdir(parents=True)
    for folder, text in (("", 8 * GB), ("pod", 4 * GB), ("pod/box", "max")):
        (system / folder / "memory.max").write_text(f"{text}\n")
    assert limits.room() == 3 * GB
    (system / "pod/memory.max").write_text(str(GB // 2))
    assert limits.room() == 0


def test_groups_of_version_1(system: Path) -> None:
    (system / "mine").write_text("5:cpu,cpuacct:/a\n4:memory:/a\n")
    (system / "memory/a").mkdir(parents=True)
    (system / "memory/memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert limits.room() is None
    (system / "memory/a/memory.limit_in_bytes").write_text(f"{2 * GB}\n")
    assert limits.room() == GB


def test_addresses_count_for_ulimit(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (5 * GB, resource.RLIM_INFINITY) if which == resource.RLIMIT_AS else None)
    assert limits.room() == 2 * GB


def test_a_run_that_has_no_room_is_refused_or_cut_smaller(base: str, reviews: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same sums in smaller pieces, or nothing begun; what was cut stands in the recipe.

    By hand: 4 updates compile 4 x 3 MiB, 22,210 parameters move (16 bytes each), a row of 7 tokens takes 32,424 bytes of
    activations in two layers. 13,067,968 bytes for four rows at once, 13,197,664 for eight; 2/5 more of either.
    """
    given = {"data": reviews, "base": base, "epochs": 1, "batch_size": 16, "precision": "fp32", "dropout": 0.0}
    plain = joyul.train(**given, out=str(tmp_path / "plain"))
    monkeypatch.setattr("joyul.start.room", lambda: 2**16)
    with pytest.raises(RunError, match=r"full: .* more memory is needed for a single row at once, and this process may take .* Give it more"):
        joyul.train(**given, out=str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
    monkeypatch.setattr("joyul.start.room", lambda: 18_400_000)
    made = joyul.train(**given, out=str(tmp_path / "cut"))
    recipe = (made.folder / "recipe.yaml").read_text(encoding="utf-8")
    assert any(line.startswith("micro_batch: '4'") for line in recipe.splitlines()), recipe
    assert any("micro_batch=" in text for text in made.metrics["warnings"])
    assert weights(made.folder).keys() == weights(plain.folder).keys()


# limits that the system enforces


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of two hundred tokens and a base whose activations weigh more than its weights."""
    folder = tmp_path_factory.mktemp("limited")
    tiny.save(folder / "bert", hidden_size=256, intermediate_size=1024, num_hidden_layers=4, max_position_embeddings=256)
    words = tiny.tokenizer()
    words.model_max_length = 240
    words.save_pretrained(folder / "bert")
    draw = random.Random(0)
    said = [(" ".join(draw.choices(" ".join(tiny.TEXTS).split(), k=draw.randint(180, 220))), draw.choice(["yes", "no"])) for _ in range(30)]
    write_csv(folder / "r.csv", [("text", "label"), *said])
    return folder


def command(out: str) -> list[str]:
    return ["train", "r.csv", "base=bert", "epochs=1", "batch_size=12", "precision=fp32", "dropout=0", f"out={out}"]


def limited(room: int) -> None:
    """From now on this process may take so many bytes of addresses more."""
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + room, resource.RLIM_INFINITY))


def same(one: Path, other: Path) -> bool:
    first, second = (load_file(run / "model/model.safetensors") for run in (one, other))
    return all(torch.allclose(first[name], second[name], atol=2e-6) for name in first)


@pytest.fixture(scope="module")
def whole(desk: Path) -> Path:
    """What comes of it without a limit."""
    fork = forks.start(desk, command("whole"))
    assert fork.end() == 0, fork.text
    assert "micro_batch=" not in fork.text
    return desk / "whole"


def test_less_memory_gives_the_same_update_in_smaller_pieces(desk: Path, whole: Path) -> None:
    fork = forks.start(desk, command("cut"), limited, 240 * 10**6)
    assert fork.end() == 0, fork.text
    assert "full: micro_batch=" in fork.text and same(desk / "cut", whole)


def test_a_base_that_cannot_be_opened_is_refused(desk: Path) -> None:
    """Whatever reads the weights would end the process without a word."""
    fork = forks.start(desk, command("none"), limited, 120 * 10**6)
    assert fork.end() == 1
    assert re.search(r"joyul: opening bert takes about 194 MB more memory, and this process may take 1\d\d MB", fork.text), fork.text
    assert not (desk / "none").exists()


def test_an_update_that_finds_no_memory_loses_nothing(desk: Path, whole: Path) -> None:
    """The second update finds none, not even for a single row: the state behind the first is kept, and gone on from."""
    fork = forks.start(desk, [*command("full"), "save_every=none"], memory_ends, 2)
    assert fork.end() == 1
    assert "Memory is full even with one row at a time" in fork.text and "To go on:  joyul train full" in fork.text
    assert json.loads((desk / "full/checkpoints/save-000001/record.json").read_text(encoding="utf-8"))["update"] == 1
    fork = forks.start(desk, ["train", "full"])
    assert fork.end() == 0, fork.text
    assert "behind update 1" in fork.text and weights(desk / "full") == weights(whole)


def memory_ends(update: int) -> None:
    """From this update on every pass finds memory full."""
    from joyul.engine import loop

    really, calls = loop.accumulate, 0

    def starved(model: torch.nn.Module, *given: Any, **named: Any) -> float:
        nonlocal calls
        calls += 1
        if calls >= update:
            model.register_forward_hook(lambda *_: (_ for _ in ()).throw(MemoryError()))
        return really(model, *given, **named)

    loop.accumulate = starved


@pytest.mark.slow
def test_every_ulimit_ends_well_or_says_why(desk: Path, whole: Path) -> None:
    """From a limit in which Python hardly begins to one that is enough: no traceback, no signal, no run that is lost."""
    found = dict[str, int]()
    for kilobytes in [*range(200_000, 1_200_000, 250_000), *range(1_200_000, 1_700_000, 50_000), 2_000_000, 3_000_000]:
        out = f"limit-{kilobytes}"
        typed = shlex.join([sys.executable, "-m", "joyul", *command(out), "lang=en"])
        named = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        shell = ["bash", "-c", f"ulimit -v {kilobytes}; exec {typed}"]
        done = subprocess.run(shell, cwd=desk, env={**os.environ, **named}, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), f"{kilobytes}: {done.stderr}"
        assert "Traceback" not in done.stderr
        kind = "ended" if done.returncode == 0 else done.stderr.strip().splitlines()[-1].split("(")[0][:40]
        kind = "cut" if kind == "ended" and "micro_batch=" in done.stderr else kind
        found[kind] = found.get(kind, 0) + 1
        assert done.returncode or same(desk / out, whole)
        assert not done.returncode or kind.startswith("joyul: ")
        assert not (desk / out).exists() or not done.returncode or f"To go on:  joyul train {out}" in done.stderr
    assert sum(found.values()) == 16 and found["ended"] >= 2 and found["cut"] and len(found) >= 4, found
