"""Stages, one after the other, on one model: choose a Form where the method offers several, then train what it moves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, Literal

import torch
from torch import nn

from joyul.bases.anatomy import head_names, inner
from joyul.bases.hosted import reported_once
from joyul.contracts import Example, Form, Method, ParameterGroup, Row, Setting, Step
from joyul.engine.average import Average
from joyul.engine.best import Best
from joyul.engine.checkpoint import Checkpoint
from joyul.engine.control import Control
from joyul.engine.course import Course
from joyul.engine.device import device
from joyul.engine.evaluate import validator
from joyul.engine.loop import Plan, train
from joyul.engine.placement import behind
from joyul.engine.recompute import recomputing
from joyul.engine.rows import packed
from joyul.engine.saver import Saver
from joyul.engine.store import Stores
from joyul.engine.texts import stored_texts
from joyul.engine.trunk import frozen_trunk
from joyul.engine.vocabulary import compact_vocabulary
from joyul.errors import DoesNotFit
from joyul.messages import words
from joyul.methods.answers import Answers
from joyul.methods.choose import choose, say_found
from joyul.methods.ends import Ends
from joyul.methods.race import Race
from joyul.methods.rate import RateSearch
from joyul.methods.standing import Standing, put_back
from joyul.methods.steering import Steering
from joyul.notes import Notes
from joyul.recipe.chains import AUTO
from joyul.recipe.settings import StageSettings
from joyul.recipe.stages import STAGES
from joyul.signals import interruptible, whole

SPLITS: tuple[Literal["train", "valid"], ...] = ("train", "valid")
CHUNK = 1000  # rows tokenised between two ticks of the progress bar


@dataclass
class Tuned:
    """What the stages change in turn.

    `stages` are those so far, of the base's lineage too, but for what was folded into the weights; `moved`: whether the weights
    without what stages inserted differ from the base's. `chosen` holds, for each stage of this run, the spec of the Form it
    chose (None: it had no choice), `searched` what is said of each search; `trainable` the sizes of all that moved, by name;
    `rates` the learning rate of each; `new_head`: whether the head was drawn for this run and has not moved yet; `unknown` the
    share of the text's tokens that the base does not know.
    """

    model: nn.Module
    form: Form
    stages: list[Method] = field(default_factory=list)
    moved: bool = False
    chosen: list[dict[str, Any] | None] = field(default_factory=list)
    searched: list[dict[str, Any]] = field(default_factory=list)
    trainable: dict[str, int] = field(default_factory=dict)
    rates: list[tuple[Method, float]] = field(default_factory=list)
    new_head: bool = False
    unknown: float = 0.0


@dataclass
class Data:
    """The labelled rows a stage may see, and their tokens: computed once for each Form.

    `tested`: where states of test rows are kept, when several runs answer the same ones. They have a place of their own, so that
    a comparison that goes on computes them in the same pieces as one that was not interrupted.
    """

    train: Sequence[Example] = ()
    valid: Sequence[Example] = ()
    stores: Stores = field(default_factory=Stores, repr=False)
    tested: Stores | None = field(default=None, repr=False)
    ends: Ends = field(default_factory=Ends, repr=False)
    _tokens: dict[str, Sequence[Row]] = field(default_factory=dict, repr=False)

    def rows(self, split: Literal["train", "valid"], form: Form, notes: Notes) -> Sequence[Row]:
        """Tokens of a split under `form`."""
        setting = form.setting
        key = repr((split, form.name, form.spec(), setting.task.spec(), setting.max_length, _tokenizer_name(setting)))
        if key not in self._tokens:
            self._tokens[key] = encode(form, getattr(self, split), notes)
        return self._tokens[key]


def _tokenizer_name(setting: Setting) -> str:
    return setting.tokenizer.name_or_path if setting.tokenizer else ""  # what reads no tokens has none


def fitting(method: Method, form: Form) -> None:
    """Raise DoesNotFit with the reason when the method cannot work here."""
    reason = method.why_not(form, form.setting.architecture)
    if method.trains and form.setting.architecture == "hosted":
        reason = words("method_needs_weights")
    if reason is not None:
        raise DoesNotFit("method_does_not_fit", method=method.name, task=form.setting.task.name, reason=reason)


def stage(
    tuned: Tuned, method: Method, settings: StageSettings, data: Data, *,
    number: int = 1, first_step: int = 1, seed: int = 0, precision: str = "fp32", notes: Notes | None = None,
    saver: Saver | None = None, begun: Checkpoint | None = None, usual_rate: float | None = None, control: Control | None = None,
) -> Iterator[Step]:  # fmt: skip
    """Run one stage and leave its result in `tuned`: the best Form, then the best weights by validation score.

    `begun` is where to go on from, `saver` keeps the state on disk, `usual_rate` is where `learning_rate=auto` begins to look,
    `control` what is changed from outside.
    """
    fitting(method, tuned.form)
    forms = enter(tuned, method, settings, number, seed)
    if begun is None:
        for step in _search(tuned, method, forms, data, number, first_step, seed, notes or Notes()):
            first_step += 1
            yield step
    else:
        choice(tuned, begun.record["chosen"][number - 1])
        first_step = begun.record["first_step"]
    groups = method.moves(tuned.model)
    if groups:
        chosen = {**settled(settings), **({"learning_rate": usual_rate} if settings.learning_rate == AUTO else {})}
        groups = _hastened(tuned, groups, settings.head_rate or 1.0)
        groups = [*groups, *(_beside(tuned, groups, chosen["learning_rate"]) if settings.joint else ())]
        plan = Plan(**chosen, precision=precision, seed=seed, method=method.name, stage=number, first_step=first_step)
        saver = saver or Saver()
        _count(tuned, method, groups)
        tuned.rates.append((method, chosen["learning_rate"]))
        with recomputing(tuned.model) if settings.gradient_checkpointing else nullcontext():
            yield from _train(tuned, groups, plan, data, settings, notes or Notes(), saver, begun, control or Control())
            train, valid = (data.rows(split, tuned.form, notes or Notes()) for split in SPLITS)
            method.settle(tuned.model, tuned.form, train, valid, seed)
        saver.changed = True


def enter(tuned: Tuned, method: Method, settings: StageSettings, number: int, seed: int) -> Sequence[Form]:
    """Insert what the method adds, drawn from (seed, stage), into a plain model where there can be one; the Forms it offers."""
    if method.trains and not settings.joint:
        fold(tuned)
    torch.manual_seed(seed + number)
    tuned.model = method.insert(tuned.model, tuned.form).to(device())
    tuned.stages.append(method)
    return method.forms(tuned.form)


def fold(tuned: Tuned) -> None:
    """Fold what the last stages inserted into the weights, as far as that can be done."""
    for method in reversed(tuned.stages.copy()):
        merged = method.merged(tuned.model)
        if merged is None:
            return
        if merged is not tuned.model:
            tuned.model, tuned.moved = merged, True
            tuned.stages.remove(method)


def _beside(tuned: Tuned, groups: Sequence[ParameterGroup], rate: float) -> Iterator[ParameterGroup]:
    """What the stages before moved and go on moving (`joint=true`), each at its own rate; `groups` move at `rate`."""
    taken = {id(parameter) for group in groups for parameter in group.parameters.values()}
    for earlier, its_rate in tuned.rates:
        for group in earlier.moves(tuned.model):
            left = {name: parameter for name, parameter in group.parameters.items() if id(parameter) not in taken}
            taken |= set(map(id, left.values()))
            if left:
                name = f"{earlier.name}: {group.name}"
                yield replace(group, name=name, parameters=left, rate_factor=group.rate_factor * its_rate / rate)


def _hastened(tuned: Tuned, groups: Sequence[ParameterGroup], times: float) -> Sequence[ParameterGroup]:
    """A head that was just drawn learns `times` as fast as what was trained before it."""
    if times == 1.0 or not tuned.new_head:
        return groups
    named = dict(inner(tuned.model).named_parameters())
    new = {id(named[name]) for name in head_names(inner(tuned.model))}
    return [replace(group, faster={name: times for name, p in group.parameters.items() if id(p) in new}) for group in groups]


def _count(tuned: Tuned, method: Method, groups: Sequence[ParameterGroup]) -> None:
    """Note that a stage moves weights: which, and whether the plain model holds them."""
    tuned.moved |= bool(groups) and not method.self_contained
    tuned.new_head &= not groups
    tuned.trainable |= {name: p.numel() for group in groups for name, p in group.parameters.items()}


def pass_over(
    tuned: Tuned, method: Method, settings: StageSettings, number: int, seed: int, chosen: dict[str, Any] | None
) -> None:
    """A stage that ended before the run was interrupted: its Form as it was chosen; the weights come with the checkpoint."""
    enter(tuned, method, settings, number, seed)
    choice(tuned, chosen)
    _count(tuned, method, method.moves(tuned.model))
    if isinstance(settings.learning_rate, float):
        tuned.rates.append((method, settings.learning_rate))


def choice(tuned: Tuned, spec: dict[str, Any] | None) -> None:
    """Take the Form that was chosen before the run was interrupted, where there was a choice."""
    tuned.chosen.append(spec)
    if spec is not None:
        tuned.form = type(tuned.form).restore(spec, tuned.form.setting)


def settled(settings: StageSettings) -> dict[str, Any]:
    """Those of the settings that a Plan has."""
    names = {item.name for item in fields(Plan)}
    return {key: value for key, value in settings.model_dump(exclude_none=True).items() if key in names}


def _search(
    tuned: Tuned, method: Method, forms: Sequence[Form], data: Data, number: int, first_step: int, seed: int,
    notes: Notes,
) -> Iterator[Step]:  # fmt: skip
    """Choose among the method's Forms: on all labelled rows while no weight has seen them, on validation rows after."""
    if not forms:
        tuned.chosen.append(None)
        return
    seen = tuned.moved or any(earlier.trains for earlier in tuned.stages[:-1])
    examples = [*data.valid] if seen and data.valid else [*data.train, *data.valid]
    race = Race(Answers(tuned.model, examples), seed)
    with reported_once(tuned.model):
        yield from choose(race, tuned.model, method, forms, number, first_step)
    tuned.form = race.winner().form if race.trials else forms[0]
    tuned.chosen.append(tuned.form.spec())
    if race.trials:
        tuned.searched.append({"stage": number, **race.verdict()})
        say_found(tuned.searched[-1], notes)


