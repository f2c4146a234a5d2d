"""Text classification: one label a row, or any number of labels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from joyul.contracts import Example, Prediction, Score, TargetType
from joyul.errors import DataError, UsageError, listing
from joyul.messages import words
from joyul.tasks import decide, sets
from joyul.tasks.certainty import answered_scores, auc, calibration_error
from joyul.tasks.metrics import further_label_scores, label_intervals, label_scores, operating_scores

MOST_LISTED = 20  # labels whose probabilities are all written down


@dataclass(frozen=True)
class Classify:
    """One label a row. `labels` are text as it stands in the file (`"1"`, not 1), in the order of the class indices.

    With two labels, `positive` is the answer from the probability `threshold` on, which is chosen on validation rows to reach
    `operating_point`; answers less probable than `abstain` are withheld.
    """

    labels: tuple[str, ...]
    positive: str | None = None
    operating_point: str | None = None
    threshold: float | None = None
    abstain: float | None = None
    name: ClassVar[str] = "classify"
    target_type: ClassVar[TargetType] = "label"
    metric: ClassVar[str] = "accuracy"
    takes: ClassVar[tuple[str, ...]] = ("positive", "operating_point", "abstain")

    @classmethod
    def learn(cls, targets: Sequence[Any]) -> Classify:
        """The task whose labels are those of the training rows, sorted. Raises DataError for fewer than two."""
        many = any(isinstance(target, list) for target in targets)
        found = {str(label) for target in targets for label in (target if isinstance(target, list) else [target]) if label}
        labels = tuple(sorted(found))
        if len(labels) < 2:
            raise DataError("one_class", found=labels[0] if labels else "")
        return ClassifyMany(labels) if many else cls(labels)

    def configured(self, given: Mapping[str, Any]) -> Classify:
        """With a positive label, an operating point, answers withheld. Raises UsageError."""
        point, positive = given.get("operating_point"), given.get("positive")
        if (point or positive) and len(self.labels) != 2:
            raise UsageError("positive_needs_two", labels=", ".join(self.labels))
        if positive is not None and positive not in self.labels:
            raise UsageError("positive_unknown", found=positive, allowed=self.labels)
        if point is not None:
            decide.operating_point(point)
        chosen = {"operating_point": point, "positive": positive or self.labels[1]} if point or positive else {}
        return replace(self, **{**given, **chosen})

    def check(self, example: Example, where: str) -> None:
        no_list(example, where)
        if example.target is not None:
            self.encode(example.target, where)

    def encode(self, target: Any, where: str | None = None) -> Any:
        if isinstance(target, list):
            raise DataError("label_is_list", where=where)
        return index_of(str(target), self.labels, where)

    def decode(self, encoded: Any) -> Any:
        return self.labels[encoded]

    def answer(self, found: Sequence[float]) -> Prediction:
        """From the probabilities of all labels."""
        if not all(map(math.isfinite, found)):
            return Prediction(None)
        best = max(range(len(found)), key=found.__getitem__)
        if self.threshold is not None and self.positive is not None:
            chosen = self.labels.index(self.positive)
            best = chosen if found[chosen] >= self.threshold else 1 - chosen
        withheld = self.abstain is not None and found[best] < self.abstain
        return Prediction(None if withheld else self.labels[best], found[best], self._listed(found))

    def _listed(self, found: Sequence[float]) -> dict[str, float] | None:
        return dict(zip(self.labels, found, strict=True)) if len(self.labels) <= MOST_LISTED else None

    @property
    def why_not_plain(self) -> str | None:
        if self.threshold not in (None, decide.EVEN):
            return words("not_plain_threshold", label=self.positive, threshold=f"{self.threshold:.3g}")
        return words("not_plain_abstain", abstain=f"{self.abstain:g}") if self.abstain is not None else None

    @property
    def decides(self) -> bool:
        return self.operating_point is not None

    def decided(self, targets: Sequence[Any], predictions: Sequence[Prediction]) -> Classify:
        """With the threshold that reaches the operating point on these rows."""
        if self.operating_point is None or self.positive is None:
            return self
        rows = [(t == self.positive, p.scores[self.positive]) for t, p in zip(targets, predictions, strict=True) if p.scores]
        threshold = decide.point_threshold([row[0] for row in rows], [row[1] for row in rows], self.operating_point)
        return replace(self, threshold=threshold)

    def metrics(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        return label_scores(targets, predictions, self.labels)

    def intervals(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, tuple[float, float]]:
        return label_intervals(targets, predictions, self.labels)

    def further(self, targets: Sequence[Any], predictions: Sequence[Prediction]) -> dict[str, Score]:
        values = [prediction.value for prediction in predictions]
        scores = further_label_scores(targets, values, self.labels)
        scores |= self._certain(targets, predictions)
        if self.positive is not None:
            scores |= operating_scores(targets, values, self.positive)
        return scores | (answered_scores(targets, predictions) if self.abstain is not None else {})

    def _certain(self, targets: Sequence[Any], predictions: Sequence[Prediction]) -> dict[str, Score]:
        """AUC and calibration error, where every row has its probabilities."""
        scores: dict[str, Score] = {}
        probabilities = table(predictions, self.labels)
        if probabilities is not None:
            columns = slice(1, 2) if len(self.labels) == 2 else slice(None)
            area = auc(sets.matrix([[t] for t in targets], self.labels)[:, columns], probabilities[:, columns])
            scores |= {"auc": area} if area is not None else {}
            best = probabilities.argmax(axis=1)
            hits = np.array([self.labels[place] == target for place, target in zip(best, targets, strict=True)], dtype=float)
            scores["ece"] = calibration_error(hits, probabilities.max(axis=1))
        return scores

    def baseline(self, targets: Sequence[Any]) -> Any:
        """The commonest label; the first in order among equals."""
        counts = Counter(targets)
        return max(self.labels, key=lambda label: counts[label])

    def weights(self, targets: Sequence[Any]) -> list[float]:
        """rows / (classes x rows of the class), as scikit-learn's `balanced` (King and Zeng, 2001)."""
        counts = Counter(targets)
        return [len(targets) / (len(counts) * counts[target]) for target in targets]

    def spec(self) -> dict[str, Any]:
        chosen = {name: getattr(self, name) for name in ("positive", "operating_point", "threshold", "abstain")}
        return {"labels": list(self.labels), **{name: value for name, value in chosen.items() if value is not None}}

    @classmethod
    def restore(cls, spec: Mapping[str, Any]) -> Classify:
        labels = tuple(spec["labels"])
        if str(spec.get("many")).lower() == "true":
            thresholds = {label: float(value) for label, value in dict(spec.get("thresholds", {})).items()}
            return ClassifyMany(labels, thresholds=thresholds)
        threshold, abstain = (None if spec.get(name) is None else float(spec[name]) for name in ("threshold", "abstain"))
        return Classify(labels, spec.get("positive"), spec.get("operating_point"), threshold, abstain)


