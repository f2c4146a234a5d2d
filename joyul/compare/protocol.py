"""Every method that fits, on the same rows, under the same rules: one table, one verdict, the winner in `best/`.

One label budget for all: whatever a method learns from or chooses by is in the draw's training and validation rows. The test rows
are read once a run, at its end, and no choice sees them.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joyul.bases.hosted import check_settings
from joyul.compare import plan, setfit
from joyul.compare.baselines import BASELINES, NO_BASE, Answer, Result, Work, lexicon, majority
from joyul.compare.control import control_of, stretched
from joyul.compare.draws import draws, gather_pool
from joyul.compare.finished import compare_finished
from joyul.compare.nouns import Done, Draw, Entry, Outcome, Swept
from joyul.compare.outcomes import BudgetSpent, answered, perform, strip, until
from joyul.compare.page import Facts
from joyul.compare.progress import Progress
from joyul.compare.record import best_of, line, write
from joyul.compare.result import Comparison, save
from joyul.compare.swept import sweeps, swept
from joyul.compare.tries import best, best_of_sweep, tries_of
from joyul.contracts import Method, Step, Task
from joyul.data.files import stem
from joyul.data.gather import Gathered
from joyul.engine.store import Stores
from joyul.errors import DoesNotFit, JoyulError, UsageError
from joyul.files import next_free
from joyul.learn import learn_task
from joyul.methods.chain import Data, Tuned
from joyul.methods.ends import End, Ends
from joyul.notes import Notes
from joyul.recipe import chains
from joyul.recipe.resolve import Recipe, from_words, given_words
from joyul.recipe.stages import STAGES
from joyul.record import versions
from joyul.resume import recipe_of, require_free, unfinished
from joyul.run import Run, finish, ready, tune
from joyul.signals import listening
from joyul.start import require_base
from joyul.state import Hold

# Fine-tuning, prompt-tuning and both in turn; cheap ones first, so that there are figures from the first seconds on.
ALL = ("prompt", "head", "layers", "lora", "soft_prompt", "full", "full+soft_prompt")
# Baselines that leave nothing to ship but their answers.
ANSWERS: dict[str, Callable[[Work], Answer]] = {"majority": majority, "lexicon": lexicon, setfit.NAME: setfit.setfit}
Follow = Callable[[Generator[Step, None, Run], Recipe], Run]
Show = Callable[[dict[str, Any]], None]


@dataclass
class Setup:
    """What stands before the first run."""

    recipe: Recipe
    folder: Path
    pool: Gathered
    task: Task
    entries: Sequence[Entry]
    draws: Sequence[Draw]
    progress: Progress
    notes: Notes
    follow: Follow
    show: Show
    deadline: float | None = None


def compare(*places: str | Path, **settings: Any) -> Comparison:
    """`joyul.compare(data="reviews.csv", base="starter")`, or finished runs: `joyul.compare("runs/a", "runs/b")`.

    A single place is what may stand first on the command line: a data file, a recipe, or the folder of a comparison, which is
    gone on with.
    """
    notes = Notes()
    if len(places) > 1:
        return compare_finished(places, from_words("compare", settings), notes)
    recipe, going_on = recipe_of("compare", str(places[0]) if places else None, given_words(settings), notes)
    return compare_recipe(recipe, notes, going_on=going_on)


def compare_recipe(
    recipe: Recipe, notes: Notes, show: Show = lambda row: None, follow: Follow = lambda running, recipe: finish(running),
    going_on: bool = False,
) -> Comparison:  # fmt: skip
    """Run every method and baseline on every draw. `going_on`: the comparison in `out=` did not end and is continued.

    `show` is called with each line of the table as soon as it is known; `follow` exhausts a run (a terminal shows its Steps).
    """
    settings, started = recipe.run, time.perf_counter()
    names, bases, spent = plan.methods(recipe, ALL), plan.bases(recipe), plan.seconds("budget", settings.budget)
    plan.seconds("method_budget", settings.method_budget)  # said before anything is read
    if settings.data is None:
        raise UsageError("data_needed")
    folder = Path(settings.out) if settings.out else next_free(Path("runs") / f"{stem(Path(settings.data).resolve())}-compare")
    with listening(), Hold(folder) as hold:
        if going_on:
            hold.take()
            notes.say("compare_goes_on", folder=str(folder))
        else:
            require_free(folder)
        try:
            setup = _setup(recipe, hold, names, bases, notes, follow, show)
            setup.deadline = None if spent is None else time.monotonic() + spent
            return _compared(setup, started)
        except BaseException:
            if hold.running:
                notes.warn("compare_can_go_on", folder=str(folder))
            raise


def _compared(setup: Setup, started: float) -> Comparison:
    recipe, notes, seeds = setup.recipe, setup.notes, setup.recipe.run.seeds or 1
    tries = {entry: len(tries_of(recipe, entry, setup.draws[0])) for entry in setup.entries if not entry.baseline}
    plan.say(tries, setup.draws, seeds, recipe, notes)
    done = _work(setup, seeds)
    _controlled(setup, done, seeds)
    record = write(done, setup.task, setup.pool, recipe.run, time.perf_counter() - started, versions())
    verdict = record["verdict"]
    winner = [one for one in done.largest if (one.entry.name, one.entry.base) == (verdict["name"], verdict["base"])]
    source = best_of(winner, setup.task).folder
    assert source is not None, "a constant answer is no candidate"
    saved = save(setup.folder, record, source, Facts.of(record, done, setup.task, notes.kept))
    setup.progress.end()
    return saved


def _setup(
    recipe: Recipe, hold: Hold, names: Sequence[str], bases: Sequence[str], notes: Notes, follow: Follow, show: Show
) -> Setup:
    settings = recipe.run
    check_settings(settings.model_dump(), bases)
    for base in bases:  # a base that cannot be had fails once, not once a method
        require_base(base, settings, notes)
    pool = gather_pool(settings, notes)
    task = learn_task(settings, pool)
    several = len(bases) > 1
    entries = [Entry(name, NO_BASE, baseline=True) for name in ("majority", "lexicon" if task.target_type == "tags" else "tfidf")]
    beside = ("frozen", *([setfit.NAME] if setfit.installed() else []))
    entries += [Entry(name, base, several, baseline=True) for base in bases for name in beside]
    entries += [Entry(name, base, several) for base in bases for name in names]
    drawn = list(draws(pool, settings, notes))
    progress = Progress(hold.folder, recipe, pool.fingerprint)
    hold.take()
    progress.begin()
    hold.run()
    return Setup(recipe, hold.folder, pool, task, entries, drawn, progress, notes, follow, show)


def _work(setup: Setup, seeds: int) -> Done:
    """Every entry on every draw, the draws of the largest size first. A draw that the budget cuts off counts for nobody."""
    done, dropped = Done(setup.draws), set[Entry]()
    shared, tested = plan.shared([entry.method for entry in setup.entries if not entry.baseline]), Stores(setup.folder)
    for draw in setup.draws:
        data = Data(draw.gathered.splits.train, draw.gathered.splits.valid or (), tested=tested, ends=Ends(shared, setup.folder))
        made, late = _on_draw(setup, draw, data, seeds, done, dropped)
        if late and draw is not setup.draws[0]:
            setup.notes.warn("draw_cut_off", draw=draw.name, methods=", ".join(entry.name for entry in late))
            done.draws = [one for one in done.draws if setup.draws.index(one) < setup.draws.index(draw)]
            break
        done.failures |= dict.fromkeys(late, str(BudgetSpent("budget_spent")))
        done.outcomes += made
        _keep_best(done, setup.task)
    return done


def _on_draw(
    setup: Setup, draw: Draw, data: Data, seeds: int, done: Done, dropped: set[Entry]
) -> tuple[list[Outcome], list[Entry]]:
    """The outcomes of one draw, and the entries that the budget left without one."""
    made: list[Outcome] = []
    late: list[Entry] = []
    for entry in setup.entries:
        if entry in dropped or entry in done.failures:
            continue
        try:
            numbers = range(seeds if _varies(entry) else 1)
            ahead = _ahead(setup, entry, draw, data, numbers, seeds)
            mine = [_best(setup, entry, draw, data, number, seeds, ahead) for number in numbers]
            made += mine
            _tell(setup, entry, draw, [one for one in done.outcomes if one.entry == entry and one.draw.size == draw.size] + mine)
        except BudgetSpent:
            late.append(entry)
        except (JoyulError, RuntimeError, MemoryError, ValueError) as error:  # it stands in the table with its reason
            if isinstance(error, DoesNotFit) and (entry.baseline or setup.recipe.run.methods is None):  # nobody asked for it
                setup.notes.say("method_left_out", method=entry.name, reason=error)
                dropped.add(entry)
                continue
            if isinstance(error, JoyulError) and error.key == "disk_full":  # the next one would fail of it too
                raise
            setup.notes.warn("method_failed", method=entry.name, reason=error)
            done.failures[entry] = str(error) if draw is setup.draws[0] else f"{draw.name}: {error}"
    return made, late


def _controlled(setup: Setup, done: Done, seeds: int) -> None:
    """The leading chain's best part, given the chain's time, on the same draws of the largest size."""
    entry = control_of(done, setup.task)
    if entry is None:
        return
    for draw in (one for one in done.draws if one.size == done.draws[0].size):
        data = Data(draw.gathered.splits.train, draw.gathered.splits.valid or ())
        try:
            done.outcomes += [_run(setup, entry, draw, data, seed, seeds, done.outcomes) for seed in range(seeds)]
        except BudgetSpent as late:
            done.failures[entry] = str(late)
            return
    _tell(setup, entry, done.draws[0], [one for one in done.outcomes if one.entry == entry])
    _keep_best(done, setup.task)


def _varies(entry: Entry) -> bool:
    """Whether another seed gives another result: where something is trained by steps."""
    return not entry.baseline and any("epochs" in STAGES[name].takes for name in chains.names(entry.method))


def _ahead(setup: Setup, entry: Entry, draw: Draw, data: Data, numbers: Sequence[int], seeds: int) -> dict[int, Swept]:
    """What the entry's learning rates score with each seed, all trained at once, where that can be done and is not done yet."""
    tries = tries_of(setup.recipe, entry, draw) if sweeps(entry, setup.recipe) else []
    finished = setup.progress.tried if len(tries) > 1 else setup.progress.get
    left = [number for number in numbers if tries and finished(entry, draw, number) is None]
    recipes = {number: _placed(setup, entry, draw, number, seeds)[0] for number in left}

    def opened(recipe: Recipe) -> tuple[Tuned, Sequence[Method]]:
        return ready(recipe, Notes(), draw.gathered, data)[:2]

    return swept(tries, recipes, opened, data, setup.folder, setup.deadline, setup.notes)


