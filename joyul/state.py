"""Whether a run runs, ended, failed or was interrupted, and the lock that keeps a second process out of its folder.

`state.json` says what its writer knew; a process that was killed could not say so. Hence the lock, which dies with its process,
and the process's number with its time of birth, which a later process of the same number does not share.
"""

from __future__ import annotations

import datetime
import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import psutil

from joyul.errors import RunError, UsageError
from joyul.files import clear_leftovers, write_json

try:
    import fcntl
except ImportError:  # Windows: state.json alone has to do
    fcntl = None  # type: ignore[assignment]

STATE_FILE, RESULT_FILES = "state.json", ("metrics.json", "comparison.json")  # of a run, of a comparison: written last
Condition = Literal["running", "ended", "failed", "interrupted"]


def condition(folder: Path) -> Condition:
    """What is known of a folder's run. A writer that is gone without a word was interrupted; a result makes it ended."""
    kept = _kept(folder)
    if _locked(folder) or _alive(kept):
        return "running"
    if any((folder / name).is_file() for name in RESULT_FILES):
        return "failed" if kept.get("state") == "failed" else "ended"
    return "failed" if kept.get("state") == "failed" else "interrupted"


class Hold:
    """The right to write a folder: `take` it, and its state follows the block that it stands around."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: int | None = None
        self.running = False
        self._began = _now()

    def take(self) -> None:
        """Make the folder, lock it and say that it runs. Raises UsageError where another process writes it."""
        if self._lock is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.folder)
        kept = _kept(self.folder)
        if self._lock is None and _alive(kept):
            raise in_use(self.folder)
        clear_leftovers(self.folder)

    def __enter__(self) -> Hold:
        return self

    def run(self) -> None:
        """Say that it runs: from here on its end is written down too."""
        self._write("running")
        self.running = True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.running:
            with suppress(RunError):  # a full disk: the process is gone soon, which says the same
                self._write(_state_after(error), str(error) if error is not None else None)
        if self._lock is not None:
            os.close(self._lock)

    def _write(self, state: Condition, reason: str | None = None) -> None:
        me = psutil.Process()
        found = {
            "state": state, "reason": reason or None, "host": socket.gethostname(), "pid": me.pid, "born": me.create_time(),
            "began": self._began, "written": _now(), "folder": os.getcwd(),
        }  # fmt: skip
        write_json(self.folder / STATE_FILE, found)


def in_use(folder: Path) -> UsageError:
    """The refusal of a second process."""
    kept = _kept(folder)
    return UsageError("folder_in_use", where=str(folder), pid=kept.get("pid", "?"), host=kept.get("host", "?"))


def _state_after(error: BaseException | None) -> Condition:
    if error is None:
        return "ended"
    return "interrupted" if isinstance(error, KeyboardInterrupt | GeneratorExit) else "failed"


def _lock(folder: Path) -> int | None:
    """A handle that holds the folder's lock; None where the file system has none. Raises UsageError where it is held."""
    if fcntl is None:
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise in_use(folder) from None
    except OSError:
        os.close(handle)
        return None
    return handle


def _locked(folder: Path) -> bool:
    try:
        handle = _lock(folder)
    except UsageError:
        return True
    except OSError:
        return False
    if handle is not None:
        os.close(handle)
    return False


def _kept(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _alive(kept: dict[str, Any]) -> bool:
    """Whether the process that wrote the state still runs here: another one of the same number was born at another time."""
    if kept.get("state") != "running" or kept.get("host") != socket.gethostname():
        return False
    try:
        return abs(psutil.Process(int(kept["pid"])).create_time() - float(kept["born"])) < 1.0
    except (psutil.Error, KeyError, ValueError, TypeError):
        return False


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
