"""What every method has to beat on the same rows.

`majority` is the commonest label (the mean of numbers, the commonest tag), `lexicon` the commonest tag of each word.
`tfidf` (counted words under a linear model) and `frozen` (the base as it is, under one) are results like any other: they may
win, stand in `best/` and serve `predict`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from joyul import linear, results
from joyul.bases.anatomy import head_names, inner
from joyul.bases.source import RECIPE_FILE
from joyul.contracts import Example, Form, Method, Row, Task
from joyul.engine import device
from joyul.engine.batches import TOKEN_BUDGET, cut
from joyul.engine.evaluate import Evaluation
from joyul.errors import DoesNotFit
from joyul.files import write_text
from joyul.forms.readouts import READOUTS, predictions
from joyul.forms.rows import untokenised
from joyul.linear import Counts, Features, Linear, text_of
from joyul.messages import words
from joyul.methods.chain import Data, Tuned, fitting
from joyul.methods.head import Head
from joyul.notes import Notes
from joyul.recipe.resolve import Recipe
from joyul.start import open_tuned
from joyul.tasks import constant
from joyul.tasks.tag import Tag

if TYPE_CHECKING:
    from joyul.data.gather import Gathered

STRENGTHS = (1.0, 10.0, 100.0)  # inverse regularisation, chosen on the validation rows
NO_BASE = "none"
Answer = Callable[[Sequence[Example]], list[Any]]
Result = tuple[Path, dict[str, Any], dict[str, Evaluation]]  # the run folder, what metrics.json holds, answers by split


@dataclass(frozen=True)
class Work:
    """What a baseline is made from, and where its result goes."""

    recipe: Recipe
    gathered: Gathered
    data: Data
    task: Task
    folder: Path
    notes: Notes


def tfidf(work: Work) -> Result:
    """Words and characters counted, with a linear model. Raises DoesNotFit for tags, and where no text has a word."""
    started = time.perf_counter()
    reason = Counts.why_not(work.task, "encoder")
    texts = [text_of(example) for example in work.data.train]
    try:
        features = Features.fit(texts) if reason is None else None
    except ValueError as error:  # no word in any text
        reason = str(error)
    if reason is not None or features is None:
        raise DoesNotFit("method_does_not_fit", method=Counts.name, task=work.task.name, reason=reason)
    form = Counts(untokenised(work.task), features)
    counted = features.of(texts), features.of([text_of(example) for example in work.data.valid])
    model = Linear(*_strongest(work, form, *counted))
    nn.Module.to(model, device.device())
    work.folder.mkdir(parents=True, exist_ok=True)
    linear.save(work.folder, model, form)
    tuned = Tuned(model, form, trainable={name: tensor.numel() for name, tensor in model.named_parameters()})
    return _finished(work, Counts.name, NO_BASE, tuned, (linear.Counting(),), time.perf_counter() - started)


def frozen(work: Work) -> Result:
    """The base as it is, its states read by a linear model: the exact optimum of what `head` approaches by steps.

    Raises DoesNotFit where no linear layer reads the states.
    """
    started, head = time.perf_counter(), Head()
    tuned = open_tuned(work.recipe.run, [head], work.task, work.notes)
    fitting(head, tuned.form)
    if work.task.target_type not in READOUTS:
        reason = words("form_needs_label", form="frozen", task=work.task.name)
        raise DoesNotFit("method_does_not_fit", method="frozen", task=work.task.name, reason=reason)
    name = _last_linear(tuned.model)
    train, valid = (_states(tuned, name, work.data.rows(split, tuned.form, work.notes)) for split in ("train", "valid"))
    coefficients, intercepts = _strongest(work, tuned.form, train, valid)
    layer = tuned.model.get_submodule(name)
    assert isinstance(layer, nn.Linear)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(coefficients))
        if layer.bias is not None:
            layer.bias.copy_(torch.tensor(intercepts))
    tuned.moved, tuned.trainable = True, {name: parameter.numel() for name, parameter in layer.named_parameters()}
    return _finished(work, "frozen", work.recipe.run.base, tuned, (head,), time.perf_counter() - started)


def _strongest(work: Work, form: Form, train: Any, valid: Any) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and intercepts with the best validation score; of the first among equals."""
    task = form.setting.task
    targets = [task.encode(example.target, example.id) for example in work.data.train]
    wanted = [task.decode(task.encode(example.target, example.id)) for example in work.data.valid]
    fits = [
        linear.fit(task, train, targets, strength, work.recipe.run.seed)
        for strength in (STRENGTHS if wanted else STRENGTHS[1:2])
    ]
    if not wanted:
        return fits[0]
    scores = []
    for coefficients, intercepts in fits:
        said = predictions(torch.tensor(valid @ coefficients.T + intercepts), task)
        scores.append(task.metrics(wanted, [one.value for one in said])[task.metric])
    return fits[scores.index(max(scores))]


