"""What transformers' Trainer does where `tests/test_killed.py` asks Joyul for the same bits: the same rows, kills and question.

It shows why the checkpoints are our own; it is no test of ours, so it says what this version does, and fails when that changes.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from tests import forks
from tests.conftest import write_csv
from tests.test_killed import at

SAVED = 4  # times that torch.save is called for a checkpoint: arguments, optimizer, schedule, random numbers
MOMENTS = {  # what is called for the nth time when it is killed: three checkpoints are complete, the fourth is not
    "between two saves": ("torch.nn.utils:clip_grad_norm_", 4),
    "weights are written": ("torch:save", 3 * SAVED + 1),
    "the optimizer is written": ("torch:save", 3 * SAVED + 3),
    "all but the random numbers": ("torch:save", 3 * SAVED + 4),
}


def train(out: str, place: str = "", nth: int = 0) -> None:
    """In a process of its own: two epochs with a checkpoint behind every update, gone on with from the last one there is."""
    import csv

    from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments, set_seed
    from transformers.trainer_utils import get_last_checkpoint

    if place:
        at(place, nth, signal.SIGKILL)
    with open("r.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    words = AutoTokenizer.from_pretrained("bert")
    encoded = [{**words(row["text"]), "labels": int(row["label"] == "yes")} for row in rows]
    set_seed(0)
    given: dict[str, Any] = {"per_device_train_batch_size": 16, "num_train_epochs": 2, "learning_rate": 1e-3, "seed": 0, "use_cpu": True}
    settings = TrainingArguments(out, save_strategy="steps", save_steps=1, report_to=[], disable_tqdm=True, **given)
    trainer = Trainer(AutoModelForSequenceClassification.from_pretrained("bert"), settings, train_dataset=encoded, processing_class=words)
    trainer.train(resume_from_checkpoint=get_last_checkpoint(out) if Path(out).is_dir() else None)
    trainer.save_model(f"{out}-model")


def outcome(desk: Path, out: str, expected: dict[str, bytes]) -> str:
    """Go on with a run: `same bits`, `other weights`, or the error that it ends with."""
    again = forks.start(desk, ["methods"], train, out)
    if again.end() != 0:
        return again.text.strip().splitlines()[-1]
    return "same bits" if weights(desk, out) == expected else "other weights"


def weights(desk: Path, out: str) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in load_file(desk / f"{out}-model/model.safetensors").items()}


@pytest.mark.slow
def test_what_the_trainer_does(base: str, rows: list[tuple[str, str]], tmp_path: Path) -> None:
    write_csv(tmp_path / "r.csv", [("text", "label"), *rows])
    (tmp_path / "bert").symlink_to(base)
    fork = forks.start(tmp_path, ["methods"], train, "whole")
    assert fork.end() == 0, fork.text
    expected, found = weights(tmp_path, "whole"), {}
    for moment, (place, nth) in MOMENTS.items():
        out = moment.replace(" ", "-")
        fork = forks.start(tmp_path, ["methods"], train, out, place, nth)
        assert fork.end() == -signal.SIGKILL, fork.text
        found[moment] = outcome(tmp_path, out, expected)
    assert found.pop("between two saves") == "same bits"
    for moment, said in found.items():
        assert said.endswith("checkpoint-4/trainer_state.json'"), f"{moment}: {said}"
