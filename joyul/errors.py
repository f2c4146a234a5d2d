"""One base error. A message says what was found, where, what is allowed, the nearest match and what to type next.

The words stand in `joyul/messages/` under the error's key; the sentence with the nearest match is added here,
so that no raiser has to remember it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from joyul.messages import words

NEAREST_CUTOFF = 0.6  # difflib's own default: "postive" finds "positive", "cat" does not find "dog"


def nearest(found: str, allowed: Iterable[str], cutoff: float = NEAREST_CUTOFF) -> str | None:
    """Return the allowed word most like `found`, or None when nothing is near."""
    choices = {str(word).casefold(): str(word) for word in allowed}
    hits = difflib.get_close_matches(found.casefold(), choices, n=1, cutoff=cutoff)
    return choices[hits[0]] if hits else None


def listing(items: Iterable[object], limit: int = 12) -> str:
    """`a, b, c` in the given order, cut after `limit` items with the number of those left out."""
    shown = [str(item) for item in items]
    rest = len(shown) - limit
    return ", ".join(shown) if rest <= 0 else ", ".join(shown[:limit]) + f", … (+{rest})"


class JoyulError(Exception):
    """Something the user can put right.

    `key` names the message, `values` fill it; `where` (a file, a file and row, a recipe line) opens it;
    `found` and `allowed` add the nearest match.
    """

    exit_code = 1

    def __init__(
        self,
        key: str,
        /,
        *,
        where: str | None = None,
        found: str | None = None,
        allowed: Sequence[str] | None = None,
        **values: object,
    ) -> None:
        self.key, self.where, self.found = key, where, found
        text = words(key, found=found, allowed=listing(allowed or ()) or "–", **values)
        hint = nearest(found, allowed) if found is not None and allowed else None
        if hint is not None and hint != found:
            text += " " + words("did_you_mean", hint=hint)
        super().__init__(f"{where}: {text}" if where else text)


class UsageError(JoyulError):
    """The command line, a recipe or a setting is wrong: nothing was started."""

    exit_code = 2


class DataError(JoyulError):
    """A file or a row cannot be used as it is."""


class BaseModelError(JoyulError):
    """The base cannot be found, loaded or used."""


class DoesNotFit(JoyulError):
    """The method, the form, the task and the base do not go together; the message says why."""


class RunError(JoyulError):
    """The run had to stop; what was good is kept."""
