"""From a base and the gathered rows to a model with its Form, ready for the first stage; and the facts said before it starts."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from joyul import artifact
from joyul.bases.anatomy import declared_pooling, inner, parameter_count, positions, twin, width
from joyul.bases.facts import Moving, Shape, Work, cost, disk, report_cut, report_language, unknown_share
from joyul.bases.hosted import Hosted, require_endpoint
from joyul.bases.load import LENGTH_CEILING, BaseFiles, layer_count, load_model, open_base, read_config, start_at
from joyul.bases.pooling import append_mean_pooling, can_pool
from joyul.bases.source import find, weights_of
from joyul.contracts import Example, Form, Method, Setting, Task
from joyul.engine.batches import TOKEN_BUDGET
from joyul.engine.device import device, memory
from joyul.engine.frozen import moved
from joyul.engine.kernels import rates
from joyul.errors import DataError, DoesNotFit, RunError, UsageError
from joyul.hosting import open_hosted, report_hosted
from joyul.learn import report_borders, report_targets, report_words
from joyul.limits import room
from joyul.messages import words
from joyul.methods import METHODS
from joyul.methods.chain import Data, Tuned, encode, fitting, fold
from joyul.methods.imported import Imported
from joyul.methods.learned import LearnedStage
from joyul.notes import Notes
from joyul.question import first_form, templated
from joyul.recipe.chains import Stage
from joyul.recipe.resolve import Recipe
from joyul.recipe.settings import RunSettings, StageSettings
from joyul.recipe.stages import Sizes
from joyul.report.units import size
from joyul.tasks.regress import Regress

if TYPE_CHECKING:
    from joyul.data.gather import Gathered


FIXED = ("labels", "centre", "scale")  # what a head that goes on means
SLACK = 1.4  # of what is estimated: memory that is taken and given back leaves gaps (LOG.md)
LEAST_TEXT = 8  # tokens; a prompt that leaves less is a mistake
SAID = ("learning_rate", "epochs", "batch_size", "precision")  # the settings a user asks about first


def require_base(base: str, settings: RunSettings, notes: Notes) -> None:
    """Raise BaseModelError where the base cannot be had."""
    source = find(base)
    if source.kind == "endpoint":
        require_endpoint(settings, base, notes)
    elif source.kind != "run":  # a run is opened whole, or refused, by `open_tuned`
        open_base(base)


def build_methods(recipe: Recipe, data: Data) -> list[Method]:
    """The stages' defaults settled for this base and these rows, and the methods made of them. Raises BaseModelError."""
    sizes = _sizes(recipe.run.base, len(data.train))
    return [METHODS[stage.method](recipe.run, stage.settle(sizes)) for stage in recipe.stages]


def _sizes(base: str, rows: int) -> Sizes:
    if find(base).hosted:
        return Sizes(0, rows, 0)  # no stage whose defaults depend on them fits
    config = read_config(base)
    return Sizes(int(config.get_text_config().hidden_size), rows, layer_count(config))


def open_tuned(
    settings: RunSettings, methods: Sequence[Method], task: Task, notes: Notes, rows: Sequence[Example] = ()
) -> Tuned:
    """The model and Form that the first stage starts from, for such rows. Raises BaseModelError, DoesNotFit, UsageError."""
    source, folded = find(settings.base), None
    if source.kind == "run" and source.run is not None:
        before = artifact.load(source.run, dropout=settings.dropout, notes=notes, terms=settings.model_dump())
        if _continues(before, task, settings):
            notes.say("base_continues", base=settings.base)
            before.tuned.form = _continued_form(before, task, settings, methods)
            return before.tuned
        folded = _folded(before, settings.base)
    if source.hosted:
        return open_hosted(settings, source, methods, task, notes)
    files = open_base(settings.base)
    kept = _own_head(files, task)
    if kept and task.labels:
        task = task.restore({**task.spec(), "labels": files.labels})  # the base's own head keeps its meaning
    adapter = Imported(source.adapter) if source.adapter is not None else None
    room = sum(one.room for one in methods if isinstance(one, LearnedStage)) + (adapter.room if adapter else 0)
    setting = Setting(task, files.tokenizer, files.architecture, _max_length(settings, files, room))
    form = first_form(settings, methods, setting, files, kept, rows)
    model = load_model(files, form.auto_class, task.labels, settings.seed, settings.dropout, task.target_type)
    if isinstance(task, Regress) and not kept:
        start_at(model, task.mean if task.scale == 1.0 else 0.0)
    pooled = not kept and adapter is None and _pools(model, files)
    if pooled:
        append_mean_pooling(model)
        notes.say("pooling_appended", base=settings.base)
    if folded is not None:
        model.base_model.load_state_dict(folded.base_model.state_dict(), strict=False)
    torch.nn.Module.to(model, device())
    new_head = not kept and form.auto_class.endswith("Classification")
    tuned = Tuned(model, form, moved=pooled or folded is not None, new_head=new_head)
    if adapter is not None:
        adapter.join(tuned, kept or bool(settings.label_set), notes)
    return tuned


