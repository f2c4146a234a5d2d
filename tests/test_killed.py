"""Killed, stopped, starved of disk: a run that is continued ends with the same bits as one that was never interrupted."""

from __future__ import annotations

import importlib
import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from joyul.engine import lanes
from joyul.recipe.stages import STAGES
from joyul.state import condition
from tests import forks
from tests.conftest import write_csv

# what is killed: a method, and what it is given. Those that this installation has not are left out.
CASES = {
    "full": ["method=full", "epochs=3", "batch_size=12"],
    "accumulation": ["method=full", "epochs=2", "batch_size=16", "micro_batch=3"],
    "lanes": ["method=full", "epochs=8", "batch_size=64"],  # on two threads, each with rows of its own
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


def command(case: str, out: str, save: str = "save_every=1") -> list[str]:
    return ["train", "r.csv", "base=bert", "precision=fp32", *CASES[case], f"out={out}", save]


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
def test_killed_at_random_moments(case: str, desk: Path, whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty kills that hit, over all cases; every third run is killed twice."""
    if case == "lanes":
        monkeypatch.setenv(forks.THREADS, "2")
    expected, seconds = whole(case)
    if case == "lanes":
        assert expected[1][0]["tokens"] >= 2 * lanes.LEAST, "enough for two"
    draw, hits, number = random.Random(f"{case} 1"), 0, 0
    while hits < -(-60 // len(BUILT)):
        number += 1
        out = f"killed-{case}-{number}"
        hits += killed(desk, out, case, draw.uniform(0, seconds))
        if number % 3 == 0 and not (desk / out / "metrics.json").exists():
            killed(desk, out, case, draw.uniform(0, seconds))
        go_on(desk, out, case)
        assert forks.kept(desk / out) == expected


# at a chosen moment


def at(place: str, nth: int, number: int, again: str | None = None) -> None:
    """Send this process a signal at the nth call of `place` (module:name); a second one at the next call of `again`."""
    calls = 0
    for name in {place, *([again] if again else [])}:
        module = importlib.import_module(name.partition(":")[0])
        really = getattr(module, name.partition(":")[2])

        def wrapped(*arguments: Any, _name: str = name, _really: Any = really, **named: Any) -> Any:
            nonlocal calls
            if _name == place:
                calls += 1
            if (_name == place and calls == nth) or (calls >= nth and _name == again):
                os.kill(os.getpid(), number)
            return _really(*arguments, **named)

        setattr(module, name.partition(":")[2], wrapped)


SAVING = [
    ("joyul.engine.checkpoint:save_file", 2),  # between record and weights
    ("joyul.engine.checkpoint:remove", 1),  # the older one is about to go
    ("joyul.artifact:write_text", 1),  # model/ is written, prompt.yaml is not
    *(
        pytest.param(place, nth, marks=pytest.mark.slow)
        for place, nth in (
            ("os:fsync", 3),  # the state of the run
            ("os:fsync", 7),  # a record
            ("os:replace", 6),  # a manifest
            ("joyul.engine.checkpoint:read", 2),  # renamed, not yet read back
            ("joyul.run:Run", 1),  # all is written but that it has ended
        )
    ),
]
STOPS = [
    ("joyul.engine.loop:_update", 5, signal.SIGTERM),
    ("joyul.engine.loop:_update", 6, signal.SIGINT),  # the last of an epoch: its evaluation is still to come
    *(
        pytest.param(place, nth, number, marks=pytest.mark.slow)
        for place, nth, number in (
            ("joyul.engine.loop:_update", 5, signal.SIGINT),
            ("joyul.engine.loop:_update", 5, signal.SIGHUP),
            ("joyul.engine.evaluate:judge", 2, signal.SIGTERM),
            ("joyul.engine.checkpoint:save_file", 4, signal.SIGTERM),
            ("joyul.artifact:write_text", 1, signal.SIGTERM),
        )
    ),
]


@pytest.mark.parametrize(("place", "nth"), SAVING)
def test_killed_while_saving(place: str, nth: int, desk: Path, whole: Whole) -> None:
    expected, _ = whole("full")
    out = f"saving-{place}-{nth}".replace(":", "-")
    fork = forks.start(desk, command("full", out), at, place, nth, signal.SIGKILL)
    assert fork.end() == -signal.SIGKILL, fork.text
    go_on(desk, out, "full")
    assert forks.kept(desk / out) == expected
    assert not [path for path in (desk / out).rglob("*") if path.name.startswith(".")]
    assert not (desk / out / "checkpoints").exists()


@pytest.mark.parametrize(("place", "nth", "number"), STOPS)
def test_stopped_in_good_order(place: str, nth: int, number: int, desk: Path, whole: Whole) -> None:
    """The update ends and is saved although nobody asked for a save; the exit status is that of the signal."""
    expected, _ = whole("full")
    out = f"stopped-{place}-{nth}-{number}".replace(":", "-")
    saves = "save_every=4" if "save_file" in place else "save_every=none"
    fork = forks.start(desk, command("full", out, saves), at, place, nth, number)
    assert fork.end() == 128 + number, fork.text
    assert f"To go on:  joyul train {out}" in fork.text
    assert "Traceback" not in fork.text
    assert condition(desk / out) == "interrupted"
    if "loop" in place:
        assert len(forks.steps(desk / out)) == nth - (nth == 6)
        assert json.loads((desk / out / "checkpoints/save-000001/record.json").read_text())["update"] == nth
    go_on(desk, out, "full")
    assert [step["step"] for step in forks.steps(desk / out)] == list(range(1, 19))
    assert forks.kept(desk / out) == expected


def test_stopped_behind_a_search(desk: Path, whole: Whole) -> None:
    """What a search found is told by the run that goes on behind it, too."""
    expected, _ = whole("prompt chain")
    assert json.loads((desk / "whole-prompt chain/metrics.json").read_text(encoding="utf-8"))["search"]
    fork = forks.start(desk, command("prompt chain", "behind"), at, "joyul.engine.loop:_update", 3, signal.SIGTERM)
    assert fork.end() != 0
    go_on(desk, "behind", "prompt chain")
    assert forks.kept(desk / "behind") == expected


def test_stopped_while_tokenising(desk: Path) -> None:
    """Nothing has begun, so nothing is left."""
    fork = forks.start(desk, command("full", "early"), at, "joyul.methods.chain:encode", 1, signal.SIGTERM)
    assert fork.end() == 128 + signal.SIGTERM
    assert not (desk / "early").exists()


def test_stopped_twice_in_a_row_with_accumulation(desk: Path, whole: Whole) -> None:
    """In the middle of an epoch, then behind the first update after that: the last of the epoch, still to be evaluated."""
    expected, _ = whole("accumulation")
    fork = forks.start(desk, command("accumulation", "again", "save_every=none"), at, "joyul.engine.loop:_update", 3, signal.SIGTERM)
    assert fork.end() == 128 + signal.SIGTERM, fork.text
    fork = forks.start(desk, ["train", "again"], at, "joyul.engine.loop:_update", 1, signal.SIGTERM)
    assert fork.end() == 128 + signal.SIGTERM, fork.text
    record = json.loads((desk / "again/checkpoints/save-000002/record.json").read_text())
    assert record["update"] == 4 and record["pending"] is not None
    go_on(desk, "again", "accumulation")
    assert forks.kept(desk / "again") == expected


def test_a_second_signal_leaves_at_once(desk: Path, whole: Whole) -> None:
    """During the save that the first one asked for: what was saved before is still there."""
    expected, _ = whole("full")
    arguments = (at, "joyul.engine.loop:_update", 9, signal.SIGINT, "joyul.engine.checkpoint:save_file")
    fork = forks.start(desk, command("full", "twice", "save_every=4"), *arguments)
    assert fork.end() == 128 + signal.SIGINT, fork.text
    assert [path.name for path in (desk / "twice/checkpoints").iterdir()] == ["save-000002"]
    go_on(desk, "twice", "full")
    assert forks.kept(desk / "twice") == expected
