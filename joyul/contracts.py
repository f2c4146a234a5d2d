"""The five nouns everything else is a function over: Example, Task, Form, Method, Step. Types and docstrings only.
A new task, form or method is a class with these attributes; nothing has to be inherited or registered.

    Example --Form.encode--> Row --Form.collate--> Batch --Form.losses--> loss of each row   (training)
                                                   Batch --Form.reader--> Predictions        (use)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PreTrainedTokenizerBase

TargetType = Literal["label", "labels", "number", "tags", "text"]
Architecture = Literal["encoder", "decoder", "encoder-decoder", "hosted"]  # hosted: behind an endpoint, without weights


@dataclass(frozen=True, slots=True)
class Example:
    """What travels from the file to the prediction.
    `inputs` maps a role (`text`, `text_pair`) to its value; `target` is as in the file, or None; `id` is `file:row`, from 1.
    """

    id: str
    inputs: Mapping[str, Any]
    target: Any = None
    group: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One Example as tokens.
    `tokens` maps the names of the model's inputs to one list of integers each; `target` is encoded by the Task; `units` says how
    many terms the row adds to the loss (1, or its target tokens) and `weight` multiplies them; `cut` and `unknown` count tokens
    lost to `max_length` and those the tokenizer does not know; `aside` is what the Form needs beside the outputs to answer.
    """

    id: str
    tokens: Mapping[str, Sequence[int]]
    target: Any = None
    units: int = 1
    weight: float = 1.0
    cut: int = 0
    unknown: int = 0
    aside: Any = None

    @property
    def length(self) -> int:
        """Tokens the model reads for this row (the longest of its inputs)."""
        return max((len(values) for values in self.tokens.values()), default=0)


@dataclass(slots=True)
class Batch:
    """Rows as padded tensors: `inputs` are passed to the model by name, each of shape (rows, length)."""

    rows: Sequence[Row]
    inputs: dict[str, Tensor]
    targets: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """`value` as the user writes it (a label, labels, a number, a text, a list of tags); None: no answer.
    `score` is its probability where there is one, `scores` those of all labels where there are few. `entities` are the spans that
    tags mark: `{"type", "start", "end", "text", "score"}`, in words or characters. `reason`: why there is no answer, where known.
    """

    value: Any
    score: float | None = None
    scores: Mapping[str, float] | None = None
    entities: Sequence[Mapping[str, Any]] | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """A score with its 95 % interval."""

    value: float
    interval: tuple[float, float]


