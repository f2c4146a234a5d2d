"""The default Form: the text (in a template, if any) and a head that gives one answer a row: a label, labels or a number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from joyul.contracts import Architecture, Batch, Example, Form, Prediction, Row, Setting, Task
from joyul.forms import readouts
from joyul.forms import rows as shared
from joyul.forms.template import check, fill, slots
from joyul.messages import words


@dataclass(frozen=True)
class Default:
    """`template` goes around the text; with a `{text_pair}` slot the pair becomes part of the one text."""

    setting: Setting
    template: str = "{text}"
    name: ClassVar[str] = "default"
    auto_class: ClassVar[str] = "AutoModelForSequenceClassification"

    @classmethod
    def why_not(cls, task: Task, architecture: Architecture) -> str | None:
        if task.target_type not in readouts.READOUTS:
            return words("form_needs_one_answer", form=cls.name, task=task.name)
        return words("form_no_encoder_decoder", form=cls.name) if architecture == "encoder-decoder" else None

    @property
    def why_not_plain(self) -> str | None:
        framed = self.template != "{text}"
        return words("not_plain_template", template=self.template) if framed else self.setting.task.why_not_plain

    def with_template(self, template: str) -> Form:
        """The same Form around another template. Raises UsageError for one without `{text}`."""
        check(template, required="text", allowed=("text", "text_pair"))
        return Default(self.setting, template)

    def encode(self, examples: Iterable[Example]) -> list[Row]:
        listed = list(examples)
        for example in listed[:1]:
            check(self.template, required="text", allowed=tuple(example.inputs))
        texts = [fill(self.template, example.inputs) for example in listed]
        paired = bool(listed) and "text_pair" in listed[0].inputs and "text_pair" not in slots(self.template)
        pairs = [example.inputs["text_pair"] for example in listed] if paired else None
        tokens = shared.tokenise(texts, pairs, self.setting)
        return [shared.row(example, self.setting, *parts) for example, parts in zip(listed, tokens, strict=True)]

    def collate(self, rows: Sequence[Row]) -> Batch:
        return readouts.batch(rows, self.setting)

    def losses(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        return readouts.losses(model(**batch.inputs).logits, batch.targets, self.setting.task, label_smoothing)

    def reader(self, model: nn.Module) -> Callable[[Batch], list[Prediction]]:
        return lambda batch: readouts.predictions(model(**batch.inputs).logits, self.setting.task)

    def spec(self) -> dict[str, Any]:
        return {"template": self.template}

    @classmethod
    def restore(cls, spec: Mapping[str, Any], setting: Setting) -> Self:
        check(spec["template"], required="text", allowed=("text", "text_pair"))
        return cls(setting, spec["template"])
