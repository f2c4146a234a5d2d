"""Methods joined by `+`, and how the values of a chain reach its stages.

`learning_rate=5e-5+3e-2` gives one value to each stage that takes the setting, in order; a single value goes to every stage
whose range admits it; `soft_prompt.learning_rate=3e-2` names its stage. Anything else is an error that shows the chain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from joyul.errors import UsageError, listing
from joyul.messages import words
from joyul.recipe.adapters import ADAPTERS, REFUSED
from joyul.recipe.grammar import Given
from joyul.recipe.settings import STAGE_KEYS, StageSettings
from joyul.recipe.stages import STAGES, Default, Sizes, StageInfo
from joyul.recipe.values import checked

AUTO = "auto"  # a rate that is measured once the stage begins
FEWEST = 10  # training rows; with fewer nothing can be measured
JOINT = re.compile(r"(?<![\d.][eE])\+")  # the + of `1e+3` joins nothing


@dataclass
class Stage:
    """One stage of a chain: its settings as far as they are known, where each came from, and what is usual for these sizes."""

    method: str
    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    usual: dict[str, Any] = field(default_factory=dict)

    @property
    def info(self) -> StageInfo:
        """Its row of the table of stages."""
        return STAGES[self.method]

    @property
    def settled(self) -> StageSettings:
        """Its settings, checked."""
        return StageSettings(**self.values)

    def settle(self, sizes: Sizes) -> StageSettings:
        """Fill what was not given with the method's defaults for these sizes."""
        for key, default in self.info.defaults(sizes, self.values).items():
            self.usual[key] = default.value
            if self.values.get(key) == AUTO and sizes.rows < FEWEST:
                self.measured(key, default.value, words("origin_default", why=words("why_too_few", rows=sizes.rows)))
            if key not in self.values:
                self.values[key] = default.value
                self.origins[key] = default_origin(default)
        return self.settled

    def measured(self, key: str, value: Any, origin: str) -> None:
        """Fix a setting that was `auto`."""
        self.values[key], self.origins[key] = value, origin


def default_origin(default: Default) -> str:
    """`default: ...`, as a recipe writes it."""
    return words("origin_default", why=default.why)


def names(method: str) -> list[str]:
    """The stages of a chain; UsageError for an unknown one."""
    stages = [name.strip() for name in method.split("+")]
    for stage in stages:
        if stage in REFUSED:
            raise UsageError("adapter_refused", name=stage, reason=words(REFUSED[stage]), fitting=", ".join(ADAPTERS))
        if stage not in STAGES:
            main = listing(name for name in STAGES if name == "lora" or name not in ADAPTERS)
            raise UsageError("unknown_method", found=stage, allowed=list(STAGES), stages=main)
    return stages


def build(method: str, given: Sequence[tuple[Given, str]]) -> list[Stage]:
    """The stages of `method` with the stage settings in `given` (each with its origin) laid out over them."""
    stages = [Stage(name) for name in names(method)]
    for item, origin in sorted(given, key=lambda pair: "." in pair[0].key):  # what names its stage has the last word
        _place(item, origin, stages)
    for stage in stages:
        stage.values = checked(StageSettings, stage.values, {}).model_dump(exclude_none=True)
    return stages


def last_trained(stages: Sequence[Stage]) -> Stage | None:
    """The last stage that trains by steps; None where none does."""
    return next((stage for stage in reversed(stages) if "learning_rate" in stage.info.takes), None)


def _place(item: Given, origin: str, stages: list[Stage]) -> None:
    prefix, _, key = item.key.rpartition(".")
    if prefix:
        _put(item, key, [(_named(item, prefix, key, stages), item.value)], origin)
        return
    takers = [stage for stage in stages if key in stage.info.takes]
    parts = JOINT.split(str(item.value))
    if not takers:
        raise UsageError("stage_without_setting", where=item.where, key=key, chain=_chain(stages))
    if len(parts) == 1:
        _put(item, key, [(stage, parts[0]) for stage in _admitting(item, key, takers)], origin)
    elif len(parts) == len(takers):
        _put(item, key, list(zip(takers, parts, strict=True)), origin)
    else:
        fitting = (parts + parts[-1:] * len(takers))[: len(takers)]
        raise UsageError(
            "chain_values" if len(takers) > 1 else "chain_values_alone", where=item.where, key=key, value=item.value,
            count=len(parts), stages=len(takers), chain=_chain(takers), example="+".join(fitting),
        )


def _chain(stages: Sequence[Stage]) -> str:
    return "+".join(stage.method for stage in stages)


def _named(item: Given, prefix: str, key: str, stages: Sequence[Stage]) -> Stage:
    """The stage that `prefix.key` means."""
    hits = [stage for stage in stages if stage.method == prefix]
    if not hits:
        raise UsageError("stage_not_in_chain", where=item.where, found=prefix, allowed=[s.method for s in stages], key=key)
    if len(hits) > 1:
        raise UsageError("stage_ambiguous", where=item.where, key=item.key, stage=prefix, chain=_chain(stages))
    if key not in hits[0].info.takes:
        raise UsageError("stage_without_setting", where=item.where, key=key, chain=prefix)
    return hits[0]


def _admitting(item: Given, key: str, takers: Sequence[Stage]) -> list[Stage]:
    """The stages whose range has room for a single value."""
    try:
        number = float(item.value)
    except (TypeError, ValueError):
        return list(takers)  # a word, or a mistake that the type check names
    admitting = [stage for stage in takers if _inside(number, stage.info.ranges.get(key))]
    if not admitting:
        raise _out_of_range(item, key, takers)
    return admitting


def _inside(number: float, bounds: tuple[float, float] | None) -> bool:
    return bounds is None or bounds[0] <= number <= bounds[1]


def _out_of_range(item: Given, key: str, stages: Sequence[Stage]) -> UsageError:
    shown = "; ".join(f"{s.method}: {s.info.ranges[key][0]:g} … {s.info.ranges[key][1]:g}" for s in stages)
    return UsageError("chain_out_of_range", where=item.where, key=key, value=item.value, ranges=shown)


def _put(item: Given, key: str, pairs: Sequence[tuple[Stage, Any]], origin: str) -> None:
    for stage, written in pairs:
        value = written.strip() if isinstance(written, str) else written
        settled = checked(StageSettings, {key: value}, {key: item.where or ""} if item.where else {})
        number = getattr(settled, key)
        if key in stage.info.ranges and number != AUTO and not _inside(number, stage.info.ranges[key]):
            raise _out_of_range(item, key, [stage])
        stage.values[key] = value
        stage.origins[key] = origin


def joined(stages: Sequence[Stage]) -> Mapping[str, tuple[Any, str]]:
    """Each stage setting as it stands in a recipe (values joined by `+`), with its origins."""
    rows: dict[str, tuple[Any, str]] = {}
    for key in STAGE_KEYS:
        holders = [stage for stage in stages if key in stage.values]
        if len(holders) == sum(key in stage.info.takes for stage in stages) and holders:
            origins = list(dict.fromkeys(stage.origins[key] for stage in holders))
            rows[key] = ("+".join(_written(stage.values[key]) for stage in holders), "; ".join(origins))
        else:
            rows |= {f"{stage.method}.{key}": (_written(stage.values[key]), stage.origins[key]) for stage in holders}
    return rows


def _written(value: Any) -> str:
    """A number as short as it can be read back exactly; words joined by commas."""
    if isinstance(value, bool | tuple):
        return str(value).lower() if isinstance(value, bool) else ",".join(value)
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
