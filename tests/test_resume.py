"""Runs that did not end: what they go on from, what they refuse, and disks that are full in the middle."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

import joyul
from joyul import files
from joyul.cli import main
from joyul.errors import JoyulError, UsageError
from joyul.state import Hold, condition
from tests import tiny
from tests.conftest import write_csv
from tests.forks import kept, steps

SETTINGS = {"base": "bert", "precision": "fp32", "epochs": 2, "batch_size": 16, "save_every": 2}


def slowly(*cases: Any) -> list[Any]:
    """Cases like those beside them, for when there is time."""
    return [pytest.param(case, marks=pytest.mark.slow) for case in cases]


@pytest.fixture
def desk(tmp_path: Path, rows: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small file and a tiny base of its own; commands are typed there."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "r.csv", [("text", "label"), *rows[:60]])
    tiny.save(tmp_path / "bert")
    return tmp_path


def interrupted(updates: int = 5, **settings: Any) -> Path:
    """A run whose reader went away behind so many updates."""
    running = joyul.steps("r.csv", out="run", **{**SETTINGS, **settings})
    for _ in range(updates):
        next(running)
    running.close()
    return Path("run")


def whole(**settings: Any) -> Any:
    return kept(joyul.train("r.csv", out="whole", **{**SETTINGS, **settings}).folder)


def saves(run: Path) -> list[Path]:
    return sorted((run / "checkpoints").glob("save-*"))


# going on


@pytest.mark.parametrize("updates", [5, *slowly(1, 3, 6)])
def test_a_generator_that_is_closed_can_be_continued(desk: Path, updates: int) -> None:
    run = interrupted(updates, save_every="none")
    assert condition(run) == "interrupted"
    assert len(steps(run)) == updates
    assert joyul.train(run).folder == run
    assert kept(run) == whole()
    assert condition(run) == "ended"


@pytest.mark.parametrize("updates", [7, *slowly(4, 5, 8)])
def test_the_mean_of_the_weights_goes_on_too(desk: Path, updates: int) -> None:
    """Interrupted behind its first sample, at the end of an epoch that was scored with it, and before there is one."""
    given = {"average": True, "epochs": 3}
    run = interrupted(updates, **given)
    joyul.train(run)
    assert kept(run) == whole(**given)
    assert kept(run) != kept(joyul.train("r.csv", out="plain", **{**SETTINGS, "epochs": 3}).folder), "the mean is not the last state"


def test_it_says_which_of_the_two_it_does(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = interrupted()
    assert main(["predict", "run", "good"]) == 1
    assert "To go on with it:  joyul train run" in capsys.readouterr().err
    assert main(["train", "run"]) == 0
    assert "run did not end: it goes on in stage full behind update 5." in capsys.readouterr().err
    assert main(["train", "run", "out=again"]) == 0
    assert "The recipe of run again, in a new folder." in capsys.readouterr().err
    assert kept(Path("again")) == kept(run)


def test_the_origins_of_settings_are_those_of_the_beginning(desk: Path) -> None:
    run = interrupted()
    joyul.train(run)
    shown = [(path / "report.html").read_text(encoding="utf-8") for path in (run, joyul.train("r.csv", out="whole", **SETTINGS).folder)]
    assert shown[0].count("recipe file") == shown[1].count("recipe file")


def test_early_stopping_stands_still_too(desk: Path) -> None:
    """Patience runs out in the epoch that was interrupted behind its evaluation."""
    given = {"epochs": 6, "patience": 1, "learning_rate": 1e-8}
    total = len(whole(**given)[1])
    assert total < 18
    run = interrupted(total, **given)
    joyul.train(run)
    assert kept(run) == kept(Path("whole"))
    assert "of 6: no higher validation score for 1 epoch (" in (Path("whole") / "report.html").read_text(encoding="utf-8")


# what is broken on disk


def truncate(folder: Path) -> None:
    file = folder / "state.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def flip(folder: Path) -> None:
    file = folder / "state.safetensors"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def empty(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(b"")


def remove(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def lose(folder: Path) -> None:
    (folder / "record.json").unlink()


@pytest.mark.parametrize("harm", [flip, empty, *slowly(truncate, remove, lose)])
def test_a_broken_checkpoint_is_passed_over(desk: Path, harm: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = interrupted()
    newer = saves(run)[-1]
    harm(newer)
    assert main(["train", "run"]) == 0
    said = capsys.readouterr().err
    assert f"{newer} is passed over" in said
    assert "behind update 4" in said
    assert kept(run) == whole()


def test_without_a_checkpoint_it_begins_again(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = interrupted()
    for folder in saves(run):
        flip(folder)
    (run / "steps.jsonl").write_text((run / "steps.jsonl").read_text(encoding="utf-8") + '{"step": 6, "st', encoding="utf-8")
    assert main(["train", "run"]) == 0
    assert "left no complete checkpoint: it begins again" in capsys.readouterr().err
    assert kept(run) == whole()


def test_steps_that_are_missing_are_asked_for(desk: Path) -> None:
    run = interrupted()
    (run / "steps.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(JoyulError, match="0 lines, but 5 updates were done"):
        joyul.train(run)


# what has changed


def change_data(desk: Path) -> None:
    (desk / "r.csv").write_text((desk / "r.csv").read_text(encoding="utf-8").replace("film", "movie"), encoding="utf-8")


def change_weights(desk: Path) -> None:
    weights = load_file(desk / "bert/model.safetensors")
    next(iter(weights.values())).view(-1)[0] += 1
    save_file(weights, desk / "bert/model.safetensors", metadata={"format": "pt"})


def change_tokenizer(desk: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(desk / "bert")
    tokenizer.add_tokens(["good"])
    tokenizer.save_pretrained(desk / "bert")


def change_recipe(desk: Path) -> None:
    recipe = desk / "run/recipe.yaml"
    changed, count = re.subn(r"^epochs: '?2", "epochs: '3", recipe.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert count == 1
    recipe.write_text(changed, encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (change_data, "the rows"),
        (change_weights, "the weights of the base"),
        pytest.param(change_tokenizer, "the tokenizer", marks=pytest.mark.slow),
        (change_recipe, "epochs=2 → 3"),
    ],
)
def test_what_has_changed_is_named_and_refused(desk: Path, change: Any, named: str) -> None:
    run = interrupted()
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    change(desk)
    before[run / "recipe.yaml"] = (run / "recipe.yaml").read_bytes()
    with pytest.raises(JoyulError, match="cannot go on") as caught:
        joyul.train(run)
    assert named in str(caught.value)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_settings_given_on_the_way(desk: Path) -> None:
    run = interrupted()
    with pytest.raises(UsageError, match="leave out epochs, seed"):
        joyul.train(run, seed=3, epochs=4)
    assert kept(joyul.train(run, save_every="none").folder) == whole()


def test_another_machine_is_said(desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted()
    monkeypatch.setattr("joyul.engine.device.describe", lambda: "cpu, another, threads=64")
    assert main(["train", "run"]) == 0
    assert "not what the run began with: device" in capsys.readouterr().err


# two at once


def test_a_folder_that_is_being_written_is_refused(desk: Path) -> None:
    run = interrupted()
    with Hold(run) as hold:
        hold.take()
        with pytest.raises(UsageError, match="is writing this folder"):
            joyul.train(run)
    with Hold(desk / "new") as hold:
        hold.take()  # quicker than the other by a moment, and nothing in it yet
        with pytest.raises(UsageError, match="is writing this folder"):
            joyul.train("r.csv", out="new", **SETTINGS)


# disks


KINDS = [
    "steps", "weights", "model", "metrics.json",
    *slowly(
        "recipe.yaml", "state.json", "record.json", "manifest.json", "prompt.yaml", "predictions.jsonl", "report.html", "README.md"
    ),
]  # fmt: skip


def fill(kind: str, patch: pytest.MonkeyPatch) -> None:
    """From now on there is no room for one kind of file (weights: safetensors words that itself)."""
    really = files.sync

    def sync(path: Path) -> None:
        if path.name.startswith(f".{kind}."):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        really(path)

    def refuse(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def refuse_weights(*_: Any) -> None:
        raise SafetensorError('IoError(Os { code: 28, kind: StorageFull, message: "No space left on device" })')

    patch.setattr(files, "sync", sync)
    if kind == "steps":
        patch.setattr("joyul.run.step_line", refuse)
    if kind == "weights":
        patch.setattr("joyul.engine.checkpoint.save_file", refuse_weights)


@pytest.mark.parametrize("kind", KINDS)
def test_disk_full_at_each_kind_of_file(desk: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It says so, keeps what it had, and ends as it should once there is room again."""
    command = ["train", "r.csv", "out=run", *(f"{key}={value}" for key, value in SETTINGS.items())]
    with pytest.MonkeyPatch.context() as patch:
        fill(kind, patch)
        assert main(command) == 1
    said = capsys.readouterr().err
    assert "no room left" in said and "Traceback" not in said
    begun = Path("run/recipe.yaml").exists()
    assert begun == (kind != "recipe.yaml")
    assert ("To go on:  joyul train run" in said) == (begun and kind != "state.json")
    assert main(["train", "run"] if begun else command) == 0, capsys.readouterr().err
    assert kept(Path("run")) == whole()
    assert not list(Path("run").glob(".*"))


