"""Regression: one number a row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from joyul.contracts import Example, Prediction, Score, TargetType
from joyul.errors import DataError, UsageError
from joyul.messages import words
from joyul.tasks.classify import no_list
from joyul.tasks.numbers import errors, fit, fit_intervals

LARGEST, SPREADS = 10.0, (0.1, 10.0)  # training targets within these are learned as they stand


@dataclass(frozen=True)
class Regress:
    """The model gives (number - `centre`) / `scale`. `mean` is that of the training targets; answers stay within `bounds`.

    Numbers of a usual size are learned as they stand (centre 0, scale 1), so that stock transformers gives them too; others are
    standardised, because no learning rate suits a head that has to reach thousands.
    """

    mean: float
    centre: float = 0.0
    scale: float = 1.0
    bounds: tuple[float, float] | None = None
    labels: ClassVar[tuple[str, ...]] = ()
    name: ClassVar[str] = "regress"
    target_type: ClassVar[TargetType] = "number"
    metric: ClassVar[str] = "r2"  # correlations do not see a wrong scale, so choices are not made by them
    takes: ClassVar[tuple[str, ...]] = ("bounds",)
    decides: ClassVar[bool] = False

    @classmethod
    def learn(cls, targets: Sequence[Any]) -> Regress:
        """Mean and spread of the training targets; those that are no numbers are left to `check`.

        Raises DataError where there is a single value, or none.
        """
        found = [value for target in targets if (value := _float(target)) is not None and math.isfinite(value)]
        if not found:
            raise DataError("no_numbers")
        numbers = np.array(found)
        if len(set(found)) < 2:
            raise DataError("one_number", found=f"{found[0]:g}")
        mean, spread = float(numbers.mean()), float(numbers.std())
        usual = abs(mean) <= LARGEST and SPREADS[0] <= spread <= SPREADS[1]
        return cls(mean) if usual else cls(mean, centre=mean, scale=spread)

    def configured(self, given: Mapping[str, Any]) -> Regress:
        """With the ends of the scale. Raises UsageError."""
        if "bounds" not in given:
            return self
        ends = [_float(text) for text in given["bounds"]]
        if len(ends) != 2 or None in ends or not ends[0] < ends[1]:  # type: ignore[operator]
            raise UsageError("bounds_pair", found=",".join(map(str, given["bounds"])))
        return replace(self, bounds=(ends[0], ends[1]))  # type: ignore[arg-type]

    def check(self, example: Example, where: str) -> None:
        no_list(example, where)
        if example.target is not None:
            self.encode(example.target, where)

    def encode(self, target: Any, where: str | None = None) -> float:
        value = number(target, where)
        if self.bounds is not None and not self.bounds[0] <= value <= self.bounds[1]:
            raise DataError("number_outside", where=where, found=str(target), low=self.bounds[0], high=self.bounds[1])
        return (value - self.centre) / self.scale

    def decode(self, encoded: float) -> float:
        return float(f"{encoded * self.scale + self.centre:.12g}")

    def answer(self, found: float) -> Prediction:
        """From the model's one output."""
        if not math.isfinite(found):
            return Prediction(None)
        low, high = self.bounds or (-math.inf, math.inf)
        return Prediction(min(high, max(low, float(f"{found * self.scale + self.centre:.7g}"))))

    @property
    def why_not_plain(self) -> str | None:
        if (self.centre, self.scale) != (0.0, 1.0):
            return words("not_plain_standardised", centre=f"{self.centre:g}", scale=f"{self.scale:g}")
        return words("not_plain_bounds", low=f"{self.bounds[0]:g}", high=f"{self.bounds[1]:g}") if self.bounds else None

    def decided(self, targets: Sequence[Any], predictions: Sequence[Prediction]) -> Regress:
        return self

    def metrics(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        """No answer counts as the training mean, which says nothing."""
        return fit(np.array(targets, dtype=float), self._filled(predictions))

    def intervals(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, tuple[float, float]]:
        return fit_intervals(np.array(targets, dtype=float), self._filled(predictions))

    def further(self, targets: Sequence[Any], predictions: Sequence[Prediction]) -> dict[str, Score]:
        return errors(np.array(targets, dtype=float), self._filled([prediction.value for prediction in predictions]))

    def _filled(self, predictions: Sequence[Any]) -> np.ndarray:
        return np.array([self.mean if value is None else value for value in predictions], dtype=float)

    def baseline(self, targets: Sequence[Any]) -> float:
        """The mean."""
        return float(np.mean([number(target) for target in targets]))

    def weights(self, targets: Sequence[Any]) -> list[float]:
        return [1.0] * len(targets)

    def spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = {"mean": self.mean, "centre": self.centre, "scale": self.scale}
        return spec if self.bounds is None else {**spec, "bounds": list(self.bounds)}

    @classmethod
    def restore(cls, spec: Mapping[str, Any]) -> Regress:
        bounds = tuple(float(end) for end in spec["bounds"]) if spec.get("bounds") else None
        return cls(float(spec["mean"]), float(spec["centre"]), float(spec["scale"]), bounds)  # type: ignore[arg-type]


def number(target: Any, where: str | None = None) -> float:
    """A finite number out of a cell. Raises DataError, with a hint where a comma stands for the point or for thousands."""
    if isinstance(target, list):
        raise DataError("number_is_list", where=where)
    value = _float(target)
    if value is None:
        comma = _float(str(target).replace(",", "")) is not None
        raise DataError("number_has_comma" if comma else "number_expected", where=where, found=str(target))
    if not math.isfinite(value):
        raise DataError("number_not_finite", where=where, found=str(target))
    return value


def _float(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None
