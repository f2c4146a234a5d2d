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
from typing import TYPE_CHECKING, Any, Literal

from torch import nn

from joyul import linear, results
from joyul.bases.anatomy import inner, last_linear
from joyul.bases.source import RECIPE_FILE
from joyul.contracts import Example, Method, Task
from joyul.engine import device
from joyul.engine.evaluate import Evaluation
from joyul.errors import DoesNotFit
from joyul.files import write_text
from joyul.forms.readouts import READOUTS
from joyul.forms.rows import untokenised
from joyul.linear import Counts, Features, Linear, text_of
from joyul.messages import words
from joyul.methods.chain import Data, Tuned, fitting
from joyul.methods.ends import End
from joyul.methods.fitted import fit_head, strongest
from joyul.methods.head import Head
from joyul.notes import Notes
from joyul.recipe.resolve import Recipe
from joyul.start import open_tuned
from joyul.tasks import constant
from joyul.tasks.tag import Tag

if TYPE_CHECKING:
    from joyul.data.gather import Gathered

NO_BASE = "none"
Answer = Callable[[Sequence[Example]], list[Any]]
Result = tuple[Path, dict[str, Any], dict[str, Evaluation]]  # the run folder, what metrics.json holds, answers by split


@dataclass(frozen=True)
class Work:
    """What a baseline is made from, and where its result goes. `end`: of a method, where it has been trained to already."""

    recipe: Recipe
    gathered: Gathered
    data: Data
    task: Task
    folder: Path
    notes: Notes
    end: End | None = None


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
    model = Linear(*strongest(work.task, counted, (_encoded(work, "train"), _encoded(work, "valid")), work.recipe.run.seed))
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
    name = last_linear(tuned.model)
    if name is None:
        raise DoesNotFit("no_linear_head", found=inner(tuned.model).config.model_type)
    train, valid = (work.data.rows(split, tuned.form, work.notes) for split in ("train", "valid"))
    fit_head(tuned.model, tuned.form, name, train, valid, work.recipe.run.seed)
    layer = tuned.model.get_submodule(name)
    tuned.moved, tuned.trainable = True, {f"{name}.{own}": parameter.numel() for own, parameter in layer.named_parameters()}
    return _finished(work, "frozen", work.recipe.run.base, tuned, (head,), time.perf_counter() - started)


def _encoded(work: Work, split: Literal["train", "valid"]) -> list[Any]:
    return [work.task.encode(example.target, example.id) for example in getattr(work.data, split)]


def majority(work: Work) -> Answer:
    """The answer that ignores the text: the commonest label, the mean of numbers."""
    task = work.task
    answer = task.baseline(targets(task, work.data.train))
    return lambda rows: constant(task, answer, targets(task, rows))


def lexicon(work: Work) -> Answer:
    """The commonest tag of each word (or character); of all, for one that was not seen. For tags."""
    task = work.task
    assert isinstance(task, Tag)
    seen: dict[str, Counter[str]] = {}
    for example in work.data.train:
        for piece, tag in zip(task.pieces(example.inputs["text"]), example.target, strict=True):
            seen.setdefault(piece, Counter())[tag] += 1
    usual = {piece: counts.most_common(1)[0][0] for piece, counts in seen.items()}
    other = task.baseline(targets(task, work.data.train))
    return lambda rows: [[usual.get(piece, other) for piece in task.pieces(row.inputs["text"])] for row in rows]


def targets(task: Task, examples: Sequence[Example]) -> list[Any]:
    """The targets as predictions are written: labels as text, numbers as numbers."""
    return [task.decode(task.encode(example.target, example.id)) for example in examples]


BASELINES: dict[str, Callable[[Work], Result]] = {"tfidf": tfidf, "frozen": frozen}


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
