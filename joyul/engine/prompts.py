"""Many learned prompts over one frozen base, trained at once: several rates, seeds and sets of rows.

Each comes out as `engine.loop` would train it alone: its rows in their order, its dropout, its rate, its clipping, its head where
one moves. What is saved is what a pass over few rows costs beside its arithmetic; a pass that is full is not made fuller.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from joyul.contracts import STANDARD_ERROR, Form, ParameterGroup, Row, Step
from joyul.engine.accumulate import Gradient, Pieces, accumulate, added, arithmetic, share
from joyul.engine.average import put
from joyul.engine.batches import TOKEN_BUDGET, mixed, per_epoch
from joyul.engine.device import device, processes
from joyul.engine.dropout import Masks, reseed
from joyul.engine.finite import NonFiniteLoss
from joyul.engine.freeze import move_only, training_mode
from joyul.engine.lanes import Lanes
from joyul.engine.linears import Copies, low_linears
from joyul.engine.loop import Means, Pace, Plan, arranged, dropout_seed, moved, quick
from joyul.engine.mix import Mix, Portion, packed
from joyul.engine.optimise import optimizer
from joyul.engine.per_row import PerRow, separate
from joyul.engine.together import ties
from joyul.shortage import out_of_memory

TOLERANCE = 1e-4  # of the length of a gradient, fp32
SEEN = 1000  # rows that are asked for their lengths, and of which some are tried


@dataclass(frozen=True)
class Start:
    """What one of them begins with: its rows, its plan (seed and rate in it), and its weights by name."""

    rows: Sequence[Row]
    plan: Plan
    weights: Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Prompt:
    """One of them: its rows, its plan, and its own parameters, which training changes in their place."""

    number: int
    rows: Sequence[Row]
    plan: Plan
    groups: Sequence[ParameterGroup]

    @property
    def group(self) -> ParameterGroup:
        """All its parameters."""
        return ParameterGroup(str(self.number), {name: one for group in self.groups for name, one in group.parameters.items()})


class _Course:
    """How far one of them has come."""

    def __init__(self, prompt: Prompt) -> None:
        plan, rows = prompt.plan, prompt.rows
        self.pace = Pace(plan, len(rows), optimizer(prompt.groups, plan.learning_rate, plan.weight_decay), 0)
        self.order = arranged(rows, plan)


Evaluate = Callable[[Prompt], Mapping[str, float]]
Found = dict[int, tuple[float, Gradient]]  # loss and gradient, by the number of a prompt


class Prompts:
    """A prompt for each of `starts`, whose plans differ in seed, rate, rows of an update and epochs. `at_once`: where that is so.

    Whoever reads the Steps puts prompts that are to stop into `over`; those whose loss was no number are in `broken`.
    """

    def __init__(self, model: nn.Module, form: Form, groups: Sequence[ParameterGroup], starts: Sequence[Start]) -> None:
        self._model, self._form, self._groups = model, form, groups
        self._own = PerRow(model, groups, [start.weights for start in starts])
        self.all = [
            Prompt(number, start.rows, start.plan, own)
            for number, (start, own) in enumerate(zip(starts, self._own.groups, strict=True))
        ]
        self._plan = starts[0].plan
        self._mixing = True  # until memory runs out
        self.over, self.broken = set[Prompt](), set[Prompt]()

    def show(self, prompt: Prompt) -> None:
        """Let the model answer as this prompt, while they are trained."""
        self._own.show(prompt.number)

    def train(self, evaluate: Evaluate | None = None) -> Iterator[tuple[Prompt, Step]]:
        """Train all of them; one Step an update of each that is not over. `evaluate` is called as in `engine.loop.train`."""
        with self._ready(self._plan.precision) as (means, copies):
            courses = {prompt: _Course(prompt) for prompt in self.all}
            for done in itertools.count():
                going = [one for one in self.all if one not in self.over | self.broken and done < courses[one].pace.total]
                if not going:
                    return
                if not self._model.training:  # it was evaluated in between
                    training_mode(self._model)
                yield from self._update({one: courses[one] for one in going}, done, means, copies, evaluate)

    def _update(
        self, going: Mapping[Prompt, _Course], done: int, means: Means, copies: Copies, evaluate: Evaluate | None
    ) -> Iterator[tuple[Prompt, Step]]:
        """One update of each, behind `done` others."""
        began = time.perf_counter()
        drawn = {prompt: next(course.order) for prompt, course in going.items()}
        losses = self.gradients({prompt: rows for prompt, (rows, _) in drawn.items()}, means, done, self._plan.precision)
        steps = [(one, self._moved(one, losses[one], drawn[one][0], course.pace, done)) for one, course in going.items()]
        copies.forget()
        each = (time.perf_counter() - began) / len(going)
        for prompt, step in ((prompt, step) for prompt, step in steps if step is not None):
            ends, began = drawn[prompt][1] or done + 1 == going[prompt].pace.total, time.perf_counter()
            told = _evaluated(prompt, step, evaluate) if ends and evaluate else step
            yield prompt, replace(told, seconds=each + time.perf_counter() - began)

    def _moved(self, prompt: Prompt, loss: float, rows: Sequence[Row], pace: Pace, done: int) -> Step | None:
        """Move one of them by its gradient; None where that is no number."""
        with suppress(NonFiniteLoss):
            if math.isfinite(loss):
                step = moved(loss, rows, prompt.groups, prompt.plan, pace, done)
                return replace(step, epoch=(done + 1) / per_epoch(len(prompt.rows), prompt.plan.batch_size))
        self.broken.add(prompt)
        return None

    def gradients(
        self, chosen: Mapping[Prompt, Sequence[Row]], means: Means, done: int, precision: str
    ) -> dict[Prompt, float]:
        """Leave in each prompt the gradient of the mean loss over its rows; the losses."""
        while True:
            portions = [one for prompt, rows in chosen.items() for one in _portions(prompt, rows, means, done)]
            work = [partial(self._passed, part, means.pieces, precision) for part in means.lanes.deal(portions)]
            try:
                found = _summed(means.lanes.each(work) if len(work) > 1 else [work[0]()])
                break
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
            if not self._mixing:
                means.pieces.halve(max(chosen.values(), key=lambda rows: sum(row.length for row in rows)))
            self._mixing = False
        for prompt in chosen:
            for parameter, part in zip(prompt.group.parameters.values(), found[prompt.number][1], strict=True):
                parameter.grad = part
        return {prompt: found[prompt.number][0] for prompt in chosen}

    def _passed(self, portions: Sequence[Portion], pieces: Pieces, precision: str) -> Found:
        """All of them in as few passes as they fit into, one after the other."""
        return _summed([self._pass(held, precision) for held in packed(portions, pieces, self._mixing)])

    def _pass(self, portions: Sequence[Portion], precision: str) -> Found:
        mix = Mix(portions)
        with self._own.over(mix), arithmetic(precision):
            losses = mix.parts(self._form.losses(self._model, self._form.collate(mix.rows), self._plan.label_smoothing))
        parts = [share(part, portion.rows, portion.total) for portion, part in zip(portions, losses, strict=True)]
        moving = {one.candidate: list(self.all[one.candidate].group.parameters.values()) for one in portions}
        flat = [parameter for own in moving.values() for parameter in own]
        gradient = iter(torch.autograd.grad(torch.stack(parts).sum(), flat, allow_unused=True))
        found = {number: list(itertools.islice(gradient, len(own))) for number, own in moving.items()}
        told = [(portion.candidate, part.item()) for portion, part in zip(portions, parts, strict=True)]
        return {number: (sum(loss for one, loss in told if one == number), own) for number, own in found.items()}

    @contextmanager
    def _ready(self, precision: str) -> Iterator[tuple[Means, Copies]]:
        """While open, the prompts stand in the model, and everything that makes updates quick."""
        rows = [row for prompt in self.all for row in prompt.rows[:SEEN]]
        move_only(self._model, self._groups)
        with (
            self._own.standing(), quick(self._model, self._form, rows, replace(self._plan, precision=precision)) as means,
            low_linears(self._own.layers, precision) as copies,
        ):  # fmt: skip
            training_mode(self._model)
            yield means, copies

    def agree(self) -> bool:
        """Whether two of them, made to differ, get the gradients at once that each gets alone; tried on a few rows in fp32."""
        one = self.all[0]
        other = max(self.all[1:], key=lambda prompt: abs(_size(prompt) - _size(one)))  # of another length, where there is one
        rows = mixed([row for prompt in self.all for row in prompt.rows[:SEEN]])
        chosen = {one: rows[::2], other: rows[1::2]}
        before = {name: parameter.detach().clone() for name, parameter in other.group.parameters.items()}
        try:
            with self._ready("fp32") as (means, _):
                put({name: 1.5 * value for name, value in before.items()}, other.group.parameters)
                alone = [self._alone(prompt, found, means) for prompt, found in chosen.items()]
                self.gradients(chosen, replace(means, lanes=Lanes(1)), 0, "fp32")
            return all(_near(_flat(prompt), plain) for prompt, plain in zip(chosen, alone, strict=True))
        except (NonFiniteLoss, RuntimeError, TypeError, ValueError, LookupError, AttributeError):
            return False
        finally:
            put(before, other.group.parameters)
            self._forget()

    def _alone(self, prompt: Prompt, rows: Sequence[Row], means: Means) -> Tensor:
        """The gradient of one of them as `engine.loop` computes it."""
        self.show(prompt)
        plan = prompt.plan
        self._forget()
        accumulate(
            self._model, self._form, rows, means.pieces, "fp32", plan.label_smoothing,
            reseed=lambda lane: reseed(dropout_seed(plan, 0, lane), lane),
        )  # fmt: skip
        return _flat(prompt)

    def _forget(self) -> None:
        for prompt in self.all:
            for parameter in prompt.group.parameters.values():
                parameter.grad = None


def at_once(model: nn.Module, form: Form, groups: Sequence[ParameterGroup], starts: Sequence[Start]) -> Prompts | None:
    """Prompts that are trained at once; None where nothing is gained by it, or where each would not come out as alone.

    There is no gain where the update of one fills a pass. Not as alone: where a loss ties rows together, where a layer moves in
    part, and where two gradients at once, tried on a few rows, are not those of each.
    """
    several = len(starts) > 1 and processes().num_processes == 1 and ties(form) is None
    recomputed = any(getattr(module, "gradient_checkpointing", False) for module in model.modules())
    useful = all(small(one.rows, one.plan.batch_size) for one in starts)
    if not several or recomputed or not useful or not separate(model, groups):
        return None
    made = Prompts(model, form, groups, starts)
    return made if made.agree() else None


def small(rows: Sequence[Row], batch_size: int) -> bool:
    """Whether the updates of two, so many rows each, fit into one pass."""
    seen = rows[:SEEN]
    return 2 * batch_size * sum(row.length for row in seen) <= TOKEN_BUDGET[device().type] * len(seen)


def _portions(prompt: Prompt, rows: Sequence[Row], means: Means, done: int) -> Iterator[Portion]:
    """As `accumulate` deals the rows of an update out to the lanes, each with its own stream of masks."""
    total = sum(row.weight * row.units for row in rows)
    dealt = means.lanes.deal(rows)
    for lane, part in enumerate(dealt):
        yield Portion(prompt.number, part if len(dealt) > 1 else rows, Masks(dropout_seed(prompt.plan, done, lane)), total)


def _summed(found: Sequence[Found]) -> Found:
    """Of several passes, in their order."""
    whole: Found = {}
    for one in found:
        for number, (loss, gradient) in one.items():
            before = whole.get(number)
            whole[number] = (loss, gradient) if before is None else (before[0] + loss, added(before[1], gradient))
    return whole


def _evaluated(prompt: Prompt, step: Step, evaluate: Evaluate) -> Step:
    found = dict(evaluate(prompt))
    return replace(step, standard_error=found.pop(STANDARD_ERROR, None), valid=found)


def _size(prompt: Prompt) -> int:
    return sum(one.numel() for one in prompt.group.parameters.values())


def _flat(prompt: Prompt) -> Tensor:
    """Its gradient as one vector."""
    own = prompt.group.parameters.values()
    return torch.cat([(torch.zeros_like(one) if one.grad is None else one.grad).flatten() for one in own])


def _near(found: Tensor, plain: Tensor) -> bool:
    return bool((found - plain).norm() <= TOLERANCE * plain.norm())
