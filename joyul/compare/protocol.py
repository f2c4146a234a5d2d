"""Every method that fits, on the same rows, under the same rules: one table, one verdict, the winner in `best/`."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joyul.compare import baselines
from joyul.compare.baselines import Baseline
from joyul.compare.progress import Progress, Result
from joyul.compare.verdict import Candidate, decide
from joyul.contracts import Step, Task
from joyul.data.gather import Gathered, gather
from joyul.errors import DataError, DoesNotFit, JoyulError, UsageError
from joyul.files import check_free, next_free, write_folder, write_json
from joyul.forms.template import slots
from joyul.learn import learn_task
from joyul.methods.chain import Data
from joyul.notes import Notes
from joyul.recipe import chains
from joyul.recipe.resolve import Recipe, admits, given_words
from joyul.record import versions
from joyul.resume import recipe_of, unfinished
from joyul.run import Run, finish, tune
from joyul.signals import listening
from joyul.start import require_base
from joyul.state import Hold

ALL = ("prompt", "head", "layers", "lora", "full")  # cheap ones first: figures from the first seconds on
COMPARISON_FILE = "comparison.json"
Show = Callable[[dict[str, Any]], None]
Follow = Callable[[Generator[Step, None, Run], Recipe], Run]


@dataclass(frozen=True)
class Comparison:
    """A finished comparison: its folder, and what comparison.json holds."""

    folder: Path
    record: dict[str, Any]

    @property
    def best(self) -> Path:
        """The winner's run folder."""
        return self.folder / "best"


def compare(place: str | Path | None = None, /, **settings: Any) -> Comparison:
    """`joyul.compare(data="reviews.csv", base="starter")`. The words are those of the command line.

    `place` is what may stand first there: a data file, a recipe, or a folder of a comparison, which is gone on with.
    """
    notes = Notes()
    recipe, going_on = recipe_of("compare", str(place) if place is not None else None, given_words(settings), notes)
    return compare_recipe(recipe, notes, going_on=going_on)


def compare_recipe(
    recipe: Recipe, notes: Notes, show: Show = lambda row: None, follow: Follow = lambda running, recipe: finish(running),
    going_on: bool = False,
) -> Comparison:  # fmt: skip
    """Run every method and baseline. `going_on`: the comparison in `out=` did not end and is continued.

    `show` is called with each row of the table as soon as it is known; `follow` exhausts a run (a terminal shows its Steps).
    """
    settings = recipe.run
    names = _names(recipe)
    if settings.data is None:
        raise UsageError("data_needed")
    folder = Path(settings.out) if settings.out else next_free(Path("runs") / f"{Path(settings.data).resolve().stem}-compare")
    with listening(), Hold(folder) as hold:
        if going_on:
            hold.take()
            notes.say("compare_goes_on", folder=str(folder))
        else:
            check_free(folder)
        try:
            return _compared(recipe, names, hold, notes, show, follow)
        except BaseException:
            if hold.running:
                notes.warn("compare_can_go_on", folder=str(folder))
            raise


def _compared(recipe: Recipe, names: Sequence[str], hold: Hold, notes: Notes, show: Show, follow: Follow) -> Comparison:
    settings, folder, started = recipe.run, hold.folder, time.perf_counter()
    require_base(settings.base)  # a base that cannot be had fails once, not once a method
    gathered = gather(settings, notes)
    if not gathered.labelled:
        raise DataError("no_target", columns=", ".join(gathered.columns.roles.values()))
    if not gathered.splits.valid:
        raise DataError("compare_needs_valid")
    task = learn_task(settings, gathered)
    progress = Progress(folder, recipe, gathered.fingerprint)
    hold.take()
    progress.begin()
    hold.run()
    rows, candidates = [], []
    for row, candidate in _results(recipe, names, gathered, task, progress, notes, follow):
        show(row)
        rows.append(row)
        candidates += [candidate] if candidate else []
    strongest = max((row for row in rows if row["baseline"]), key=lambda row: row["score"] or 0.0, default=None)
    verdict = decide(candidates, strongest, task.metric)
    record = {
        "methods": rows, "verdict": verdict, "metric": task.metric, "scored_on": _scored_on(gathered), "rows": _counts(gathered),
        "seconds": time.perf_counter() - started, "base": settings.base, "seed": settings.seed, "versions": versions(),
        "data": {"source": settings.data, "fingerprint": gathered.fingerprint},
    }  # fmt: skip
    write_folder(folder / "best", lambda path: _link(folder / "methods" / verdict["method"], path))
    write_json(folder / COMPARISON_FILE, record)
    progress.end()
    return Comparison(folder, record)


def _names(recipe: Recipe) -> list[str]:
    """The methods to compare. Raises UsageError for an unknown one, a double one, and a setting that none of them takes."""
    names = list(recipe.run.methods or ALL)
    for name in names:
        chains.names(name)
        if names.count(name) > 1:
            raise UsageError("method_twice", found=name)
    for item, _ in recipe.stage_given:
        if not any(admits(name, item) for name in names):
            raise UsageError("stage_without_setting", where=item.where, key=f"{item.key}={item.value}", chain=", ".join(names))
    return names


