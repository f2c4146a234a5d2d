"""What a person types, on real files, and what has to come of it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from joyul.cli import main

Kind = Literal["read and said", "mended and listed", "refused"]
WORDS = (
    ("good", "yes"),
    ("bad", "no"),
    ("fine", "yes"),
    ("dull", "no"),
    ("joy", "yes"),
    ("poor", "no"),
    ("well", "yes"),
    ("waste", "no"),
)
FRAMES = ("the {} film", "a {} story", "i liked the {} cast")
ROWS = [(frame.format(word), label) for frame in FRAMES for word, label in WORDS]
ALL_SPLIT = "valid=0.2 test=0.2"


def table(rows: list[tuple[str, ...]] | None = None, header: str = "text,label") -> str:
    """A csv file: the 24 rows above, or others."""
    return "\n".join([header, *(",".join(row) for row in rows or ROWS)]) + "\n"


GOOD = table()


@dataclass(frozen=True)
class Outcome:
    """One way to go wrong, or nearly. `said` has to stand on stderr, `shown` on stdout; `unsaid` on neither.

    The folder holds `files`, a tiny base `bert` and a finished run `run`. `given` prepares what files cannot say; `then` looks
    at what is left. `keeps`: a refusal so late that a run folder stands.
    """

    name: str
    kind: Kind
    command: str
    said: tuple[str, ...] = ()
    files: Mapping[str, str | bytes] = field(default_factory=lambda: {"r.csv": GOOD})
    status: int = 0
    shown: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()
    given: Callable[[Path, pytest.MonkeyPatch], None] = lambda folder, patch: None
    then: Callable[[Path], None] = lambda folder: None
    keeps: bool = False


@dataclass
class Desk:
    """A folder to work in, and the command line."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def check(self, outcome: Outcome) -> None:
        """Type the command; status, words, and that nothing is harmed or left over."""
        for name, content in outcome.files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        outcome.given(self.folder, self.patch)
        before = standing(self.folder)
        status = main(shlex.split(outcome.command))
        out, err = self.capture.readouterr()
        after = standing(self.folder)
        assert status == outcome.status, err
        assert (status == 0) == (outcome.kind != "refused")
        for text in outcome.said:
            assert text in err, err
        for text in outcome.shown:
            assert text in out, out
        assert not [text for text in ("Traceback", *outcome.unsaid) if text in out + err]
        assert {name: after.get(name) for name in before} == before, "a file of the user changed"
        assert not [name for name in after if Path(name).name.startswith(".")], "a temporary file is left"
        if outcome.kind == "refused" and not outcome.keeps:
            assert after.keys() == before.keys(), "a refusal left something behind"
        outcome.then(self.folder)


def standing(folder: Path) -> dict[str, bytes | None]:
    """Every file with its bytes, and every folder; what links lead to is not looked at."""
    found: dict[str, bytes | None] = {}
    for root, folders, files in os.walk(folder):
        found |= {os.path.relpath(Path(root, name), folder): None for name in folders}
        found |= {os.path.relpath(Path(root, name), folder): Path(root, name).read_bytes() for name in files}
    return found
