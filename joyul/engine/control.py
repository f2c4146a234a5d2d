"""Settings changed while a run runs. Another process leaves requests in the run's folder; what took effect stands in a journal.

A change holds from an update on, and the journal says from which, before that update begins. So an update is a function of what
it always was and of the journal: a run that is killed and continued makes the same changes at the same places.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joyul.files import write_json, write_lines

STOP, SAVE = "stop", "save"
REQUESTS, JOURNAL = "adjust-*.json", "adjusted.jsonl"


def ask(folder: Path, stage: int, settings: Mapping[str, Any], words: tuple[str, ...] = ()) -> Path:
    """Leave a request for stage number `stage` of the run in `folder`: a file that the run takes away when it has read it."""
    file = folder / REQUESTS.replace("*", f"{time.time_ns():020d}")
    write_json(file, {"stage": stage, "settings": dict(settings), "words": list(words)})
    return file


@dataclass
class Control:
    """What the run in `folder` was asked to change (None: a run that nobody may adjust)."""

    folder: Path | None = None
    wanted: set[str] = field(default_factory=set)  # `stop`, `save`: to be done once the update has ended
    _requests: dict[str, dict[str, Any]] = field(default_factory=dict)  # by the name of the file
    _journal: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.folder is not None and (self.folder / JOURNAL).is_file():
            lines = (self.folder / JOURNAL).read_text(encoding="utf-8").splitlines()
            self._journal = [json.loads(line) for line in lines]

    def clear(self) -> list[str]:
        """Take away the requests that a process left unread when it died; what they asked for."""
        self.read()
        left = [f"{key}={value}" for one in self._requests.values() for key, value in one["settings"].items()]
        left += sorted(self.wanted)
        self._requests, self.wanted = {}, set()
        return left

    def read(self) -> None:
        """Take the requests in, the oldest first."""
        for file in sorted(self.folder.glob(REQUESTS)) if self.folder is not None else ():
            found = json.loads(file.read_text(encoding="utf-8"))
            self.wanted |= set(found["words"])
            if found["settings"]:
                self._requests[file.name] = found
            file.unlink()

    def before(self, stage: int, done: int) -> dict[str, Any]:
        """The settings of a stage as the updates before number `done` have changed them."""
        return self._folded(entry for entry in self._journal if entry["stage"] == stage and entry["done"] < done)

    def changes(self, stage: int, done: int, step: int) -> dict[str, Any]:
        """What changes with the update behind `done` others, Step number `step`; written down before it begins.

        A request that comes when its stage has had its last update is too late. Raises RunError where the disk is full.
        """
        self.read()
        mine = {name: found["settings"] for name, found in self._requests.items() if found["stage"] == stage}
        self._requests = {}
        if mine and self.folder is not None:
            settings = {key: value for one in mine.values() for key, value in one.items()}
            entry = {"stage": stage, "done": done, "step": step, "settings": settings, "asked": list(mine)}
            self._journal.append(entry)
            write_lines(self.folder / JOURNAL, self._journal)
        return self._folded(entry for entry in self._journal if entry["stage"] == stage and entry["done"] == done)

    @staticmethod
    def _folded(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        return {key: value for entry in entries for key, value in entry["settings"].items()}
