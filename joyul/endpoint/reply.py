"""What comes back for a request: the answer's text and, where the server gives them, the probabilities of its tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ROUNDED = 0.1  # logarithms of probabilities are at most 0, but for what rounding adds
FILTERED = "content_filter"


@dataclass(frozen=True)
class Token:
    """A token of the answer in bytes, its logarithmic probability, and those of the likeliest tokens in its place."""

    spelled: bytes
    logprob: float
    others: tuple[tuple[bytes, float], ...] = ()


@dataclass(frozen=True)
class Reply:
    """An answer. `read` and `written` are tokens as the server counted them; `refused`: it was not willing to answer."""

    text: str
    refused: bool = False
    tokens: tuple[Token, ...] = ()
    read: int = 0
    written: int = 0


@dataclass(frozen=True)
class Failure:
    """Why there is no answer. `rejected`: the server would not take the request as it is (400, 422)."""

    reason: str
    rejected: bool = False


def essence(body: Any) -> dict[str, Any]:
    """What of a chat completion is kept, in the protocol's own words. Raises ValueError where it is none."""
    try:
        choice = body["choices"][0]
        message = {name: choice["message"].get(name) for name in ("content", "refusal")}
        kept = {"message": message, "finish_reason": choice.get("finish_reason"), "logprobs": choice.get("logprobs")}
        essential = {"choices": [kept], "usage": _usage(body.get("usage"))}
        parse(essential)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(type(error).__name__) from error
    return essential


def _usage(found: Any) -> dict[str, int]:
    counts = found if isinstance(found, Mapping) else {}
    return {name: int(counts.get(name) or 0) for name in ("prompt_tokens", "completion_tokens")}


def parse(essential: Mapping[str, Any]) -> Reply:
    """The Reply of what `essence` gave. Raises what a wrong type raises."""
    choice, usage = essential["choices"][0], essential["usage"]
    message = choice["message"]
    text = message["content"] or ""
    if not isinstance(text, str):
        raise TypeError("content is no text")
    refused = bool(message["refusal"]) or choice["finish_reason"] == FILTERED
    tokens = (choice["logprobs"] or {}).get("content") or ()
    return Reply(
        message["refusal"] or text, refused, tuple(map(_token, tokens)), usage["prompt_tokens"], usage["completion_tokens"]
    )


def _token(found: Mapping[str, Any]) -> Token:
    others = tuple((_spelled(other), float(other["logprob"])) for other in found.get("top_logprobs") or ())
    logprob = float(found["logprob"])
    if not all(value <= ROUNDED for value in (logprob, *(value for _, value in others))):  # no number is not either
        raise ValueError("no logarithm of a probability")
    return Token(_spelled(found), logprob, others)


def _spelled(found: Mapping[str, Any]) -> bytes:
    """A token may be part of a character: then only its bytes say which."""
    return bytes(found["bytes"]) if found.get("bytes") else str(found["token"]).encode("utf-8", "replace")
