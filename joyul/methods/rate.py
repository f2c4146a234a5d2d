"""`learning_rate=auto`: a range test finds the ends, short validated runs between them decide. Test rows are never seen.

A probe is the stage's own training in few updates, its whole schedule included, started from the present weights; its rate is
scaled to the number of updates: in AdamW's noise-dominated phase equal progress needs equal updates x rate squared (Malladi et
al., 2022, "On the SDEs and scaling rules for adaptive gradient algorithms"), so a run of U updates takes sqrt(P / U) of the best
rate of P updates. The usual rate of the method stands unless another one is better by more than a standard error.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
from torch import nn

from joyul.contracts import Form, ParameterGroup, Row, Step
from joyul.engine.batches import TOKEN_BUDGET, cut, per_epoch
from joyul.engine.device import device, memory
from joyul.engine.evaluate import evaluate
from joyul.engine.finite import NonFiniteLoss
from joyul.engine.loop import At, Plan, train
from joyul.engine.range_test import FACTOR, between, bracket, diverged, following, lowest_of, rising
from joyul.engine.rows import Chosen
from joyul.notes import Notes

PROBES = 5  # at most
PROBE_SHARE, RANGE_SHARE = 0.04, 0.05  # of the run's updates
PROBE_LEAST, RANGE_LEAST, RANGE_MOST = 20, 30, 60  # updates; shorter ones say nothing
BELOW, ABOVE = 100, 1000  # the range test goes from the usual rate divided by the one to the usual rate times the other
HELD_LEAST = 200  # validation rows that a probe reads, where there are so many
HELD_SHARE = 5  # without validation rows a fifth of the training rows is set aside for the probes


@dataclass(frozen=True)
class Budget:
    """Updates of the range test and of each probe beside a run of `run` updates."""

    run: int
    range: int
    probe: int

    @classmethod
    def of(cls, updates: int) -> Budget:
        """For a run of so many updates."""
        wide = min(RANGE_MOST, max(RANGE_LEAST, round(RANGE_SHARE * updates)))
        return cls(updates, wide, max(PROBE_LEAST, round(PROBE_SHARE * updates)))

    @property
    def most(self) -> int:
        """Updates at most."""
        return self.range + PROBES * self.probe

    @property
    def shrink(self) -> float:
        """What the run's rate is to a probe's."""
        return min(1.0, math.sqrt(self.probe / self.run))


@dataclass
class Probe:
    """A short run: its rate, what it trained on, the loss of each held row, and the score; no losses where it broke down."""

    rate: float
    rows: int = 0
    tokens: int = 0
    losses: list[float] = field(default_factory=list)
    score: float | None = None

    @property
    def loss(self) -> float:
        """Mean over the held rows; infinite where training broke down."""
        return fmean(self.losses) if self.losses else math.inf


@dataclass
class RateSearch:
    """Finds the rate of one stage. Iterating yields its Steps; afterwards `rate` is what to train with.

    `plan` is the stage's plan with the usual rate in it, `bounds` are the rates the method admits.
    """

    model: nn.Module
    form: Form
    rows: Sequence[Row]
    valid: Sequence[Row]
    groups: Sequence[ParameterGroup]
    plan: Plan
    bounds: tuple[float, float]
    notes: Notes
    at: At = lambda groups, done, total: groups
    rate: float = 0.0
    steps: int = 0

    def __iter__(self) -> Iterator[Step]:
        budget = Budget.of(self.plan.updates(len(self.rows)))
        rows, held = self._parts(budget)
        self.notes.say("rate_budget", method=self.plan.method, range=budget.range, probes=PROBES, probe=budget.probe,
                       most=budget.most, run=budget.run, share=f"{budget.most / budget.run:.0%}", rows=len(held))  # fmt: skip
        ends = yield from self._counted(self._range(rows, budget))
        yield from self._counted(self._probes(rows, held, budget, ends))

    def _counted(self, steps: Iterator[Step]) -> Any:
        """Number the Steps on; what the generator returns."""
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value
            self.steps += 1
            yield replace(step, step=self.plan.first_step + self.steps - 1)

    def _parts(self, budget: Budget) -> tuple[Sequence[Row], Sequence[Row]]:
        """Rows to train probes on, and rows to judge them by: validation rows, or training rows set aside for this alone."""
        draw = np.random.default_rng([self.plan.seed, self.plan.stage])
        if self.valid:
            count = min(len(self.valid), max(HELD_LEAST, budget.probe * self.plan.batch_size))
            return self.rows, [self.valid[index] for index in sorted(draw.permutation(len(self.valid))[:count])]
        aside = set(draw.permutation(len(self.rows))[: max(2, len(self.rows) // HELD_SHARE)].tolist())
        self.notes.say("rate_no_valid", rows=len(aside))
        kept = [index for index in range(len(self.rows)) if index not in aside]
        return Chosen(self.rows, kept), [self.rows[index] for index in sorted(aside)]

    def _train(self, rows: Sequence[Row], updates: int, **changes: Any) -> Iterator[Step]:
        epochs = updates / per_epoch(len(rows), self.plan.batch_size)
        plan = replace(self.plan, epochs=epochs, **changes)
        return train(self.model, self.form, rows, self.groups, plan, at=self.at)

    def _range(self, rows: Sequence[Row], budget: Budget) -> Generator[Step, None, tuple[float, float]]:
        """The range test; the ends of the rates worth trying."""
        low, high = self._admitted(self.plan.learning_rate / BELOW), self._admitted(self.plan.learning_rate * ABOVE)
        rates: list[float] = []
        losses: list[float] = []
        with taken_back(self.model, self.groups):
            steps = self._train(rows, budget.range, learning_rate=high, warmup=0.0, schedule=_shape(low, high, budget.range))
            with suppress(NonFiniteLoss):  # the upper end is passed
                for step in self.notes.track(steps, "range_test", budget.range):
                    rates.append(low * (high / low) ** (len(rates) / (budget.range - 1)))
                    losses.append(step.loss if step.loss is not None else math.inf)
                    yield replace(step, kind="range", epoch=None)
                    if diverged(losses):
                        break
        return bracket(rates, losses) if losses else (low, low)

    def _probes(self, rows: Sequence[Row], held: Sequence[Row], budget: Budget, ends: tuple[float, float]) -> Iterator[Step]:
        """Probes from the usual rate on; the last of them announces the choice."""
        usual = self.plan.learning_rate / budget.shrink
        low, high = ends[0] / FACTOR, ends[1] * FACTOR  # the ends are blurred by the smoothing
        start = usual if low <= usual <= high else min(max(usual, ends[0]), ends[1])
        lowest, highest = math.ceil(_factors(low, start)), math.floor(_factors(high, start))
        tried: dict[int, Probe] = {}
        number: int | None = 0
        while number is not None:
            started = time.perf_counter()
            probe = tried[number] = self._probe(rows, held, self._admitted(start * FACTOR**number), budget)
            number = following({key: one.loss for key, one in tried.items()}, lowest, highest) if len(tried) < PROBES else None
            if number is None:
                self.rate = self._chosen(tried, start, usual, budget)
            yield self._step(probe, budget, ends, len(held), number is None, time.perf_counter() - started)

    def _probe(self, rows: Sequence[Row], held: Sequence[Row], rate: float, budget: Budget) -> Probe:
        probe = Probe(rate)
        with taken_back(self.model, self.groups):
            try:
                for step in self.notes.track(self._train(rows, budget.probe, learning_rate=rate), "probing", budget.probe):
                    probe.rows, probe.tokens = probe.rows + step.rows, probe.tokens + step.tokens
                losses = row_losses(self.model, self.form, held, self.plan.micro_batch)
            except NonFiniteLoss:
                return probe
            if all(map(math.isfinite, losses)):
                probe.losses = losses
                found = evaluate(self.model, self.form, held, most=self.plan.micro_batch)
                probe.score = found.metrics[self.form.setting.task.metric]
        return probe

    def _chosen(self, tried: dict[int, Probe], start: float, usual: float, budget: Budget) -> float:
        """The run's rate: the usual one, unless the best probe is better by more than a standard error (paired over the rows)."""
        losses = {number: probe.loss for number, probe in tried.items()}
        best = lowest_of(losses)
        if start == usual and not clearly_lower(tried[best].losses, tried[0].losses):
            return self.plan.learning_rate
        return self._admitted(float(f"{start * FACTOR ** between(losses) * budget.shrink:.2g}"))

    def _admitted(self, rate: float) -> float:
        return min(max(rate, self.bounds[0]), self.bounds[1])

    def _step(self, probe: Probe, budget: Budget, ends: tuple[float, float], held: int, last: bool, seconds: float) -> Step:
        candidate = {
            "learning_rate": probe.rate, "run_rate": probe.rate * budget.shrink, "updates": budget.probe, "held_rows": held,
            "valid_loss": probe.loss if probe.losses else None,
            **({"chosen": self.rate, "usual": self.plan.learning_rate, "bracket": list(ends)} if last else {}),
        }  # fmt: skip
        return Step(
            step=0, stage=self.plan.stage, method=self.plan.method, kind="probe", rows=probe.rows,
            tokens=probe.tokens, seconds=seconds, memory=memory(), score=probe.score, learning_rate=probe.rate,
            candidate=candidate,
        )  # fmt: skip


