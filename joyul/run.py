"""The story of a run: recipe -> data -> base -> task -> form -> method -> loop -> artifact."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from joyul import artifact, results
from joyul.bases.anatomy import width
from joyul.bases.hosted import Hosted, check_settings
from joyul.bases.source import RECIPE_FILE
from joyul.contracts import Method, Step
from joyul.data.files import stem
from joyul.data.gather import Gathered, gather
from joyul.engine import device
from joyul.engine.checkpoint import FOLDER as CHECKPOINTS
from joyul.engine.control import Control
from joyul.engine.evaluate import Evaluation
from joyul.engine.finite import NonFiniteLoss
from joyul.engine.kernels import fastest
from joyul.engine.saver import Saver
from joyul.errors import UsageError
from joyul.files import check_free, next_free, refusal, write_text
from joyul.learn import check_stages, learn_task
from joyul.messages import words
from joyul.methods.chain import Data, Tuned, pass_over, stage
from joyul.methods.ends import End, Trail
from joyul.monitor import Monitor, require
from joyul.notes import Notes
from joyul.recipe.resolve import Recipe, given_words
from joyul.record import noted, step_line
from joyul.resume import STEPS_FILE, Begun, begun, foundations, recipe_of, require_free, trail_of
from joyul.signals import listening
from joyul.start import build_methods, check_fits, open_tuned, report_disk, report_facts, report_text
from joyul.state import Hold

Ended = TypeVar("Ended")


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, what metrics.json holds, and the predictions of each split that was scored."""

    folder: Path
    metrics: dict[str, Any]
    evaluations: dict[str, Evaluation] = field(default_factory=dict, repr=False)

    def load(self) -> artifact.Artifact:
        """Open the result for use."""
        return artifact.load(self.folder)


def train(place: str | Path | None = None, /, **settings: Any) -> Run:
    """Run a recipe to its end: `joyul.train(data="reviews.csv", method="full")`. The words are those of the command line.

    `place` is what may stand first there: a data file, a recipe, or a run folder, whose run is continued where it did not end.
    """
    return finish(steps(place, **settings))


def steps(place: str | Path | None = None, /, **settings: Any) -> Generator[Step, None, Run]:
    """The same as a generator of Steps, for those who want to hold the loop; its return value is the Run."""
    notes = Notes()
    recipe, going_on = recipe_of("train", str(place) if place is not None else None, given_words(settings), notes)
    return tune(recipe, notes, going_on=going_on)


def finish(running: Generator[Step, None, Ended]) -> Ended:
    """Exhaust a run, or a search."""
    with closing(running):
        while True:
            try:
                next(running)
            except StopIteration as end:
                ended: Ended = end.value
                return ended


def tune(
    recipe: Recipe, notes: Notes, gathered: Gathered | None = None, data: Data | None = None, going_on: bool = False,
    end: End | None = None,
) -> Generator[Step, None, Run]:  # fmt: skip
    """One run. `gathered` and `data` are passed by a comparison, whose methods share rows and tokens, and `end`, where its stages
    have been trained to already.

    `going_on`: the run in `out=` did not end and is continued. Stopped by a signal, it saves its state and raises Interrupted.
    """
    require(recipe.run.report_to or ())
    folder = Path(recipe.run.out) if recipe.run.out else next_free(Path("runs") / default_name(recipe))
    with listening(), Hold(folder) as hold:
        if going_on:
            hold.take()
        else:
            require_free(folder)
        try:
            before = begun(folder, notes) if going_on else Begun()
            return (yield from _tuned(recipe, notes, gathered, data, hold, before.or_at(end)))
        except BaseException as error:
            if hold.running and gathered is None and not isinstance(error, NonFiniteLoss):  # a comparison speaks for itself
                notes.warn("run_can_go_on", folder=str(folder))
            raise


