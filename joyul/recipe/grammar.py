"""From the command line or a recipe file to (key, value, where) triples. Knows the syntax, not the meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from joyul.errors import UsageError
from joyul.messages import words

PAIR = re.compile(r"(?:--)?([A-Za-z0-9][\w.-]*)=(.*)", re.DOTALL)
FLAGS = ("json", "help", "version")  # take no value
PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp")}
PLAIN_LIST = "tag:yaml.org,2002:seq"


@dataclass(frozen=True)
class Given:
    """A setting as somebody wrote it; `where` is a recipe's file and line, or None on the command line."""

    key: str
    value: Any
    where: str | None = None


@dataclass
class Call:
    """A parsed command line."""

    positionals: list[str] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)


def canonical(key: str) -> str:
    """`--max-length` and `max_length` are the same key."""
    return key.replace("-", "_").lower()


def parse(arguments: Sequence[str]) -> Call:
    """`[positional ...] [key=value | --key value | --flag ...] [-- free text]`."""
    call, rest = Call(), iter(arguments)
    for argument in rest:
        if argument == "--":
            call.positionals += rest
        elif match := PAIR.fullmatch(argument):
            if not match[2]:  # as from data=$FILE where FILE is not set
                raise UsageError("key_without_value", key=f"--{match[1]}")
            call.given.append(Given(canonical(match[1]), match[2]))
        elif argument in ("-h", *(f"--{flag}" for flag in FLAGS)):
            call.flags.add("help" if argument == "-h" else argument[2:])
        elif argument.startswith("--"):
            call.given.append(Given(canonical(argument[2:]), _value_of(argument, rest)))
        else:
            call.positionals.append(argument)
    return call


def _value_of(argument: str, rest: Iterator[str]) -> str:
    value = next(rest, None)
    if value is None:
        raise UsageError("key_without_value", key=argument)
    return value


def read_recipe(path: str | Path) -> list[Given]:
    """The settings of a YAML 1.2 recipe. Scalars stay text, so that `no` and `01` are what they look like."""
    name = Path(path).name
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        node = YAML(typ="base", pure=True).compose(text)
    except FileNotFoundError as error:
        raise UsageError("read_missing", where=str(path), found=name, allowed=_recipes_near(Path(path))) from error
    except OSError as error:
        raise UsageError("recipe_unreadable", where=str(path), reason=error.strerror) from error
    except UnicodeDecodeError as error:
        raise UsageError("recipe_unreadable", where=str(path), reason=str(error)) from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise UsageError("recipe_broken", where=words("at_line", file=name, line=line), reason=error.problem) from error
    except YAMLError as error:
        raise UsageError("recipe_broken", where=name, reason=str(error)) from error
    if not isinstance(node, MappingNode):
        raise UsageError("recipe_not_mapping", where=name)
    return [_given(name, key, value) for key, value in node.value if not _empty(value)]


def _recipes_near(path: Path) -> list[str]:
    return sorted(other.name for other in path.parent.glob("*.y*ml"))


def _empty(node: Node) -> bool:
    """`key:` with nothing behind it leaves the default."""
    return isinstance(node, ScalarNode) and node.value == "" and node.style is None


def _given(name: str, key: Node, value: Node) -> Given:
    where = words("at_line", file=name, line=key.start_mark.line + 1)
    if not isinstance(key, ScalarNode):
        raise UsageError("recipe_not_mapping", where=where)
    return Given(canonical(key.value), _plain(value, where), where)


def _plain(node: Node, where: str) -> Any:
    """Text, or a list of text: recipes are flat, and no tag is ever constructed."""
    if _scalar(node):
        return str(node.value)
    if isinstance(node, SequenceNode) and node.tag == PLAIN_LIST and all(_scalar(item) for item in node.value):
        return [str(item.value) for item in node.value]
    raise UsageError("recipe_nested", where=where)


def _scalar(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag in PLAIN_TAGS
