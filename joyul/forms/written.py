"""prompt.yaml: a Form as a person reads and edits it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import LiteralScalarString

from joyul.contracts import Form, Setting
from joyul.errors import RunError, UsageError
from joyul.recipe.settings import RunSettings

PROMPT_FILE = "prompt.yaml"
WORDED = ("form", "template", "label_words", "instruction")  # what it says by itself


def prompt_yaml(form: Form) -> str:
    """The Form as a person reads and edits it."""
    setting = form.setting
    length = {"max_length": setting.max_length} if setting.max_length else {}
    content = {"form": form.name, **form.spec(), **length, "task": setting.task.name, **setting.task.spec()}
    stream = io.StringIO()
    YAML().dump({key: _lines(value) for key, value in content.items()}, stream)
    return stream.getvalue()


def _lines(value: Any) -> Any:
    """A text of several lines, with each on its own."""
    return LiteralScalarString(value) if isinstance(value, str) and "\n" in value else value


def read_form(file: Path, setting: Setting, forms: Mapping[str, type[Form]]) -> Form:
    """The Form as prompt.yaml says it, its length too where `setting` has none (0).

    People edit that file: RunError with what is wrong in it.
    """
    try:
        content = YAML(typ="base", pure=True).load(file.read_text(encoding="utf-8"))
        setting = replace(setting, max_length=setting.max_length or int(content.get("max_length", 0)))
        return forms[content["form"]].restore(content, setting)
    except (YAMLError, KeyError, TypeError, ValueError) as error:
        raise RunError("prompt_broken", where=str(file), reason=" ".join(str(error).split())) from error


def as_written(settings: RunSettings, setting: Setting, forms: Mapping[str, type[Form]]) -> Form:
    """The Form of `prompt=`: a prompt.yaml, or the run that it lies in. Raises UsageError for what it cannot go with."""
    for key in WORDED:
        if getattr(settings, key) is not None:
            raise UsageError("prompt_has_words", key=key, file=settings.prompt)
    file = Path(settings.prompt or "")
    file = file / PROMPT_FILE if file.is_dir() else file
    if not file.is_file():
        raise UsageError("prompt_not_found", where=str(file))
    return read_form(file, setting, forms)
