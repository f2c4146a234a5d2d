"""Settings of a run in progress, changed by another process: where they take effect, what they leave, and what is refused."""

from __future__ import annotations

import importlib
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

import joyul
from joyul.adjusting import adjust_run
from joyul.cli import main
from joyul.engine.optimise import shape
from joyul.errors import JoyulError, UsageError
from joyul.recipe.grammar import parse
from joyul.state import Hold, condition
from tests import forks
from tests.conftest import write_csv

COMMAND = ["train", "r.csv", "base=bert", "precision=fp32", "epochs=2", "batch_size=16", "learning_rate=1e-3", "save_every=4"]
EACH = 4  # updates an epoch


@pytest.fixture(scope="module")
def desk(base: str, rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adjust")
    write_csv(folder / "r.csv", [("text", "label"), *rows])
    (folder / "bert").symlink_to(base)
    return folder


def hold(places: dict[int, str], last: int | None = None) -> None:
    """In the process of the run: wait in the nth update until the file appears; die in the update behind `last` others."""
    loop, calls = importlib.import_module("joyul.engine.loop"), 0
    really = loop._update

    def update(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls in places:
            Path(f"in-{places[calls]}").touch()
            while not Path(places[calls]).exists():
                time.sleep(0.01)
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return really(*arguments)

    loop._update = update


def during(desk: Path, name: str, typed: list[list[str]], last: int | None = None, places: tuple[int, ...] = (3, 6), command: list[str] = COMMAND) -> forks.Fork:
    """A run in which each of `typed` is asked for from here, while it stands in an update of `places`."""
    gates = {place: f"{name}-{place}" for place in places[: len(typed)]}
    fork = forks.start(desk, [*command, f"out={name}"], hold, gates, last)
    for gate, words in zip(gates.values(), typed, strict=True):
        ends = time.monotonic() + 60
        while not (desk / f"in-{gate}").exists():
            assert time.monotonic() < ends and fork.process.is_alive(), fork.text
            time.sleep(0.02)
        call = parse(words)
        assert adjust_run(desk / name, call.positionals, call.given, wait=0).step is None
        (desk / gate).touch()
    return fork


CHANGES = [["learning_rate=1e-4", "patience=2"], ["epochs=3"]]


@pytest.fixture(scope="module")
def whole(desk: Path) -> Path:
    """A run that was never killed: another rate from Step 4 on, another number of epochs from Step 7 on."""
    fork = during(desk, "whole", CHANGES)
    assert fork.end() == 0, fork.text
    return desk / "whole"


def test_a_change_takes_effect_in_the_next_update_and_is_written_down(whole: Path) -> None:
    steps = forks.steps(whole)
    assert {step["step"]: step["adjusted"] for step in steps if "adjusted" in step} == {
        4: {"learning_rate": 1e-4, "patience": 2}, 7: {"epochs": 3.0},
    }  # fmt: skip
    before, after = shape("linear", 0.1, 2 * EACH), shape("linear", 0.1, 3 * EACH)
    rates = [1e-3 * before(done) for done in range(3)] + [1e-4 * before(done) for done in range(3, 6)]
    rates += [1e-4 * after(done) for done in range(6, 3 * EACH)]
    assert [step["learning_rate"] for step in steps] == pytest.approx(rates, rel=1e-9)
    assert len(steps) == 3 * EACH and "valid" in steps[-1]
    recipe = (whole / "recipe.yaml").read_text(encoding="utf-8")
    assert "learning_rate: '0.001' # you; full: 0.0001 from step 4 on (joyul adjust)\n" in recipe
    assert "full: 3.0 from step 7 on (joyul adjust)" in recipe
    assert "full: 0.0001 from step 4 on" in (whole / "report.html").read_text(encoding="utf-8")
    assert not list(whole.glob("adjust-*"))


@pytest.mark.parametrize("last", [6, 9, *(pytest.param(last, marks=pytest.mark.slow) for last in (4, 5, 7, 8, 12))])
def test_killed_and_continued_it_ends_with_the_same_bits(last: int, whole: Path, desk: Path) -> None:
    """Killed in update number `last`, behind changes that the newest checkpoint (every fourth) knows of, or not."""
    typed = CHANGES if last > 6 else CHANGES[:1]
    fork = during(desk, f"killed-{last}", typed, last)
    assert fork.end() == -9, fork.text
    again = forks.start(desk, ["train", f"killed-{last}"]) if last > 6 else _late(desk, f"killed-{last}", last)
    assert again.end() == 0, again.text
    assert forks.kept(desk / f"killed-{last}") == forks.kept(whole)
    recipes = [(run / "recipe.yaml").read_text(encoding="utf-8") for run in (desk / f"killed-{last}", whole)]
    assert recipes[0].count("joyul adjust") == recipes[1].count("joyul adjust") == 3


def _late(desk: Path, name: str, last: int) -> forks.Fork:
    """Go on, and make the second change where the whole run made it: while it stands in its sixth update."""
    saved = 4 * ((last - 1) // 4)
    (desk / f"in-{name}-6").unlink(missing_ok=True)
    return during(desk, name, CHANGES[1:], None, (6 - saved,), ["train", name])


def test_stop_and_save(desk: Path, whole: Path) -> None:
    """`save` writes a checkpoint nobody asked for in the settings; `stop` saves and leaves as SIGTERM would."""
    fork = during(desk, "stopped", [["save"], ["stop"]], command=[*COMMAND[:-1], "save_every=none"])
    assert fork.end() == 143, fork.text
    assert "To go on:  joyul train stopped" in fork.text and condition(desk / "stopped") == "interrupted"
    found = sorted((desk / "stopped/checkpoints").glob("save-*"))
    assert [json.loads((save / "record.json").read_text())["update"] for save in found] == [3, 6]
    again = forks.start(desk, ["train", "stopped"])
    assert again.end() == 0, again.text
    plain = forks.start(desk, [*COMMAND, "out=plain"])
    assert plain.end() == 0 and forks.kept(desk / "plain") == forks.kept(desk / "stopped"), "neither changes what comes out"


def test_fewer_epochs_than_lie_behind_end_with_the_next_update(desk: Path) -> None:
    fork = during(desk, "short", [["epochs=0.1"]])
    assert fork.end() == 0, fork.text
    steps = forks.steps(desk / "short")
    assert len(steps) == 4 and "valid" in steps[-1] and steps[-1]["adjusted"] == {"epochs": 0.1}


def test_the_command_waits_for_the_answer(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate = {3: "answer-3"}
    fork = forks.start(desk, [*COMMAND, "out=answer"], hold, gate)
    while not (desk / "in-answer-3").exists():
        time.sleep(0.02)
    (desk / "answer-3").touch()
    assert main(["adjust", str(desk / "answer"), "lr=2e-4", "save_every=epoch", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert fork.end() == 0, fork.text
    assert found["asked"] == {"learning_rate": 2e-4, "save_every": "epoch"} and found["read"]
    assert forks.steps(desk / "answer")[found["step"] - 1]["adjusted"] == found["asked"]


def test_a_request_that_nobody_read_is_said_and_not_obeyed(desk: Path, whole: Path) -> None:
    fork = during(desk, "unread", [["stop"]], last=3)
    assert fork.end() == -9, fork.text
    again = forks.start(desk, ["train", "unread"])
    assert again.end() == 0 and "left undone: stop. Ask again." in again.text


def test_a_later_stage_takes_only_what_was_meant_for_it(desk: Path) -> None:
    """Asked for in the last update of the first stage: too late for it, and not meant for the second."""
    chain = ["train", "r.csv", "base=bert", "precision=fp32", "method=head+full", "epochs=1+1", "batch_size=16"]
    fork = during(desk, "chain", [["learning_rate=1e-3"], ["learning_rate=1e-6"]], places=(4, 6), command=chain)
    assert fork.end() == 0, fork.text
    assert [step["step"] for step in forks.steps(desk / "chain") if "adjusted" in step] == [7]
    assert "full: 1e-06 from step 7 on" in (desk / "chain/recipe.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lerning_rate=1"], "Did you mean 'learning_rate'"),
        (["batch_size=4"], "batch_size"),
        (["learning_rate=auto"], "Give a number"),
        (["learning_rate=0.5"], "full: 1e-08"),
        (["learning_rate=fast"], "learning_rate=fast cannot be used"),
        (["epochs=0"], "epochs"),
        (["patience=0"], "patience"),
        (["save_every=sometimes"], "save_every"),
        (["head.learning_rate=1e-3"], "head"),
        (["learning_rate=1e-3+1e-4"], "learning_rate"),
        (["halt"], "stop"),
        ([], "say what to change"),
    ],
)  # fmt: skip
def test_what_cannot_be_changed_is_refused_and_leaves_nothing(words: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("data: r.csv\nmethod: full\nepochs: 2\n", encoding="utf-8")
    call = parse(words)
    with Hold(tmp_path) as running:
        running.take()
        running.run()
        with pytest.raises(UsageError) as caught:
            adjust_run(tmp_path, call.positionals, call.given, wait=0)
    assert said in str(caught.value)
    assert not list(tmp_path.glob("adjust*"))


def test_a_run_that_does_not_run_is_refused_with_what_to_type(whole: Path, tmp_path: Path) -> None:
    def refusal(folder: Path) -> str:
        with pytest.raises(JoyulError) as caught:
            joyul.adjust(folder, learning_rate=1e-5)
        return str(caught.value)

    assert "has ended" in refusal(whole) and f"base={whole}" in refusal(whole)
    assert "Did you mean" in refusal(whole.parent / "whol") or "whole" in refusal(whole.parent / "whol")
    (tmp_path / "recipe.yaml").write_text("data: r.csv\n", encoding="utf-8")
    assert f"joyul train {tmp_path}" in refusal(tmp_path)
    (tmp_path / "compare.yaml").write_text("data: r.csv\n", encoding="utf-8")
    assert "comparison" in refusal(tmp_path)
    assert not list(tmp_path.glob("adjust*"))