def _best(setup: Setup, entry: Entry, draw: Draw, data: Data, number: int, seeds: int, ahead: dict[int, Swept]) -> Outcome:
    """The entry at the best of the learning rates it may try."""
    tries, each = tries_of(setup.recipe, entry, draw), plan.seconds("method_budget", setup.recipe.run.method_budget)

    def run(one: Entry, end: End | None = None) -> Outcome:
        return _run(setup, one, draw, data, number, seeds, end=end)

    if number in ahead:
        return setup.progress.keep(best_of_sweep(tries, ahead[number], run, setup.task))
    return setup.progress.tried(entry, draw, number) or best(tries, run, each, setup.task)


def _run(
    setup: Setup, entry: Entry, draw: Draw, data: Data, number: int, seeds: int, before: Sequence[Outcome] = (),
    end: End | None = None,
) -> Outcome:  # fmt: skip
    kept = setup.progress.get(entry, draw, number)
    if kept is not None:
        return kept
    recipe, folder = _placed(setup, entry, draw, number, seeds)
    if not entry.baseline:
        setup.notes.say("comparing", method=f"{entry.name}, {folder.name}" if folder.name != entry.folder else entry.name)
    if entry.control is not None:
        stretched(recipe, entry, [one for one in before if one.draw is draw and one.seed == number])
    work = Work(recipe, draw.gathered, data, setup.task, folder, setup.notes, end)
    if setup.deadline is not None and time.monotonic() > setup.deadline:
        raise BudgetSpent("budget_spent")
    if entry.method in ANSWERS:
        return setup.progress.keep(answered(entry, work, draw, ANSWERS[entry.method]))
    if entry.baseline and folder.exists():
        shutil.rmtree(folder)  # what an interrupted comparison left of it
    return setup.progress.keep(perform(entry, work, draw, number, BASELINES.get(entry.method, lambda work: _tuned(setup, work))))


