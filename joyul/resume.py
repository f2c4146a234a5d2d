"""Going on with a run that did not end: where it stood, and whether everything it stands on is still the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from joyul.artifact import METRICS_FILE
from joyul.bases.source import RECIPE_FILE
from joyul.contracts import Step
from joyul.engine import device
from joyul.engine.checkpoint import FOLDER, Checkpoint
from joyul.engine.course import buffers
from joyul.engine.saver import last
from joyul.errors import RunError, UsageError, listing
from joyul.files import check_free, clear_leftovers, next_free, write_text
from joyul.messages import words
from joyul.methods.chain import SPLITS, Data, Tuned
from joyul.methods.ends import End, Trail, digests
from joyul.notes import Notes
from joyul.recipe.grammar import Given
from joyul.recipe.resolve import UNWRITTEN, Recipe, resolve
from joyul.record import step_line, versions
from joyul.state import RESULT_FILES, condition, in_use

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from joyul.data.gather import Gathered

STEPS_FILE, COMPARISON_RECIPE = "steps.jsonl", "compare.yaml"
MAY_CHANGE = ("save_every", "report_to")  # everything else decides what comes out


@dataclass(frozen=True)
class Begun:
    """Where an unfinished run stood: its newest complete checkpoint (None: it begins again) and its Steps up to there.

    `end`: instead of a checkpoint, where another chain with the same first stages ended them.
    """

    checkpoint: Checkpoint | None = None
    steps: Sequence[Step] = ()
    end: End | None = None

    @property
    def stage(self) -> int:
        """The stage to go on in, counted from 1."""
        if self.end is not None:
            return self.end.steps[-1].stage + 1
        return int(self.checkpoint.record["stage"]) if self.checkpoint else 1

    @property
    def chosen(self) -> Sequence[dict[str, Any] | None]:
        """What each stage before chose, as a Form's spec."""
        if self.end is not None:
            return self.end.chosen
        return list(self.checkpoint.record["chosen"]) if self.checkpoint else []

    @property
    def searched(self) -> Sequence[dict[str, Any]]:
        """What is said of the searches in those stages."""
        return list(self.checkpoint.record["searched"]) if self.checkpoint else []

    @property
    def peak(self) -> int:
        """Bytes that the stages taken over took."""
        return self.end.peak if self.end is not None else 0

    def or_at(self, end: End | None) -> Begun:
        """The same, or what begins at `end` where nothing has begun."""
        return self if self.checkpoint or self.steps or end is None else Begun(steps=end.steps, end=end)

    def restore_origins(self, recipe: Recipe) -> None:
        """Where each setting came from, as the run said when it began, unless the user has just said otherwise."""
        origins = self.checkpoint.record["origins"] if self.checkpoint is not None else {}
        filed = words("origin_file")
        recipe.origins |= {key: origins[key] for key, now in recipe.origins.items() if now == filed and key in origins}
        for stage in recipe.stages:
            known = {key: origins.get(f"{stage.method}.{key}") or origins.get(key) for key in stage.origins}
            stage.origins |= {key: origin for key, origin in known.items() if origin}

    def check(self, about: Mapping[str, Any], folder: Path, notes: Notes) -> None:
        """Compare what the run stands on now with then. Raises RunError."""
        if self.checkpoint is not None:
            check_same(about, self.checkpoint.record, folder, notes)


def recipe_of(verb: str, place: str | None, given: Sequence[Given], notes: Notes) -> tuple[Recipe, bool]:
    """The recipe that a recipe file, a run folder or a data file means, and whether the run in that folder is to be continued.

    A run that ended gives its recipe again, and so does one with another `out=`. Raises UsageError, also for one that runs.
    """
    path = Path(place) if place is not None else None
    if path is None:
        return resolve(verb, given), False
    if path.suffix.lower() in (".yaml", ".yml"):
        return resolve(verb, given, recipe_file=str(path)), False
    file = next((path / name for name in (COMPARISON_RECIPE, RECIPE_FILE) if (path / name).is_file()), None)
    if file is None:
        return resolve(verb, [Given("data", str(place)), *given]), False
    recipe = resolve(verb, given, recipe_file=str(file))
    here = recipe.run.out is None or Path(recipe.run.out).resolve() == path.resolve()
    mine = verb == ("compare" if file.name == COMPARISON_RECIPE else "train")
    found = condition(path)
    if not mine or not here or found == "ended" or (path / METRICS_FILE).is_file():
        notes.say("recipe_again", folder=place)
        return recipe, False
    if found == "running":
        raise in_use(path)
    other = sorted({item.key for item in given} - {*MAY_CHANGE, *UNWRITTEN})
    if other:
        raise UsageError("resume_settings", where=str(path), keys=", ".join(other), may=", ".join(MAY_CHANGE))
    recipe.updated(out=str(path))
    return recipe, True


