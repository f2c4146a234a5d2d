"""Zero-shot by similarity: a text takes the label whose prompt lies nearest to it in a sentence encoder's space.

Both sides are the mean of the last states over real tokens, at length 1; the score is the softmax of SCALE times the cosine
(20 is the inverse temperature sentence encoders were trained with; Reimers and Gurevych, 2019, and their contrastive models).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from torch import Tensor, nn
from torch.nn import functional

from joyul.contracts import Architecture, Batch, Example, Form, Prediction, Row, Setting, Task
from joyul.errors import UsageError
from joyul.forms import readouts
from joyul.forms import rows as shared
from joyul.forms.template import check, fill
from joyul.messages import words

SCALE = 20.0


@dataclass(frozen=True)
class Similarity:
    """`template` goes around the label's words (`words_of` maps a label to other words than itself)."""

    setting: Setting
    template: str = "{label}"
    words_of: Mapping[str, str] = field(default_factory=dict)
    name: ClassVar[str] = "similarity"
    auto_class: ClassVar[str] = "AutoModel"

    @classmethod
    def why_not(cls, task: Task, architecture: Architecture) -> str | None:
        if task.target_type != "label":
            return words("form_needs_label", form=cls.name, task=task.name)
        return None if architecture == "encoder" else words("form_needs_encoder", form=cls.name, architecture=architecture)

    @property
    def plain(self) -> bool:
        return False

    def with_template(self, template: str) -> Form:
        """The same Form around another label template. Raises UsageError for one without `{label}`."""
        check(template, required="label", allowed=("label",))
        return Similarity(self.setting, template, self.words_of)

    def prompts(self) -> list[str]:
        """The prompt of each label, in the task's order. Raises UsageError when two are the same."""
        made = [fill(self.template, {"label": self.words_of.get(label, label)}) for label in self.setting.task.labels]
        if len(set(made)) < len(made):
            twice = next(prompt for prompt in made if made.count(prompt) > 1)
            raise UsageError("prompts_equal", prompt=twice)
        return made

    def encode(self, examples: Iterable[Example]) -> list[Row]:
        listed = list(examples)
        pairs = [example.inputs["text_pair"] for example in listed] if listed and "text_pair" in listed[0].inputs else None
        tokens = shared.tokenise([example.inputs["text"] for example in listed], pairs, self.setting)
        return [shared.row(example, self.setting, *parts) for example, parts in zip(listed, tokens, strict=True)]

    def collate(self, rows: Sequence[Row]) -> Batch:
        return readouts.batch(rows, self.setting)

    def losses(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        logits = SCALE * self._embed(model, batch) @ self._labels(model).T
        return readouts.losses(logits, batch.targets, self.setting.task, label_smoothing)

    def reader(self, model: nn.Module) -> Callable[[Batch], list[Prediction]]:
        embedded = self._labels(model)
        return lambda batch: readouts.predictions(SCALE * self._embed(model, batch) @ embedded.T, self.setting.task)

    def _labels(self, model: nn.Module) -> Tensor:
        """Embeddings of the label prompts, shape (labels, width)."""
        tokens = shared.tokenise(self.prompts(), None, self.setting)
        rows = [Row(f"label:{index}", inputs) for index, (inputs, _, _) in enumerate(tokens)]
        return self._embed(model, self.collate(rows))

    @staticmethod
    def _embed(model: nn.Module, batch: Batch) -> Tensor:
        """Mean of the last states over real tokens, at length 1: shape (rows, width)."""
        states = model(**batch.inputs).last_hidden_state
        mask = batch.inputs["attention_mask"].unsqueeze(-1).to(states.dtype)
        return functional.normalize((states * mask).sum(dim=1) / mask.sum(dim=1), dim=-1)

    def spec(self) -> dict[str, Any]:
        used = {label: self.words_of.get(label, label) for label in self.setting.task.labels}
        return {"template": self.template, "words": used}

    @classmethod
    def restore(cls, spec: Mapping[str, Any], setting: Setting) -> Self:
        check(spec["template"], required="label", allowed=("label",))
        return cls(setting, spec["template"], dict(spec.get("words", {})))