@runtime_checkable
class Task(Protocol):
    """What a right answer is. Knows neither tokens nor methods."""

    name: ClassVar[str]
    target_type: ClassVar[TargetType]
    takes: ClassVar[tuple[str, ...]]  # the settings of a run that only some tasks know (`operating_point`, `bounds`)

    @property
    def metric(self) -> str:
        """The one number that choices are made by; larger is better."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The label set in a fixed order; empty where there is none."""

    @classmethod
    def learn(cls, targets: Sequence[Any]) -> Task:
        """The task as its training targets define it (the label set). Raises DataError where they define none."""

    def configured(self, given: Mapping[str, Any]) -> Task:
        """The same task under those settings among `takes` that are given. Raises UsageError for values it cannot use."""

    def check(self, example: Example, where: str) -> None:
        """Raise DataError, naming `where`, for a row whose inputs or target the task does not have."""

    def encode(self, target: Any, where: str | None = None) -> Any:
        """The target as the loss takes it (a class index, a list of them, a number, a text). Raises DataError at `where`."""

    def decode(self, encoded: Any) -> Any:
        """The inverse of `encode`."""

    def answer(self, found: Any) -> Prediction:
        """The Prediction for what a Form reads off one row, thresholds applied. Without a finite number there is no answer."""

    @property
    def why_not_plain(self) -> str | None:
        """The reason stock transformers would read another answer off the same outputs (a threshold, a scale), or None."""

    @property
    def decides(self) -> bool:
        """Whether `decided` has anything to choose."""

    def decided(self, targets: Sequence[Any], predictions: Sequence[Prediction]) -> Task:
        """The same task with its thresholds chosen on these (validation) rows."""

    def metrics(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        """Scores of decoded predictions (None: no answer, counted as wrong) against decoded targets."""

    def intervals(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, tuple[float, float]]:
        """95 % intervals of the same scores, rows taken as independent."""

    def further(self, targets: Sequence[Any], predictions: Sequence[Prediction]) -> dict[str, Score]:
        """Scores that are reported but never chosen by: those that read probabilities, errors, one for each type."""

    def baseline(self, targets: Sequence[Any]) -> Any:
        """The best answer that ignores the input, learned from training targets: the majority label or tag, the mean."""

    def weights(self, targets: Sequence[Any]) -> list[float]:
        """One weight a row that gives rare targets the same say (`class_weights=balanced`); ones where it has no meaning."""

    def spec(self) -> dict[str, Any]:
        """All that `restore` needs, as JSON."""

    @classmethod
    def restore(cls, spec: Mapping[str, Any]) -> Task:
        """From what `spec` gave; read from YAML, every scalar arrives as text."""


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


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """Parameters that move at one rate. Names are those of `model.named_parameters()`."""

    name: str
    parameters: Mapping[str, nn.Parameter]
    rate_factor: float = 1.0  # times the stage's learning rate
    faster: Mapping[str, float] = field(default_factory=dict)  # and times this, for single ones


@runtime_checkable
class Method(Protocol):
    """One stage: what is inserted, what moves, what is saved, and what it fits. It may change the model, never the loop."""

    @property
    def name(self) -> str:
        """As it is typed, and the name of its folder under `stages/`."""

    @property
    def trains(self) -> bool:
        """Whether weights move, so that labelled rows are needed."""

    @property
    def self_contained(self) -> bool:
        """Whether `save` writes all that moved, so that the weights of the base need not be written again."""

    def why_not(self, form: Form, architecture: Architecture) -> str | None:
        """The reason this method cannot work with that form (and its task) on such a base, or None."""

    def forms(self, form: Form) -> Sequence[Form]:
        """Forms to choose from by score before any weight moves; empty when the form stays as it is."""

    def further(self, model: nn.Module, best: Form, done: int) -> Sequence[Form | Callable[..., Form]] | None:
        """What to try after `done` rounds; None ends the search. A function makes more of a Form with rows not scored."""

    def insert(self, model: nn.Module, form: Form | None = None) -> nn.Module:
        """The model with what is added, which may start from the words of `form`. Raises UsageError for what has no room."""

    def moves(self, model: nn.Module) -> Sequence[ParameterGroup]:
        """What moves of an inserted model; everything else is frozen and in evaluation mode. Empty when no weight moves."""

    def at(self, groups: Sequence[ParameterGroup], done: int, total: int) -> Sequence[ParameterGroup]:
        """Those of `groups` that move in the update behind `done` of `total`: pure, so that resuming needs no state."""

    def aim(self, model: nn.Module, form: Form) -> Form:
        """The Form whose loss is followed: `form`, unless the stage learns something else first; then nothing is validated."""

    def settle(self, model: nn.Module, form: Form, train: Sequence[Row], valid: Sequence[Row], seed: int) -> None:
        """What is computed once the weights stand still: a head in closed form, say."""

    def save(self, model: nn.Module, folder: Path) -> None:
        """Write what `insert` added and plain `model/` cannot hold; nothing when there is no such thing."""

    def load(self, model: nn.Module, folder: Path) -> nn.Module:
        """`insert` and fill from what `save` wrote."""

    def plain(self, model: nn.Module) -> nn.Module:
        """The model without what `insert` added (trained, where it moved); shares its tensors, and `model` stays as it is."""

    def merged(self, model: nn.Module) -> nn.Module | None:
        """The model that answers the same with nothing inserted; None where that cannot be. `model` itself is used up."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one update, or one search round, did: a line of steps.jsonl.

    `kind`: `update` trains; `search` tries a Form; `range` (one update of a range test) and `probe` (a short run) are taken back.
    `seconds`: wall time since the Step before ended (the first: since training began); `memory`: resident, or the accelerator's.
    """

    step: int  # counted from 1 over the whole run
    stage: int  # counted from 1
    method: str
    kind: Literal["update", "search", "range", "probe"]
    rows: int
    tokens: int
    seconds: float
    memory: int
    loss: float | None = None  # of an update: mean over units
    score: float | None = None  # of a search round or probe: the task's metric for this candidate
    candidate: Mapping[str, Any] | None = None  # of a search round: the Form's spec; of a probe: its rate and what came of it
    epoch: float | None = None
    learning_rate: float | None = None
    gradient_norm: float | None = None  # before clipping
    valid: Mapping[str, float] | None = None  # scores and loss, where this Step ended with an evaluation
    adjusted: Mapping[str, Any] | None = None  # settings changed from outside, from this Step on
