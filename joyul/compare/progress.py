"""What of a comparison is finished, so that an interrupted one goes on where it stood."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

from joyul.compare.nouns import Answers, Draw, Entry, Outcome
from joyul.contracts import Prediction
from joyul.errors import RunError
from joyul.files import write_json, write_lines, write_text
from joyul.recipe.resolve import Recipe
from joyul.resume import COMPARISON_RECIPE

FOLDER, ABOUT = "progress", "about.json"


class Progress:
    """Finished outcomes by line of the table, draw and seed. On disk after each of them, a file each: none is written twice."""

    def __init__(self, folder: Path, recipe: Recipe, fingerprint: str) -> None:
        self.folder, self._about = folder, {"recipe": recipe.as_asked(), "data": fingerprint}
        about = folder / FOLDER / ABOUT
        if about.is_file() and json.loads(about.read_text(encoding="utf-8")) != self._about:
            raise RunError("compare_changed", where=str(folder), recipe=str(folder / COMPARISON_RECIPE))
        self._finished = finished(folder)

    def begin(self) -> None:
        """The recipe first: it makes the folder one that can be gone on with."""
        if not (self.folder / COMPARISON_RECIPE).is_file():
            write_text(self.folder / COMPARISON_RECIPE, self._about["recipe"])
        (self.folder / FOLDER).mkdir(exist_ok=True)
        write_json(self.folder / FOLDER / ABOUT, self._about)

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
        key = _key(outcome.entry, outcome.draw, outcome.seed)
        found = {
            "valid": _written(outcome.valid), "test": _written(outcome.test) if outcome.test else None, "costs": outcome.costs,
            "folder": str(outcome.folder) if outcome.folder else None,
        }  # fmt: skip
        self._finished[key] = found
        write_lines(self.folder / FOLDER / f"{len(self._finished):05}.json", [{"key": key, **found}])
        return outcome

    def end(self) -> None:
        """comparison.json says it all now."""
        shutil.rmtree(self.folder / FOLDER, ignore_errors=True)


def finished(folder: Path) -> dict[str, Any]:
    """What a comparison that has not ended has written of each finished outcome, by its line, draw and seed."""
    found = [json.loads(file.read_text(encoding="utf-8")) for file in sorted((folder / FOLDER).glob("[0-9]*.json"))]
    return {one.pop("key"): one for one in found}


def _key(entry: Entry, draw: Draw, seed: int) -> str:
    return f"{entry.name}, {draw.name}, seed {seed}"


def _written(answers: Answers) -> dict[str, Any]:
    said = [{field.name: getattr(one, field.name) for field in fields(one)} for one in answers.predictions]
    return {"ids": answers.ids, "targets": answers.targets, "predictions": said, "groups": answers.groups}


def _answers(found: dict[str, Any]) -> Answers:
    said = tuple(Prediction(**prediction) for prediction in found["predictions"])
    return Answers(tuple(found["ids"]), tuple(found["targets"]), said, tuple(found["groups"]) if found["groups"] else None)
