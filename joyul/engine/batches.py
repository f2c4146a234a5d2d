"""Which rows make an update, in which order, and how an update is cut into what is computed at once.

Order is a pure function of (seed, epoch, position). Inside an update rows are sorted by length and cut so that little padding is
computed; the sum over the update is the same sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from joyul.contracts import Row

TOKEN_BUDGET = {"cpu": 1024, "mps": 8192, "cuda": 16384}  # padded tokens at once; measured on two cores (LOG.md)
Found = TypeVar("Found")


def order(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order of `count` rows in an epoch, shape (count,)."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def updates(count: int, batch_size: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
    """Indices of exactly `batch_size` rows each; the last update of an epoch takes what is left."""
    shuffled = order(count, seed, epoch)
    for start in range(0, count, batch_size):
        yield shuffled[start : start + batch_size]


def per_epoch(count: int, batch_size: int) -> int:
    """Updates in an epoch."""
    return -(-count // batch_size)


class Cut:
    """Micro-batches of `rows`, which are taken when their turn comes. `places`: of the rows of each, one array a piece."""

    def __init__(self, rows: Sequence[Row], places: Sequence[np.ndarray]) -> None:
        self._rows, self._places = rows, places

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[list[Row]]:
        for places in self._places:
            yield [self._rows[place] for place in places.tolist()]

    def in_order(self, found: Sequence[Found]) -> list[Found]:
        """What was found of the rows, piece by piece, in the order of the rows."""
        if not self._places:
            return []
        return [found[place] for place in np.argsort(np.concatenate(self._places)).tolist()]


def cut(rows: Sequence[Row], budget: int, most: int | None = None, padded: bool = True, known: int = 0) -> Cut:
    """Micro-batches of at most `budget` tokens and `most` rows (one row at least), short rows first.

    `padded`: padding counts. `known`: so many tokens of every row do not.
    """
    lengths = np.fromiter((row.length for row in rows), np.int64, len(rows))
    ordered = np.argsort(lengths, kind="stable")
    starts: list[int] = []
    tokens = 0
    for place, length in enumerate((lengths[ordered] - known).tolist()):
        count = place - starts[-1] if starts else 0
        tokens = (count + 1) * length if padded else tokens + length
        if not count or tokens > budget or count == most:
            starts.append(place)
            tokens = length
    return Cut(rows, np.split(ordered, starts[1:]) if starts else [])


def mixed(rows: Sequence[Row], count: int = 4) -> list[Row]:
    """A few rows of different lengths, the shortest and the longest of the first hundred among them."""
    by_length = sorted(rows[:100], key=lambda row: row.length)
    return [by_length[index * (len(by_length) - 1) // (count - 1)] for index in range(count)] if by_length else []
