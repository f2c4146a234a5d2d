"""Small tasks, forms and a soft prompt, written only through the public contracts: they show that the contracts hold what comes.

None of them is offered to users; `joyul.artifact.Catalogue` takes them in beside the built-in ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from joyul.artifact import Catalogue
from joyul.bases.anatomy import head_names, inner, width
from joyul.contracts import Architecture, Batch, Example, Form, ParameterGroup, Prediction, Row, Setting, Task
from joyul.engine.device import to_device
from joyul.engine.placement import texts_end
from joyul.forms import FORMS
from joyul.forms.rows import pad
from joyul.forms.tags import IGNORED
from joyul.methods import METHODS
from joyul.methods.base import InPlace
from joyul.tasks import TASKS


@dataclass(frozen=True)
class Generate:
    """A text a row."""

    labels: ClassVar[tuple[str, ...]] = ()
    name: ClassVar[str] = "generate"
    target_type: ClassVar[str] = "text"
    metric: ClassVar[str] = "exact"

    @classmethod
    def learn(cls, targets: Sequence[Any]) -> Self:
        return cls()

    def check(self, example: Example, where: str) -> None:
        return None

    def encode(self, target: Any, where: str | None = None) -> str:
        return str(target)

    def decode(self, encoded: Any) -> str:
        return str(encoded)

    def metrics(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        return {"exact": sum(a == b for a, b in zip(targets, predictions, strict=True)) / len(targets)}

    def intervals(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, tuple[float, float]]:
        return {"exact": (0.0, 1.0)}

    def baseline(self, targets: Sequence[Any]) -> Any:
        return targets[0]

    def weights(self, targets: Sequence[Any]) -> list[float]:
        return [1.0] * len(targets)

    def spec(self) -> dict[str, Any]:
        return {}

    @classmethod
    def restore(cls, spec: Mapping[str, Any]) -> Self:
        return cls()


@dataclass(frozen=True)
class TextToText:
    """Teacher-forced loss over the answer's tokens; greedy decoding. For encoder-decoders."""

    setting: Setting
    name: ClassVar[str] = "text_to_text"
    auto_class: ClassVar[str] = "AutoModelForSeq2SeqLM"
    why_not_plain: ClassVar[str | None] = None

    @classmethod
    def why_not(cls, task: Task, architecture: Architecture) -> str | None:
        return None if architecture == "encoder-decoder" else "it needs a decoder that reads an encoder"

    def with_template(self, template: str) -> Form:
        return self

    def encode(self, examples: Iterable[Example]) -> list[Row]:
        rows = []
        for example in examples:
            tokens = {"input_ids": self.setting.tokenizer(example.inputs["text"])["input_ids"]}
            if example.target is not None:  # the answer's words and an end; the frame's first token is left out
                tokens["labels"] = self.setting.tokenizer(example.target)["input_ids"][1:]
            rows.append(Row(example.id, tokens, example.target, units=len(tokens.get("labels", [0]))))
        return rows

    def collate(self, rows: Sequence[Row]) -> Batch:
        inputs = pad([Row(row.id, {"input_ids": row.tokens["input_ids"]}) for row in rows], self.setting)
        if all("labels" in row.tokens for row in rows):
            longest = max(len(row.tokens["labels"]) for row in rows)
            padded = [[*row.tokens["labels"], *[IGNORED] * (longest - len(row.tokens["labels"]))] for row in rows]
            return to_device(Batch(rows, inputs, torch.tensor(padded)))
        return to_device(Batch(rows, inputs))

    def losses(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        logits = model(**batch.inputs, labels=batch.targets).logits.float()
        return functional.cross_entropy(logits.mT, batch.targets, ignore_index=IGNORED, reduction="none").sum(dim=1)

    def reader(self, model: nn.Module) -> Callable[[Batch], list[Prediction]]:
        def read(batch: Batch) -> list[Prediction]:
            made = model.generate(**batch.inputs, max_new_tokens=8, do_sample=False, num_beams=1)
            texts = self.setting.tokenizer.batch_decode(made, skip_special_tokens=True)
            return [Prediction(text.strip()) for text in texts]

        return read

    def spec(self) -> dict[str, Any]:
        return {}

    @classmethod
    def restore(cls, spec: Mapping[str, Any], setting: Setting) -> Self:
        return cls(setting)


@dataclass(frozen=True)
class Continue(TextToText):
    """The same for decoders: the answer is scored behind the text; asked for, it is decoded greedily behind a left-padded text."""

    name: ClassVar[str] = "continue"
    auto_class: ClassVar[str] = "AutoModelForCausalLM"

    @classmethod
    def why_not(cls, task: Task, architecture: Architecture) -> str | None:
        return None if architecture == "decoder" else "it needs a decoder"

    def losses(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        whole = [[*row.tokens["input_ids"], *row.tokens["labels"]] for row in batch.rows]
        given = pad([Row("", {"input_ids": ids}) for ids in whole], self.setting)
        targets = torch.full(given["input_ids"].shape, IGNORED)
        for index, row in enumerate(batch.rows):
            targets[index, row.length : len(whole[index])] = torch.tensor(row.tokens["labels"])
        with texts_end(model, torch.tensor([row.length for row in batch.rows])):
            logits = model(**given).logits.float()[:, :-1]
        return functional.cross_entropy(logits.mT, targets[:, 1:], ignore_index=IGNORED, reduction="none").sum(dim=1)

    def reader(self, model: nn.Module) -> Callable[[Batch], list[Prediction]]:
        def read(batch: Batch) -> list[Prediction]:
            given = to_the_left(batch.inputs)
            made = model.generate(**given, max_new_tokens=8, do_sample=False, num_beams=1)[:, given["input_ids"].shape[1] :]
            return [Prediction(text.strip()) for text in self.setting.tokenizer.batch_decode(made, skip_special_tokens=True)]

        return read


def to_the_left(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same rows with their padding on the left."""
    empty = (1 - inputs["attention_mask"]).sum(dim=1).tolist()
    return {name: torch.stack([row.roll(by) for row, by in zip(values, empty, strict=True)]) for name, values in inputs.items()}


class Prompted(nn.Module):
    """A BERT-like model with learned vectors behind the padded text, at positions of their own.

    [CLS] stays first, so that the pooler reads it; outputs are cut to the text: outside, only text positions exist.
    """

    def __init__(self, model: nn.Module, vectors: Tensor) -> None:
        super().__init__()
        self.model, self.vectors = model, nn.Parameter(vectors)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **others: Tensor) -> Any:
        count, length = self.vectors.shape[0], input_ids.shape[1]
        words = self.model.get_input_embeddings()(input_ids)
        last = self.model.config.max_position_embeddings - 1
        positions = torch.cat([torch.arange(length), torch.arange(last - count + 1, last + 1)]).expand(len(input_ids), -1)
        output = self.model(
            inputs_embeds=torch.cat([words, self.vectors.expand(len(input_ids), -1, -1)], dim=1),
            attention_mask=torch.cat([attention_mask, attention_mask.new_ones(len(input_ids), count)], dim=1),
            position_ids=positions,
        )
        if output.logits.ndim == 3:  # one row of logits a token
            output.logits = output.logits[:, :length]
        return output


class SoftPrompt(InPlace):
    """Learned vectors and the head move; the vectors are kept in the stage's folder."""

    name: ClassVar[str] = "soft_prompt"
    count: ClassVar[int] = 4

    def why_not(self, form: Form, architecture: Architecture) -> str | None:
        return None if architecture == "encoder" else "this small one knows encoders only"

    def insert(self, model: nn.Module, form: Form | None = None) -> nn.Module:
        return Prompted(model, torch.randn(self.count, width(model)) * 0.02)

    def moves(self, model: nn.Module) -> Sequence[ParameterGroup]:
        if not isinstance(model, Prompted):
            return []
        named = dict(inner(model).named_parameters())
        head = {name: named[name] for name in head_names(inner(model))}
        return [ParameterGroup("prompt", {"vectors": model.vectors}), ParameterGroup("head", head, rate_factor=0.1)]

    def save(self, model: nn.Module, folder: Path) -> None:
        assert isinstance(model, Prompted)
        save_file({"prompt_embeddings": model.vectors.detach()}, folder / "adapter_model.safetensors")

    def load(self, model: nn.Module, folder: Path) -> nn.Module:
        return Prompted(model, load_file(folder / "adapter_model.safetensors")["prompt_embeddings"])

    def plain(self, model: nn.Module) -> nn.Module:
        assert isinstance(model, Prompted)
        return model.model


CATALOGUE = Catalogue(
    tasks={**TASKS, "generate": Generate},
    forms={**FORMS, "text_to_text": TextToText},
    methods={**METHODS, "soft_prompt": lambda run, stage: SoftPrompt()},
)
