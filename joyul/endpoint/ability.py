"""How a server can be asked for one of a few words: with the probabilities of tokens, or at least within a schema.

Servers differ: reasoning models take neither a temperature nor a limit, some give no probabilities, some know no schema. The ways
below are tried in their order, best first, with a question that holds nothing of the user's; the first that works is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from joyul.endpoint.reply import Failure, Reply
from joyul.errors import BaseModelError

LEAST_TOKENS = 16  # of an answer; a word has at most as many tokens as bytes
FREE_TOKENS = 256  # of a text that is no label
QUESTION = ({"role": "user", "content": "Answer with the word yes and nothing else."},)
WORDS = ("yes", "no")
FIXED: Mapping[str, Any] = {"temperature": 0}

Ask = Callable[[Mapping[str, Any]], Reply | Failure]
Way = Callable[[Sequence[str]], dict[str, Any]]


def _bounded(words: Sequence[str]) -> dict[str, Any]:
    return {**FIXED, "max_tokens": max(LEAST_TOKENS, *(len(word.encode()) for word in words))}


def _schema(words: Sequence[str]) -> dict[str, Any]:
    """Structured output: a JSON object whose label is one of the words."""
    label = {"type": "object", "properties": {"label": {"type": "string", "enum": list(words)}}}
    schema = {**label, "required": ["label"], "additionalProperties": False}
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}}


WAYS: Mapping[str, Way] = {
    "logprobs": lambda words: {**_bounded(words), "logprobs": True, "top_logprobs": 20},
    "logprobs_5": lambda words: {**_bounded(words), "logprobs": True, "top_logprobs": 5},
    "schema": lambda words: {**FIXED, **_schema(words)},
    "schema_alone": _schema,
    "text": _bounded,
    "text_alone": lambda words: {},
}


def freely(way: str) -> dict[str, Any]:
    """Options for a text of its own, of a server that is asked for labels in this way."""
    return {} if way.endswith("_alone") else {**FIXED, "max_tokens": FREE_TOKENS}


def tells_probabilities(way: str) -> bool:
    """Whether answers come with the probabilities of their tokens."""
    return way.startswith("logprobs")


def find_way(ask: Ask, url: str) -> str:
    """The first of WAYS that the server takes. Raises BaseModelError where it takes none."""
    found: Reply | Failure | None = None
    for way, options in WAYS.items():
        found = ask({"messages": list(QUESTION), **options(WORDS)})
        if isinstance(found, Failure):
            if not found.rejected:
                break
        elif found.text.strip() and (found.tokens or not tells_probabilities(way)):
            return way
    reason = found.reason if isinstance(found, Failure) else repr(found.text[:80] if found else "")
    raise BaseModelError("endpoint_no_way", url=url, reason=reason)
