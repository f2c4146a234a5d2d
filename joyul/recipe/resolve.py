"""One recipe out of what the user typed, what the recipe file says, and the defaults; written back with its origins."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from joyul.errors import UsageError
from joyul.messages import words
from joyul.recipe import aliases, chains
from joyul.recipe.chains import Stage
from joyul.recipe.grammar import Given, canonical, read_recipe
from joyul.recipe.settings import RUN_KEYS, STAGE_KEYS, RunSettings, keys_of
from joyul.recipe.stages import STAGES
from joyul.recipe.values import checked

UNWRITTEN = ("out", "lang", "overwrite", "methods")  # say where and how it was run, not what was run


@dataclass
class Recipe:
    """Every setting of a run. `stages` are settled once the base's width and the number of rows are known."""

    run: RunSettings
    stages: list[Stage]
    origins: dict[str, str] = field(default_factory=dict)
    stage_given: Sequence[tuple[Given, str]] = ()

    def with_method(self, method: str) -> Recipe:
        """The same recipe for another chain (`compare`); stage settings go where they are taken."""
        taken = [item for item in self.stage_given if _taken(item[0].key, method)]
        run = self.run.model_copy(update={"method": method})
        return Recipe(run, chains.build(method, taken), dict(self.origins), self.stage_given)

    def updated(self, origin: str | None = None, **values: Any) -> None:
        """Fix settings found on the way (a measured precision, a carved share)."""
        self.run = self.run.model_copy(update=values)
        if origin is not None:
            self.origins |= dict.fromkeys(values, origin)

    def rows(self) -> list[tuple[str, Any, str]]:
        """(setting, value, origin) of all that is set, in the order of declaration."""
        shown = [
            (key, value, self.origins.get(key) or words("origin_plain"))
            for key, value in self.run.model_dump().items()
            if value is not None and key not in UNWRITTEN
        ]
        return shown + [(key, value, origin) for key, (value, origin) in chains.joined(self.stages).items()]

    def as_yaml(self) -> str:
        """The recipe with each setting's origin as a comment; read back, it gives the same run."""
        mapping = CommentedMap()
        for key, value, origin in self.rows():
            mapping[key] = list(value) if isinstance(value, tuple) else _scalar(value)
            mapping.yaml_add_eol_comment(origin, key)
        stream = io.StringIO()
        YAML().dump(mapping, stream)
        return stream.getvalue()


def _scalar(value: Any) -> Any:
    return value if isinstance(value, bool | int | float) else str(value)


def _taken(key: str, method: str) -> bool:
    prefix, _, name = key.rpartition(".")
    return any(
        name in STAGES[stage].takes and prefix in ("", stage) for stage in chains.names(method)
    )


def resolve(verb: str, given: Sequence[Given], recipe_file: str | None = None) -> Recipe:
    """The recipe of a verb: the command line wins over the file, the file over the defaults."""
    layers = [(item, words("origin_file")) for item in (read_recipe(recipe_file) if recipe_file else [])]
    layers = _translated(layers, words("origin_file")) + _translated([(item, "") for item in given], words("origin_user"))
    chosen: dict[str, tuple[Given, str]] = {}
    for item, origin in layers:
        _known(verb, item)
        chosen[item.key] = (item, origin)
    run_given = {key: pair for key, pair in chosen.items() if key in RUN_KEYS}
    run = _run_settings(run_given)
    stage_given = [pair for key, pair in chosen.items() if key not in run_given]
    # `compare` lays stage settings out once it knows each method
    stages = chains.build(run.method, stage_given) if verb != "compare" else []
    return Recipe(run, stages, {key: origin for key, (_, origin) in run_given.items()}, stage_given)


def from_words(verb: str, settings: Mapping[str, Any]) -> Recipe:
    """The recipe of a Python call: the same words as keyword arguments (`full__epochs=3` for `full.epochs`)."""
    given = [Given(canonical(key.replace("__", ".")), _text(value)) for key, value in settings.items() if value is not None]
    return resolve(verb, given)


def _text(value: Any) -> Any:
    """Python values as they would be typed."""
    if isinstance(value, list | tuple):
        return [str(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _translated(layer: Sequence[tuple[Given, str]], origin: str) -> list[tuple[Given, str]]:
    items = aliases.translate([item for item, _ in layer])
    seen: dict[str, Given] = {}
    for item in items:
        if item.key in seen:
            raise UsageError("key_twice", where=item.where, key=item.key)
        seen[item.key] = item
    return [(item, origin) for item in items]


def _known(verb: str, item: Given) -> None:
    """UsageError for a key that does not exist, or that this verb does not take."""
    name = item.key.rpartition(".")[2]
    mine, everything = keys_of(verb), (*RUN_KEYS, *STAGE_KEYS)
    if name in mine:
        return
    if name in everything:
        raise UsageError("key_of_other_verb", where=item.where, key=name, verb=verb, keys=", ".join(mine))
    raise UsageError("unknown_key", where=item.where, found=name, allowed=[*mine, *aliases.SPELLINGS], verb=verb)


def _run_settings(given: Mapping[str, tuple[Given, str]]) -> RunSettings:
    values = {key: item.value for key, (item, _) in given.items()}
    places = {key: item.where for key, (item, _) in given.items() if item.where}
    settings = checked(RunSettings, values, places)
    assert isinstance(settings, RunSettings)
    return settings
