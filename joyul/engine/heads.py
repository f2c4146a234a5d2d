"""Many heads over one trunk, trained at once: several learning rates, on several sets of rows, from several seeds.

Each comes out as `engine.loop` would train it alone: its rows in their order, its dropout, its rate, its clipping. What is saved
is all that surrounds the few numbers of an update of one head. In fp32 the same to its last digits, in bf16 within its rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

import torch
from torch import Tensor, nn

from joyul.contracts import STANDARD_ERROR, Batch, Form, ParameterGroup, Row, Step
from joyul.engine.average import put
from joyul.engine.batches import mixed, per_epoch
from joyul.engine.device import device, memory
from joyul.engine.dropout import quick_dropout
from joyul.engine.freeze import move_only, training_mode
from joyul.engine.lanes import LEAST, separable
from joyul.engine.loop import Plan, arranged, dropout_seed
from joyul.engine.optimise import Shape, StackedAdamW, shape
from joyul.engine.stack import Stack, stackable
from joyul.engine.unpad import outputs

TOLERANCE = 1e-5  # of the largest output, fp32
SEEN = 100  # rows, of which some are tried
TRIED = 2  # strands, heads of each and rows of each that a stack is tried on


@dataclass(frozen=True)
class Strand:
    """What some heads share: rows, the seed of their order and of dropout, and the weights by name they begin with."""

    rows: Sequence[Row]
    seed: int
    start: Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Head:
    """One of them: its strand, its rate, and its weights, which training changes in their place."""

    strand: int
    rate: float
    group: ParameterGroup


Evaluate = Callable[[Head], Mapping[str, float]]


class Heads:
    """A head at each of `rates` on each strand; `plan` says all but rates and seeds. `at_once` says where they can be trained.

    Whoever reads the Steps puts heads that are to stop into `over`; those whose loss was no number are in `broken`.
    """

    def __init__(
        self, model: nn.Module, form: Form, groups: Sequence[ParameterGroup], strands: Sequence[Strand], rates: Sequence[float],
        plan: Plan, wide: bool,
    ) -> None:  # fmt: skip
        self._model, self._form, self._groups, self._strands, self._plan = model, form, groups, strands, plan
        self._stack = Stack(model, groups, [strand.start for strand in strands], len(rates))
        self._wide = wide
        self.all = [
            Head(strand, rate, self._group(strand, place)) for strand in range(len(strands)) for place, rate in enumerate(rates)
        ]
        self.over, self.broken = set[Head](), set[Head]()

    def _group(self, strand: int, place: int) -> ParameterGroup:
        named = {name: nn.Parameter(part, requires_grad=False) for name, part in self._stack.of(strand, place).items()}
        return ParameterGroup(f"{strand}, {place}", named)

    def show(self, head: Head) -> None:
        """Put the weights of a head into the model."""
        put(head.group.parameters, {name: one for group in self._groups for name, one in group.parameters.items()})

    def train(self, evaluate: Evaluate | None = None, each: bool = True) -> Iterator[tuple[Head, Step]]:
        """Train all of them; one Step an update of each head that is not over. `evaluate` is called as in `engine.loop.train`.

        Without `each` the last update of an epoch and of the training alone are told: of a hundred heads the Steps take longer
        than the products.
        """
        plans = [replace(self._plan, seed=strand.seed) for strand in self._strands]
        totals = [plan.updates(len(strand.rows)) for plan, strand in zip(plans, self._strands, strict=True)]
        falls = [shape(self._plan.schedule, self._plan.warmup, total) for total in totals]
        orders = [arranged(strand.rows, plan) for plan, strand in zip(plans, self._strands, strict=True)]
        adam = StackedAdamW(self._stack.weights, self._groups, self._plan.weight_decay)
        move_only(self._model, self._groups)
        training_mode(self._model)
        for done in range(max(totals)):
            drawn = [next(order) if done < total else ([], False) for order, total in zip(orders, totals, strict=True)]
            if not self._model.training:  # it was evaluated in between
                training_mode(self._model)
            ends = [closes or done + 1 == total for (_, closes), total in zip(drawn, totals, strict=True)]
            told = [done < total and (each or end) for end, total in zip(ends, totals, strict=True)]
            for head, step in self._update(adam, [rows for rows, _ in drawn], plans, falls, done, told):
                yield head, self._evaluated(head, step, evaluate) if ends[head.strand] and evaluate else step
            if len(self.over | self.broken) == len(self.all):
                return

    def _evaluated(self, head: Head, step: Step, evaluate: Evaluate) -> Step:
        found = dict(evaluate(head))
        return replace(step, standard_error=found.pop(STANDARD_ERROR, None), valid=found)

    def _update(
        self, adam: StackedAdamW, rows: Sequence[Sequence[Row]], plans: Sequence[Plan], falls: Sequence[Shape], done: int,
        told: Sequence[bool],
    ) -> Iterator[tuple[Head, Step]]:  # fmt: skip
        """One update of every head, behind `done` others; Steps of the strands that are `told`.

        A strand without rows goes on with a gradient of zero.
        """
        losses = self._losses(rows, [dropout_seed(plan, done, 0) for plan in plans])
        losses.sum().backward()  # type: ignore[no-untyped-call]
        norms = self._stack.norms()
        shares = (self._plan.clip / (norms + 1e-6)).clamp(max=1.0)  # as torch.nn.utils.clip_grad_norm_
        falling = [fall(done) for fall in falls]
        rates = [head.rate * falling[head.strand] for head in self.all]
        adam.step(torch.tensor(rates, dtype=norms.dtype, device=norms.device).unsqueeze(1), shares.unsqueeze(1))
        self._mark(rows, torch.isfinite(losses.flatten() + norms).tolist())
        return self._steps(rows, losses.flatten().tolist(), norms.tolist(), rates, done, told) if any(told) else iter(())

    def _mark(self, rows: Sequence[Sequence[Row]], finite: Sequence[bool]) -> None:
        if not all(finite):
            self.broken |= {head for head, fine in zip(self.all, finite, strict=True) if not fine and rows[head.strand]}

    def _losses(self, rows: Sequence[Sequence[Row]], seeds: Sequence[int]) -> Tensor:
        """The mean loss of every head over its rows, shape (strands, heads of each)."""
        stack, plan = self._stack, self._plan
        batch, counts = laid_out(self._form, stack, rows, self._strands, self._wide)
        with stack.standing(counts, seeds), torch.autocast(device().type, torch.bfloat16, enabled=plan.precision == "bf16"):
            found = self._form.losses(self._model, batch, plan.label_smoothing)
        found = found.to(torch.promote_types(found.dtype, torch.float32)).view(stack.strands, stack.each, -1)
        weights = [[row.weight for row in some] + [0.0] * (found.shape[2] - len(some)) for some in rows]
        totals = [sum(row.weight * row.units for row in some) or 1.0 for some in rows]
        summed = (found * torch.tensor(weights, device=found.device).unsqueeze(1)).sum(2)
        return summed / torch.tensor(totals, device=found.device).unsqueeze(1)

    def _steps(
        self, rows: Sequence[Sequence[Row]], losses: Sequence[float], norms: Sequence[float], rates: Sequence[float], done: int,
        told: Sequence[bool],
    ) -> Iterator[tuple[Head, Step]]:  # fmt: skip
        held, plan = memory(), self._plan
        epochs = [(done + 1) / per_epoch(len(strand.rows), plan.batch_size) for strand in self._strands]
        for head, loss, norm, rate in zip(self.all, losses, norms, rates, strict=True):
            if told[head.strand] and head not in self.over and head not in self.broken:
                count = len(rows[head.strand])  # of one token each (`at_once`)
                yield head, Step(
                    step=plan.first_step + done, stage=plan.stage, method=plan.method, kind="update", rows=count, tokens=count,
                    seconds=0.0, memory=held, loss=loss, learning_rate=rate, gradient_norm=norm, epoch=epochs[head.strand],
                )  # fmt: skip


def at_once(
    model: nn.Module, form: Form, groups: Sequence[ParameterGroup], strands: Sequence[Strand], rates: Sequence[float], plan: Plan
) -> Heads | None:
    """Heads that are trained at once; None where each would not come out as alone.

    That is where something else than the head reads the rows (`engine.trunk`), where rows of an update go apart, and where the
    stack does not answer like its heads one by one, tried on a few rows.
    """
    few = plan.batch_size if plan.micro_batch is None else min(plan.micro_batch, plan.batch_size)
    plain = few == plan.batch_size < 2 * LEAST and all(row.length == 1 for strand in strands for row in strand.rows)
    if not (plain and getattr(form, "spliced", False) and stackable(model, groups)):
        return None
    rows = list(islice(chain.from_iterable(strand.rows for strand in strands), SEEN))
    move_only(model, groups)
    with quick_dropout(model):
        if not separable(model, form, rows):
            return None
    wide = _wide(model, form, groups, mixed(rows))
    return None if wide is None else Heads(model, form, groups, strands, rates, plan, wide)


def laid_out(
    form: Form, stack: Stack, rows: Sequence[Sequence[Row]], strands: Sequence[Strand], wide: bool
) -> tuple[Batch, list[int]]:
    """The rows of all strands as one batch, and how many each has; those that lack some repeat their first.

    `wide`: the stack spreads rows over the heads of a strand; else every head brings its own.
    """
    most = max(map(len, rows))
    even = [[*some, *[(some or strand.rows)[0]] * (most - len(some))] for some, strand in zip(rows, strands, strict=True)]
    times = 1 if wide else stack.each
    batch = form.collate([row for some in even for _ in range(times) for row in some])
    counts = [len(some) for some in rows]
    if wide and batch.targets is not None:
        batch.targets = stack.spread(batch.targets)
    return batch, counts


def _wide(model: nn.Module, form: Form, groups: Sequence[ParameterGroup], rows: Sequence[Row]) -> bool | None:
    """Whether a stack can spread the rows of a strand over its heads itself; None where it does not answer like its heads.

    Tried on heads that differ: each has the weights of the model times a factor of its own.
    """
    named = {name: parameter for group in groups for name, parameter in group.parameters.items()}
    own = {name: parameter.detach().clone() for name, parameter in named.items()}
    strands = [Strand(rows[start::TRIED], 0, own) for start in range(TRIED)]
    stack = Stack(model, groups, [strand.start for strand in strands], TRIED)
    with torch.no_grad():
        for strand in range(TRIED):
            for place in range(TRIED):
                for part in stack.of(strand, place).values():
                    part.mul_(1.0 + 0.2 * (TRIED * strand + place))
    model.eval()
    try:
        with torch.no_grad():
            plain = torch.cat([_alone(model, form, stack, strands, number, named) for number in range(TRIED**2)])
            return next((wide for wide in (True, False) if _answers(model, form, stack, strands, wide, plain)), None)
    finally:
        put(own, named)


def _alone(
    model: nn.Module, form: Form, stack: Stack, strands: Sequence[Strand], number: int, named: Mapping[str, nn.Parameter]
) -> Tensor:
    """The outputs of one head by itself."""
    put(stack.of(*divmod(number, TRIED)), named)
    batch = form.collate(strands[number // TRIED].rows)
    return outputs(model(**batch.inputs), batch.inputs)


def _answers(model: nn.Module, form: Form, stack: Stack, strands: Sequence[Strand], wide: bool, plain: Tensor) -> bool:
    try:
        batch, counts = laid_out(form, stack, [strand.rows for strand in strands], strands, wide)
        with stack.standing(counts):
            found = outputs(model(**batch.inputs), batch.inputs)
    except (RuntimeError, TypeError, ValueError, LookupError, AttributeError):
        return False
    return found.shape == plain.shape and float((found - plain).abs().max()) <= TOLERANCE * float(plain.abs().max())
