"""One stage at several learning rates, from several seeds, all at once: how each scores, without a run for each.

That is possible where only a head moves that reads stored states (`engine.heads`), and where learned prompts move whose updates
are small (`engine.prompts`). What a prompt comes to is kept too, so that a run may begin where it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from joyul.bases.anatomy import inner
from joyul.contracts import Form, Method, ParameterGroup, Row, Step
from joyul.engine import prompts
from joyul.engine.average import Average
from joyul.engine.best import Best
from joyul.engine.evaluate import validator
from joyul.engine.heads import Heads, Strand, at_once
from joyul.engine.loop import Plan
from joyul.engine.prompts import Prompts, Start
from joyul.engine.trunk import frozen_trunk
from joyul.methods.chain import SPLITS, Data, Tuned, enter, settled, weighted
from joyul.methods.ends import End, ended
from joyul.methods.learned import LearnedStage
from joyul.methods.soft_prompt import AFTER
from joyul.notes import Notes
from joyul.recipe.settings import StageSettings

Many = Heads | Prompts


@dataclass(frozen=True)
class Tried:
    """What one of them came to: the validation score of the state that is kept (None: a loss was no number).

    `end`: where it ended, None where a run has to train it again.
    """

    score: float | None
    end: End | None = None


@dataclass(frozen=True)
class Opened:
    """What a stage starts from with one seed, its settings and its arithmetic; the model is used up."""

    seed: int
    tuned: Tuned
    method: Method
    settings: StageSettings
    precision: str


def sweep(
    opened: Iterable[Opened], rates: Sequence[float | None], data: Data, notes: Notes, breathe: Callable[[], None] = lambda: None
) -> list[list[Tried]] | None:  # fmt: skip
    """What each seed of `opened` and each rate (None: the usual one) comes to.

    `breathe` is called after every update. None in all where they cannot be trained at once, or the seeds differ in more than
    what moves. Of the models at most two are there at a time.
    """
    first, starts = _entered(opened, data, notes)
    if first is None:
        return None
    model, form, settings = first.tuned.model, first.tuned.form, first.settings
    groups, usual = first.method.moves(model), float(settings.learning_rate or 0.0)
    tried = [rate or usual for rate in rates]
    plan = Plan(**{**settled(settings), "learning_rate": usual}, precision=first.precision, method=first.method.name)
    train, valid = (data.rows(split, form, notes) for split in SPLITS)
    rows = weighted(train, form, settings)
    with frozen_trunk(model, form, groups, rows, valid, first.precision, data.stores, notes) as (spliced, kept, held):
        many = _many(first.method, model, spliced, groups, starts, kept, tried, plan) if held else None
        if many is None:
            return None
        bests = {one: _best(one.group, form.setting.task.metric, settings, plan, len(kept)) for one in many.all}
        check, total = validator(model, spliced, held, plan.micro_batch), plan.updates(len(kept)) * len(bests)
        steps = _train(many, bests, check, notes, total, breathe)
    found = [_tried(many, one, bests[one], steps[one], model, groups, data) for one in many.all]
    return [found[start : start + len(rates)] for start in range(0, len(found), len(rates))]


def _entered(opened: Iterable[Opened], data: Data, notes: Notes) -> tuple[Opened | None, dict[int, dict[str, Tensor]]]:
    """The first one, what it moves inserted, and what moves of each seed, by name; None where they do not go together."""
    first: Opened | None = None
    starts: dict[int, dict[str, Tensor]] = {}
    for one in opened:
        if first is None and not _promising(one, data, notes):
            return None, {}
        if enter(one.tuned, one.method, one.settings, 1, one.seed):
            return None, {}
        groups = one.method.moves(one.tuned.model)
        starts[one.seed] = {name: parameter.detach().clone() for group in groups for name, parameter in group.parameters.items()}
        first = first or one
        if not groups or not _same_below(first.tuned.model, one.tuned.model, starts[one.seed]):
            return None, {}
    return first, starts


def _promising(one: Opened, data: Data, notes: Notes) -> bool:
    """Whether time can be saved, before anything is inserted.

    Prompts end as in runs of their own, which they would not in bf16, and their updates have to be small.
    """
    if not isinstance(one.method, LearnedStage):
        return True
    settings, rows = one.settings, data.rows("train", one.tuned.form, notes)
    plain = settings.position != AFTER and not settings.gradient_checkpointing and isinstance(settings.learning_rate, float)
    return plain and one.precision == "fp32" and prompts.small(rows, Plan(**settled(settings)).batch_size)


def _many(
    method: Method, model: nn.Module, form: Form, groups: Sequence[ParameterGroup], starts: Mapping[int, Mapping[str, Tensor]],
    rows: Sequence[Row], rates: Sequence[float], plan: Plan,
) -> Many | None:  # fmt: skip
    """All of them, seed by seed."""
    if not isinstance(method, LearnedStage):
        return at_once(model, form, groups, [Strand(rows, seed, start) for seed, start in starts.items()], rates, plan)
    plans = [(replace(plan, seed=seed, learning_rate=rate), start) for seed, start in starts.items() for rate in rates]
    return prompts.at_once(model, form, groups, [Start(rows, mine, start) for mine, start in plans])


def _best(group: ParameterGroup, metric: str, settings: StageSettings, plan: Plan, rows: int) -> Best:
    average = Average([group], plan.epochs if settings.average else None, plan.updates(rows))
    return Best([group], metric, settings.patience, average)


def _train(
    many: Many, bests: Mapping[Any, Best], check: Callable[[], Mapping[str, float]], notes: Notes, total: int,
    breathe: Callable[[], None],
) -> dict[Any, list[Step]]:  # fmt: skip
    """All to their ends, each read as `chain` reads a stage of its own; their Steps."""

    def evaluate(one: Any) -> Mapping[str, float]:
        with bests[one].average.shown():
            many.show(one)
            return check()

    each = isinstance(many, Prompts) or any(best.average.begins is not None for best in bests.values())  # a mean takes in all
    steps: dict[Any, list[Step]] = {one: [] for one in many.all}
    running: Iterator[tuple[Any, Step]] = many.train(evaluate) if isinstance(many, Prompts) else many.train(evaluate, each)
    for one, step in notes.track(running, "sweeping", total if each else None):
        steps[one].append(step)
        if bests[one].read(step):
            many.over.add(one)
        breathe()
    return steps


def _tried(
    many: Many, one: Any, best: Best, steps: Sequence[Step], model: nn.Module, groups: Sequence[ParameterGroup], data: Data
) -> Tried:
    if one in many.broken or best.step is None or best.step.valid is None:
        return Tried(None)
    score = best.step.valid[best.metric]
    if not isinstance(many, Prompts):
        return Tried(score)
    best.restore()
    own = {id(parameter): best.parameters[name] for group in groups for name, parameter in group.parameters.items()}
    weights = {name: own[id(value)] for name, value in model.state_dict(keep_vars=True).items() if id(value) in own}
    return Tried(score, ended(steps, [None], weights, data.stores.folder))


def _same_below(model: nn.Module, other: nn.Module, moving: Mapping[str, Tensor]) -> bool:
    """Whether two models differ in nothing but what moves."""
    mine, theirs = inner(model).state_dict(), inner(other).state_dict()
    return mine.keys() == theirs.keys() and all(name in moving or torch.equal(mine[name], theirs[name]) for name in mine)