def _placed(setup: Setup, entry: Entry, draw: Draw, number: int, seeds: int) -> tuple[Recipe, Path]:
    labels = setup.task.labels if setup.task.target_type == "label" and len(setup.draws) > 1 else None  # a draw may lack a class
    return plan.placed(setup.recipe, entry, draw, (number, seeds), setup.folder, len(setup.draws) > 1, labels)


def _tuned(setup: Setup, work: Work) -> Result:
    running = tune(work.recipe, work.notes, work.gathered, work.data, _going_on(work.folder), work.end)
    run = setup.follow(until(running, setup.deadline), work.recipe)
    return run.folder, run.metrics, run.evaluations


def _going_on(folder: Path) -> bool:
    """Whether a method's run is there to be continued. One that ended in the moment before it was counted is done again."""
    if folder.exists() and not unfinished(folder):
        shutil.rmtree(folder)
    return unfinished(folder)


def _tell(setup: Setup, entry: Entry, draw: Draw, outcomes: Sequence[Outcome]) -> None:
    """The line of an entry as far as it is known."""
    row = line(entry, outcomes, setup.task, Done(setup.draws).part, draw.size, setup.recipe.run.folds is not None)
    setup.show({**row, "draw": draw.name if len(setup.draws) > 1 else None})


def _keep_best(done: Done, task: Task) -> None:
    """Of each entry the weights of one run are kept, the best by validation score; the others keep what they measured."""
    deciding = [outcome for outcome in done.largest if outcome.folder is not None]
    kept = {best_of([one for one in deciding if one.entry == entry], task).folder for entry in {one.entry for one in deciding}}
    for outcome in done.outcomes:
        if outcome.folder is not None and outcome.folder not in kept:
            strip(outcome.folder)
