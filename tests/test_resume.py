"""Killed, stopped, starved of disk: a run that is continued ends with the same bits as one that was never interrupted."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from joyul.recipe.stages import STAGES
from tests import forks
from tests.conftest import write_csv

# what is killed: a method, and what it is given. Those that this installation has not are left out.
CASES = {
    "full": ["method=full", "epochs=3", "batch_size=12"],
    "accumulation": ["method=full", "epochs=2", "batch_size=16", "micro_batch=3"],
    "head": ["method=head", "epochs=4", "batch_size=16"],
    "layers": ["method=layers", "epochs=3", "batch_size=16"],
    "lora": ["method=lora", "epochs=3", "batch_size=16"],
    "chain": ["method=head+full", "epochs=2+2", "batch_size=16"],
    "chain that freezes": ["method=full+head", "epochs=2+2", "batch_size=16"],
    "prompt chain": ["method=prompt+full", "form=default", "epochs=2", 'template=["{text}", "a film: {text}"]'],
}
BUILT = [name for name, settings in CASES.items() if set(settings[0].partition("=")[2].split("+")) <= set(STAGES)]


@pytest.fixture(scope="module")
def desk(base: str, rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small file and a tiny base."""
    folder = tmp_path_factory.mktemp("resume")
    write_csv(folder / "r.csv", [("text", "label"), *rows])
    (folder / "bert").symlink_to(base)
    return folder


class Whole:
    """Runs that were never interrupted, one a case, and how long they took."""

    def __init__(self, desk: Path) -> None:
        self.desk, self.found = desk, dict[str, tuple[Any, float]]()

    def __call__(self, case: str) -> tuple[Any, float]:
        if case not in self.found:
            fork = forks.start(self.desk, ["methods"])  # the server imports torch here
            fork.end()
            began = time.monotonic()
            fork = forks.start(self.desk, command(case, f"whole-{case}"))
            assert fork.end() == 0, fork.text
            self.found[case] = forks.kept(self.desk / f"whole-{case}"), time.monotonic() - began
        return self.found[case]


@pytest.fixture(scope="module")
def whole(desk: Path) -> Whole:
    return Whole(desk)


def command(case: str, out: str, *more: str) -> list[str]:
    return ["train", "r.csv", "base=bert", "precision=fp32", "save_every=1", *CASES[case], f"out={out}", *more]


def killed(desk: Path, out: str, case: str, after: float) -> bool:
    """Start the run, or go on with it, and kill it; False when it had ended before."""
    fork = forks.start(desk, ["train", out] if (desk / out / "recipe.yaml").exists() else command(case, out))
    time.sleep(after)
    fork.send(signal.SIGKILL)
    return fork.end() == -signal.SIGKILL


def go_on(desk: Path, out: str, case: str) -> None:
    """Continue the run, or begin it again where it was killed before its folder stood."""
    if (desk / out / "metrics.json").exists():
        return
    fork = forks.start(desk, ["train", out] if (desk / out / "recipe.yaml").exists() else command(case, out))
    assert fork.end() == 0, fork.text


@pytest.mark.slow
@pytest.mark.parametrize("case", BUILT)
def test_killed_at_random_moments(case: str, desk: Path, whole: Whole) -> None:
    """Sixty kills that hit, over all cases; every third run is killed twice."""
    expected, seconds = whole(case)
    draw, hits, number = random.Random(f"{case} 1"), 0, 0
    while hits < -(-60 // len(BUILT)):
        number += 1
        out = f"killed-{case}-{number}"
        hits += killed(desk, out, case, draw.uniform(0, seconds))
        if number % 3 == 0 and not (desk / out / "metrics.json").exists():
            killed(desk, out, case, draw.uniform(0, seconds))
        go_on(desk, out, case)
        assert forks.kept(desk / out) == expected