@dataclass(frozen=True)
class ClassifyMany(Classify):
    """Any number of labels a row, each decided by itself from its threshold on (0.5 until validation rows have chosen)."""

    thresholds: Mapping[str, float] = field(default_factory=dict)
    target_type: ClassVar[TargetType] = "labels"
    metric: ClassVar[str] = "micro_f1"
    takes: ClassVar[tuple[str, ...]] = ("separator",)  # used up when the file is read

    def configured(self, given: Mapping[str, Any]) -> Classify:
        return self

    def encode(self, target: Any, where: str | None = None) -> list[int]:
        """Indices in order, each once."""
        if not isinstance(target, list):
            raise DataError("label_not_list", where=where, found=str(target))
        if any(label is None or not label.strip() for label in target):
            raise DataError("label_empty", where=where)
        return sorted({index_of(label, self.labels, where) for label in target})

    def decode(self, encoded: Sequence[int]) -> list[str]:
        return [self.labels[index] for index in encoded]

    def answer(self, found: Sequence[float]) -> Prediction:
        """From the probability of each label; `score` is that of the least sure decision."""
        if not all(map(math.isfinite, found)):
            return Prediction(None)
        said = [p >= self.thresholds.get(label, decide.EVEN) for label, p in zip(self.labels, found, strict=True)]
        sure = min(p if chosen else 1 - p for p, chosen in zip(found, said, strict=True))
        return Prediction(self.decode([place for place, chosen in enumerate(said) if chosen]), sure, self._listed(found))

    def _listed(self, found: Sequence[float]) -> dict[str, float]:
        return dict(zip(self.labels, found, strict=True))  # thresholds and AUC need all of them

    @property
    def why_not_plain(self) -> str | None:
        shifted = [f"{label} {value:.3g}" for label, value in self.thresholds.items() if value != decide.EVEN]
        return words("not_plain_thresholds", thresholds=listing(shifted)) if shifted else None

    @property
    def decides(self) -> bool:
        return True

    def decided(self, targets: Sequence[Any], predictions: Sequence[Prediction]) -> Classify:
        """With the thresholds that give these rows the highest F1."""
        probabilities = table(predictions, self.labels)
        if probabilities is None:
            return self
        chosen = decide.set_thresholds(sets.matrix(targets, self.labels), probabilities)
        return replace(self, thresholds=dict(zip(self.labels, chosen, strict=True)))

    def metrics(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        return sets.set_scores(sets.matrix(targets, self.labels), sets.matrix(predictions, self.labels))

    def intervals(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, tuple[float, float]]:
        return sets.set_intervals(sets.matrix(targets, self.labels), sets.matrix(predictions, self.labels))

    def further(self, targets: Sequence[Any], predictions: Sequence[Prediction]) -> dict[str, Score]:
        there = sets.matrix(targets, self.labels)
        answers = sets.matrix([prediction.value for prediction in predictions], self.labels)
        scores = sets.further_set_scores(there, answers, self.labels)
        probabilities = table(predictions, self.labels)
        area = auc(there, probabilities) if probabilities is not None else None
        return scores | ({"auc": area} if area is not None else {})

    def baseline(self, targets: Sequence[Any]) -> list[str]:
        """The commonest labels, as many as give the training rows the highest micro F1."""
        counts = Counter(label for target in targets for label in target)
        ranked = sorted(self.labels, key=lambda label: -counts[label])
        total, best = sum(counts.values()), (0.0, 1)
        for size in range(1, len(ranked) + 1):
            hits = sum(counts[label] for label in ranked[:size])
            best = max(best, (2 * hits / (size * len(targets) + total), size), key=lambda pair: pair[0])
        return sorted(ranked[: best[1]])

    def weights(self, targets: Sequence[Any]) -> list[float]:
        """The mean of the balanced weights of a row's labels; 1 for a row that has none."""
        counts = Counter(label for target in targets for label in target)
        total = sum(counts.values())
        return [float(np.mean([total / (len(counts) * counts[label]) for label in t])) if t else 1.0 for t in targets]

    def spec(self) -> dict[str, Any]:
        return {"labels": list(self.labels), "many": True, **({"thresholds": dict(self.thresholds)} if self.thresholds else {})}


def index_of(label: str, labels: Sequence[str], where: str | None) -> int:
    """The index of a label. Raises DataError with the nearest one."""
    try:
        return labels.index(label)
    except ValueError:
        raise DataError("unknown_label", where=where, found=label, allowed=labels) from None


def no_list(example: Example, where: str) -> None:
    """Raise DataError for a text that is a list."""
    if any(isinstance(value, list) for value in example.inputs.values()):
        raise DataError("text_is_list", where=where)


def table(predictions: Iterable[Prediction], labels: Sequence[str]) -> np.ndarray | None:
    """Probabilities of shape (rows, labels); None where a row has not all of them."""
    rows = [[p.scores[label] for label in labels] if p.scores else None for p in predictions]
    found = [row for row in rows if row is not None]
    return np.array(found) if found and len(found) == len(rows) else None
