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
from joyul.recipe.adapters import ADAPTERS, Adapter

Range = tuple[float, float]
Defaults = Callable[["Sizes", Mapping[str, Any]], dict[str, "Default"]]


@dataclass(frozen=True)
class Sizes:
    """What a default may depend on: width of the base in units, training rows, and layers of the base."""

    width: int
    rows: int
    layers: int = 12


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
    defaults: Defaults = lambda sizes, given: {}

    @property
    def text(self) -> str:
        """What moves, in the language in use."""
        return self.ko if language() == "ko" else self.en


def _by_width(width: int, table: tuple[tuple[int, float], ...]) -> float:
    """The value of the first row whose width is not below the model's; the last one beyond."""
    return next((value for limit, value in table if width <= limit), table[-1][1])


FULL_RATES = ((128, 5e-4), (256, 2e-4), (512, 7e-5), (768, 3e-5), (1024, 2e-5), (4096, 1e-5))
LORA_RATES = ((128, 3e-3), (256, 2e-3), (512, 1e-3), (768, 5e-4), (1024, 3e-4), (4096, 2e-4))
LAYERS_RATES = ((128, 1e-3), (256, 5e-4), (512, 2e-4), (768, 5e-5), (1024, 3e-5), (4096, 2e-5))
PROMPT_RATES = ((128, 3e-2), (512, 1e-2), (1024, 1e-2), (4096, 5e-3))
P_TUNING_RATES = ((128, 3e-3), (512, 1e-3), (1024, 5e-4), (4096, 3e-4))
PREFIX_RATES = ((128, 3e-2), (512, 1e-2), (1024, 5e-3), (4096, 3e-3))
HEAD_RATES = ((128, 3e-3), (512, 1e-3), (1024, 5e-4), (4096, 3e-4))


def _epochs(sizes: Sizes, batch_size: int, updates: int, least: int, most: int) -> Default:
    """As many epochs as give `updates` updates, between `least` and `most`: small sets need more passes."""
    wanted = math.ceil(updates * batch_size / max(1, sizes.rows))
    epochs = min(most, max(least, wanted))
    return Default(epochs, words("why_rows", rows=sizes.rows))


def _training(
    rates: tuple[tuple[int, float], ...], batch_size: int, updates: int, least: int, most: int, patience: int,
    own: Defaults = lambda sizes, given: {}, faster: float = 1.0,
) -> Defaults:  # fmt: skip
    """AdamW's settings; `own` adds those of the stage alone, `faster` multiplies the rate of the table."""

    def defaults(sizes: Sizes, given: Mapping[str, Any]) -> dict[str, Default]:
        batch = Default(batch_size if sizes.rows >= 1000 else 16, words("why_rows", rows=sizes.rows))
        every = words("why_method")
        return {
            "learning_rate": Default(faster * _by_width(sizes.width, rates), words("why_width", width=sizes.width)),
            "batch_size": batch,
            "epochs": _epochs(sizes, given.get("batch_size") or batch.value, updates, least, most),
            "weight_decay": Default(0.01, every),
            "schedule": Default("linear", every),
            "warmup": Default(0.1, every),
            "clip": Default(1.0, every),
            "label_smoothing": Default(0.0, every),
            "class_weights": Default("none", every),
            "patience": Default(patience, every),
            "average": Default(False, every),
            "gradient_checkpointing": Default(False, every),
            **own(sizes, given),
        }

    return defaults


TRAINING = (
    "epochs", "learning_rate", "batch_size", "micro_batch", "weight_decay", "schedule", "warmup", "clip",
    "label_smoothing", "class_weights", "patience", "average", "gradient_checkpointing",
)
UNVALIDATED = ("label_smoothing", "class_weights", "patience")  # what a stage that learns something beside the task has not
BY_LAYER = ("layer_decay", "head_rate", "unfreeze")
HEAD_RATE = 10.0  # a new head starts from noise and has further to go than the layers below it (LOG.md)
TEMPERATURES = {"labels": 0.1, "dropout": 0.05}  # Khosla et al. (2020), Gao et al. (2021)
MIDDLING = (1000, 20_000)  # rows


def _by_layer(sizes: Sizes, given: Mapping[str, Any]) -> dict[str, Default]:
    every = words("why_method")
    return {"layer_decay": Default(1.0, every), "head_rate": Default(HEAD_RATE, every), "unfreeze": Default("at_once", every)}


def _full(sizes: Sizes, given: Mapping[str, Any]) -> dict[str, Default]:
    """Sets neither small nor large gain from half the rows an update, the root of half the rate, and the mean (LOG.md).

    Of a small set too few rows validate to say when to stop: few epochs, to their end, are as long and better.
    """
    found = _by_layer(sizes, given)
    if sizes.rows < MIDDLING[0] and given.get("epochs") is None:
        found["patience"] = Default("none", words("why_rows", rows=sizes.rows))
    if MIDDLING[0] <= sizes.rows < MIDDLING[1]:
        rate = float(f"{_by_width(sizes.width, FULL_RATES) * math.sqrt(0.5):.1e}")
        found["learning_rate"] = Default(rate, words("why_width", width=sizes.width))
        found["batch_size"] = Default(8, words("why_rows", rows=sizes.rows))
        found["average"] = Default(True, words("why_rows", rows=sizes.rows))
    return found


