"""A comparison that was killed ends, started again, with the table, the verdict and the weights of one that never was."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from joyul.state import condition
from tests import forks
from tests.conftest import write_csv
from tests.test_killed import at

METHODS = "prompt,head,lora,full,full+soft_prompt"
COMMAND = ["compare", "r.csv", "base=bert", "precision=fp32", f"methods={METHODS}", "draws=2", "epochs=1", "batch_size=16",
           "save_every=1"]  # fmt: skip
TIMEFUL = ("train_seconds", "row_seconds", "peak_memory", "bytes", "text", "created", "seconds", "machine", "price")


@pytest.fixture(scope="module")
def desk(base: str, rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    write_csv(folder / "r.csv", [("text", "label"), *rows])
    (folder / "bert").symlink_to(base)
    return folder


@pytest.fixture(scope="module")
def whole(desk: Path) -> tuple[Any, float]:
    """What a comparison left that ran to its end, and its seconds."""
    forks.start(desk, ["methods"]).end()  # the server imports torch here
    began = time.monotonic()
    fork = forks.start(desk, [*COMMAND, "out=whole"])
    assert fork.end() == 0, fork.text
    return left(desk / "whole"), time.monotonic() - began


def timeless(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: timeless(value) for key, value in found.items() if key not in TIMEFUL}
    return [timeless(item) for item in found] if isinstance(found, list) else found


def left(folder: Path) -> Any:
    """The table and the verdict, and of every run its Steps, and its weights where they are kept."""
    assert condition(folder) == "ended"
    record = timeless(json.loads((folder / "comparison.json").read_text(encoding="utf-8")))
    runs = sorted(path.parent for path in folder.glob("methods/**/steps.jsonl"))
    return record, {str(run.relative_to(folder)): (forks.steps(run), forks.weights(run)) for run in runs}


def go_on(desk: Path, out: str) -> None:
    """Start it again as the message of an interrupted one says; from the beginning where it had no folder yet."""
    if (desk / out / "comparison.json").exists():
        return
    fork = forks.start(desk, ["compare", out] if (desk / out / "compare.yaml").exists() else [*COMMAND, f"out={out}"])
    assert fork.end() == 0, fork.text


@pytest.mark.parametrize(
    ("place", "nth"),
    [("joyul.engine.loop:_update", 17), pytest.param("joyul.compare.protocol:perform", 6, marks=pytest.mark.slow)],
)
def test_killed_at_a_chosen_moment(place: str, nth: int, desk: Path, whole: tuple[Any, float]) -> None:
    """In the second stage of a chain that took its first from another run, and where a method's outcome is written down."""
    out = f"at-{nth}"
    fork = forks.start(desk, [*COMMAND, f"out={out}"], at, place, nth, signal.SIGKILL)
    assert fork.end() == -signal.SIGKILL
    go_on(desk, out)
    assert left(desk / out) == whole[0]


@pytest.mark.slow
def test_killed_at_random_moments(desk: Path, whole: tuple[Any, float]) -> None:
    """Twelve kills that hit; every third comparison is killed twice."""
    draw, hits, number = random.Random(1), 0, 0
    while hits < 12:
        number += 1
        out = f"random-{number}"
        for _ in range(2 if number % 3 == 0 else 1):
            begun = (desk / out / "compare.yaml").exists()
            fork = forks.start(desk, ["compare", out] if begun else [*COMMAND, f"out={out}"])
            time.sleep(draw.uniform(0, whole[1]))
            fork.send(signal.SIGKILL)
            hits += fork.end() == -signal.SIGKILL
        go_on(desk, out)
        assert left(desk / out) == whole[0]
