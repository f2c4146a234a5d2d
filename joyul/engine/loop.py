"""The training loop: a generator of Steps. It knows no task, form or method; its reader prints, stops and saves."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from torch import nn

from joyul.contracts import Form, ParameterGroup, Row, Step
from joyul.engine.accumulate import Pieces, accumulate
from joyul.engine.batches import mixed, per_epoch, updates
from joyul.engine.course import Course
from joyul.engine.device import memory
from joyul.engine.dropout import quick_dropout, reseed
from joyul.engine.finite import NonFiniteLoss
from joyul.engine.freeze import move_only, training_mode
from joyul.engine.lanes import Lanes, lanes
from joyul.engine.linears import Copies, low_linears
from joyul.engine.optimise import FACTOR, Shape, at_rate, optimizer, scheduler
from joyul.engine.unpad import unpadded
from joyul.errors import listing

Evaluate = Callable[[], Mapping[str, float]]
Changes = Callable[[int], Mapping[str, object]]
At = Callable[[Sequence[ParameterGroup], int, int], Sequence[ParameterGroup]]


@dataclass(frozen=True)
class Plan:
    """The settings of one stage's training, all settled. `first_step` continues the count of the stages before."""

    epochs: float
    learning_rate: float
    batch_size: int
    weight_decay: float = 0.01
    schedule: str | Shape = "linear"
    warmup: float = 0.1
    clip: float = 1.0
    label_smoothing: float = 0.0
    micro_batch: int | None = None
    precision: str = "fp32"
    seed: int = 0
    method: str = "full"
    stage: int = 1
    first_step: int = 1

    def updates(self, rows: int) -> int:
        """Updates in all over `rows` training rows, at least one."""
        return max(1, round(self.epochs * per_epoch(rows, self.batch_size)))


def train(
    model: nn.Module, form: Form, rows: Sequence[Row], groups: Sequence[ParameterGroup], plan: Plan,
    evaluate: Evaluate | None = None, course: Course | None = None, at: At = lambda groups, done, total: groups,
    changes: Changes = lambda done: {},
) -> Iterator[Step]:  # fmt: skip
    """Train `groups` of `model` on `rows` as `plan` says; one Step an update.

    An update is the mean over the units of exactly `batch_size` rows, however it is cut. `evaluate` is called after the last
    update of each epoch and of the run; what it returns is that Step's `valid`. `course` is where to go on from, and tells at
    every Step what is needed to go on from there; `at(groups, done, total)` are those that move in an update; `changes(done)`
    are settings that change with the update behind `done` others. Raises NonFiniteLoss, naming the rows.
    """
    course = course or Course(model, groups)
    move_only(model, groups)
    opened = [group.name for group in groups]
    pace = Pace(plan, len(rows), optimizer(groups, plan.learning_rate, plan.weight_decay), course.done)
    course.begin(pace.adam)
    ended = time.perf_counter()
    if course.pending is not None and evaluate is not None:
        yield replace(course.evaluated(evaluate), seconds=time.perf_counter() - ended)
        ended = time.perf_counter()
    with quick(model, form, rows, plan) as means:
        training_mode(model)
        schedule = arranged(rows, plan, course.done)
        while course.done < pace.total:
            adjusted = pace.changed(changes(course.done), course.done)
            chosen, closes_epoch = next(schedule)
            opened = _open(model, at(groups, course.done, pace.total), opened)
            if not model.training:  # it was evaluated in between
                training_mode(model)
            step = _update(model, form, chosen, groups, plan, means, pace, course.done)
            course.done += 1
            step = replace(step, epoch=course.done / per_epoch(len(rows), plan.batch_size), adjusted=adjusted)
            if evaluate is not None and (closes_epoch or course.done == pace.total):
                course.pending = step
                step = course.evaluated(evaluate)
            now = time.perf_counter()
            yield replace(step, seconds=now - ended)
            ended = now


@dataclass(frozen=True)
class Means:
    """How an update is computed: how its rows are cut, on which cores, with which copies of the weights."""

    pieces: Pieces
    lanes: Lanes
    copies: Copies


@contextmanager
def quick(model: nn.Module, form: Form, rows: Sequence[Row], plan: Plan) -> Iterator[Means]:
    """While open, everything is in place that makes updates quick."""
    with (
        unpadded(model, form.collate(mixed(rows)).inputs) as lean, quick_dropout(model),
        low_linears(model, plan.precision) as copies, lanes(model, form, rows) as apart, _few_collections(),
    ):  # fmt: skip
        yield Means(Pieces(plan.micro_batch, padded=not lean), apart, copies)


