"""How an Example becomes tokens and how outputs become answers (Form), and what that is built around (Setting)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PreTrainedTokenizerBase

    from joyul.contracts.example import Batch, Example, Row
    from joyul.contracts.task import Prediction, Task

Architecture = Literal["encoder", "decoder", "encoder-decoder", "hosted"]  # hosted: behind an endpoint, without weights


@dataclass(frozen=True, slots=True)
class Setting:
    """What a Form is built around: the task, the tokenizer, the kind of base and the longest row in tokens (0: it reads none)."""

    task: Task
    tokenizer: PreTrainedTokenizerBase
    architecture: Architecture
    max_length: int


@runtime_checkable
class Form(Protocol):
    """How an Example becomes tokens and how outputs become predictions. It is what `prompt.yaml` holds."""

    name: ClassVar[str]

    @property
    def setting(self) -> Setting:
        """What it was built around."""

    @property
    def auto_class(self) -> str:
        """The transformers auto class whose outputs it reads, e.g. AutoModelForSequenceClassification."""

    @property
    def why_not_plain(self) -> str | None:
        """The reason stock transformers, given the bare text, would answer differently from this Form, or None."""

    @classmethod
    def why_not(cls, task: Task, architecture: Architecture) -> str | None:
        """The reason this Form cannot serve the task on such a base, or None."""

    def with_template(self, template: str) -> Form:
        """The same Form around another template. Raises UsageError for one it cannot use."""

    def encode(self, examples: Iterable[Example]) -> list[Row]:
        """Tokens of each Example, cut to `max_length`; the target encoded where there is one."""

    def collate(self, rows: Sequence[Row]) -> Batch:
        """Rows as one padded batch, on the device."""

    def losses(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        """The loss of each row, summed over its units: shape (rows,), with gradient, in float32."""

    def reader(self, model: nn.Module) -> Callable[[Batch], list[Prediction]]:
        """A function from a batch to its predictions. What all rows share (label prompts, a prefix) is computed here, once."""

    def spec(self) -> dict[str, Any]:
        """All that `restore` needs beside the Setting: readable, editable, the content of prompt.yaml."""

    @classmethod
    def restore(cls, spec: Mapping[str, Any], setting: Setting) -> Self:
        """From `spec` as it was read from YAML: every scalar arrives as text."""