def _top_layers(sizes: Sizes, given: Mapping[str, Any]) -> dict[str, Default]:
    third = Default(max(1, sizes.layers // 3), words("why_layers", layers=sizes.layers))
    return {"top_layers": third, **_by_layer(sizes, given)}


def _contrast(sizes: Sizes, given: Mapping[str, Any]) -> dict[str, Default]:
    """Of few rows many passes; the settings of AdamW as for every weight."""
    pairs = given.get("pairs") or "labels"
    made = _training(FULL_RATES, batch_size=32, updates=100, least=1, most=20, patience=1)(sizes, given)
    found = {key: default for key, default in made.items() if key not in UNVALIDATED}
    temperature = Default(TEMPERATURES[pairs], words("why_method"))
    return {**found, "pairs": Default(pairs, words("why_method")), "temperature": temperature}


def _adapter(adapter: Adapter) -> StageInfo:
    """The row of an adapter: LoRA's training with the settings that PEFT gives this one."""
    lora = ADAPTERS["lora"]

    def own(sizes: Sizes, given: Mapping[str, Any]) -> dict[str, Default]:
        every = words("why_method")
        rank = given.get("rank") or adapter.usual_rank
        found = {"targets": Default(("all-linear",) if adapter is not ADAPTERS["ln_tuning"] else ("norms",), every)}
        found |= {"rank": Default(adapter.usual_rank, every)} if adapter.rank else {}
        found |= {"lora_alpha": Default(2.0 * rank, words("why_rank", rank=rank))} if adapter.alpha else {}
        found |= {"lora_dropout": Default(0.0, every)} if adapter.dropout else {}
        return found | ({"dora": Default(False, every), "rslora": Default(False, every)} if adapter is lora else {})

    fields = {"rank": adapter.rank, "lora_alpha": adapter.alpha, "lora_dropout": adapter.dropout}
    mine = tuple(key for key, name in fields.items() if name) + (("dora", "rslora") if adapter is lora else ())
    takes = (*TRAINING, "top_layers", "targets", *mine)
    return StageInfo(
        adapter.en, adapter.ko, takes, {"learning_rate": (1e-6, 1.0), "epochs": (0, 10_000)},
        _training(LORA_RATES, batch_size=16, updates=300, least=3, most=15, patience=3, own=own, faster=adapter.rate),
    )


def _prompt(length: int, through: str, takes: tuple[str, ...]) -> Defaults:
    def own(sizes: Sizes, given: Mapping[str, Any]) -> dict[str, Default]:
        every = words("why_method")
        return {
            "prompt_length": Default(length, every), "prompt_init": Default("labels", every), "joint": Default(False, every),
            "reparametrisation": Default(through, every), "weight_decay": Default(0.0, every),
            **({"position": Default("before", every)} if "position" in takes else {}),
        }  # fmt: skip

    return own


def _learned(en: str, ko: str, rates: tuple[tuple[int, float], ...], length: int, through: str, *takes: str) -> StageInfo:
    """The row of a stage that learns vectors: AdamW's settings, and those of the vectors."""
    return StageInfo(
        en, ko, (*TRAINING, *takes, "prompt_length", "prompt_init", "reparametrisation", "joint"),
        {"learning_rate": (1e-5, 10.0), "epochs": (0, 10_000)},
        _training(rates, batch_size=32, updates=240, least=3, most=12, patience=3, own=_prompt(length, through, takes)),
    )


STAGES: dict[str, StageInfo] = {
    "full": StageInfo(
        "every weight", "모든 가중치", (*TRAINING, *BY_LAYER), {"learning_rate": (1e-8, 1e-2), "epochs": (0, 1000)},
        _training(FULL_RATES, batch_size=16, updates=160, least=3, most=9, patience=3, own=_full),
    ),
    "layers": StageInfo(
        "the top layers and the head", "위쪽 층들과 분류 층", (*TRAINING, "top_layers", *BY_LAYER),
        {"learning_rate": (1e-8, 1e-1), "epochs": (0, 1000)},
        _training(LAYERS_RATES, batch_size=16, updates=300, least=3, most=15, patience=3, own=_top_layers),
    ),
    "contrast": StageInfo(
        "every weight, by pairs of rows (Tunstall et al., 2022; Gao et al., 2021); then a head in closed form",
        "행의 짝으로 모든 가중치 (Tunstall et al., 2022; Gao et al., 2021), 그 뒤에 닫힌 식으로 푼 분류 층",
        (*(key for key in TRAINING if key not in UNVALIDATED), "pairs", "temperature"),
        {"learning_rate": (1e-8, 1e-2), "epochs": (0, 1000)}, _contrast,
    ),
    "head": StageInfo(
        "the head alone; the base stays frozen", "분류 층만. 모델 본체는 고정", TRAINING,
        {"learning_rate": (1e-6, 1.0), "epochs": (0, 10_000)},
        _training(HEAD_RATES, batch_size=32, updates=400, least=5, most=20, patience=5),
    ),
    **{name: _adapter(adapter) for name, adapter in ADAPTERS.items()},
    "soft_prompt": _learned(
        "vectors in front of the text, and the head (Lester et al., 2021)", "텍스트 앞의 벡터와 분류 층 (Lester et al., 2021)",
        PROMPT_RATES, 8, "none", "position",
    ),
    "p_tuning": _learned(
        "the same, made by a small network (Liu et al., 2021)", "같은 벡터를 작은 신경망으로 만듦 (Liu et al., 2021)",
        P_TUNING_RATES, 8, "residual", "position",
    ),
    "prefix": _learned(
        "keys and values in every layer, or in the top ones, and the head (Li and Liang, 2021; Liu et al., 2022)",
        "모든 층 또는 위쪽 층의 키와 값, 그리고 분류 층 (Li and Liang, 2021; Liu et al., 2022)",
        PREFIX_RATES, 8, "none", "top_layers",
    ),
    "prompt": StageInfo(
        "no weight: chooses the wording by score", "가중치는 그대로. 물어보는 말을 점수로 고름",
        ("search", "candidates", "demonstrations", "proposals"),
        {"candidates": (1, 1000), "demonstrations": (0, 64), "proposals": (0, 64)},
    ),
}
