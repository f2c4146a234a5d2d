"""What the Forms share that ask a language model for a word: a Wording around the text, and scores of labels to predictions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from joyul.contracts import Architecture, Batch, Example, Form, Prediction, Row, Setting, Task
from joyul.errors import UsageError
from joyul.forms import readouts
from joyul.forms.wording import Wording
from joyul.messages import words


@dataclass(frozen=True)
class Prompted(ABC):
    """A Form with a Wording. `scores` is what the kinds differ in: log probabilities of the labels, shape (rows, labels)."""

    setting: Setting
    wording: Wording = field(default_factory=Wording)
    name: ClassVar[str]

    @property
    def why_not_plain(self) -> str | None:
        return words("not_plain_form", form=self.name)

    @property
    @abstractmethod
    def auto_class(self) -> str:
        """The transformers auto class whose outputs it reads."""

    @classmethod
    @abstractmethod
    def why_not(cls, task: Task, architecture: Architecture) -> str | None:
        """The reason this Form cannot serve the task on such a base, or None."""

    @abstractmethod
    def tokenised(self, examples: Sequence[Example]) -> list[Row]:
        """Tokens of each Example around one template; the text cut where the base cannot read it all."""

    @cached_property
    def members(self) -> tuple[Self, ...]:
        """The Forms of an ensemble, each around one template and without calibration; itself where there is one template."""
        if not self.wording.ensemble:
            return (self,)
        return tuple(self.worded(replace(self.wording.saying([phrase]), bias={})) for phrase in self.wording.phrases)

    def encode(self, examples: Iterable[Example]) -> list[Row]:
        """Tokens of each Example. Of an ensemble a row's `aside` holds the rows of all members, and it reads as the first."""
        listed = list(examples)
        parts = [member.tokenised(listed) for member in self.members]
        if len(parts) == 1:
            return parts[0]
        return [replace(row[0], aside=row, cut=max(one.cut for one in row)) for row in zip(*parts, strict=True)]

    @property
    def paired(self) -> bool:
        """Whether it asks about two texts."""
        return "{text_pair}" in self.wording.template

    def with_template(self, template: str) -> Self:
        """The same Form around another template. Raises UsageError for one without `{text}` or `{label}`."""
        return self.worded(self.wording.with_template(template))

    def worded(self, wording: Wording) -> Self:
        """The same Form saying something else."""
        return replace(self, wording=wording)

    def showing(self, demonstrations: Sequence[Mapping[str, str]], nearest: int = 0) -> Self:
        """The same Form with other demonstrations, all of them or the `nearest` to each row."""
        return self.worded(replace(self.wording, demonstrations=tuple(demonstrations), nearest=nearest))

    def instructed(self, instruction: str) -> Self:
        """The same Form with another instruction."""
        return self.worded(replace(self.wording, instruction=instruction))

    def biased(self, bias: Mapping[str, float]) -> Self:
        """The same Form, its labels moved otherwise."""
        return self.worded(replace(self.wording, bias=bias))

    @abstractmethod
    def said(self, model: nn.Module, batch: Batch) -> Tensor:
        """`scores` around one template."""

    def scores(self, model: nn.Module, batch: Batch) -> Tensor:
        """Log probabilities of the labels before calibration, shape (rows, labels), with gradient.

        Of an ensemble their mean over its templates (Schick and Schütze, 2021, each weighing the same); what each would have to
        be divided by to sum to 1 is the same for all labels of a row, and so is the mean of it.
        """
        if len(self.members) == 1:
            return self.said(model, batch)
        found = []
        for place, member in enumerate(self.members):
            mine = [row.parts[place] for row in batch.rows]
            found.append(member.said(model, member.collate(mine) if place else replace(batch, rows=mine)))
        return torch.stack(found).mean(dim=0)

    @abstractmethod
    def expected(self, model: nn.Module, batch: Batch) -> Tensor:
        """Logits of the whole vocabulary where the answer begins, shape (rows, vocabulary)."""

    def collate(self, rows: Sequence[Row]) -> Batch:
        return readouts.batch(rows, self.setting)

    def losses(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        return readouts.losses(self.calibrated(self.scores(model, batch)), batch.targets, self.setting.task, label_smoothing)

    def reader(self, model: nn.Module) -> Callable[[Batch], list[Prediction]]:
        return lambda batch: readouts.predictions(self.calibrated(self.scores(model, batch)), self.setting.task)

    def calibrated(self, scores: Tensor) -> Tensor:
        """Scores of labels moved by the bias of each."""
        return scores + self._bias(scores)

    def _bias(self, like: Tensor) -> Tensor:
        bias = [self.wording.bias.get(label, 0.0) for label in self.setting.task.labels]
        return torch.tensor(bias, dtype=like.dtype, device=like.device)

    def spec(self) -> dict[str, Any]:
        return self.wording.spec(self.setting.task)

    @classmethod
    def restore(cls, spec: Mapping[str, Any], setting: Setting) -> Self:
        return cls(setting, Wording.restore(spec, setting.task))


def askable(form: Form) -> bool:
    """Whether the base knows the words of a Form, and has room for a text beside them."""
    try:
        form.encode(())
    except UsageError:
        return False
    return True
