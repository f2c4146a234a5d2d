"""Other tools' spellings that are more than another name: values that have to be multiplied or turned into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from joyul.errors import UsageError
from joyul.recipe.grammar import Given
from joyul.recipe.settings import ALIASES
from joyul.recipe.values import allowed

FACTORS = ("per_device_train_batch_size", "micro_batch_size", "gradient_accumulation_steps")  # multiplied: batch_size
SWITCHES = {"bf16": ("precision", "bf16", "fp32"), "fp32": ("precision", "fp32", "auto")}  # yes, no
SPELLINGS = (*ALIASES, *FACTORS, *SWITCHES)
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def translate(given: Sequence[Given]) -> list[Given]:
    """The same settings under Joyul's own names."""
    plain = [replace(item, key=_key(item.key)) for item in given if item.key not in (*FACTORS, *SWITCHES)]
    return [*plain, *_batch(given), *_switched(given)]


def _key(key: str) -> str:
    stage, dot, name = key.rpartition(".")
    return f"{stage}{dot}{ALIASES.get(name, name)}"


def _batch(given: Sequence[Given]) -> list[Given]:
    """`per_device_train_batch_size` x `gradient_accumulation_steps`, either of them 1 where it is not given."""
    factors = [item for item in given if item.key in FACTORS]
    if not factors:
        return []
    product = 1
    for item in factors:
        if not str(item.value).isdigit():
            raise UsageError("bad_value", where=item.where, key=item.key, found=str(item.value), expected=allowed("batch_size"))
        product *= int(item.value)
    if len(factors) == 1 and factors[0].key == "gradient_accumulation_steps":
        raise UsageError("accumulation_alone", where=factors[0].where, found=str(factors[0].value))
    return [Given("batch_size", str(product), factors[0].where)]


def _switched(given: Sequence[Given]) -> list[Given]:
    switched = []
    for item in given:
        if item.key in SWITCHES:
            key, on, off = SWITCHES[item.key]
            if str(item.value).lower() not in (*TRUE, *FALSE):
                raise UsageError(
                    "bad_value", where=item.where, key=item.key, found=str(item.value), expected=allowed("overwrite")
                )
            switched.append(Given(key, on if str(item.value).lower() in TRUE else off, item.where))
    return switched
