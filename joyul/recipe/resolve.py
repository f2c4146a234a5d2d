"""One recipe out of what the user typed, what the recipe file says, and the defaults; written back with its origins."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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

UNWRITTEN = ("out", "format", "lang", "overwrite")  # say where and how it was run, not what was run
COMPARING = ("methods", "draws", "seeds", "folds", "budget", "tries", "method_budget", "duplicates")  # how runs compare


@dataclass
class Recipe:
    """Every setting of a run. `stages` are settled once the base's width and the number of rows are known."""

    run: RunSettings
    stages: list[Stage]
    origins: dict[str, str] = field(default_factory=dict)
    stage_given: Sequence[tuple[Given, str]] = ()

    def with_method(self, method: str) -> Recipe:
        """The same recipe for another chain (`compare`): settings go where a stage takes them and its range admits them."""
        taken = [item for item in self.stage_given if admits(method, item[0])]
        run = self.run.model_copy(update={"method": method})
        origins = {**self.origins, "method": words("origin_compared")}
        return Recipe(run, chains.build(method, taken), origins, self.stage_given)

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
            if value is not None and key not in (*UNWRITTEN, *COMPARING)
        ]
        return shown + [(key, value, origin) for key, (value, origin) in chains.joined(self.stages).items()]

    def as_yaml(self) -> str:
        """The recipe with each setting's origin as a comment; read back, it gives the same run."""
        mapping = CommentedMap()
        for key, value, origin in self.rows():
            mapping[key] = list(value) if isinstance(value, tuple) else _scalar(value)
            mapping.yaml_add_eol_comment(origin, key)
        return _dumped(mapping)

    def as_asked(self) -> str:
        """The recipe of a comparison: how it compares, and the settings of the stages as they were given."""
        run = {key: value for key, value, _ in self.rows() if key != "method"}
        run |= {key: value for key, value in self.run.model_dump(include={*COMPARING}).items() if value is not None}
        mapping = CommentedMap({key: list(value) if isinstance(value, tuple) else _scalar(value) for key, value in run.items()})
        mapping |= {item.key: _scalar(item.value) for item, _ in self.stage_given}
        return _dumped(mapping)


def _dumped(mapping: CommentedMap) -> str:
    stream = io.StringIO()
    YAML().dump(mapping, stream)
    return stream.getvalue()


def _scalar(value: Any) -> Any:
    return value if isinstance(value, bool | int | float) else str(value)


def admits(method: str, item: Given) -> bool:
    """Whether a stage of `method` takes a setting, and has room for its value where that is a single one."""
    prefix, _, name = item.key.rpartition(".")
    if not any(name in STAGES[stage].takes and prefix in ("", stage) for stage in chains.names(method)):
        return False
    try:
        chains.build(method, [(item, "")])
    except UsageError as error:
        if error.key == "chain_out_of_range":
            return False
        raise
    return True


def resolve(verb: str, given: Sequence[Given], recipe_file: str | None = None) -> Recipe:
    """The recipe of a verb: the command line wins over the file, the file over the defaults."""
    chosen: dict[str, tuple[Given, str]] = {}
    filed = read_recipe(recipe_file) if recipe_file else []
    if verb == "compare":  # a recipe for `train` names one method: that is the one compared
        filed = [replace(item, key="methods") if item.key == "method" else item for item in filed]
    for item, origin in _layers(given, filed):
        _known(verb, item)
        chosen[item.key] = (item, origin)
    run_given = {key: pair for key, pair in chosen.items() if key in RUN_KEYS}
    run = _run_settings(run_given)
    stage_given = [pair for key, pair in chosen.items() if key not in run_given]
    # `compare` lays stage settings out once it knows each method, `adjust` once it knows the stage
    stages = chains.build(run.method, stage_given) if verb not in ("compare", "adjust") else []
    return Recipe(run, stages, {key: origin for key, (_, origin) in run_given.items()}, stage_given)


def from_words(verb: str, settings: Mapping[str, Any]) -> Recipe:
    """The recipe of a Python call."""
    return resolve(verb, given_words(settings))


def given_words(settings: Mapping[str, Any]) -> list[Given]:
    """Keyword arguments as they would be typed: the same words (`full__epochs=3` for `full.epochs`)."""
    return [Given(canonical(key.replace("__", ".")), _text(value)) for key, value in settings.items() if value is not None]


def _text(value: Any) -> Any:
    """Python values as they would be typed."""
    if isinstance(value, list | tuple):
        return [str(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _layers(typed: Sequence[Given], filed: Sequence[Given]) -> list[tuple[Given, str]]:
    """The file's settings, then those typed; what is multiplied into one setting is taken from both."""
    factors = {item.key: item for item in (*filed, *typed) if item.key in aliases.FACTORS}
    asked = any(item.key in aliases.FACTORS for item in typed)
    parts = (
        (filed, words("origin_file"), [] if asked else list(factors.values())),
        (typed, words("origin_user"), list(factors.values()) if asked else []),
    )
    found = []
    for items, origin, mine in parts:
        plain = [item for item in _once(items) if item.key not in aliases.FACTORS]
        found += [(item, origin) for item in _once(aliases.translate([*plain, *mine]))]
    return found


def _once(items: Sequence[Given]) -> Sequence[Given]:
    """The same items; UsageError for a key that stands twice."""
    seen: set[str] = set()
    for item in items:
        if item.key in seen:
            raise UsageError("key_twice", where=item.where, key=item.key)
        seen.add(item.key)
    return items


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
