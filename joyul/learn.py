"""From the gathered rows and the settings to the task: its labels, its numbers, its tags; and every row checked against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from joyul.contracts import Example, Form, Row, Task
from joyul.errors import DataError, UsageError, listing
from joyul.forms.align import Tagged
from joyul.forms.label_words import plain
from joyul.forms.similarity import Similarity
from joyul.messages import words
from joyul.notes import Notes
from joyul.recipe.resolve import Recipe
from joyul.recipe.settings import RunSettings
from joyul.tasks import TASKS
from joyul.tasks.entities import orphans, spans
from joyul.tasks.tag import Tag

if TYPE_CHECKING:
    from joyul.data.gather import Gathered

TARGETS = {
    "label": "targets_label", "labels": "targets_labels", "number": "targets_number", "tags": "targets_tags",
    "text": "targets_text",
}  # fmt: skip
MEANINGLESS = {"label_smoothing": ("number",), "class_weights": ("number", "tags")}  # settings of a stage, by type of target
SPELLED = 2  # tokens a letter or more: it is read by parts of letters, or by bytes
FROM_LABELS = ("search", "candidates", "demonstrations", "proposals")  # settings of what labelled rows choose or offer
TASK_SETTINGS = ("positive", "operating_point", "abstain", "bounds", "separator")  # those that only some tasks know


def learn_task(settings: RunSettings, gathered: Gathered | None) -> Task:
    """The task with its labels: those given, or those of the training rows. Raises DataError, UsageError."""
    task = _learned(settings, gathered)
    given = {key: value for key in TASK_SETTINGS if (value := getattr(settings, key)) is not None}
    for key in given:
        if key not in task.takes:
            raise UsageError("setting_not_for_task", key=key, task=task.name, targets=words(TARGETS[task.target_type]))
    task = task.configured(given)
    if settings.operating_point is not None and not (gathered and gathered.labelled and gathered.splits.valid):
        raise DataError("operating_point_needs_valid")
    if gathered is not None and gathered.labelled:
        for examples in (gathered.splits.train, gathered.splits.valid, gathered.splits.test):
            check_targets(task, examples or ())
    return task


def check_stages(recipe: Recipe, task: Task, labelled: bool) -> None:
    """Refuse settings of a stage that have no meaning for the targets, or without any. Raises DataError, UsageError."""
    if not labelled and len(recipe.run.template or ()) > 1:
        raise DataError("templates_need_labels", count=len(recipe.run.template or ()))
    for key, value in ((key, value) for stage in recipe.stages for key, value in stage.values.items()):
        if task.target_type in MEANINGLESS.get(key, ()) and value not in ("none", 0.0):
            raise UsageError("setting_not_for_task", key=key, task=task.name, targets=words(TARGETS[task.target_type]))
        if not labelled and key in FROM_LABELS and value not in (0, "given"):
            raise DataError("setting_needs_labels", key=key, value=value)


def _learned(settings: RunSettings, gathered: Gathered | None) -> Task:
    name = gathered.columns.task if gathered else "classify"
    if name not in TASKS:
        raise DataError("task_not_built", task=name, rule=gathered.columns.rule if gathered else "", built=", ".join(TASKS))
    if settings.label_set is not None:
        task = _labelled(settings.label_set, name, settings, gathered)
    elif gathered is None or not gathered.labelled:
        raise DataError("no_target", columns=", ".join(gathered.columns.roles.values()) if gathered else "")
    else:  # labels may stand anywhere in the file; the mean of numbers is learned, so from training rows only
        task = TASKS[name].learn(gathered.splits.train.targets if name == "regress" else _carved(gathered))
    return task.for_rows(gathered.splits.train) if isinstance(task, Tag) and gathered else task


def _labelled(labels: Sequence[str], name: str, settings: RunSettings, gathered: Gathered | None) -> Task:
    """The task of the labels given. Raises UsageError for labels that are none."""
    if name == "regress":
        raise UsageError("setting_not_for_task", key="labels", task=name, targets=words(TARGETS["number"]))
    if len(set(labels)) < max(2, len(labels)) or "" in labels:
        raise UsageError("labels_not_distinct", found=", ".join(map(repr, labels)))
    split = [label for label in labels if settings.separator and settings.separator in label]
    if split:
        raise UsageError("label_with_separator", found=split[0], separator=settings.separator)
    targets = gathered.splits.train.targets if gathered is not None and gathered.labelled else []
    many = any(isinstance(target, list) for target in targets)
    return TASKS[name].restore({"labels": labels, "many": many})


def report_targets(task: Task, examples: Sequence[Example], notes: Notes) -> None:
    """Say what is unusual about the training targets."""
    if isinstance(task, Tag) and task.marked:
        rows = [example.id.rpartition(":") for example in examples if orphans(example.target or ())]
        notes.rows("tags_begin_inside", [row for _, _, row in rows], file=rows[0][0] if rows else "")
    if task.target_type == "labels" and all(len(example.target or ()) < 2 for example in examples):
        notes.warn("labels_all_single")


def report_words(form: Form, doable: bool, notes: Notes) -> None:
    """Refuse a label of whose words a sentence encoder knows none, where they alone say what it means; else say which.

    Where most words are spelled by their parts the base was not trained in their language: that is said of any base.
    """
    words_of, tokenizer = form.spec().get("words") or {}, form.setting.tokenizer
    unread = form.unread() if isinstance(form, Similarity) else []
    strange = {word for _, word in unread}
    for label, word in unread:
        if not doable and not set(words_of[label]) - strange:
            raise UsageError("label_word_unknown", label=label, word=word, tokenizer=tokenizer.name_or_path)
    said = [word for found in words_of.values() for word in found]
    parts = [word for word in said if len(word) > 1 and len(plain(tokenizer, word)) >= SPELLED * len(word)]
    if parts and 2 * len({*parts, *strange}) > len(set(said)):
        notes.warn("label_words_spelled", words=listing(dict.fromkeys(parts), limit=3), tokenizer=tokenizer.name_or_path)
    elif unread:
        missing = listing(dict.fromkeys(word for _, word in unread))
        notes.warn("label_words_unread", words=missing, tokenizer=tokenizer.name_or_path)


def report_borders(task: Task, rows: Sequence[Row], notes: Notes) -> None:
    """Say what the tokens cannot tell: entities that begin or end inside a token, and the best score that leaves."""
    if not isinstance(task, Tag) or not task.marked:
        return
    read = [row for row in rows if row.target is not None and not row.cut]
    gold = [task.decode(row.target) for row in read]
    best = [task.answer(_told(row)).value for row in read]
    lost = [row.id for row, one, other in zip(read, gold, best, strict=True) if spans(one) != spans(other)]
    if lost:
        notes.rows("tags_inside_tokens", lost, score=f"{task.metrics(gold, best)[task.metric]:.3f}")


def _told(row: Row) -> Tagged:
    """What a model that makes no mistake reads off the tokens of a row."""
    reach = row.aside.reach
    return Tagged(row.aside.pieces, reach, [row.target[first] for first, _ in reach], [1.0] * len(reach))


def _carved(gathered: Gathered) -> list[Any]:
    """Targets of the training rows, and of those carved from the same file: together they define the labels.

    A file of its own does not.
    """
    splits = gathered.splits
    parts = [part for part in (splits.train, splits.valid, splits.test) if part is not None]
    return [target for part in parts if part.table is splits.train.table for target in part.targets]


def check_targets(task: Task, examples: Sequence[Example]) -> None:
    """Refuse a target that the task does not have, or a text that is none, by file and row, before any work. Raises DataError."""
    for example in examples:
        try:
            task.check(example, example.id)
        except DataError:
            file, _, row = example.id.rpartition(":")
            task.check(example, words("at_row", file=file, row=row))  # the words of a place, of one row alone
