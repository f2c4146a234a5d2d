"""What of a comparison is finished, so that an interrupted one goes on where it stood."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from joyul.compare.verdict import Candidate
from joyul.errors import RunError
from joyul.files import write_json, write_text
from joyul.recipe.resolve import Recipe
from joyul.resume import COMPARISON_RECIPE

FILE = "progress.json"
Result = tuple[dict[str, Any], Candidate | None]


class Progress:
    """Finished methods by name: the row of the table, and what the verdict needs. On disk after each of them."""

    def __init__(self, folder: Path, recipe: Recipe, fingerprint: str) -> None:
        self.folder, self._about = folder, {"recipe": recipe.as_asked(), "data": fingerprint}
        kept = json.loads((folder / FILE).read_text(encoding="utf-8")) if (folder / FILE).is_file() else None
        if kept is not None and kept["about"] != self._about:
            raise RunError("compare_changed", where=str(folder), recipe=str(folder / COMPARISON_RECIPE))
        self._finished: dict[str, Any] = kept["finished"] if kept is not None else {}

    def begin(self) -> None:
        """The recipe first: it makes the folder one that can be gone on with."""
        if not (self.folder / COMPARISON_RECIPE).is_file():
            write_text(self.folder / COMPARISON_RECIPE, self._about["recipe"])
        self._write()

    def get(self, name: str) -> Result | None:
        """The result of a method that is finished."""
        found = self._finished.get(name)
        return (found["row"], Candidate(**found["candidate"]) if found["candidate"] else None) if found else None

    def keep(self, name: str, result: Result) -> Result:
        """Write it down and give it back."""
        row, candidate = result
        self._finished[name] = {"row": row, "candidate": asdict(candidate) if candidate else None}
        self._write()
        return result

    def end(self) -> None:
        """comparison.json says it all now."""
        (self.folder / FILE).unlink(missing_ok=True)

    def _write(self) -> None:
        write_json(self.folder / FILE, {"about": self._about, "finished": self._finished})
