"""`report_to=`: the numbers of each Step for TensorBoard, Weights & Biases or MLflow, through accelerate's trackers.

It only reads Steps, and a tracker that fails never stops a run. Keys and hosts come from the environment alone: WANDB_API_KEY,
WANDB_MODE, WANDB_PROJECT, MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME. Where it names none, everything stays in the run's folder.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from accelerate.tracking import GeneralTracker, MLflowTracker, TensorBoardTracker, WandBTracker

from joyul.contracts import Step
from joyul.engine.device import processes
from joyul.errors import UsageError
from joyul.notes import Notes

PROJECT = "joyul"
UNSENT = ("step", "stage", "method", "kind", "candidate", "adjusted", "standard_error")  # where a number belongs, not a number


def require(names: Sequence[str]) -> None:
    """Raise UsageError for a tracker that is not installed."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise UsageError("tracker_missing", found=name)


class Monitor:
    """Passes Steps on to trackers while the block lasts."""

    def __init__(self, names: Sequence[str], folder: Path, settings: Mapping[str, str], notes: Notes) -> None:
        self._names, self._folder, self._settings, self._notes = names, folder, dict(settings), notes
        self._trackers: dict[str, GeneralTracker] = {}

    def __enter__(self) -> Monitor:
        if self._names:
            processes()  # the trackers ask it which process they are in
        for name in self._names:
            self._try(name, lambda name=name: self._start(name))  # type: ignore[misc]
        return self

    def read(self, step: Step) -> None:
        """Pass a Step on."""
        values = numbers(step)
        for name, tracker in list(self._trackers.items()):
            self._try(name, lambda tracker=tracker: tracker.log(values, step=step.step))  # type: ignore[misc]

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for name, tracker in list(self._trackers.items()):
            self._try(name, tracker.finish)

    def _start(self, name: str) -> None:
        tracker = STARTS[name](self._folder)
        tracker.start()
        self._trackers[name] = tracker
        tracker.store_init_configuration(self._settings)
        self._notes.say("tracker_started", name=name)

    def _try(self, name: str, action: Callable[[], object]) -> None:
        """Whatever a tracker does wrong is said once; then it is left out."""
        try:
            action()
        except Exception as error:  # noqa: BLE001 - a run is worth more than its watcher
            self._trackers.pop(name, None)
            self._notes.warn("tracker_failed", name=name, reason=f"{type(error).__name__}: {' '.join(str(error).split())}")


def numbers(step: Step) -> dict[str, float]:
    """The numbers of a Step under the names a tracker groups by: `train/loss`, `valid/accuracy`, `search/score`."""
    group = {"update": "train"}.get(step.kind, step.kind)
    plain = {key: value for key, value in asdict(step).items() if key not in (*UNSENT, "valid") and value is not None}
    return {**{f"{group}/{key}": float(value) for key, value in plain.items()},
            **{f"valid/{key}": float(value) for key, value in (step.valid or {}).items()}}  # fmt: skip


def _tensorboard(folder: Path) -> GeneralTracker:
    return TensorBoardTracker("tensorboard", logging_dir=str(folder))


def _wandb(folder: Path) -> GeneralTracker:
    """Without a key nothing is sent: wandb would ask for one at the terminal."""
    known = "WANDB_API_KEY" in os.environ or "WANDB_MODE" in os.environ
    mode = {} if known else {"mode": "offline"}
    return WandBTracker(os.environ.get("WANDB_PROJECT", PROJECT), name=folder.name, dir=str(folder), **mode)


def _mlflow(folder: Path) -> GeneralTracker:
    if "MLFLOW_TRACKING_URI" not in os.environ:
        import mlflow

        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # the client alone has no database
        mlflow.set_tracking_uri((folder / "mlruns").resolve().as_uri())
    return MLflowTracker(experiment_name=PROJECT, run_name=folder.name)


STARTS: dict[str, Callable[[Path], GeneralTracker]] = {"tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow}
