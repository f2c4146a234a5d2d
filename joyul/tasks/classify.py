"""Text classification, one label a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from joyul.contracts import TargetType
from joyul.errors import DataError
from joyul.tasks.metrics import label_intervals, label_scores


@dataclass(frozen=True)
class Classify:
    """`labels` are text as it stands in the file (`"1"`, not 1), in a fixed order: that of the class indices."""

    labels: tuple[str, ...]
    name: ClassVar[str] = "classify"
    target_type: ClassVar[TargetType] = "label"
    metric: ClassVar[str] = "accuracy"

    @classmethod
    def learn(cls, targets: Sequence[Any]) -> Self:
        """The task whose labels are those of the training rows, sorted. Raises DataError for fewer than two."""
        labels = tuple(sorted({str(target) for target in targets}))
        if len(labels) < 2:
            raise DataError("one_class", found=labels[0] if labels else "")
        return cls(labels)

    def encode(self, target: Any, where: str | None = None) -> int:
        if isinstance(target, list):
            raise DataError("label_is_list", where=where)
        try:
            return self.labels.index(str(target))
        except ValueError:
            raise DataError("unknown_label", where=where, found=str(target), allowed=self.labels) from None

    def decode(self, encoded: int) -> str:
        return self.labels[encoded]

    def metrics(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        return label_scores(targets, predictions, self.labels)

    def intervals(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, tuple[float, float]]:
        return label_intervals(targets, predictions, self.labels)

    def baseline(self, targets: Sequence[Any]) -> str:
        """The commonest label; the first in order among equals."""
        counts = Counter(targets)
        return max(self.labels, key=lambda label: counts[label])

    def weights(self, targets: Sequence[Any]) -> list[float]:
        """rows / (classes x rows of the class), as scikit-learn's `balanced` (King and Zeng, 2001)."""
        counts = Counter(targets)
        return [len(targets) / (len(counts) * counts[target]) for target in targets]

    def spec(self) -> dict[str, Any]:
        return {"labels": list(self.labels)}

    @classmethod
    def restore(cls, spec: Mapping[str, Any]) -> Self:
        return cls(tuple(spec["labels"]))
