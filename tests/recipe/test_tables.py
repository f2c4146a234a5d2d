"""The table of stages and the classes behind it are the same list."""

from __future__ import annotations

from joyul.methods import METHODS
from joyul.recipe.settings import STAGE_KEYS, RunSettings, StageSettings
from joyul.recipe.stages import STAGES, Sizes


def test_every_stage_has_a_class_and_every_default_is_a_setting_it_takes() -> None:
    assert list(STAGES) == list(METHODS)
    for name, info in STAGES.items():
        assert METHODS[name](RunSettings(), StageSettings()).name == name
        assert set(info.takes) <= set(STAGE_KEYS)
        assert set(info.defaults(Sizes(384, 100), {})) <= set(info.takes)
        assert info.en
        assert info.ko
