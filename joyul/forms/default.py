"""The default Form: the text (in a template, if any) and a head that gives one answer a row: a label, labels or a number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from joyul.contracts import Architecture, Batch, Example, Form, Prediction, Row, Setting, Task
from joyul.forms import readouts
from joyul.forms import rows as shared
from joyul.forms.template import check, fill, slots
from joyul.forms.wording import known
from joyul.messages import words


@dataclass(frozen=True)
class Default:
    """`template` goes around the text; with a `{text_pair}` slot the pair becomes part of the one text.

    `bias` moves the logits of labels (calibration): a head that was trained on the bare text leans to one side under a template.
    """

    setting: Setting
    template: str = "{text}"
    bias: Mapping[str, float] = field(default_factory=dict)
    name: ClassVar[str] = "default"
    auto_class: ClassVar[str] = "AutoModelForSequenceClassification"

    @classmethod
    def why_not(cls, task: Task, architecture: Architecture) -> str | None:
        if task.target_type not in readouts.READOUTS:
            return words("form_needs_one_answer", form=cls.name, task=task.name)
        return words("form_no_encoder_decoder", form=cls.name) if architecture == "encoder-decoder" else None

    @property
    def why_not_plain(self) -> str | None:
        if self.template != "{text}":
            return words("not_plain_template", template=self.template)
        return words("not_plain_bias") if self.bias else self.setting.task.why_not_plain

    def with_template(self, template: str) -> Form:
        """The same Form around another template. Raises UsageError for one without `{text}`."""
        check(template, required="text", allowed=("text", "text_pair"))
        return replace(self, template=template)

    def biased(self, bias: Mapping[str, float]) -> Self:
        """The same Form, its labels moved otherwise."""
        return replace(self, bias=bias)

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
        return readouts.losses(self._logits(model, batch), batch.targets, self.setting.task, label_smoothing)

    def reader(self, model: nn.Module) -> Callable[[Batch], list[Prediction]]:
        return lambda batch: readouts.predictions(self._logits(model, batch), self.setting.task)

    def _logits(self, model: nn.Module, batch: Batch) -> Tensor:
        logits: Tensor = model(**batch.inputs).logits
        if not self.bias:
            return logits
        bias = [self.bias.get(label, 0.0) for label in self.setting.task.labels]
        return logits + torch.tensor(bias, dtype=logits.dtype, device=logits.device)

    def spec(self) -> dict[str, Any]:
        return {"template": self.template, **({"bias": dict(self.bias)} if self.bias else {})}

    @classmethod
    def restore(cls, spec: Mapping[str, Any], setting: Setting) -> Self:
        check(spec["template"], required="text", allowed=("text", "text_pair"))
        bias = {label: float(value) for label, value in (spec.get("bias") or {}).items()}
        known(bias, setting.task)
        return cls(setting, spec["template"], bias)