def _shape(low: float, high: float, updates: int) -> Callable[[int], float]:
    return lambda done: rising(low, high, updates, done)


def _factors(rate: float, start: float) -> float:
    """How many factors `rate` lies above `start`."""
    return round(math.log(rate / start) / math.log(FACTOR), 6)


def clearly_lower(losses: Sequence[float], others: Sequence[float]) -> bool:
    """Whether the mean of `losses` is below that of `others` (same rows) by more than the standard error of the difference."""
    if not losses or not others:
        return bool(losses)
    gains = [other - loss for loss, other in zip(losses, others, strict=True)]
    error = stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else 0.0
    return fmean(gains) > error


def row_losses(model: nn.Module, form: Form, rows: Sequence[Row], most: int | None) -> list[float]:
    """The loss of each row for a unit, dropout off. Infinite ones are given back as they are."""
    model.eval()
    pieces, found = cut(rows, TOKEN_BUDGET[device().type], most), list[float]()
    with torch.no_grad():
        for piece in pieces:
            losses = form.losses(model, form.collate(piece)).tolist()
            found += [loss / row.units for row, loss in zip(piece, losses, strict=True)]
    return pieces.in_order(found)


@contextmanager
def taken_back(model: nn.Module, groups: Sequence[ParameterGroup]) -> Iterator[None]:
    """Whatever training changes inside, weights and buffers, is afterwards as it was before, bit by bit."""
    moving = [parameter for group in groups for parameter in group.parameters.values()]
    kept = [(tensor, tensor.detach().clone()) for tensor in (*moving, *model.buffers())]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, before in kept:
                tensor.copy_(before)
        for parameter in moving:
            parameter.grad = None
