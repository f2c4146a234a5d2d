"""TF-IDF with a linear model as a result like any other: a Form that counts words, weights, files without pickle.

Words, word pairs and, for languages that join words as Korean does, runs of two to four characters (scikit-learn's vectorisers,
restored from a JSON vocabulary and their weights; the coefficients are safetensors).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor, nn

from joyul.contracts import Architecture, Batch, Example, Form, ParameterGroup, Prediction, Row, Setting, Task
from joyul.engine.device import to_device
from joyul.errors import UsageError
from joyul.files import write_text
from joyul.forms import readouts
from joyul.forms.rows import untokenised
from joyul.messages import words
from joyul.methods.base import InPlace

FOLDER, VOCABULARY, WEIGHTS = "linear", "vocabulary.json", "linear.safetensors"
PARTS: Mapping[str, Mapping[str, Any]] = {
    "words": {"ngram_range": (1, 2), "sublinear_tf": True},
    "characters": {"analyzer": "char_wb", "ngram_range": (2, 4), "sublinear_tf": True},
}


@dataclass(frozen=True)
class Features:
    """What is counted in a text: one vectoriser for each of PARTS."""

    parts: Sequence[TfidfVectorizer]

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Self:
        """The vocabulary of these texts. Raises ValueError where they hold no word of two letters."""
        return cls([TfidfVectorizer(**options).fit(texts) for options in PARTS.values()])

    def of(self, texts: Sequence[str]) -> csr_matrix:
        """Shape (texts, features)."""
        return csr_matrix(hstack([part.transform(texts) for part in self.parts]))

    def save(self, folder: Path) -> dict[str, np.ndarray]:
        """Write the vocabularies; their inverse document frequencies as arrays by name."""
        named = dict(zip(PARTS, self.parts, strict=True))
        known = {name: sorted(part.vocabulary_, key=part.vocabulary_.__getitem__) for name, part in named.items()}
        write_text(folder / VOCABULARY, json.dumps(known, ensure_ascii=False) + "\n")
        return {f"idf.{name}": part.idf_.astype(np.float64) for name, part in named.items()}

    @classmethod
    def load(cls, folder: Path, arrays: Mapping[str, np.ndarray]) -> Self:
        """From what `save` wrote and gave."""
        known = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
        parts = []
        for name, options in PARTS.items():
            part = TfidfVectorizer(**options, vocabulary={term: place for place, term in enumerate(known[name])})
            part.idf_ = arrays[f"idf.{name}"]
            parts.append(part)
        return cls(parts)


@dataclass(frozen=True, slots=True)
class Counted(Row):
    """A row whose tokens are features, each with its weight."""

    weights: tuple[float, ...] = ()


class Linear(nn.Module):
    """Logits of shape (rows, labels) from features of shape (rows, most) and their weights."""

    def __init__(self, coefficients: np.ndarray, intercepts: np.ndarray) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.tensor(coefficients.T, dtype=torch.float32), requires_grad=False)
        self.bias = nn.Parameter(torch.tensor(intercepts, dtype=torch.float32), requires_grad=False)

    def forward(self, features: Tensor, weights: Tensor) -> Tensor:
        """Each feature's row of the table times its weight, summed; a weight of 0 pads."""
        return (self.table[features] * weights.unsqueeze(-1)).sum(dim=1) + self.bias


@dataclass(frozen=True)
class Counts:
    """The Form of such a result: a text is the words and characters in it."""

    setting: Setting
    features: Features
    name: ClassVar[str] = "tfidf"
    auto_class: ClassVar[str] = ""

    @classmethod
    def why_not(cls, task: Task, architecture: Architecture) -> str | None:
        return None if task.target_type in readouts.READOUTS else words("form_needs_label", form=cls.name, task=task.name)

    @property
    def why_not_plain(self) -> str | None:
        return words("not_plain_form", form=self.name)

    def with_template(self, template: str) -> Form:
        raise UsageError("template_without_slot", template=template, slot="text")

    def encode(self, examples: Iterable[Example]) -> list[Row]:
        listed = list(examples)
        if not listed:
            return []
        counted = self.features.of([text_of(example) for example in listed])
        return [self._row(example, counted[place]) for place, example in enumerate(listed)]

    def _row(self, example: Example, counted: csr_matrix) -> Row:
        task = self.setting.task
        target = None if example.target is None else task.encode(example.target, example.id)
        return Counted(example.id, {"features": counted.indices.tolist()}, target, weights=tuple(counted.data.tolist()))

    def collate(self, rows: Sequence[Row]) -> Batch:
        counted = cast(Sequence[Counted], rows)
        most = max(1, *(row.length for row in counted))
        features, weights = torch.zeros(len(rows), most, dtype=torch.long), torch.zeros(len(rows), most)
        for place, row in enumerate(counted):
            features[place, : row.length] = torch.tensor(row.tokens["features"], dtype=torch.long)
            weights[place, : row.length] = torch.tensor(row.weights)
        task, known = self.setting.task, all(row.target is not None for row in rows)
        targets = readouts.READOUTS[task.target_type].targets(rows, task) if known else None
        return to_device(Batch(rows, {"features": features, "weights": weights}, targets))

    def losses(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        return readouts.losses(model(**batch.inputs), batch.targets, self.setting.task, label_smoothing)

    def reader(self, model: nn.Module) -> Callable[[Batch], list[Prediction]]:
        return lambda batch: readouts.predictions(model(**batch.inputs), self.setting.task)

    def spec(self) -> dict[str, Any]:
        return {}

    @classmethod
    def restore(cls, spec: Mapping[str, Any], setting: Setting) -> Self:
        raise UsageError("not_a_run", found=cls.name, allowed=())  # its features lie beside prompt.yaml: `load`


class Counting(InPlace):
    """What moved: all of the linear model."""

    name: ClassVar[str] = Counts.name

    def why_not(self, form: Form, architecture: Architecture) -> str | None:
        return type(form).why_not(form.setting.task, architecture)

    def moves(self, model: nn.Module) -> Sequence[ParameterGroup]:
        return [ParameterGroup("all", dict(model.named_parameters()))]


def text_of(example: Example) -> str:
    """The text of a row, its pair behind it."""
    return "\n".join(str(value) for value in example.inputs.values())


def save(folder: Path, model: Linear, form: Counts) -> None:
    """Write `linear/`."""
    path = folder / FOLDER
    path.mkdir(parents=True, exist_ok=True)
    arrays = form.features.save(path)
    arrays |= {"coefficients": model.table.cpu().numpy().T.copy(), "intercepts": model.bias.cpu().numpy()}
    save_file(arrays, path / WEIGHTS)


def load(folder: Path, task: Task) -> tuple[Linear, Counts]:
    """From what `save` wrote."""
    arrays = load_file(folder / FOLDER / WEIGHTS)
    features = Features.load(folder / FOLDER, arrays)
    return Linear(arrays["coefficients"], arrays["intercepts"]), Counts(untokenised(task), features)