def _folded(before: artifact.Artifact, base: str) -> PreTrainedModel | None:
    """A run's weights with its adapters folded in; None where it has none. Raises DoesNotFit where a stage cannot be folded."""
    if not before.tuned.stages:
        return None
    fold(before.tuned)
    if before.tuned.stages:
        raise DoesNotFit("base_has_other_labels", base=base, labels=", ".join(before.form.setting.task.labels))
    return inner(before.tuned.model)


def _continues(before: artifact.Artifact, task: Task, settings: RunSettings) -> bool:
    """Whether the run's own head and Form serve these labels: then they go on, else only its weights do."""
    mine = before.form.setting.task
    same = mine.target_type == task.target_type and set(mine.labels) == set(task.labels)
    return same and settings.form in (None, before.form.name) and settings.prompt is None


def _own_head(files: BaseFiles, task: Task) -> bool:
    """Whether the base brings a head for this task."""
    return len(files.labels) == 1 if task.target_type == "number" else set(files.labels) == set(task.labels)


def _continued_form(before: artifact.Artifact, task: Task, settings: RunSettings, methods: Sequence[Method]) -> Form:
    """A run's own Form, with the length, the template and the settings of the task that the user asks for now."""
    form = before.form
    fixed = {key: value for key, value in form.setting.task.spec().items() if key in FIXED}
    task = task.restore({**task.spec(), **fixed})
    form = type(form).restore(form.spec(), replace(form.setting, task=task))
    if settings.max_length is not None:
        longest = _max_length(settings, open_base(weights_of(before.folder)))
        form = type(form).restore(form.spec(), replace(form.setting, max_length=longest))
    return templated(form, settings, methods)


def _max_length(settings: RunSettings, files: BaseFiles, room: int = 0) -> int:
    """Tokens of a row at most; what a prompt takes in front of it (`room`) is not there for the text."""
    limit = files.length_limit
    if settings.max_length is not None and settings.max_length > limit:
        raise UsageError("max_length_too_long", found=str(settings.max_length), limit=limit, base=settings.base)
    free = (positions(files.config) or limit) - room
    longest = settings.max_length or min(limit, int(files.tokenizer.model_max_length), LENGTH_CEILING)
    if room and (free < LEAST_TEXT or (settings.max_length or 0) > free):
        raise UsageError("prompt_no_room", length=room, limit=free + room, longest=settings.max_length or LEAST_TEXT, free=free)
    return min(longest, free)


def _pools(model: PreTrainedModel, files: BaseFiles) -> bool:
    """Whether a new head over the whole text is put on a base that was trained for mean pooling: it reads the mean (LOG.md)."""
    over_text = type(model).__name__.endswith("SequenceClassification")
    return over_text and declared_pooling(files.source.path) == "mean" and can_pool(model)


def report_text(settings: RunSettings, tuned: Tuned, data: Data, gathered: Gathered | None, notes: Notes) -> None:
    """Say what of the text is cut and what the base cannot read; refuse a base that cannot read half of it."""
    report_targets(tuned.form.setting.task, data.train, notes)
    if isinstance(tuned.model, Hosted):
        return
    report_words(tuned.form, settings.allow_unknown or bool(data.train), notes)
    unlabelled = gathered is not None and not gathered.labelled
    rows = encode(tuned.form, gathered.splits.train, notes) if gathered and unlabelled else data.rows("train", tuned.form, notes)
    setting = tuned.form.setting
    paired = gathered is not None and "text_pair" in gathered.columns.roles
    frame = setting.tokenizer.num_special_tokens_to_add(pair=paired)
    tuned.unknown = unknown_share(rows, frame)
    report_language(tuned.unknown, settings.base, notes, settings.allow_unknown)
    for part in (rows, data.rows("valid", tuned.form, notes)):
        report_cut(part, setting.max_length, notes)
    report_borders(setting.task, rows, notes)


def report_facts(
    recipe: Recipe, tuned: Tuned, methods: Sequence[Method], data: Data, gathered: Gathered | None, notes: Notes
) -> None:
    """Say the settings with their origins, and what the run will take."""
    if isinstance(tuned.model, Hosted):
        report_hosted(tuned, methods, data, gathered, recipe.run.seed)
        return
    lengths = np.array([row.length for row in data.rows("train", tuned.form, notes)])
    shape = _shape(tuned.model)
    for stage, moving in zip(recipe.stages, trial(tuned, methods), strict=True):
        if moving.count and stage.settled.epochs:
            _make_room(stage, shape, moving, lengths, notes)
            _say_cost(stage.method, shape, moving, lengths, stage.settled, recipe.run.precision, notes)
        else:
            notes.say("facts_nothing_moves", method=stage.method, parameters=f"{shape.parameters:,}")
    said = [f"{key}={value} ({origin})" for key, value, origin in recipe.rows() if key.rpartition(".")[2] in SAID]
    notes.say("settings_settled", settings=", ".join(said))