def _mine(recipe: Recipe, name: str, folder: Path) -> Recipe:
    """The recipe of one method. Templates go where they have a place: around the label first, around the text after."""
    mine = recipe.with_method(name)
    stages = chains.names(name)
    slot = "label" if stages[0] == "prompt" or recipe.run.form == "similarity" else "text"
    fitting = tuple(template for template in recipe.run.template or () if slot in slots(template))
    usable = fitting if "prompt" in stages or len(fitting) == 1 else ()
    mine.updated(out=str(folder / "methods" / name), template=usable or None)
    return mine


def _results(
    recipe: Recipe, names: Sequence[str], gathered: Gathered, task: Task, progress: Progress, notes: Notes, follow: Follow
) -> Iterator[Result]:
    """Each row of the table; with a Candidate where the method can win."""
    for baseline in baselines.all_of(task, gathered.splits, recipe.run.seed):
        yield _baseline_row(baseline, gathered, task), None
    data = Data(gathered.splits.train, gathered.splits.valid or ())
    for name in names:
        kept = progress.get(name)
        if kept is not None:
            yield kept
            continue
        mine = _mine(recipe, name, progress.folder)
        notes.say("comparing", method=name)
        try:
            run = follow(tune(mine, notes, gathered, data, _going_on(Path(str(mine.run.out)))), mine)
        except (JoyulError, RuntimeError, MemoryError) as error:  # a method that fails stands in the table with its reason
            if isinstance(error, DoesNotFit) and recipe.run.methods is None:  # nobody asked for it
                notes.say("method_left_out", method=name, reason=error)
                continue
            if isinstance(error, JoyulError) and error.key == "disk_full":  # the next one would fail of it too
                raise
            notes.warn("method_failed", method=name, reason=error)
            yield progress.keep(name, (_row(name, error=str(error)), None))
            continue
        row = _run_row(name, run, gathered)
        yield progress.keep(name, (row, Candidate(name, *_evidence(run, task), row["trainable"], row)))


def _going_on(folder: Path) -> bool:
    """Whether a method's run is there to be continued. One that ended in the moment before it was counted is done again."""
    if folder.exists() and not unfinished(folder):
        shutil.rmtree(folder)
    return unfinished(folder)


def _evidence(run: Run, task: Task) -> tuple[float, list[bool]]:
    """Validation score and hits; the training rows' say nothing, so without validation rows every method is tied."""
    evaluation = run.evaluations.get("valid")
    if evaluation is None:
        return 0.0, []
    hits = zip(evaluation.targets, evaluation.predictions, strict=True)
    return evaluation.metrics[task.metric], [target == prediction.value for target, prediction in hits]


def _run_row(name: str, run: Run, gathered: Gathered) -> dict[str, Any]:
    metrics = run.metrics
    found = metrics["scores"].get(_scored_on(gathered), {}).get(metrics["metric"], {})
    valid = metrics["scores"].get("valid", {}).get(metrics["metric"], {})
    return _row(
        name, score=found.get("value"), interval=found.get("interval"), valid_score=valid.get("value"),
        train_seconds=metrics["seconds"]["train"], peak_memory=metrics["peak_memory"], bytes=metrics["bytes"],
        trainable=metrics["trainable"], row_seconds=metrics["row_seconds"], diagnosis=metrics["diagnosis"],
    )  # fmt: skip


def _baseline_row(baseline: Baseline, gathered: Gathered, task: Task) -> dict[str, Any]:
    scored = _scored_on(gathered)
    answers = {"test": baseline.test, "valid": baseline.valid}
    targets = {name: baselines.targets(task, getattr(gathered.splits, name) or ()) for name in answers}
    scores = {name: task.metrics(targets[name], answers[name])[task.metric] for name in answers if targets[name]}
    interval = list(task.intervals(targets[scored], answers[scored])[task.metric]) if scored in scores else None
    return _row(
        baseline.name, score=scores.get(scored), interval=interval, valid_score=scores.get("valid"), baseline=True,
        train_seconds=baseline.seconds, row_seconds=baseline.row_seconds, trainable=baseline.trainable,
    )  # fmt: skip


def _row(method: str, **values: Any) -> dict[str, Any]:
    keys = ("score", "interval", "valid_score", "train_seconds", "peak_memory", "bytes", "trainable", "row_seconds", "error")
    return {"method": method, **dict.fromkeys(keys), "baseline": False, **values}


def _scored_on(gathered: Gathered) -> str:
    return "test" if gathered.splits.test else "valid"


def _counts(gathered: Gathered) -> dict[str, int]:
    splits = gathered.splits
    return {"train": len(splits.train), "valid": len(splits.valid or ()), "test": len(splits.test or ())}


def _link(source: Path, target: Path) -> None:
    """A copy whose weights share their bytes on disk where the file system can; what people edit is copied."""

    def place(original: str, copy: str) -> str:
        if original.endswith(".safetensors"):
            with suppress(OSError):  # another disk, or one without links
                os.link(original, copy)
                return copy
        return str(shutil.copy2(original, copy))

    shutil.copytree(source, target, copy_function=place, dirs_exist_ok=True)
