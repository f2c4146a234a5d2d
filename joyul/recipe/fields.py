"""What settings are declared with: their words in two languages, the verbs that take them, and values that are lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from joyul.messages import language

RUN_VERBS = ("train", "compare", "lr")
TEXT_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".txt", ".log")
DATA_SUFFIXES = (*TEXT_SUFFIXES, ".parquet", ".arrow", ".xlsx", *(suffix + ".gz" for suffix in TEXT_SUFFIXES))
ASKING_VERBS = ("train", "compare", "predict", "eval")  # those that may ask an endpoint
ALL_VERBS = ("train", "compare", "lr", "predict", "eval", "export", "adjust", "init", "methods", "env", "watch")


@dataclass(frozen=True)
class Doc:
    """The words of a setting, the spellings other tools use for it, and the verbs that take it."""

    en: str
    ko: str
    aliases: tuple[str, ...] = ()
    verbs: tuple[str, ...] = RUN_VERBS

    @property
    def text(self) -> str:
        """Its words in the language in use."""
        return self.ko if language() == "ko" else self.en


def _listed(value: Any) -> Any:
    """`a,b` or `[a, "b, c"]` as a list of text."""
    if not isinstance(value, str):
        return value
    if value.startswith("["):
        try:
            return YAML(typ="base", pure=True).load(value)
        except YAMLError as error:
            raise ValueError(str(error)) from error
    return [item.strip() for item in value.split(",")]


def _label_set(value: Any) -> Any:
    """A file of labels is one name, commas and all."""
    return [value] if isinstance(value, str) and value.lower().endswith(DATA_SUFFIXES) else _listed(value)


def _templates(value: Any) -> Any:
    """One template as it stands (commas belong to it), or `["one", "two"]`."""
    return [value] if isinstance(value, str) and not value.startswith("[") else _listed(value)


def _label_words(value: Any) -> Any:
    """`0=bad|awful,1=good`; as a list where words hold commas."""
    found = _listed(value)
    if any("=" not in item for item in found):
        raise ValueError("label=word")
    return found


def sizes(value: Any) -> Any:
    """`16`, or `8,16,all` as a list."""
    return _listed(value) if isinstance(value, str) and ("," in value or value == "all") else value


Listed = Annotated[tuple[str, ...], BeforeValidator(_listed)]
LabelSet = Annotated[tuple[str, ...], BeforeValidator(_label_set)]
LabelWords = Annotated[tuple[str, ...], BeforeValidator(_label_words)]
Templates = Annotated[tuple[str, ...], BeforeValidator(_templates)]
Price = Annotated[tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]], BeforeValidator(_listed)]
Size = Annotated[int, Field(ge=1)]
Trackers = Annotated[tuple[Literal["tensorboard", "wandb", "mlflow"], ...], BeforeValidator(_listed)]