def _train(
    tuned: Tuned, groups: Sequence[ParameterGroup], plan: Plan, data: Data, settings: StageSettings, notes: Notes,
    saver: Saver, begun: Checkpoint | None, control: Control,
) -> Iterator[Step]:  # fmt: skip
    form, at = tuned.stages[-1].aim(tuned.model, tuned.form), tuned.stages[-1].at
    rows = weighted(data.rows("train", form, notes), form, settings)
    valid = data.rows("valid", form, notes) if form is tuned.form else []
    with compact_vocabulary(tuned.model, form, groups, rows, valid) as moving:
        average = Average(moving, plan.epochs if settings.average else None, plan.updates(len(rows)))
        best = Best(moving, form.setting.task.metric, settings.patience, average)
        course = put_back(begun, tuned.model, moving, best) if begun else Course(tuned.model, moving)
        steering = Steering(control, best, saver)
        reused = stored_texts if behind(tuned.model) else frozen_trunk
        trunk = reused(tuned.model, form, moving, rows, valid, plan.precision, data.stores, notes)
        try:
            with trunk as (spliced, kept, held):
                if settings.learning_rate == AUTO:
                    bounds = STAGES[plan.method].ranges["learning_rate"]
                    search = RateSearch(tuned.model, spliced, kept, held, moving, plan, bounds, notes, at)
                    yield from search
                    plan = replace(plan, learning_rate=search.rate, first_step=plan.first_step + search.steps)
                plan = steering.resumed(plan, course.done)
                saver.begin(Standing(tuned.model, moving, plan, tuned.chosen, tuned.searched, course, best, saver.changed))
                check = interruptible(validator(tuned.model, spliced, held, plan.micro_batch))
                evaluate = average.shown()(check) if held else None  # weights change places where no signal breaks in
                steps = train(tuned.model, spliced, kept, moving, plan, evaluate, course, at, partial(steering.changes, plan))
                with saver.guarding():
                    for step in whole(steps) if not best.over else ():
                        stop = best.read(step)
                        yield step
                        saver.after(step)
                        steering.obey()
                        if stop:
                            _say_stopped(step, plan, best, notes)
                            break
                    saver.end()
        finally:
            best.restore()  # after a loss that is no number too: what was good is kept


def _say_stopped(step: Step, plan: Plan, best: Best, notes: Notes) -> None:
    if step.epoch is not None and step.epoch < plan.epochs:
        notes.say("stopped_early", epoch=f"{step.epoch:g}", epochs=f"{plan.epochs:g}", patience=best.patience)


def weighted(rows: Sequence[Row], form: Form, settings: StageSettings) -> Sequence[Row]:
    """Training rows as `class_weights` weighs them."""
    if settings.class_weights != "balanced":
        return rows
    weights = form.setting.task.weights([row.target for row in rows])
    return packed(replace(row, weight=weight) for row, weight in zip(rows, weights, strict=True))


def encode(form: Form, examples: Sequence[Example], notes: Notes) -> Sequence[Row]:
    """Tokens of all examples, with a progress bar."""
    starts = range(0, len(examples), CHUNK)
    pieces = notes.track(starts, "tokenising", len(starts))
    return packed(row for start in pieces for row in form.encode(examples[start : start + CHUNK]))
