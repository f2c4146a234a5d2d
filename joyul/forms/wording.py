"""What a prompt says: instruction, solved examples, the template around the text, and the words that stand for each label.

    instruction

    template of a demonstration, its label's first word in place

    template of the row, {label} left open
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

from joyul.contracts import Task
from joyul.errors import UsageError
from joyul.forms.nearest import Nearest
from joyul.forms.template import check, fill, slots

BETWEEN = "\n\n"  # between instruction, demonstrations and row
INPUTS = ("text", "text_pair")


@dataclass(frozen=True)
class Phrase:
    """A template and the words of the labels in it."""

    template: str
    words: Mapping[str, tuple[str, ...]]

    def of(self, label: str) -> tuple[str, ...]:
        """The words of a label."""
        return self.words.get(label) or (label,)

    def spec(self, task: Task) -> dict[str, Any]:
        """As prompt.yaml has it."""
        return {"template": self.template, "words": {label: list(self.of(label)) for label in task.labels}}


@dataclass(frozen=True)
class Wording:
    """`words` maps a label to the words that stand for it (itself where none are given); `bias` to what its score is moved by.

    A demonstration maps `text`, `label` (and `text_pair`) to their values. `nearest`: of all of them so many are shown, those
    most like the row; 0: all are, before every row. `ensemble`: further templates, asked one by one with all else as it stands;
    the log probabilities that each gives the labels are averaged.
    """

    template: str = "{text} {label}"
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    instruction: str = ""
    demonstrations: tuple[Mapping[str, str], ...] = ()
    bias: Mapping[str, float] = field(default_factory=dict)
    nearest: int = 0
    ensemble: tuple[Phrase, ...] = ()

    def of(self, label: str) -> tuple[str, ...]:
        """The words of a label."""
        return self.words.get(label) or (label,)

    def with_template(self, template: str) -> Self:
        """The same around another template alone. Raises UsageError for one without `{text}` or `{label}`."""
        check_template(template)
        return replace(self, template=template, ensemble=())

    @property
    def phrases(self) -> tuple[Phrase, ...]:
        """Every template with its words, the first one's own first."""
        return (Phrase(self.template, self.words), *self.ensemble)

    def saying(self, phrases: Sequence[Phrase]) -> Self:
        """The same around other templates: the mean of what each says, where they are several."""
        first, *others = phrases
        return replace(self, template=first.template, words=first.words, ensemble=tuple(others))

    def opening(self, inputs: Mapping[str, Any]) -> str:
        """What stands in front of a row."""
        items = self._near.to(inputs) if self.nearest else self.demonstrations
        shown = [fill(self.template, {**item, "label": self.of(item["label"])[0]}) for item in items]
        return "".join(part + BETWEEN for part in ([self.instruction] if self.instruction else []) + shown)

    @cached_property
    def _near(self) -> Nearest:
        return Nearest(self.demonstrations, self.nearest)

    def before(self, inputs: Mapping[str, Any]) -> str:
        """All that stands before the label of a row, without the space between them."""
        return (self.opening(inputs) + fill(self.template.partition("{label}")[0], inputs)).rstrip()

    def whole(self, inputs: Mapping[str, Any], label: str) -> str:
        """All of it, with `label` in the label's place."""
        return self.opening(inputs) + fill(self.template, {**inputs, "label": label})

    def behind(self, inputs: Mapping[str, Any]) -> str:
        """All that stands behind the label of a row."""
        return fill(self.template.partition("{label}")[2], inputs)

    def lead(self) -> str:
        """The last words of the template before the label, which decide how its words become tokens; empty at its start."""
        before = self.template.partition("{label}")[0]
        literal = fill(before[before.rfind("}") + 1 :], {})
        return literal if literal.strip() or not before else "a" + literal

    def fits(self, inputs: Iterable[str]) -> None:
        """Raise UsageError for a template that leaves out a text of the rows, or has a slot they cannot fill."""
        given = [name for name in INPUTS if name in inputs]
        for name in given:
            check(self.template, required=name, allowed=(*given, "label"))

    def spec(self, task: Task) -> dict[str, Any]:
        """As prompt.yaml has it."""
        found = self.phrases[0].spec(task)
        found |= {"ensemble": [phrase.spec(task) for phrase in self.ensemble]} if self.ensemble else {}
        found |= {"instruction": self.instruction} if self.instruction else {}
        found |= {"demonstrations": [dict(item) for item in self.demonstrations]} if self.demonstrations else {}
        found |= {"nearest": self.nearest} if self.nearest else {}
        return found | ({"bias": {label: round(self.bias.get(label, 0.0), 6) for label in task.labels}} if self.bias else {})

    @classmethod
    def restore(cls, spec: Mapping[str, Any], task: Task) -> Self:
        """From what `spec` gave, edited or not. Raises UsageError for labels that the task does not have."""
        phrase, *others = (_phrase(item, spec, task) for item in (spec, *(spec.get("ensemble") or ())))
        shown = tuple(dict(item) for item in spec.get("demonstrations") or ())
        known((*(spec.get("bias") or {}), *(item["label"] for item in shown)), task)
        bias = {label: float(value) for label, value in (spec.get("bias") or {}).items()}
        instruction, nearest = spec.get("instruction") or "", int(spec.get("nearest") or 0)
        return cls(phrase.template, phrase.words, instruction, shown, bias, nearest, tuple(others))


def _phrase(item: Mapping[str, Any], first: Mapping[str, Any], task: Task) -> Phrase:
    """One of several templates as prompt.yaml has it, with the words of the first where it has none of its own."""
    check_template(item["template"])
    said = listed_words(item.get("words") or first.get("words") or {})
    known(said, task)
    return Phrase(item["template"], said)


def known(labels: Iterable[str], task: Task) -> None:
    """Raise UsageError for a label that the task does not have."""
    for found in labels:
        if found not in task.labels:
            raise UsageError("prompt_unknown_label", found=str(found), allowed=list(task.labels))


def label_words(given: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """`0=bad|awful` as label and words. Raises UsageError for a label without a word."""
    pairs = [item.partition("=") for item in given]
    return listed_words({label.strip(): [word.strip() for word in words.split("|")] for label, _, words in pairs})


def listed_words(words: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """One word a label, or a list of them. Raises UsageError for a label without one, and for a word that is none."""
    listed = {label: (found,) if isinstance(found, str) else tuple(found or ()) for label, found in words.items()}
    for label, found in listed.items():
        if not found or not all(str(word).strip() for word in found):
            raise UsageError("label_words_empty", label=label)
    return listed


def check_template(template: str) -> None:
    """Raise UsageError for a template without `{text}`, without `{label}` or with a slot that is none."""
    for slot in ("text", "label"):
        check(template, required=slot, allowed=(*INPUTS, "label"))
    if slots(template).count("label") > 1:
        raise UsageError("template_two_labels", template=template)
