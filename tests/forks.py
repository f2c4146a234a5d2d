"""Command lines in processes of their own that can be killed: forked from a server that has imported torch once."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["torch", "transformers", "joyul.verbs", "joyul.run", "sklearn.metrics", "tests.forks"])
THREADS = "JOYUL_TEST_THREADS"  # of torch in the new process
TIMEFUL = ("seconds", "memory")  # the fields of a Step that no two runs share


@dataclass
class Fork:
    """A command line on its way."""

    process: BaseProcess
    said: Path

    def end(self, seconds: float = 120.0) -> int:
        """The exit status (minus the signal, where one killed it)."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, "still running"
        return self.process.exitcode

    def send(self, number: int) -> None:
        assert self.process.pid is not None
        with suppress(ProcessLookupError):  # it was quicker
            os.kill(self.process.pid, number)

    @property
    def text(self) -> str:
        """What it said on stderr."""
        return self.said.read_text(encoding="utf-8") if self.said.exists() else ""


def start(folder: Path, command: list[str], prepare: Callable[..., None] | None = None, *arguments: Any) -> Fork:
    """Type `joyul COMMAND` in `folder`; `prepare(*arguments)` is called in the new process before it."""
    said = folder / f"said-{time.monotonic_ns()}.txt"
    process = _CONTEXT.Process(target=_child, args=(str(folder), command, str(said), dict(os.environ), prepare, arguments))
    process.start()
    return Fork(process, said)


def _child(folder: str, command: list[str], said: str, environment: dict[str, str], prepare: Any, arguments: Any) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    handle = os.open(said, os.O_WRONLY | os.O_CREAT)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    import torch

    torch.set_num_threads(int(os.environ.get(THREADS, "1")))
    from joyul.cli import main

    if prepare is not None:
        prepare(*arguments)
    status = main(command)
    os._exit(status)


def weights(run: Path) -> dict[str, bytes]:
    """The bytes of every weight a run left."""
    files = sorted((*run.glob("model/*.safetensors"), *run.glob("stages/*/*.safetensors")))
    return {f"{file.parent.name}/{name}": value.numpy().tobytes() for file in files for name, value in load_file(file).items()}


def steps(run: Path) -> list[dict[str, Any]]:
    """The Steps of a run without what time and memory put into them."""
    lines = (run / "steps.jsonl").read_text(encoding="utf-8").splitlines()
    return [{key: value for key, value in json.loads(line).items() if key not in TIMEFUL} for line in lines]


def kept(run: Path) -> tuple[Any, ...]:
    """All that two runs of the same recipe have to share, bit for bit."""
    predictions = (run / "predictions.jsonl").read_text(encoding="utf-8")
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    same = {key: metrics[key] for key in ("scores", "baseline", "rows", "trainable", "diagnosis", "search")}
    return weights(run), steps(run), predictions, (run / "prompt.yaml").read_text(encoding="utf-8"), same
