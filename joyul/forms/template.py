"""Templates: plain text with `{slots}`. Nothing is evaluated; `{{` and `}}` are braces; text that fills a slot stays text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from joyul.errors import UsageError

TOKEN = re.compile(r"\{\{|\}\}|\{(\w*)\}|[{}]")


def slots(template: str) -> list[str]:
    """The slots of a template in order. Raises UsageError for a brace that opens or closes nothing."""
    found = []
    for match in TOKEN.finditer(template):
        if match[0] in "{}" or match[1] == "":
            raise UsageError("template_broken", template=template, position=match.start() + 1)
        if match[1] is not None:
            found.append(match[1])
    return found


def check(template: str, required: str, allowed: Sequence[str]) -> None:
    """Raise UsageError unless the template has the slot `required` and no slot outside `allowed`."""
    found = slots(template)
    for slot in found:
        if slot not in allowed:
            raise UsageError("template_unknown_slot", found=slot, allowed=list(allowed), template=template)
    if required not in found:
        raise UsageError("template_without_slot", template=template, slot=required)


def fill(template: str, values: Mapping[str, object]) -> str:
    """The template with its slots filled."""
    return TOKEN.sub(lambda match: str(values[match[1]]) if match[1] else match[0][0], template)
