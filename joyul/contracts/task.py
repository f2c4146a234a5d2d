"""What a right answer is (Task), an answer (Prediction) and how good answers are (Score)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from joyul.contracts.example import Example

TargetType = Literal["label", "labels", "number", "tags", "text"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """An answer.

    `value` is as the user writes it (a label, labels, a number, a text, a list of tags), or None: no answer. `score` is its
    probability where there is one, `scores` those of all labels where there are few. `entities` are the spans that tags mark:
    `{"type", "start", "end", "text", "score"}`, in words or characters. `reason`: why there is no answer, where known.
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
        """The Prediction for what a Form reads off one row: probabilities of labels, a number, a text, tags with their places.

        Thresholds are applied here. Where there is no finite number there is no answer.
        """

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