def _tuned(
    recipe: Recipe, notes: Notes, gathered: Gathered | None, data: Data | None, hold: Hold, before: Begun
) -> Generator[Step, None, Run]:
    settings, folder, started, alone = recipe.run, hold.folder, time.perf_counter(), gathered is None
    before.restore_origins(recipe)
    tuned, methods, gathered, data = ready(recipe, notes, gathered, data)
    report_disk(recipe, tuned, methods, folder, notes)
    lineage = [*_lineage(settings.base), {"base": settings.base, "method": settings.method, "folder": str(folder)}]
    about = foundations(recipe, gathered, tuned) if any(method.trains for method in methods) else {}
    before.check(about, folder, notes)
    trail = trail_of(recipe, tuned, data, about, notes)
    before = before.or_at(trail.taken())
    tuned.searched = list(before.searched)
    _measured(recipe, before.steps, notes)
    noted(recipe, before.steps)
    _open_folder(hold, recipe)
    if before.end is not None:
        write_text(folder / STEPS_FILE, "".join(map(step_line, before.steps)))
        taken = "stages_taken" if before.stage <= len(methods) else "stages_swept"
        notes.say(taken, methods="+".join(method.name for method in methods[: before.stage - 1]))
    control = _control(folder if alone else None, notes)
    data.stores.folder = data.stores.folder or folder
    device.reset_peak()
    training, done = time.perf_counter(), list(before.steps)
    stopped = yield from _train(recipe, tuned, methods, data, notes, folder, before, about, done, control, trail)
    earlier = sum(step.seconds for step in before.steps)
    seconds = {"train": earlier + time.perf_counter() - training, "total": earlier + time.perf_counter() - started}
    reason = str(stopped) if stopped else None
    ended = results.Finished(recipe, tuned, gathered, data, done, methods, seconds, lineage, before.peak, reason)
    metrics, evaluations = results.write(folder, ended, notes)
    if any(step.kind == "probe" for step in done):  # until here it said `auto`: going on searches again, or reads the Steps
        write_text(folder / RECIPE_FILE, recipe.as_yaml())
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    if stopped is not None:
        raise NonFiniteLoss("run_stopped", reason=str(stopped), folder=str(folder))
    return Run(folder, metrics, evaluations)


def ready(
    recipe: Recipe, notes: Notes, gathered: Gathered | None = None, data: Data | None = None
) -> tuple[Tuned, list[Method], Gathered | None, Data]:
    """Everything before the first stage: rows, base, Form, every setting settled; what it will take is said."""
    settings = recipe.run
    check_settings(settings.model_dump(), [settings.base])
    if gathered is None and settings.data is not None:
        gathered = gather(settings, notes)
    if gathered is None and settings.label_set is None:
        raise UsageError("labels_need_data" if settings.label_file else "data_needed", found=settings.label_file)
    data = data or _labelled_rows(gathered)
    task = learn_task(settings, gathered)
    check_stages(recipe, task, gathered is not None and gathered.labelled)
    methods = build_methods(recipe, data)
    tuned = open_tuned(settings, methods, task, notes, gathered.splits.train if gathered else ())
    check_fits(tuned, methods, gathered)
    _settle(recipe, gathered, tuned)
    report_text(settings, tuned, data, gathered, notes)
    report_facts(recipe, tuned, methods, data, gathered, notes)
    return tuned, methods, gathered, data


def _open_folder(hold: Hold, recipe: Recipe) -> None:
    """The folder is this run's own from here on. A recipe in it makes it a run that can be continued."""
    hold.take()
    if not (hold.folder / RECIPE_FILE).is_file():
        check_free(hold.folder)  # another process may have been quicker
        write_text(hold.folder / RECIPE_FILE, recipe.as_yaml())
    hold.run()


def _train(
    recipe: Recipe, tuned: Tuned, methods: Sequence[Method], data: Data, notes: Notes, folder: Path, before: Begun,
    about: Mapping[str, Any], done: list[Step], control: Control, trail: Trail,
) -> Generator[Step, None, NonFiniteLoss | None]:  # fmt: skip
    """All stages, each Step written down; the error, where a loss was no number: what was good is kept, then the run fails."""
    settings = {key: str(value) for key, value, _ in recipe.rows()}
    watching = Monitor(recipe.run.report_to or (), folder, settings, notes)
    with open(folder / STEPS_FILE, "a", encoding="utf-8") as file, watching as monitor:
        saver = Saver(folder / CHECKPOINTS, recipe.run.save_every, about, lambda: _synced(file, done))
        saver.follow(before.checkpoint)
        try:
            for step in _stages(recipe, tuned, methods, data, notes, saver, before, control, done, trail):
                _record(file, step)
                _measured(recipe, [step], notes)
                noted(recipe, [step], folder / RECIPE_FILE)
                monitor.read(step)
                done.append(step)
                yield step
        except NonFiniteLoss as error:
            return error
    return None


