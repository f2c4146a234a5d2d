"""Zero-shot and few-shot by instruction: a hosted model is told the labels and answers with one of them.

With the probabilities of its tokens where the server gives them, in a schema or in plain words where it does not. An answer that
is no label is asked about once more; a row that stays without one has the reason in its Prediction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from torch import Tensor, nn

from joyul.contracts import Architecture, Batch, Example, Form, Prediction, Row, Setting, Task
from joyul.endpoint.ability import WAYS, freely, tells_probabilities
from joyul.endpoint.reply import Failure, Reply
from joyul.errors import DoesNotFit, UsageError
from joyul.forms.hangul import korean
from joyul.forms.label_words import distinct
from joyul.forms.likely import masses, plain
from joyul.forms.nearest import Nearest
from joyul.forms.template import check, fill, slots
from joyul.forms.wording import known, listed_words
from joyul.messages import words

if TYPE_CHECKING:
    from joyul.bases.hosted import Hosted

SLOTS = ("text", "text_pair", "labels")
SHARE = 0.5  # of the probability has to go to labels before their probabilities are an answer
SHOWN = 60  # characters of an answer that is no label
# What is asked of the model. Korean where the labels are; they belong to the result, not to the language of the messages.
LABELS = "{labels}"
ENGLISH = (
    "Read the text and answer with the one label that fits it best. The labels:\n{labels}\n"
    "Answer with the label alone, exactly as it is written here.",
    "Answer with one of these labels alone, exactly as it is written here:\n{labels}",
    "That is none of the labels. Answer with exactly one of these and nothing else:\n{labels}",
)
KOREAN = (
    "글을 읽고 가장 알맞은 라벨 하나로 답하세요. 라벨:\n{labels}\n여기 쓰인 그대로 라벨만 답하고 다른 말은 하지 마세요.",
    "다음 라벨 가운데 하나만, 여기 쓰인 그대로 답하고 다른 말은 하지 마세요:\n{labels}",
    "그것은 라벨이 아닙니다. 다음 가운데 정확히 하나만 답하고 다른 말은 하지 마세요:\n{labels}",
)


@dataclass(frozen=True)
class Instruct:
    """`instruction` opens the conversation, `demonstrations` (`text`, `label`) are turns of it, then `template` around the text.

    `words_of` maps a label to the words that mean it (itself where none are given): the first is asked for, all are understood.
    `way` says how the server is asked (`joyul.endpoint.ability`); `nearest`: see `Wording`.
    """

    setting: Setting
    template: str = "{text}"
    instruction: str = ""
    words_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    demonstrations: tuple[Mapping[str, str], ...] = ()
    way: str = "text"
    nearest: int = 0
    name: ClassVar[str] = "instruct"
    auto_class: ClassVar[str] = ""

    def __post_init__(self) -> None:
        """Raise UsageError for a template that cannot be filled, and for two labels with one word."""
        check(self.template, required="text", allowed=SLOTS)
        distinct([(label, plain(word)) for label, word in self._meanings])

    @classmethod
    def why_not(cls, task: Task, architecture: Architecture) -> str | None:
        if task.target_type != "label":
            return words("form_needs_label", form=cls.name, task=task.name)
        return None if architecture == "hosted" else words("form_needs_endpoint", form=cls.name)

    @property
    def why_not_plain(self) -> str | None:
        return words("not_plain_form", form=self.name)

    @property
    def words(self) -> list[str]:
        """What the model is to answer for each label."""
        return [self._word(label) for label in self.setting.task.labels]

    @cached_property
    def _meanings(self) -> list[tuple[str, str]]:
        """(label, word) of every word that is understood."""
        return [(label, word) for label in self.setting.task.labels for word in self.words_of.get(label) or (label,)]

    def _word(self, label: str) -> str:
        return (self.words_of.get(label) or (label,))[0]

    @property
    def _said(self) -> tuple[str, str, str]:
        """The usual instruction, what follows the user's own, and the second question, in the language of the labels."""
        return KOREAN if korean(self.words) else ENGLISH

    def with_template(self, template: str) -> Form:
        """The same Form around another template. Raises UsageError for one without `{text}`."""
        return replace(self, template=template)

    def showing(self, demonstrations: Sequence[Mapping[str, str]], nearest: int = 0) -> Self:
        """The same Form with other demonstrations, all of them or the `nearest` to each row."""
        return replace(self, demonstrations=tuple(demonstrations), nearest=nearest)

    def instructed(self, instruction: str) -> Self:
        """The same Form with another instruction."""
        return replace(self, instruction=instruction)

    def writing(self, question: str) -> dict[str, Any]:
        """What is sent for a text of the model's own instead of a label."""
        return {"messages": [{"role": "user", "content": question}], **freely(self.way)}

    def encode(self, examples: Iterable[Example]) -> list[Row]:
        task = self.setting.task
        return [
            Row(
                example.id, {}, None if example.target is None else task.encode(example.target, example.id),
                aside=self.messages(example),
            )
            for example in examples
        ]  # fmt: skip

    def messages(self, example: Example) -> list[dict[str, str]]:
        """The conversation that ends with the text. A demonstration that is the text itself is left out."""
        for slot in slots(self.template):
            if slot not in (*example.inputs, "labels"):
                check(self.template, required="text", allowed=(*example.inputs, "labels"))
        turns = [{"role": "system", "content": self._opening}]
        for shown in self._near.to(example.inputs) if self.nearest else self.demonstrations:
            if shown["text"] != example.inputs["text"]:
                turns += [{"role": "user", "content": self._asked(shown)}, _says(self._word(shown["label"]))]
        return [*turns, {"role": "user", "content": self._asked(example.inputs)}]

    @cached_property
    def _near(self) -> Nearest:
        return Nearest(self.demonstrations, self.nearest)

    def _asked(self, inputs: Mapping[str, Any]) -> str:
        pair = inputs.get("text_pair")
        text = fill(self.template, {**inputs, "labels": ", ".join(self.words)})
        return text if pair is None or "text_pair" in slots(self.template) else f"{text}\n\n{pair}"

    @cached_property
    def _opening(self) -> str:
        return self._listed(self._told)

    @cached_property
    def _told(self) -> str:
        """The instruction with the labels' place in it: behind the user's own words, where these have none."""
        if LABELS in self.instruction:
            return self.instruction
        return f"{self.instruction}\n{self._said[1]}" if self.instruction else self._said[0]

    def _listed(self, sentence: str) -> str:
        return sentence.replace(LABELS, "\n".join(f"- {word}" for word in self.words))

    def collate(self, rows: Sequence[Row]) -> Batch:
        return Batch(rows, {})

    def losses(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        reason = words("method_needs_weights")
        raise DoesNotFit("method_does_not_fit", method=self.name, task=self.setting.task.name, reason=reason)

    def requests(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """What is sent for each row."""
        return [self._request(row.aside) for row in rows]

    def _request(self, messages: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        return {"messages": list(messages), **WAYS[self.way](self.words)}

    def reader(self, model: nn.Module) -> Callable[[Batch], list[Prediction]]:
        return lambda batch: self._read(cast("Hosted", model), batch.rows)

    def _read(self, model: Hosted, rows: Sequence[Row]) -> list[Prediction]:
        """Ask for every row, once more where the answer is no label, and tell which rows stay without one."""
        replies = model.ask(self.requests(rows))
        found = [self._answer(reply) for reply in replies]
        again = [place for place, reply in enumerate(replies) if found[place].value is None and _unlabelled(reply, found[place])]
        if again:
            second = model.ask([self._again(rows[place], replies[place]) for place in again])
            for place, reply in zip(again, second, strict=True):
                found[place] = self._answer(reply)
        _tell(model, rows, found)
        return found

    def _again(self, row: Row, reply: Reply | Failure) -> dict[str, Any]:
        assert isinstance(reply, Reply)
        reminder = {"role": "user", "content": self._listed(self._said[2])}
        return self._request([*row.aside, _says(reply.text), reminder])

    def _answer(self, reply: Reply | Failure) -> Prediction:
        """The label with its probability, the label alone, or the reason why there is none."""
        if isinstance(reply, Failure):
            return Prediction(None, reason=reply.reason)
        if reply.refused:
            return Prediction(None, reason=words("answer_refused", found=reply.text[:SHOWN]))
        meant = {plain(word): label for label, word in self._meanings}
        found = masses(reply.tokens, list(meant)) if tells_probabilities(self.way) else []
        if sum(found) >= SHARE:
            mass = dict.fromkeys(self.setting.task.labels, 0.0)
            for label, part in zip(meant.values(), found, strict=True):
                mass[label] += part / sum(found)
            return self.setting.task.answer(list(mass.values()))
        said = plain(_said_label(reply.text))
        if said in meant:
            return Prediction(meant[said])
        return Prediction(None, reason=words("answer_no_label", found=reply.text[:SHOWN]))

    def spec(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"demonstrations": [dict(one) for one in self.demonstrations]} if self.demonstrations else {}
        shown |= {"nearest": self.nearest} if self.nearest else {}
        used = {label: list(self.words_of.get(label) or (label,)) for label in self.setting.task.labels}
        return {"template": self.template, "instruction": self._told, "words": used, **shown, "way": self.way}

    @classmethod
    def restore(cls, spec: Mapping[str, Any], setting: Setting) -> Self:
        if spec["way"] not in WAYS:
            raise UsageError("endpoint_way", found=spec["way"], allowed=list(WAYS))
        shown = tuple(dict(one) for one in spec.get("demonstrations") or ())
        words_of = listed_words(spec.get("words") or {})
        known((*words_of, *(one["label"] for one in shown)), setting.task)
        nearest = int(spec.get("nearest") or 0)
        return cls(setting, spec["template"], spec.get("instruction") or "", words_of, shown, spec["way"], nearest)


def _says(word: str) -> dict[str, str]:
    return {"role": "assistant", "content": word}


def _said_label(text: str) -> str:
    """The label of a JSON object, or the text itself."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return str(found["label"]) if isinstance(found, dict) and "label" in found else text


def _unlabelled(reply: Reply | Failure, found: Prediction) -> bool:
    """Whether there was an answer, willing, but no label; an answer withheld for its low probability is one."""
    return isinstance(reply, Reply) and not reply.refused and found.score is None


def _tell(model: Hosted, rows: Sequence[Row], found: Sequence[Prediction]) -> None:
    """The rows without an answer, by their reasons."""
    reasons = dict.fromkeys(one.reason for one in found if one.reason is not None)
    for reason in reasons:
        mine = [row.id for row, one in zip(rows, found, strict=True) if one.reason == reason]
        model.asker.unanswered(reason, mine)
