"""Trackers, against what they write: TensorBoard's and MLflow's files, and a tracker that breaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import joyul
from joyul import monitor
from joyul.cli import main
from joyul.contracts import Step
from joyul.errors import UsageError
from joyul.monitor import Monitor, numbers
from joyul.notes import Notes

STEP = Step(
    step=3, stage=1, method="full", kind="update", rows=16, tokens=99, seconds=0.5, memory=10, loss=0.25, epoch=1.0,
    learning_rate=1e-4, valid={"accuracy": 0.75, "loss": 0.4},
)  # fmt: skip


class Fake:
    """accelerate's tracker interface; breaks where it is told to."""

    def __init__(self, breaks: str = "") -> None:
        self.breaks, self.seen = breaks, list[Any]()

    def _do(self, name: str, *what: Any) -> None:
        if name == self.breaks:
            raise ConnectionError("no route to host")
        self.seen.append((name, *what))

    def start(self) -> None:
        self._do("start")

    def store_init_configuration(self, values: dict[str, str]) -> None:
        self._do("settings", values)

    def log(self, values: dict[str, float], step: int) -> None:
        self._do("log", values, step)

    def finish(self) -> None:
        self._do("finish")


def test_the_numbers_of_a_step() -> None:
    found = numbers(STEP)
    assert found["train/loss"] == 0.25 and found["valid/accuracy"] == 0.75 and found["valid/loss"] == 0.4
    assert set(found) == {f"train/{key}" for key in ("rows", "tokens", "seconds", "memory", "loss", "epoch", "learning_rate")} | {
        "valid/accuracy", "valid/loss"
    }  # fmt: skip
    probe = Step(step=1, stage=1, method="full", kind="probe", rows=1, tokens=1, seconds=1, memory=1, score=0.5, candidate={"a": 1})
    assert numbers(probe)["probe/score"] == 0.5


@pytest.mark.parametrize("breaks", ["", "start", "settings", "log", "finish"])
def test_a_tracker_that_fails_is_left_out_and_said_once(breaks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake, notes = Fake(breaks), Notes()
    monkeypatch.setitem(monitor.STARTS, "tensorboard", lambda folder: fake)
    with Monitor(["tensorboard"], tmp_path, {"seed": "0"}, notes) as watching:
        watching.read(STEP)
        watching.read(STEP)
    warned = [text for level, text in notes.kept if level == "warn"]
    assert len(warned) == bool(breaks) and all("no route to host" in text for text in warned)
    if not breaks:
        assert [item[0] for item in fake.seen] == ["start", "settings", "log", "log", "finish"]
        assert fake.seen[2] == ("log", numbers(STEP), 3)


def test_what_is_not_installed_is_refused_before_any_work(reviews: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joyul.monitor.importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"joyul\[wandb\]"):
        joyul.train(data=reviews, report_to="wandb", out=str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("given", ["tensorbord", "tensorboard,wadb", "all", "[tensorboard"])
def test_a_tracker_that_does_not_exist_is_refused(given: str, reviews: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", reviews, f"report_to={given}"]) == 2
    assert "tensorboard, wandb, mlflow" in capsys.readouterr().err


def test_tensorboard_has_every_loss_of_the_run(base: str, reviews: str, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    losses = []
    running = joyul.steps(data=reviews, base=base, epochs=2, precision="fp32", report_to="tensorboard", out=str(tmp_path / "run"))
    for step in running:
        losses.append(step.loss)
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    written = events.Scalars("train/loss")
    assert [event.value for event in written] == pytest.approx(losses)
    assert [event.step for event in written] == list(range(1, len(losses) + 1))
    assert len(events.Scalars("valid/accuracy")) == 2


def test_mlflow_keeps_to_the_folder_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)
    notes = Notes()
    with Monitor(["mlflow"], tmp_path / "run", {"seed": "0"}, notes) as watching:
        watching.read(STEP)
    assert not [text for level, text in notes.kept if level == "warn"]
    run = mlflow.search_runs(experiment_names=["joyul"], output_format="list")[0]
    assert run.data.metrics["train/loss"] == 0.25 and run.data.params["seed"] == "0"
    assert {path.name for path in tmp_path.iterdir()} == {"run"}


def test_wandb_without_a_key_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setattr(monitor, "WandBTracker", lambda project, **options: seen.update(options, project=project))
    monitor.STARTS["wandb"](tmp_path / "run")
    assert seen == {"project": "joyul", "name": "run", "dir": str(tmp_path / "run"), "mode": "offline"}
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    seen.clear()
    monitor.STARTS["wandb"](tmp_path / "run")
    assert "mode" not in seen and "secret" not in str(seen)
