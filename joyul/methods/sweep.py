"""One stage at several learning rates, from several seeds, all at once: how each would score, without a run for each.

That is possible where only a head moves that reads stored states (`engine.heads`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from joyul.bases.anatomy import inner
from joyul.contracts import Method, ParameterGroup
from joyul.engine.average import Average
from joyul.engine.best import Best
from joyul.engine.evaluate import validator
from joyul.engine.heads import Head, Heads, Strand, at_once
from joyul.engine.loop import Plan
from joyul.engine.trunk import frozen_trunk
from joyul.methods.chain import SPLITS, Data, Tuned, enter, settled, weighted
from joyul.notes import Notes
from joyul.recipe.settings import StageSettings


def sweep(
    opened: Mapping[int, Tuned], method: Method, settings: StageSettings, rates: Sequence[float], data: Data, precision: str,
    notes: Notes, breathe: Callable[[], None] = lambda: None,
) -> list[list[float | None]] | None:  # fmt: skip
    """For each seed and rate the validation score of the state that is kept; None of one whose loss was no number.

    `opened` is what the stage starts from, by seed; its models are used up. `breathe` is called after every update. None in all
    where the heads cannot be trained at once, or the seeds differ in more than the head.
    """
    if any(enter(tuned, method, settings, 1, seed) for seed, tuned in opened.items()):
        return None
    first, *others = opened.values()
    groups = method.moves(first.model)
    starts = [_moving(method.moves(tuned.model)) for tuned in opened.values()]
    if not groups or not all(_same_below(first.model, other.model, starts[0]) for other in others):
        return None
    plan = Plan(**{**settled(settings), "learning_rate": max(rates)}, precision=precision, method=method.name)
    train, valid = (data.rows(split, first.form, notes) for split in SPLITS)
    rows = weighted(train, first.form, settings)
    with frozen_trunk(first.model, first.form, groups, rows, valid, precision, data.stores, notes) as (form, kept, held):
        strands = [Strand(kept, seed, start) for seed, start in zip(opened, starts, strict=True)]
        heads = at_once(first.model, form, groups, strands, rates, plan)
        if heads is None or not held:
            return None
        metric, updates = form.setting.task.metric, plan.updates(len(kept))

        def best_of(group: ParameterGroup) -> Best:
            average = Average([group], plan.epochs if settings.average else None, updates)
            return Best([group], metric, settings.patience, average)

        bests = {head: best_of(head.group) for head in heads.all}
        _train(heads, bests, validator(first.model, form, held, plan.micro_batch), notes, updates * len(bests), breathe)
    scores = [None if head in heads.broken else _kept(bests[head], metric) for head in heads.all]
    return [scores[start : start + len(rates)] for start in range(0, len(scores), len(rates))]


def _train(
    heads: Heads, bests: Mapping[Head, Best], check: Callable[[], Mapping[str, float]], notes: Notes, total: int,
    breathe: Callable[[], None],
) -> None:  # fmt: skip
    """All to their ends, each read as `chain` reads a stage of its own."""

    def evaluate(head: Head) -> Mapping[str, float]:
        with bests[head].average.shown():
            heads.show(head)
            return check()

    each = any(best.average.begins is not None for best in bests.values())  # a mean of weights takes in every update's
    for head, step in notes.track(heads.train(evaluate, each), "sweeping", total if each else None):
        if bests[head].read(step):
            heads.over.add(head)
        breathe()


def _kept(best: Best, metric: str) -> float | None:
    return best.step.valid[metric] if best.step is not None and best.step.valid is not None else None


def _moving(groups: Sequence[ParameterGroup]) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for group in groups for name, parameter in group.parameters.items()}


def _same_below(model: nn.Module, other: nn.Module, moving: Mapping[str, Tensor]) -> bool:
    """Whether two models differ in nothing but what moves."""
    mine, theirs = inner(model).state_dict(), inner(other).state_dict()
    return mine.keys() == theirs.keys() and all(name in moving or torch.equal(mine[name], theirs[name]) for name in mine)
