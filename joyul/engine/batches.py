"""Which rows make an update, in which order, and how an update is cut into what is computed at once.

Order is a pure function of (seed, epoch, position). Inside an update rows are sorted by length and cut so that little padding is
computed; the sum over the update is the same sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from joyul.contracts import Row

TOKEN_BUDGET = {"cpu": 1024, "mps": 8192, "cuda": 16384}  # padded tokens at once; measured on two cores (LOG.md)


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


def cut(
    rows: Sequence[Row], budget: int, most: int | None = None, padded: bool = True, known: int = 0
) -> list[list[Row]]:  # fmt: skip
    """Micro-batches of at most `budget` tokens and `most` rows (one row at least), short rows first.

    `padded`: padding counts. `known`: so many tokens of every row do not.
    """
    pieces: list[list[Row]] = []
    tokens = 0
    for row in sorted(rows, key=lambda row: row.length):
        piece, length = pieces[-1] if pieces else [], row.length - known
        tokens = (len(piece) + 1) * length if padded else tokens + length
        if not piece or tokens > budget or len(piece) == most:
            pieces.append([row])
            tokens = length
        else:
            piece.append(row)
    return pieces


def mixed(rows: Sequence[Row], count: int = 4) -> list[Row]:
    """A few rows of different lengths, the shortest and the longest of the first hundred among them."""
    by_length = sorted(rows[:100], key=lambda row: row.length)
    return [by_length[index * (len(by_length) - 1) // (count - 1)] for index in range(count)] if by_length else []
