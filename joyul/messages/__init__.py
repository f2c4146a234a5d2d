"""Every sentence Joyul says, in English and Korean, under one key: `words("unknown_key", ...)` speaks the language in use."""

from __future__ import annotations

import locale
import os
from contextvars import ContextVar

from joyul.messages.counts import with_counts
from joyul.messages.en import ENGLISH
from joyul.messages.ko import KOREAN
from joyul.messages.particles import with_particles

LANGUAGES = {"en": ENGLISH, "ko": KOREAN}
_language: ContextVar[str | None] = ContextVar("language", default=None)


def system_language() -> str:
    """`ko` where the locale is Korean, else `en` (order of the variables as in POSIX)."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "ko" if value.lower().startswith("ko") else "en"
    return "ko" if (locale.getlocale()[0] or "").lower().startswith("ko") else "en"


def use_language(language: str | None) -> None:
    """Speak `en` or `ko` from here on; None goes back to the locale."""
    _language.set(language)


def language() -> str:
    """The language in use: `en` or `ko`."""
    return _language.get() or system_language()


def words(key: str, /, **values: object) -> str:
    """The sentence `key` with its slots filled. Raises KeyError for a key that does not exist."""
    said = LANGUAGES[language()][key]
    if language() == "ko":
        return with_particles(said.format(**values))
    return with_counts(said, values).format(**values)
