"""Zero-shot by similarity: a text takes the label whose prompt lies nearest to it in a sentence encoder's space.

Both sides are the mean of the last states over real tokens, at length 1; the score is the softmax of SCALE times the cosine
(20 is the inverse temperature sentence encoders were trained with; Reimers and Gurevych, 2019, and their contrastive models).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from joyul.contracts import Architecture, Batch, Example, Prediction, Row, Setting, Task
from joyul.engine.batches import TOKEN_BUDGET, cut
from joyul.engine.device import device
from joyul.forms import readouts
from joyul.forms import rows as shared
from joyul.forms.label_words import distinct, plain
from joyul.forms.template import check, fill
from joyul.forms.wording import Wording, known, listed_words
from joyul.messages import words

SCALE = 20.0


@dataclass(frozen=True)
class Similarity:
    """`templates` go around the label's words (itself where none are given); a label is the mean of its prompts.

    That mean is the one of Radford et al. (2021, CLIP). With demonstrations `share` of a label is the mean of its texts (Snell et
    al., 2017, prototypical networks), the rest its prompts. `bias` moves the logits of labels.
    """

    setting: Setting
    templates: tuple[str, ...] = ("{label}",)
    words_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bias: Mapping[str, float] = field(default_factory=dict)
    demonstrations: tuple[Mapping[str, str], ...] = ()
    share: float = 0.5
    name: ClassVar[str] = "similarity"
    auto_class: ClassVar[str] = "AutoModel"
    paired: ClassVar[bool] = False  # its prompts say nothing of the second text
    reads_text_alone: ClassVar[bool] = True  # a row is tokens of the text: states that are kept serve every prompt

    @classmethod
    def why_not(cls, task: Task, architecture: Architecture) -> str | None:
        if task.target_type != "label":
            return words("form_needs_label", form=cls.name, task=task.name)
        return None if architecture == "encoder" else words("form_needs_encoder", form=cls.name, architecture=architecture)

    @property
    def why_not_plain(self) -> str | None:
        return words("not_plain_form", form=self.name)

    def with_template(self, template: str) -> Self:
        """The same Form around another label template. Raises UsageError for one without `{label}`."""
        check(template, required="label", allowed=("label",))
        return replace(self, templates=(template,))

    def asked(self, wordings: Sequence[Wording]) -> Self:
        """One Form of several: every template, each label under all of its words that are not another's."""
        words_of: dict[str, tuple[str, ...]] = {}
        for wording in wordings:
            for label in self.setting.task.labels:
                words_of[label] = tuple(dict.fromkeys((*words_of.get(label, ()), *wording.of(label))))
        return replace(self, templates=tuple(wording.template for wording in wordings), words_of=words_of)

    def showing(self, demonstrations: Sequence[Mapping[str, str]]) -> Self:
        """The same Form with other demonstrations."""
        return replace(self, demonstrations=tuple(demonstrations))

    def biased(self, bias: Mapping[str, float]) -> Self:
        """The same Form, its labels moved otherwise."""
        return replace(self, bias=bias)

    def prompts(self) -> list[list[str]]:
        """The prompts of each label, in the task's order. Raises UsageError when two labels share one."""
        made = [
            [fill(template, {"label": word}) for template in self.templates for word in self.words_of.get(label) or (label,)]
            for label in self.setting.task.labels
        ]
        distinct([(label, prompt) for label, prompts in zip(self.setting.task.labels, made, strict=True) for prompt in prompts])
        return made

    def unread(self) -> list[tuple[str, str]]:
        """(label, word) of every word of which the tokenizer knows nothing."""
        tokenizer = self.setting.tokenizer
        every = [(label, word) for label in self.setting.task.labels for word in self.words_of.get(label) or (label,)]
        return [(label, word) for label, word in every if not {*plain(tokenizer, word)} - {tokenizer.unk_token_id}]

    def shown(self) -> list[list[str]]:
        """The texts of each label's demonstrations, in the task's order."""
        return [[item["text"] for item in self.demonstrations if item["label"] == label] for label in self.setting.task.labels]

    def encode(self, examples: Iterable[Example]) -> list[Row]:
        self.prompts()
        listed = list(examples)
        pairs = [example.inputs["text_pair"] for example in listed] if listed and "text_pair" in listed[0].inputs else None
        tokens = shared.tokenise([example.inputs["text"] for example in listed], pairs, self.setting)
        return [shared.row(example, self.setting, *parts) for example, parts in zip(listed, tokens, strict=True)]

    def collate(self, rows: Sequence[Row]) -> Batch:
        return readouts.batch(rows, self.setting)

    def losses(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        logits = self.logits(embed(model, batch), self.labels(model))
        return readouts.losses(logits, batch.targets, self.setting.task, label_smoothing)

    def reader(self, model: nn.Module) -> Callable[[Batch], list[Prediction]]:
        labels = self.labels(model)
        return lambda batch: readouts.predictions(self.logits(embed(model, batch), labels), self.setting.task)

    def logits(self, texts: Tensor, labels: Tensor) -> Tensor:
        """From embeddings (rows, width) and (labels, width) to logits (rows, labels)."""
        bias = [self.bias.get(label, 0.0) for label in self.setting.task.labels]
        return SCALE * texts @ labels.T + torch.tensor(bias, dtype=texts.dtype, device=texts.device)

    def labels(self, model: nn.Module) -> Tensor:
        """Embeddings of the labels at length 1, shape (labels, width): the mean over the prompts of each."""
        return self.combined(lambda texts: self.embedded(model, texts))

    def combined(self, embedded: Callable[[Sequence[str]], Tensor]) -> Tensor:
        """The same, given what embeds texts."""
        made, texts = self.prompts(), self.shown()
        flat = embedded([text for group in (*made, *texts) for text in group])
        parts = torch.split(flat, [len(group) for group in (*made, *texts)])
        return torch.stack([self._both(*pair) for pair in zip(parts[: len(made)], parts[len(made) :], strict=True)])

    def _both(self, prompted: Tensor, shown: Tensor) -> Tensor:
        """One label from the embeddings of its prompts and of its texts, where it has some."""
        found = functional.normalize(prompted.mean(dim=0), dim=-1)
        if not len(shown):
            return found
        return functional.normalize(torch.lerp(found, functional.normalize(shown.mean(dim=0), dim=-1), self.share), dim=-1)

    def embedded(self, model: nn.Module, texts: Sequence[str]) -> Tensor:
        """Embeddings of texts at length 1, shape (texts, width)."""
        tokens = shared.tokenise(texts, None, self.setting)
        rows = [Row(f"label:{index}", inputs) for index, (inputs, _, _) in enumerate(tokens)]
        pieces = cut(rows, TOKEN_BUDGET[device().type])
        return torch.stack(pieces.in_order([found for piece in pieces for found in embed(model, self.collate(piece))]))

    def spec(self) -> dict[str, Any]:
        used = {label: list(self.words_of.get(label) or (label,)) for label in self.setting.task.labels}
        template: Any = self.templates[0] if len(self.templates) == 1 else list(self.templates)
        found: dict[str, Any] = {"template": template, "words": used}
        if self.demonstrations:
            found |= {"demonstrations": [dict(item) for item in self.demonstrations], "share": self.share}
        return found | ({"bias": dict(self.bias)} if self.bias else {})

    @classmethod
    def restore(cls, spec: Mapping[str, Any], setting: Setting) -> Self:
        given = spec["template"]
        templates = (given,) if isinstance(given, str) else tuple(given)
        for template in templates:
            check(template, required="label", allowed=("label",))
        bias = {label: float(value) for label, value in (spec.get("bias") or {}).items()}
        words_of = listed_words(spec.get("words") or {})
        shown = tuple(dict(item) for item in spec.get("demonstrations") or ())
        known((*words_of, *bias, *(item["label"] for item in shown)), setting.task)
        return cls(setting, templates, words_of, bias, shown, float(spec.get("share", 0.5)))


def embed(model: nn.Module, batch: Batch) -> Tensor:
    """Mean of the last states over real tokens, at length 1: shape (rows, width)."""
    states = model(**batch.inputs).last_hidden_state
    mask = batch.inputs["attention_mask"].unsqueeze(-1).to(states.dtype)
    return functional.normalize((states * mask).sum(dim=1) / mask.sum(dim=1), dim=-1)