def majority(task: Task, train: Sequence[Example]) -> Answer:
    """The answer that ignores the text: the commonest label, the mean of numbers."""
    answer = task.baseline(targets(task, train))
    return lambda rows: constant(task, answer, targets(task, rows))


def lexicon(task: Task, train: Sequence[Example]) -> Answer:
    """The commonest tag of each word (or character); of all, for one that was not seen. For tags."""
    assert isinstance(task, Tag)
    seen: dict[str, Counter[str]] = {}
    for example in train:
        for piece, tag in zip(task.pieces(example.inputs["text"]), example.target, strict=True):
            seen.setdefault(piece, Counter())[tag] += 1
    usual = {piece: counts.most_common(1)[0][0] for piece, counts in seen.items()}
    other = task.baseline(targets(task, train))
    return lambda rows: [[usual.get(piece, other) for piece in task.pieces(row.inputs["text"])] for row in rows]


def targets(task: Task, examples: Sequence[Example]) -> list[Any]:
    """The targets as predictions are written: labels as text, numbers as numbers."""
    return [task.decode(task.encode(example.target, example.id)) for example in examples]


ANSWERS: dict[str, Callable[[Task, Sequence[Example]], Answer]] = {"majority": majority, "lexicon": lexicon}
BASELINES: dict[str, Callable[[Work], Result]] = {"tfidf": tfidf, "frozen": frozen}


def _last_linear(model: nn.Module) -> str:
    """The layer of the head that makes the logits, by its name in `model`."""
    base = inner(model)
    owners = {name.rpartition(".")[0] for name in head_names(base) if "pooler" not in name}
    names = [name for name, module in model.named_modules() if name in owners and isinstance(module, nn.Linear)]
    if not names:
        raise DoesNotFit("no_linear_head", found=base.config.model_type)
    return str(names[-1])


def _states(tuned: Tuned, name: str, rows: Sequence[Row]) -> np.ndarray:
    """What that layer reads of each row, shape (rows, width): the logits, once the layer passes on what it gets."""
    owner, _, attribute = name.rpartition(".")
    parent, layer = tuned.model.get_submodule(owner), tuned.model.get_submodule(name)
    found: dict[int, np.ndarray] = {}
    tuned.model.eval()
    setattr(parent, attribute, nn.Identity())
    try:
        with torch.no_grad():
            for piece in cut(rows, TOKEN_BUDGET[device.device().type], None):
                states = tuned.model(**tuned.form.collate(piece).inputs).logits.float().cpu().numpy()
                found |= zip(map(id, piece), states, strict=True)
    finally:
        setattr(parent, attribute, layer)
    return np.stack([found[id(row)] for row in rows]) if rows else np.zeros((0, 1))


def _finished(work: Work, name: str, base: str, tuned: Tuned, methods: Sequence[Method], seconds: float) -> Result:
    """A run folder like any other; its recipe says what it is, and is none that `train` could run again."""
    run = work.recipe.run.model_copy(update={"method": name, "base": base, "methods": None})
    recipe = Recipe(run, [], dict(work.recipe.origins))
    roles = work.gathered.columns.roles
    columns = {"text": roles.get("text"), "pair": roles.get("text_pair"), "label": roles.get("target")}
    recipe.updated(words("origin_found"), **columns, task=work.task.name, shots=None)
    work.folder.mkdir(parents=True, exist_ok=True)
    write_text(work.folder / RECIPE_FILE, recipe.as_yaml())
    lineage = [{"base": base, "method": name, "folder": str(work.folder)}]
    spent = {"train": seconds, "total": seconds}
    ended = results.Finished(recipe, tuned, work.gathered, work.data, (), methods, spent, lineage)
    return (work.folder, *results.write(work.folder, ended, work.notes))
