"""The stages. The table below is all there is: no registry. `joyul/recipe/stages.py` holds their settings and defaults."""

from __future__ import annotations

from collections.abc import Callable

from joyul.contracts import Method
from joyul.methods.full import Full
from joyul.methods.head import Head
from joyul.methods.prompt import Prompt
from joyul.recipe.settings import RunSettings

METHODS: dict[str, Callable[[RunSettings], Method]] = {
    "full": lambda settings: Full(),
    "head": lambda settings: Head(),
    "prompt": lambda settings: Prompt(settings.template or ()),
}
