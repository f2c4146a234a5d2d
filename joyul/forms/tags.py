"""The Form of tags: a token classification head, read off the first token of each word (or the first character of each token)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from joyul.contracts import Architecture, Batch, Example, Form, Prediction, Row, Setting, Task
from joyul.engine.device import to_device
from joyul.errors import DoesNotFit, UsageError
from joyul.forms import rows as shared
from joyul.forms.align import Alignment, Tagged, align, joined
from joyul.messages import words

IGNORED = -100


class Tagging(Task, Protocol):
    """A Task whose target is a tag for each piece of the text."""

    def pieces(self, text: str | Sequence[str]) -> Sequence[str]:
        """The words or characters of a text."""
        ...


@dataclass(frozen=True)
class Tags:
    """Reads the text alone: a template would move what tags belong to."""

    setting: Setting
    name: ClassVar[str] = "tags"
    auto_class: ClassVar[str] = "AutoModelForTokenClassification"

    @classmethod
    def why_not(cls, task: Task, architecture: Architecture) -> str | None:
        if task.target_type != "tags":
            return words("form_needs_tags", form=cls.name, task=task.name)
        return words("form_no_encoder_decoder", form=cls.name) if architecture == "encoder-decoder" else None

    @property
    def why_not_plain(self) -> str | None:
        return self.setting.task.why_not_plain

    def with_template(self, template: str) -> Form:
        """Raises UsageError."""
        raise UsageError("template_with_tags", template=template)

    def encode(self, examples: Iterable[Example]) -> list[Row]:
        if not self.setting.tokenizer.is_fast:
            raise DoesNotFit("tags_need_offsets", tokenizer=type(self.setting.tokenizer).__name__)
        task, listed = cast(Tagging, self.setting.task), list(examples)
        found = [task.pieces(example.inputs["text"]) for example in listed]
        tokens = shared.tokenise([joined(one) for one in found], None, self.setting, offsets=True)
        rows = zip(listed, found, tokens, strict=True)
        return [self._row(example, one, *parts) for example, one, parts in rows]

    def _row(self, example: Example, found: Sequence[str], inputs: dict[str, Any], cut: int, unknown: int) -> Row:
        alignment = align(found, inputs["offset_mapping"])
        tokens = {name: values for name, values in inputs.items() if name != "offset_mapping"}
        target = None if example.target is None else self.setting.task.encode(example.target, example.id)
        return Row(example.id, tokens, target, units=len(alignment.places), cut=cut, unknown=unknown, aside=alignment)

    def collate(self, rows: Sequence[Row]) -> Batch:
        """Targets of shape (rows, tokens): the tag of the first piece a token reaches, `IGNORED` elsewhere."""
        inputs = shared.pad(rows, self.setting)
        if any(row.target is None for row in rows):
            return to_device(Batch(rows, inputs))
        targets = torch.full(inputs["input_ids"].shape, IGNORED)
        for index, row in enumerate(rows):
            alignment: Alignment = row.aside
            for place, (first, _) in zip(alignment.places, alignment.reach, strict=True):
                targets[index, place] = row.target[first]
        return to_device(Batch(rows, inputs, targets))

    def losses(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        assert batch.targets is not None, "rows without targets have no loss"
        logits = model(**batch.inputs).logits.float()
        losses = functional.cross_entropy(
            logits.mT, batch.targets, reduction="none", ignore_index=IGNORED, label_smoothing=label_smoothing
        )
        return losses.sum(dim=1)

    def reader(self, model: nn.Module) -> Callable[[Batch], list[Prediction]]:
        def read(batch: Batch) -> list[Prediction]:
            sure, best = model(**batch.inputs).logits.float().softmax(dim=-1).max(dim=-1)
            rows = zip(batch.rows, best.tolist(), sure.tolist(), sure.isfinite().all(dim=-1).tolist(), strict=True)
            return [self._answer(row, tags, found) if finite else Prediction(None) for row, tags, found, finite in rows]

        return read

    def _answer(self, row: Row, tags: Sequence[int], sure: Sequence[float]) -> Prediction:
        alignment: Alignment = row.aside
        at = alignment.places
        chosen = [tags[place] for place in at], [sure[place] for place in at]
        return self.setting.task.answer(Tagged(alignment.pieces, alignment.reach, *chosen, cut=row.cut > 0))

    def spec(self) -> dict[str, Any]:
        return {}

    @classmethod
    def restore(cls, spec: Mapping[str, Any], setting: Setting) -> Self:
        return cls(setting)