def _control(folder: Path | None, notes: Notes) -> Control:
    """What may be changed from outside (None: nothing); requests to a process that died are said, and not obeyed."""
    control = Control(folder)
    unread = control.clear()
    if unread:
        notes.warn("adjust_unread", asked=", ".join(unread))
    return control


def default_name(recipe: Recipe) -> str:
    """`reviews-full`: the data file's name and the method."""
    data = stem(Path(recipe.run.data).resolve()) if recipe.run.data else "zero-shot"
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
    if isinstance(tuned.model, Hosted):  # neither cut nor computed here; the result has to find its server
        recipe.updated(recipe.origins.get("base_url"), base_url=tuned.model.asker.address.url)
        return
    if recipe.run.max_length is None:
        recipe.updated(words("origin_default", why=words("why_base")), max_length=setting.max_length)
    if recipe.run.precision == "auto":
        recipe.updated(words("origin_measured"), precision=fastest(width(tuned.model)))


def _stages(
    recipe: Recipe, tuned: Tuned, methods: Sequence[Method], data: Data, notes: Notes, saver: Saver, before: Begun,
    control: Control, done: Sequence[Step], trail: Trail,
) -> Generator[Step, None, None]:  # fmt: skip
    first = len(before.steps) + 1
    for number, (item, method) in enumerate(zip(recipe.stages, methods, strict=True), start=1):
        if number < before.stage:
            pass_over(tuned, method, item.settled, number, recipe.run.seed, before.chosen[number - 1])
            saver.changed = saver.changed or bool(method.moves(tuned.model))
            if before.end is not None and number == before.stage - 1:
                before.end.fill(tuned.model)
            continue
        here = before.checkpoint if number == before.stage else None
        options = {"number": number, "first_step": first, "seed": recipe.run.seed, "precision": recipe.run.precision,
                   "usual_rate": item.usual.get("learning_rate"), "control": control}  # fmt: skip
        for step in stage(tuned, method, item.settled, data, notes=notes, saver=saver, begun=here, **options):  # type: ignore[arg-type]
            first = step.step + 1
            yield step
        trail.keep(tuned.model, done, tuned.chosen)


def _measured(recipe: Recipe, steps: Sequence[Step], notes: Notes) -> None:
    """Write the rates that searches announced in `steps` into the recipe, with their evidence."""
    for step, found in ((step, step.candidate) for step in steps if step.candidate and "chosen" in step.candidate):
        low, high = (f"{end:.2g}" for end in found["bracket"])
        evidence = words("origin_rate", low=low, high=high, updates=found["updates"], rows=found["held_rows"])
        recipe.stages[step.stage - 1].measured("learning_rate", found["chosen"], evidence)
        rates = {"rate": f"{found['chosen']:g}", "usual": f"{found['usual']:g}"}
        notes.say("rate_chosen", method=step.method, evidence=evidence, **rates)


def _record(file: IO[str], step: Step) -> None:
    try:
        file.write(step_line(step))
        file.flush()
    except OSError as error:
        raise refusal(Path(file.name), error) from error


def _synced(file: IO[str], done: Sequence[Step]) -> int:
    """A checkpoint counts the Steps before it: they are on disk before it is. How many they are."""
    try:
        file.flush()
        os.fsync(file.fileno())
    except OSError as error:
        raise refusal(Path(file.name), error) from error
    return len(done)


def _lineage(base: str) -> list[dict[str, str]]:
    """Where a run that serves as base came from."""
    metrics = Path(base) / artifact.METRICS_FILE
    if not metrics.is_file():
        return []
    found: list[dict[str, str]] = json.loads(metrics.read_text(encoding="utf-8")).get("lineage", [])
    return found
