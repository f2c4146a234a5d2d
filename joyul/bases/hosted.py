"""A base behind an endpoint: a module without a parameter, which Forms ask instead of computing with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import nn

from joyul.bases.source import find
from joyul.endpoint.ability import find_way
from joyul.endpoint.address import address
from joyul.endpoint.asker import Asker, Request, Terms
from joyul.endpoint.reply import Failure, Reply
from joyul.errors import UsageError
from joyul.messages import words
from joyul.notes import Notes
from joyul.recipe.settings import RunSettings

SHOWN = 60  # characters of a refusal
TERMS = ("concurrency", "rate_limit", "timeout", "price")
SETTINGS = ("base_url", *TERMS)


class Hosted(nn.Module):
    """What stands where a model would."""

    def __init__(self, asker: Asker) -> None:
        super().__init__()
        self.asker = asker

    def __deepcopy__(self, memo: dict[int, Any]) -> Hosted:
        return self  # nothing in it can be changed by a stage

    @property
    def notes(self) -> Notes:
        """Where it tells what it does."""
        return self.asker.notes

    def ask(self, requests: Sequence[Request]) -> list[Reply | Failure]:
        """The reply to each, in order. Raises JoyulError where the endpoint cannot be asked."""
        return self.asker.ask(requests)

    def write(self, request: Request) -> str:
        """The text of a reply; empty where there is none, and then it is said why."""
        reply = self.asker.ask([request], quiet=True)[0]
        if isinstance(reply, Reply) and not reply.refused:
            return reply.text
        reason = words("answer_refused", found=reply.text[:SHOWN]) if isinstance(reply, Reply) else reply.reason
        self.notes.warn("proposal_missing", reason=reason)
        return ""

    def way(self) -> str:
        """How this server can be asked for a label (`joyul.endpoint.ability`): tried out once, with nothing of the user's.

        Raises BaseModelError, UsageError where it cannot be asked at all.
        """
        self.asker.reach()
        return find_way(lambda request: self.asker.ask([request], quiet=True)[0], self.asker.address.url)

    def spent(self) -> dict[str, Any]:
        """Requests, tokens and, where a price was given, what they cost."""
        spent = self.asker.spent
        return {**vars(spent), "cost": self.asker.terms.cost(spent.read, spent.written)}


def reported_once(model: nn.Module) -> AbstractContextManager[None]:
    """While open, a model behind an endpoint is asked many times; what that came to is said at the end. Nothing for others."""
    return model.asker.reported_once() if isinstance(model, Hosted) else nullcontext()


def hosted(settings: RunSettings, base: str, notes: Notes) -> Hosted:
    """The base `openai:MODEL` on the settings' terms; nothing is sent yet. Raises UsageError."""
    given = {name: value for name in TERMS if (value := getattr(settings, name)) is not None}
    return Hosted(Asker(address(base, settings.base_url), Terms(**given), notes))


def require_endpoint(settings: RunSettings, base: str, notes: Notes) -> None:
    """Raise JoyulError unless the endpoint answers."""
    hosted(settings, base, notes).asker.reach()


def check_settings(given: Mapping[str, Any], bases: Sequence[str]) -> None:
    """Refuse settings of an endpoint where no base is one. Raises UsageError, and BaseModelError for a base that is not there."""
    name = next((name for name in SETTINGS if given.get(name) is not None), None)
    if name is not None and not any(find(base).hosted for base in bases):
        raise UsageError("endpoint_setting", key=name, found=", ".join(bases))


def overridden(settings: RunSettings, given: Mapping[str, Any]) -> RunSettings:
    """The settings of a run with what is asked for now: the server may have moved."""
    return settings.model_copy(update={name: given[name] for name in SETTINGS if given.get(name) is not None})
