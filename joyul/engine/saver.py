"""When the state of a training goes to disk: at ends of epochs and every few minutes, as long as that costs next to nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from joyul.contracts import Step
from joyul.engine import checkpoint
from joyul.engine.checkpoint import Checkpoint
from joyul.errors import RunError
from joyul.notes import Notes
from joyul.signals import Interrupted, stop_if_asked, uninterrupted

SAVE = "save"
SHARE = 0.02  # of the time, at most, goes into saving unless the user says how often
END_SHARE = 0.1  # the same for the one at the end of a stage
WITHIN = 180.0  # seconds of training that may be lost at most, where the share allows it
ASSUMED = 200e6  # bytes a second, until the first save has been timed


class Standing(Protocol):
    """A training that can be saved."""

    def record(self) -> dict[str, Any]:
        """Everything but tensors, as JSON."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """What moves, and what goes with it."""
        ...

    def frozen(self) -> dict[str, Tensor]:
        """What stands still in this stage but is not what the base has; written once a stage."""
        ...


class Saver:
    """Writes checkpoints under `root` (None: never). `about` goes into each.

    `before` is called before each: it brings the Steps to disk and tells how many are there.
    """

    def __init__(
        self, root: Path | None = None, every: str | int = "auto", about: Mapping[str, Any] | None = None,
        before: Callable[[], int] = lambda: sys.maxsize,
    ) -> None:  # fmt: skip
        self.root, self.every = root, every
        self.about, self.before = dict(about or {}), before
        self.seconds = 0.0  # spent in saving
        self.changed = False  # whether a stage of this run has moved weights
        self._standing: Standing | None = None
        self._needs: str | None = None
        self._newest: Checkpoint | None = None
        self._saved, self._cost = time.perf_counter(), 0.0
        self._mark: tuple[Any, ...] = ()

    def begin(self, standing: Standing) -> None:
        """A stage's training begins, or goes on."""
        self._standing = standing
        here = self._newest is not None and self._newest.record["stage"] == standing.record()["stage"]
        self._needs = self._newest.record["needs"] if here and self._newest is not None else None
        if not self._cost:
            weights = sum(tensor.nbytes for tensor in standing.tensors().values())
            self._cost = 5 * weights / ASSUMED  # the weights, two moments, the best state, the mean

    def follow(self, newest: Checkpoint | None) -> None:
        """Go on from this one: it stays until a newer one is complete."""
        self._newest = newest

    def after(self, step: Step) -> None:
        """Behind every Step that is written down: save where it is time. Raises Interrupted where a signal waits."""
        stop_if_asked()
        if self._due(step):
            self.save()
            stop_if_asked()

    def _due(self, step: Step) -> bool:
        closes = step.valid is not None or (step.epoch is not None and float(step.epoch).is_integer())
        if self.every == "none":
            return False
        if self.every == "epoch":
            return closes
        if isinstance(self.every, int):
            return step.step % self.every == 0
        unsaved = time.perf_counter() - self._saved
        return (closes or unsaved >= WITHIN) and self._cost <= SHARE * unsaved

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Who leaves the block in good order (a signal, a closed generator, no memory) leaves the present state on disk."""
        try:
            yield
        except Interrupted as left:
            if not left.at_once:
                self.save()
            raise
        except GeneratorExit:
            self.save()
            raise
        except RunError as full:
            if full.key == "out_of_memory":  # an update that finds no memory has moved nothing
                self.save()
            raise

    def end(self) -> None:
        """The last update of a stage is done: what comes now (evaluation, the next stage) must not cost it."""
        if self.every == "auto" and self._cost <= END_SHARE * (time.perf_counter() - self._saved):
            self.save()

    def save(self) -> None:
        """Write the state now, unless it is there already; a signal waits. Raises RunError where the disk refuses."""
        if self.root is None or self._standing is None:
            return
        began, record = time.perf_counter(), self._standing.record()
        mark = (record["stage"], record["update"], record["steps"])
        if mark == self._mark:
            return
        with uninterrupted():
            if self.before() < record["steps"]:  # the last Step could not be written: without it the state is worth nothing
                return
            self._prune()
            self._write_needs(self._standing)
            record = {**self.about, **record, "needs": self._needs}
            self._newest = checkpoint.write(self.root, self._next(), record, self._standing.tensors())
        self._saved, self._mark = time.perf_counter(), mark
        self._cost = self._saved - began
        self.seconds += self._cost

    def _write_needs(self, standing: Standing) -> None:
        """What stages before left and this one does not move."""
        if self._needs is None and self.root is not None and (frozen := standing.frozen()):
            name = f"stage-{standing.record()['stage']:02d}"
            checkpoint.write(self.root, name, {}, frozen)
            self._needs = name

    def _prune(self) -> None:
        """Keep the newest, which was read back when it was written, and what it needs; the one before it has done its duty."""
        if self.root is None or self._newest is None:
            return
        keep = {self._newest.folder.name, self._newest.record.get("needs"), self._needs}
        for folder in self.root.iterdir():
            if folder.name not in keep:
                checkpoint.remove(folder)

    def _next(self) -> str:
        assert self.root is not None
        numbers = [int(folder.name.partition("-")[2]) for folder in self.root.glob(f"{SAVE}-*")]
        return f"{SAVE}-{max(numbers, default=0) + 1:06d}"


def last(root: Path, notes: Notes) -> Checkpoint | None:
    """The newest complete one under `root`."""
    return checkpoint.newest(root, SAVE, notes)