def trial(tuned: Tuned, methods: Sequence[Method]) -> list[Moving]:
    """What each stage will move, found on a twin of the model that shares its tensors. Raises what `insert` does."""
    double, counts = twin(tuned.model), []
    for earlier in reversed(tuned.stages):
        double = earlier.plain(double)
    for method in methods:
        double = method.insert(double, tuned.form)
        counts.append(moved(double, method.moves(double)))
        double = method.plain(double)
    return counts


def report_disk(recipe: Recipe, tuned: Tuned, methods: Sequence[Method], folder: Path, notes: Notes) -> None:
    """Say what the run will take on disk. Raises RunError where that much is clearly not there."""
    moving = max(one.count for one in trial(tuned, methods))
    averaged = any(stage.settled.average for stage in recipe.stages)
    kept, most = disk(parameter_count(tuned.model), moving, averaged, recipe.run.save_every != "none")
    free = shutil.disk_usage(next(place for place in (folder, *folder.absolute().parents) if place.exists())).free
    if most > free:
        raise RunError("disk_too_small", where=str(folder), need=size(most), free=size(free), kept=size(kept))
    if kept:
        notes.say("facts_disk", most=size(most), kept=size(kept), free=size(free))


def _make_room(stage: Stage, shape: Shape, moving: Moving, lengths: np.ndarray, notes: Notes) -> None:
    """Cut a stage's updates smaller where this process may not take the memory. Raises RunError where one row is too much."""
    left = room() if device().type == "cpu" else None
    settings = stage.settled
    most = whole = settings.micro_batch or settings.batch_size or len(lengths)

    def need(count: int) -> int:
        return int(SLACK * cost(shape, moving, _work(lengths, settings.model_copy(update={"micro_batch": count})), 1.0, 0).memory)

    if left is not None and need(1) > left:
        raise RunError("memory_too_small", method=stage.method, need=size(need(1)), room=size(left))
    while left is not None and need(most) > left:
        most //= 2
    if most < whole:
        stage.measured("micro_batch", most, words("origin_memory", room=size(left)))
        notes.warn("memory_split", method=stage.method, micro_batch=most, room=size(left))


def _say_cost(
    method: str, shape: Shape, moving: Moving, lengths: np.ndarray, settings: StageSettings, precision: str, notes: Notes
) -> None:
    expected = cost(shape, moving, _work(lengths, settings), _rate(shape.width, precision), memory())
    notes.say(
        "facts", method=method, parameters=f"{shape.parameters:,}", moving=f"{moving.count:,}",
        memory=f"{expected.memory / 2**30:.1f}", minutes=f"{max(0.1, expected.seconds / 60):.1f}",
    )  # fmt: skip


def _work(lengths: np.ndarray, settings: StageSettings) -> Work:
    """What the stage computes; its largest piece is an update of the longest rows, or as much of it as is computed at once."""
    longest = int(lengths.max())
    update, epochs = settings.batch_size or len(lengths), settings.epochs or 0.0
    piece = max(longest, min(TOKEN_BUDGET[device().type], min(update, settings.micro_batch or update) * longest))
    compiled = math.ceil(epochs * len(lengths) / update) if device().type == "cpu" else 0
    return Work(int(lengths.sum()), epochs, piece, longest, compiled, bool(settings.average))


def _rate(width: int, precision: str) -> float:
    """Operations a second; an arithmetic that this machine has not is slow, but not refused."""
    measured = rates(width)
    return measured.get(precision, measured["fp32"])


def _shape(model: nn.Module) -> Shape:
    config = inner(model).config.get_text_config()
    tables = sum(module.weight.numel() for module in model.modules() if isinstance(module, nn.Embedding))
    return Shape(
        layers=int(config.num_hidden_layers), width=width(model), heads=int(config.num_attention_heads),
        parameters=parameter_count(model), embedding_parameters=tables,
    )  # fmt: skip


def check_fits(tuned: Tuned, methods: Sequence[Method], gathered: Gathered | None) -> None:
    """Refuse before any long work: what does not fit, a template the rows cannot fill, a stage that needs labels."""
    labelled = gathered is not None and gathered.labelled
    for method in methods:
        fitting(method, tuned.form)
        for form in (tuned.form, *method.forms(tuned.form)):
            form.encode(gathered.splits.train[:1] if gathered else ())
        if not labelled and method.trains:
            raise DataError("labels_needed", method=method.name)
