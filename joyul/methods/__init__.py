"""The stages. The table below is all there is: no registry. `joyul/recipe/stages.py` holds their settings and defaults."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from joyul.bases.source import find
from joyul.contracts import Method
from joyul.methods.adapter import PeftAdapter
from joyul.methods.contrast import Contrast
from joyul.methods.full import Full
from joyul.methods.head import Head
from joyul.methods.layers import Layers
from joyul.methods.prefix import PrefixTuning
from joyul.methods.prompt import Prompt
from joyul.methods.soft_prompt import SoftPrompt
from joyul.recipe.adapters import ADAPTERS
from joyul.recipe.settings import RunSettings, StageSettings

Build = Callable[[RunSettings, StageSettings], Method]


def _adapter(name: str, run: RunSettings, stage: StageSettings) -> Method:
    return PeftAdapter(name, stage)


def _prompt(run: RunSettings, stage: StageSettings) -> Method:
    alone = run.template is None and run.prompt is None and not find(run.base).hosted
    wide = stage.search == "wide" if stage.search else alone
    fixed = run.prompt is not None and not wide
    return Prompt(run.template or (), wide, stage.candidates or 12, stage.demonstrations, run.seed, fixed, stage.proposals or 0)


METHODS: dict[str, Build] = {
    "full": lambda run, stage: Full(stage.layer_decay or 1.0, stage.unfreeze == "gradual"),
    "layers": lambda run, stage: Layers(stage.top_layers or 1, stage.layer_decay or 1.0, stage.unfreeze == "gradual"),
    "contrast": lambda run, stage: Contrast(stage.pairs or "labels", stage.temperature or 0.1),
    "head": lambda run, stage: Head(),
    **{name: partial(_adapter, name) for name in ADAPTERS},
    "soft_prompt": lambda run, stage: SoftPrompt("soft_prompt", stage),
    "p_tuning": lambda run, stage: SoftPrompt("p_tuning", stage),
    "prefix": lambda run, stage: PrefixTuning("prefix", stage),
    "prompt": _prompt,
}
