"""Disks that refuse, folders that are taken, losses that are no numbers, networks that are away."""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from joyul.cli import main
from tests.outcomes.desk import GOOD, ROWS, Desk, Outcome, table
from tests.outcomes.test_bases import copied

TRAIN = "train r.csv base=bert epochs=1"
CALM = table([row for row in ROWS if "joy" not in row[0]])


def read_only(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """A disk that can be read alone. The tests run as root, whom no permission binds, so the calls themselves refuse."""
    really, really_open = os.open, builtins.open

    def refuse(path: Any) -> None:
        if Path(str(path)).absolute().is_relative_to(folder):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    def low(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            refuse(path)
        return really(path, flags, *rest, **named)

    def high(path: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if set(mode) & set("wax+"):
            refuse(path)
        return really_open(path, mode, *rest, **named)

    for name in ("mkdir", "unlink", "replace", "rename"):
        patch.setattr(os, name, lambda path, *rest, **named: refuse(path))
    patch.setattr(os, "open", low)
    for module in (builtins, io):  # pathlib calls the second
        patch.setattr(module, "open", high)


def full_disk(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """No room is left once training has begun."""

    def refuse(step: Any) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    patch.setattr("joyul.run.step_line", refuse)


def broken_word(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """A base in which one word, `joy`, is no number."""
    mine = copied(folder)
    weights = load_file(mine / "model.safetensors")
    name = next(name for name in weights if name.endswith("word_embeddings.weight"))
    weights[name][AutoTokenizer.from_pretrained(mine).convert_tokens_to_ids("joy")] = float("nan")
    save_file(weights, mine / "model.safetensors", metadata={"format": "pt"})


def kept(folder: Path) -> None:
    """The run is whole, says why it stopped, and answers."""
    metrics = json.loads((folder / "runs/r-full/metrics.json").read_text(encoding="utf-8"))
    assert "not finite" in metrics["stopped"]
    assert (folder / "runs/r-full/model/model.safetensors").is_file()
    assert main(["predict", "runs/r-full", "a good film"]) == 0


def unended(folder: Path) -> None:
    assert main(["predict", "runs/r-full", "a good film"]) == 1
    assert not (folder / "runs/r-full/metrics.json").exists()


OUTCOMES = [
    Outcome(
        "output folder in use",
        "refused",
        f"{TRAIN} out=o",
        ("o already holds something. Take another name (out=o-2), or remove it.",),
        {"r.csv": GOOD, "o/mine.txt": "x"},
        status=2,
    ),
    Outcome(
        "output folder of a comparison in use",
        "refused",
        "compare r.csv base=bert out=o",
        ("Take another name (out=o-2), or remove it.",),
        {"r.csv": GOOD, "o/mine.txt": "x"},
        status=2,
    ),
    Outcome(
        "output folder below a file",
        "refused",
        f"{TRAIN} out=r.csv/o",
        ("r.csv/o: cannot be written: Not a directory.",),
        status=1,
    ),
    Outcome(
        "read-only disk at train",
        "refused",
        TRAIN,
        ("runs/r-full: cannot be written: Read-only file system.",),
        status=1,
        given=read_only,
        unsaid=("epoch 1",),
    ),
    Outcome(
        "read-only disk at predict",
        "refused",
        "predict run data=r.csv out=o.csv",
        (": cannot be written: Read-only file system.",),
        status=1,
        given=read_only,
    ),
    Outcome(
        "read-only disk at init",
        "refused",
        "init classify",
        ("recipe.yaml: cannot be written: Read-only file system.",),
        status=1,
        given=read_only,
    ),
    Outcome(
        "disk full in training",
        "refused",
        TRAIN,
        ("steps.jsonl: there is no room left for it (No space left on device).", "To go on:  joyul train runs/r-full"),
        status=1,
        given=full_disk,
        then=unended,
        keeps=True,
    ),
    Outcome(
        "loss that is no number",
        "refused",
        "train r.csv base=mine epochs=1",
        (
            "the loss is not finite in rows r.csv:5, r.csv:13, r.csv:21. Lower learning_rate, or look at these rows.",
            "The run was stopped; the last good state is in runs/r-full.",
        ),
        status=1,
        given=broken_word,
        then=kept,
        keeps=True,
    ),
    Outcome(
        "validation loss that is no number",
        "refused",
        "train r.csv base=mine epochs=1 valid=v.csv",
        ("the loss is not finite in rows v.csv:5,",),
        {"r.csv": CALM, "v.csv": GOOD},
        status=1,
        given=broken_word,
        then=kept,
        keeps=True,
    ),
    Outcome(
        "test rows without an answer",
        "mended and listed",
        "train r.csv base=mine epochs=1 test=t.csv",
        ("the model gives no number for 3 rows, so they have no answer: t.csv:5, t.csv:13, t.csv:21.",),
        {"r.csv": CALM, "t.csv": GOOD},
        given=broken_word,
    ),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.name)
def test_outcome(desk: Desk, outcome: Outcome) -> None:
    desk.check(outcome)


def test_hub_that_cannot_be_reached(desk: Desk) -> None:
    """Without HF_HUB_OFFLINE; huggingface_hub reads its variables on import, so this one needs a process of its own."""
    (desk.folder / "r.csv").write_text(GOOD, encoding="utf-8")
    unset = {name: value for name, value in os.environ.items() if name not in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")}
    named = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(desk.folder.parent / "hub"), "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", "joyul", "train", "r.csv", "base=some-org/tiny-bert"]
    done = subprocess.run(command, env={**unset, **named}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "'some-org/tiny-bert' is no folder here and could not be had from the hub (" in done.stderr
    assert "Without network, give a folder or base=starter." in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(os.listdir(desk.folder)) == ["bert", "r.csv", "run"]