def unfinished(folder: Path) -> bool:
    """Whether there is a run that did not come to its metrics."""
    return (folder / RECIPE_FILE).is_file() and not (folder / METRICS_FILE).is_file()


def require_free(folder: Path) -> None:
    """Raise UsageError unless a new result can stand there; what did not end can be gone on with instead."""
    files = {"train": RECIPE_FILE, "compare": COMPARISON_RECIPE}
    verb = next((verb for verb, file in files.items() if (folder / file).is_file()), None)
    if verb is not None and not any((folder / name).is_file() for name in RESULT_FILES):
        if condition(folder) == "running":
            raise in_use(folder)
        raise UsageError("out_unfinished", found=str(folder), verb=verb, free=str(next_free(folder)))
    check_free(folder)


def begun(folder: Path, notes: Notes) -> Begun:
    """What is on disk of an unfinished run, its leftovers cleared away. The caller holds the folder. Raises RunError."""
    clear_leftovers(folder / FOLDER)
    checkpoint = last(folder / FOLDER, notes)
    steps = _steps(folder / STEPS_FILE, checkpoint.record["steps"] if checkpoint else 0)
    if checkpoint is None:
        notes.say("begins_again", folder=str(folder))
    else:
        notes.say("goes_on", folder=str(folder), stage=checkpoint.record["method"], update=checkpoint.record["update"])
    return Begun(checkpoint, steps)


def _steps(file: Path, count: int) -> list[Step]:
    """The first `count` Steps; the file is cut back to them, so that what is done again is written once."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    if len(lines) < count:
        raise RunError("steps_missing", where=str(file), found=str(len(lines)), need=count)
    steps = [Step(**json.loads(line)) for line in lines[:count]]
    if len(lines) > count:
        write_text(file, "".join(map(step_line, steps)))
    return steps


def foundations(recipe: Recipe, gathered: Gathered | None, tuned: Tuned) -> dict[str, Any]:
    """What a checkpoint is worth nothing without: settings, rows, weights to start from, tokenizer; and where it was made."""
    return {
        "settings": {key: str(value) for key, value, _ in recipe.rows() if key not in MAY_CHANGE},
        "origins": {key: origin for key, _, origin in recipe.rows()},
        "data": gathered.fingerprint if gathered else None,
        "weights": _weights(tuned.model),
        "tokenizer": _tokenizer(tuned.form.setting.tokenizer),
        "machine": {**versions(), "device": device.describe()},
    }


def trail_of(recipe: Recipe, tuned: Tuned, data: Data, about: Mapping[str, Any], notes: Notes) -> Trail:
    """What the stages of a run stand on. How far rows are cut hangs on all stages of a chain: tokens stand for `max_length`."""
    names, settings = [item.method for item in recipe.stages], [item.settled.model_dump() for item in recipe.stages]
    if not data.ends.begin(names):
        return Trail(data.ends)
    run = recipe.run.model_dump(exclude={"method", "methods", "out", "max_length", *MAY_CHANGE})
    grounds = {"run": run, "form": tuned.form.spec(), **{key: about[key] for key in ("data", "weights", "tokenizer")}}
    rows = chain.from_iterable(data.rows(split, tuned.form, notes) for split in SPLITS)
    return Trail(data.ends, names, list(digests(settings, grounds, rows)))


def check_same(now: Mapping[str, Any], then: Mapping[str, Any], folder: Path, notes: Notes) -> None:
    """Raise RunError naming what has changed so that the run cannot go on as it began; warn of another machine or version."""
    ours, theirs = now["settings"], then["settings"]
    differ = sorted(key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key))
    changed = [f"{key}={theirs.get(key)} → {ours.get(key)}" for key in differ]
    named = {"data": words("changed_data"), "weights": words("changed_weights"), "tokenizer": words("changed_tokenizer")}
    changed += [word for name, word in named.items() if now[name] != then[name]]
    if changed:
        may, recipe = ", ".join(MAY_CHANGE), str(folder / RECIPE_FILE)
        raise RunError("resume_changed", where=str(folder), changed=listing(changed), may=may, recipe=recipe)
    moved = [name for name in now["machine"] if now["machine"][name] != then["machine"].get(name)]
    if moved:
        notes.warn("resume_elsewhere", what=", ".join(moved))


def _weights(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, value in sorted([*model.named_parameters(), *buffers(model).items()], key=lambda pair: pair[0]):
        digest.update(repr((name, tuple(value.shape), str(value.dtype))).encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _tokenizer(tokenizer: PreTrainedTokenizerBase) -> str:
    """Of all that decides which tokens a text becomes."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    content = backend.to_str() if backend is not None else json.dumps(sorted(tokenizer.get_vocab().items()))
    return hashlib.sha256(f"{type(tokenizer).__name__} {tokenizer.truncation_side} {content}".encode()).hexdigest()
