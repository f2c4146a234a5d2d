"""What of a comparison is finished, so that an interrupted one goes on where it stood."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from joyul.compare.nouns import Answers, Draw, Entry, Outcome
from joyul.contracts import Prediction
from joyul.errors import RunError
from joyul.files import write_json, write_text
from joyul.recipe.resolve import Recipe
from joyul.resume import COMPARISON_RECIPE

FILE = "progress.json"


class Progress:
    """Finished outcomes by line of the table, draw and seed. On disk after each of them."""

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

    def get(self, entry: Entry, draw: Draw, seed: int) -> Outcome | None:
        """What is finished already."""
        found = self._finished.get(_key(entry, draw, seed))
        if found is None:
            return None
        test = _answers(found["test"]) if found["test"] else None
        folder = Path(found["folder"]) if found["folder"] else None
        return Outcome(entry, draw, seed, _answers(found["valid"]), test, found["costs"], folder)

    def tried(self, entry: Entry, draw: Draw, seed: int) -> Outcome | None:
        """The best of several learning rates that were trained at once, where that is finished."""
        found = self.get(entry, draw, seed)
        return found if found is not None and "tries" in found.costs else None

    def keep(self, outcome: Outcome) -> Outcome:
        """Write it down and give it back."""
        self._finished[_key(outcome.entry, outcome.draw, outcome.seed)] = {
            "valid": asdict(outcome.valid), "test": asdict(outcome.test) if outcome.test else None, "costs": outcome.costs,
            "folder": str(outcome.folder) if outcome.folder else None,
        }  # fmt: skip
        self._write()
        return outcome

    def end(self) -> None:
        """comparison.json says it all now."""
        (self.folder / FILE).unlink(missing_ok=True)

    def _write(self) -> None:
        write_json(self.folder / FILE, {"about": self._about, "finished": self._finished})


def _key(entry: Entry, draw: Draw, seed: int) -> str:
    return f"{entry.name}, {draw.name}, seed {seed}"


def _answers(found: dict[str, Any]) -> Answers:
    said = tuple(Prediction(**prediction) for prediction in found["predictions"])
    return Answers(tuple(found["ids"]), tuple(found["targets"]), said, tuple(found["groups"]) if found["groups"] else None)
