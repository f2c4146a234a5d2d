"""From the text of a value to the value: pydantic checks, this module words what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from joyul.errors import UsageError
from joyul.messages import words
from joyul.recipe.settings import RunSettings, StageSettings


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return dict(model.model_json_schema()["properties"])


def options(key: str) -> list[dict[str, Any]]:
    """The JSON-schema alternatives of a setting, without null."""
    model = RunSettings if key in RunSettings.model_fields else StageSettings
    entry = _schema(model)[key]
    return [option for option in entry.get("anyOf", [entry]) if option.get("type") != "null"]


def choices(key: str) -> list[str]:
    """The words a setting may have; empty when it is not a choice among words."""
    found: list[str] = []
    for option in options(key):
        named = option.get("enum") or option.get("items", {}).get("enum", [])  # words, or words of a list
        found += named or ([option["const"]] if "const" in option else [])
    return found


def allowed(key: str) -> str:
    """What a setting may be, in words: `a whole number, at least 1`."""
    plain = [option for option in options(key) if not {"enum", "const"} & {*option, *option.get("items", {})}]
    if named := choices(key):
        return words("type_choice", names=", ".join([*named, *map(_bounded, plain)]))
    return _bounded(plain[0])


def _bounded(option: Mapping[str, Any]) -> str:
    text = words(f"type_{option.get('type', 'string')}")
    bounds = [
        words(f"bound_{name}", value=option[name])
        for name in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
        if name in option
    ]
    return ", ".join([text, *bounds])


def checked(model: type[BaseModel], values: Mapping[str, Any], where: Mapping[str, str]) -> BaseModel:
    """`model` filled with `values`; a wrong one is a UsageError that tells what is allowed (`where`: key -> place)."""
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        raise UsageError(
            "bad_value", where=where.get(key), key=key, found=str(values[key]), allowed=choices(key), expected=allowed(key)
        ) from None
