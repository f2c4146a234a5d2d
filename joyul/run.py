"""The story of a run: recipe -> data -> base -> task -> form -> method -> loop -> artifact."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from joyul import artifact, results
from joyul.bases.anatomy import width
from joyul.bases.source import RECIPE_FILE
from joyul.contracts import Method, Step
from joyul.data.gather import Gathered, gather
from joyul.engine import device
from joyul.engine.evaluate import Evaluation
from joyul.engine.finite import NonFiniteLoss
from joyul.engine.kernels import fastest
from joyul.errors import UsageError
from joyul.files import check_free, next_free, write_text
from joyul.messages import words
from joyul.methods import METHODS
from joyul.methods.chain import Data, Tuned, stage
from joyul.notes import Notes
from joyul.recipe.resolve import Recipe, from_words
from joyul.start import check_fits, learn_task, open_tuned, report_facts, report_text

STEPS_FILE = "steps.jsonl"


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, what metrics.json holds, and the predictions of each split that was scored."""

    folder: Path
    metrics: dict[str, Any]
    evaluations: dict[str, Evaluation] = field(default_factory=dict, repr=False)

    def load(self) -> artifact.Artifact:
        """Open the result for use."""
        return artifact.load(self.folder)


def train(**settings: Any) -> Run:
    """Run a recipe to its end: `joyul.train(data="reviews.csv", method="full")`. The words are those of the command line."""
    return finish(steps(**settings))


def steps(**settings: Any) -> Generator[Step, None, Run]:
    """The same as a generator of Steps, for those who want to hold the loop; its return value is the Run."""
    return tune(from_words("train", settings), Notes())


def finish(running: Generator[Step, None, Run]) -> Run:
    """Exhaust a run."""
    while True:
        try:
            next(running)
        except StopIteration as end:
            run: Run = end.value
            return run


def tune(recipe: Recipe, notes: Notes, gathered: Gathered | None = None, data: Data | None = None) -> Generator[Step, None, Run]:
    """One run. `gathered` and `data` are passed by a comparison, whose methods share rows and tokens."""
    settings = recipe.run
    folder = Path(settings.out) if settings.out else next_free(Path("runs") / default_name(recipe))
    check_free(folder)
    started = time.perf_counter()
    methods = [METHODS[item.method](settings) for item in recipe.stages]
    if gathered is None and settings.data is not None:
        gathered = gather(settings, notes)
    if gathered is None and settings.label_set is None:
        raise UsageError("labels_need_data" if settings.label_file else "data_needed", found=settings.label_file)
    tuned = open_tuned(settings, methods, learn_task(settings, gathered), notes)
    check_fits(tuned, methods, gathered)
    data = data or _labelled_rows(gathered)
    _settle(recipe, gathered, tuned)
    report_text(settings, tuned, data, gathered, notes)
    report_facts(recipe, tuned, methods, data, notes)
    lineage = [*_lineage(settings.base), {"base": settings.base, "method": settings.method, "folder": str(folder)}]
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / RECIPE_FILE, recipe.as_yaml())
    device.reset_peak()
    training = time.perf_counter()
    done, stopped = [], None
    with open(folder / STEPS_FILE, "w", encoding="utf-8") as file:
        try:
            for step in _stages(recipe, tuned, methods, data, notes):
                _record(file, step)
                done.append(step)
                yield step
        except NonFiniteLoss as error:  # what was good is saved first, then the run fails aloud
            stopped, tuned.moved = error, True
    seconds = {"train": time.perf_counter() - training, "total": time.perf_counter() - started}
    ended = results.Finished(recipe, tuned, gathered, data, done, methods, seconds, lineage, str(stopped) if stopped else None)
    metrics, evaluations = results.write(folder, ended, notes)
    if stopped is not None:
        raise NonFiniteLoss("run_stopped", reason=str(stopped), folder=str(folder))
    return Run(folder, metrics, evaluations)


def default_name(recipe: Recipe) -> str:
    """`reviews-full`: the data file's name and the method."""
    data = Path(recipe.run.data).resolve().stem if recipe.run.data else "zero-shot"
    return f"{data}-{recipe.run.method}"


def _labelled_rows(gathered: Gathered | None) -> Data:
    if gathered is None or not gathered.labelled:
        return Data()
    return Data(gathered.splits.train, gathered.splits.valid or ())


def _settle(recipe: Recipe, gathered: Gathered | None, tuned: Tuned) -> None:
    """Write into the recipe what was found and measured, so that the same recipe gives the same run."""
    setting = tuned.form.setting
    if gathered is not None:
        roles = gathered.columns.roles
        found = {"text": "text", "pair": "text_pair", "label": "target"}
        columns = {key: roles[role] for key, role in found.items() if role in roles and getattr(recipe.run, key) is None}
        recipe.updated(words("origin_found"), **columns, **({} if recipe.run.task else {"task": setting.task.name}))
    if Path(recipe.run.base).exists():  # the result has to find it from anywhere
        recipe.updated(base=str(Path(recipe.run.base).resolve()))
    if recipe.run.max_length is None:
        recipe.updated(words("origin_default", why=words("why_base")), max_length=setting.max_length)
    if recipe.run.precision == "auto":
        recipe.updated(words("origin_measured"), precision=fastest(width(tuned.model)))


def _stages(recipe: Recipe, tuned: Tuned, methods: Sequence[Method], data: Data, notes: Notes) -> Generator[Step, None, None]:
    first = 1
    for number, (item, method) in enumerate(zip(recipe.stages, methods, strict=True), start=1):
        options = {"number": number, "first_step": first, "seed": recipe.run.seed, "precision": recipe.run.precision}
        for step in stage(tuned, method, item.settled, data, notes=notes, **options):  # type: ignore[arg-type]
            first = step.step + 1
            yield step


def _record(file: IO[str], step: Step) -> None:
    file.write(results.step_line(step))
    file.flush()


def _lineage(base: str) -> list[dict[str, str]]:
    """Where a run that serves as base came from."""
    metrics = Path(base) / artifact.METRICS_FILE
    if not metrics.is_file():
        return []
    found: list[dict[str, str]] = json.loads(metrics.read_text(encoding="utf-8")).get("lineage", [])
    return found