@contextmanager
def _few_collections() -> Iterator[None]:
    """While open, the garbage collector leaves alone what is there already, instead of looking through it again and again."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class Pace:
    """How far a training goes and how fast: what may change on the way."""

    def __init__(self, plan: Plan, rows: int, adam: torch.optim.AdamW, done: int) -> None:
        self.plan, self._rows, self.adam = plan, rows, adam
        self.total = plan.updates(rows)
        self.rates = scheduler(adam, plan.schedule, plan.warmup, self.total, done)

    def changed(self, settings: Mapping[str, object], done: int) -> Mapping[str, object] | None:
        """Another highest rate, another number of epochs: the schedule goes on as if it had always been so.

        The update that is about to begin is always done. What is given comes back, None where it is nothing.
        """
        mine = {key: settings[key] for key in ("learning_rate", "epochs") if key in settings}
        if mine:
            self.plan = replace(self.plan, **mine)  # type: ignore[arg-type]
            self.total = max(done + 1, self.plan.updates(self._rows))
            at_rate(self.adam, self.plan.learning_rate)
            self.rates = scheduler(self.adam, self.plan.schedule, self.plan.warmup, self.total, done)
        return settings or None


def _open(model: nn.Module, groups: Sequence[ParameterGroup], before: list[str]) -> list[str]:
    """Let `groups` alone move, unless they did in the update before; their names."""
    names = [group.name for group in groups]
    if names != before:
        move_only(model, groups)
        training_mode(model)
    return names


def _update(
    model: nn.Module, form: Form, rows: Sequence[Row], groups: Sequence[ParameterGroup], plan: Plan, means: Means,
    pace: Pace, done: int,
) -> Step:  # fmt: skip
    """One update on `rows`, behind `done` others; its gradient norm is the length before clipping."""
    def begin(lane: int) -> None:
        reseed(dropout_seed(plan, done, lane), lane)

    loss = accumulate(model, form, rows, means.pieces, plan.precision, plan.label_smoothing, means.lanes, begin)
    step = moved(loss, rows, groups, plan, pace, done)
    means.copies.forget()
    return step


def moved(
    loss: float, rows: Sequence[Row], groups: Sequence[ParameterGroup], plan: Plan, pace: Pace, done: int
) -> Step:  # fmt: skip
    """Move `groups` by the gradient that lies in them, of the mean loss over `rows`, behind `done` other updates."""
    norm = _clip([parameter for group in groups for parameter in group.parameters.values()], plan.clip, rows)
    rate = float(pace.rates.get_last_lr()[0]) / pace.adam.param_groups[0][FACTOR]
    pace.adam.step()
    pace.rates.step()
    pace.adam.zero_grad(set_to_none=True)
    return Step(
        step=plan.first_step + done, stage=plan.stage, method=plan.method, kind="update", rows=len(rows),
        tokens=sum(row.length for row in rows), seconds=0.0, memory=memory(), loss=loss, learning_rate=rate, gradient_norm=norm,
    )  # fmt: skip


def arranged(rows: Sequence[Row], plan: Plan, done: int = 0) -> Iterator[tuple[list[Row], bool]]:
    """The rows of each update behind the first `done`, without end, and whether the update closes an epoch."""
    each = per_epoch(len(rows), plan.batch_size)
    while True:
        epoch, within = divmod(done, each)
        for indices in islice(updates(len(rows), plan.batch_size, plan.seed, epoch), within, None):
            done += 1
            yield [rows[index] for index in indices], done % each == 0


def dropout_seed(plan: Plan, done: int, lane: int) -> int:
    """Dropout is a function of (seed, stage, update, lane) alone, so that no generator state has to be kept to go on."""
    return int(np.random.SeedSequence((plan.seed, plan.stage, done, lane)).generate_state(1)[0])


def _clip(parameters: Sequence[nn.Parameter], longest: float, rows: Sequence[Row]) -> float:
    norm = float(nn.utils.clip_grad_norm_(parameters, longest))
    if not math.isfinite(norm):
        raise NonFiniteLoss("gradient_not_finite", rows=listing(row.id for row in rows))
    return norm