@contextmanager
def small_files() -> Iterator[None]:
    """No file above 60 kB, as the system enforces it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(("save", "file"), [("2", "save-000001"), ("none", "model")])
def test_the_system_refuses_weights(desk: Path, save: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "r.csv", "out=run", *(f"{key}={value}" for key, value in {**SETTINGS, "save_every": save}.items())]
    with small_files():
        assert main(command) == 1
    assert f"{file}: there is no room left for it" in capsys.readouterr().err
    assert main(["train", "run"]) == 0
    assert kept(Path("run")) == whole()


def test_the_record_of_a_checkpoint_is_readable(desk: Path) -> None:
    newest = saves(interrupted())[-1]
    record = json.loads((newest / "record.json").read_text(encoding="utf-8"))
    assert (record["stage"], record["update"], record["steps"]) == (1, 5, 5)
    assert {path.name for path in newest.iterdir()} == {"record.json", "state.safetensors", "manifest.json"}
    assert {name.split("/")[0] for name in load_file(newest / "state.safetensors")} == {"weight", "moment", "best"}


def test_a_disk_that_is_too_small_is_said_before(desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The base has 22,210 parameters of four bytes: model, two checkpoints of four times as much, and what moves no longer."""
    usage = shutil.disk_usage(desk)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=300_000))
    command = ["train", "r.csv", "out=run", *(f"{key}={value}" for key, value in SETTINGS.items())]
    assert main(command) == 1
    assert "may need 888 kB there, but 300 kB are free" in capsys.readouterr().err
    assert not (desk / "run").exists()
    assert main([*command[:-1], "save_every=none"]) == 0
    assert "at most 178 kB while it runs, 88.8 kB when it has ended; 300 kB are free" in capsys.readouterr().err
