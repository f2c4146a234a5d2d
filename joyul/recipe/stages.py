"""What each stage is, which settings it takes, and its defaults by model width and number of rows: one literal table.

The classes that do the work stand in `joyul/methods/`; this table holds no code of theirs, so that help stays fast.
Sources of the defaults: LOG.md (measured on `starter`), the BERT paper (2e-5 to 5e-5 at width 768).
The table by width and rows: `docs/reference.md`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from joyul.messages import language, words

Range = tuple[float, float]


@dataclass(frozen=True)
class Sizes:
    """What a default may depend on: width of the base in units, training rows, and updates an epoch at the batch size."""

    width: int
    rows: int


@dataclass(frozen=True)
class Default:
    """A value nobody gave, and why it is this one."""

    value: Any
    why: str


@dataclass(frozen=True)
class StageInfo:
    """`moves` in English and Korean; `ranges` of the numbers that a single value of a chain is offered to."""

    en: str
    ko: str
    takes: tuple[str, ...] = ()
    ranges: Mapping[str, Range] = field(default_factory=dict)
    defaults: Callable[[Sizes, Mapping[str, Any]], dict[str, Default]] = lambda sizes, given: {}

    @property
    def text(self) -> str:
        """What moves, in the language in use."""
        return self.ko if language() == "ko" else self.en


def _by_width(width: int, table: tuple[tuple[int, float], ...]) -> float:
    """The value of the first row whose width is not below the model's; the last one beyond."""
    return next((value for limit, value in table if width <= limit), table[-1][1])


FULL_RATES = ((128, 5e-4), (256, 2e-4), (512, 7e-5), (768, 3e-5), (1024, 2e-5), (4096, 1e-5))
HEAD_RATES = ((128, 3e-3), (512, 1e-3), (1024, 5e-4), (4096, 3e-4))


def _epochs(sizes: Sizes, batch_size: int, updates: int, least: int, most: int) -> Default:
    """As many epochs as give `updates` updates, between `least` and `most`: small sets need more passes."""
    wanted = math.ceil(updates * batch_size / max(1, sizes.rows))
    epochs = min(most, max(least, wanted))
    return Default(epochs, words("why_rows", rows=sizes.rows))


def _training(
    rates: tuple[tuple[int, float], ...], batch_size: int, updates: int, least: int, most: int, patience: int
) -> Callable[[Sizes, Mapping[str, Any]], dict[str, Default]]:
    def defaults(sizes: Sizes, given: Mapping[str, Any]) -> dict[str, Default]:
        batch = Default(batch_size if sizes.rows >= 1000 else 16, words("why_rows", rows=sizes.rows))
        every = words("why_method")
        return {
            "learning_rate": Default(_by_width(sizes.width, rates), words("why_width", width=sizes.width)),
            "batch_size": batch,
            "epochs": _epochs(sizes, given.get("batch_size") or batch.value, updates, least, most),
            "weight_decay": Default(0.01, every),
            "schedule": Default("linear", every),
            "warmup": Default(0.1, every),
            "clip": Default(1.0, every),
            "label_smoothing": Default(0.0, every),
            "class_weights": Default("none", every),
            "patience": Default(patience, every),
        }

    return defaults


TRAINING = (
    "epochs", "learning_rate", "batch_size", "micro_batch", "weight_decay", "schedule", "warmup", "clip",
    "label_smoothing", "class_weights", "patience",
)

STAGES: dict[str, StageInfo] = {
    "full": StageInfo(
        "every weight", "모든 가중치", TRAINING, {"learning_rate": (1e-8, 1e-2), "epochs": (0, 1000)},
        _training(FULL_RATES, batch_size=16, updates=240, least=3, most=12, patience=3),
    ),
    "head": StageInfo(
        "the head alone; the base stays frozen", "분류 층만. 모델 본체는 고정", TRAINING,
        {"learning_rate": (1e-6, 1.0), "epochs": (0, 10_000)},
        _training(HEAD_RATES, batch_size=32, updates=400, least=5, most=20, patience=5),
    ),
    "prompt": StageInfo("no weight: chooses among the given templates by score", "가중치는 그대로. 주어진 틀 가운데 점수로 고름"),
}
