"""Limits on host memory: read from files written by hand, and what a run makes of them."""

from __future__ import annotations

import resource
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

import joyul
from joyul.engine import limits
from joyul.errors import RunError
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
    activations in two layers. 13,067,968 bytes for four rows at once, 13,197,664 for eight.
    """
    given = {"data": reviews, "base": base, "epochs": 1, "batch_size": 16, "precision": "fp32", "dropout": 0.0}
    plain = joyul.train(**given, out=str(tmp_path / "plain"))
    monkeypatch.setattr("joyul.start.room", lambda: 2**16)
    with pytest.raises(RunError, match=r"full: .* more memory is needed for a single row at once, and this process may take .* Give it more"):
        joyul.train(**given, out=str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
    monkeypatch.setattr("joyul.start.room", lambda: 13_100_000)
    made = joyul.train(**given, out=str(tmp_path / "cut"))
    recipe = (made.folder / "recipe.yaml").read_text(encoding="utf-8")
    assert any(line.startswith("micro_batch: '4'") for line in recipe.splitlines()), recipe
    assert any("micro_batch=" in text for text in made.metrics["warnings"])
    assert weights(made.folder).keys() == weights(plain.folder).keys()
