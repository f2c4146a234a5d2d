"""What a run tells while it works. The library never prints: it speaks to a `Notes`, which keeps every word for the report.

`Notes` itself is silent (the Python API); the command line passes one that shows the same words in the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, TypeVar

from joyul.errors import listing
from joyul.messages import words

Item = TypeVar("Item")
Level = Literal["say", "warn"]


class Notes:
    """Collects what was read, mended or warned about; `kept` holds (level, text) in order."""

    def __init__(self) -> None:
        self.kept: list[tuple[Level, str]] = []

    def say(self, key: str, /, **values: object) -> None:
        """Keep a sentence by its key."""
        self._take("say", words(key, **values))

    def warn(self, key: str, /, **values: object) -> None:
        """Keep a warning by its key."""
        self._take("warn", words(key, **values))

    def rows(self, key: str, rows: Iterable[object], /, **values: object) -> None:
        """Warn about rows: counted (`{count}`) and listed by number (`{rows}`). Nothing is said about no rows."""
        numbers = list(rows)
        if numbers:
            self.warn(key, count=len(numbers), rows=listing(numbers, limit=20), **values)

    def track(self, items: Iterable[Item], key: str, total: int | None = None) -> Iterator[Item]:
        """Pass `items` through; a terminal shows a progress bar named by `key`."""
        return iter(items)

    def _take(self, level: Level, text: str) -> None:
        self.kept.append((level, text))
        self.show(level, text)

    def show(self, level: Level, text: str) -> None:
        """Nothing here; a terminal prints."""
