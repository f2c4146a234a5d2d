"""Rows as tokens in an unnamed file: of a row the process holds eight bytes, however many tokens it has.

A hundred Python objects a row add up: two hundred thousand short reviews took as much memory as the model that read them. So
rows are written down as they are made, and a Row is made again whenever one is asked for.
"""

from __future__ import annotations

import json
import os
import tempfile
from abc import abstractmethod
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import overload

from joyul.contracts import Row
from joyul.engine.store import Read
from joyul.files import refusal

FEW = 2_000  # rows; no more stay as they are
CHUNK = 1_000  # rows read at once where all are read
TOKENS: dict[Read, slice] = {"all": slice(None), "first": slice(1), "last": slice(-1, None)}


class _Indexed(Sequence[Row]):
    """A sequence of rows by what it says of one place, counted from the first."""

    @abstractmethod
    def at(self, place: int) -> Row:
        """The row at `place`."""

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        places = range(len(self))[index]
        return self.at(places) if isinstance(places, int) else [self.at(place) for place in places]


class Rows(_Indexed):
    """Rows in the order they were added, a line of JSON each."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the rows
        self._ends = array("q", [0])

    def add(self, row: Row) -> None:
        """Write down one more. Raises TypeError for a row that JSON cannot say, RunError where the disk is full."""
        if type(row) is not Row:
            raise TypeError(type(row).__name__)
        values = [row.id, row.tokens, row.target, row.units, row.weight, row.cut, row.unknown, row.aside]
        line = (json.dumps(values, separators=(",", ":")) + "\n").encode()
        try:
            self._file.write(line)
        except OSError as error:
            raise refusal(Path(tempfile.gettempdir()), error) from error
        self._ends.append(self._ends[-1] + len(line))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def at(self, place: int) -> Row:
        """Made again from its line."""
        return _row(self._read(place, place + 1))

    def __iter__(self) -> Iterator[Row]:
        for start in range(0, len(self), CHUNK):
            yield from map(_row, self._read(start, min(start + CHUNK, len(self))).splitlines())

    def _read(self, first: int, end: int) -> bytes:
        self._file.flush()
        return os.pread(self._file.fileno(), self._ends[end] - self._ends[first], self._ends[first])


def _row(line: bytes) -> Row:
    return Row(*json.loads(line))


class Chosen(_Indexed):
    """The rows at `places` of others."""

    def __init__(self, rows: Sequence[Row], places: Sequence[int]) -> None:
        self._rows, self._places = rows, array("q", places)

    def __len__(self) -> int:
        return len(self._places)

    def at(self, place: int) -> Row:
        """That of the others which it stands for."""
        return self._rows[self._places[place]]


def packed(rows: Iterable[Row]) -> Sequence[Row]:
    """The same rows: as they are where they are few or hold what JSON cannot say (`Row.aside`), else in a file."""
    rest = iter(rows)
    held = list(islice(rest, FEW + 1))
    if len(held) <= FEW:
        return held
    made = Rows()
    for row in chain(held, rest):
        try:
            made.add(row)
        except TypeError:
            return [*made, row, *(held[len(made) + 1 :]), *rest]
    return made


def shortened(row: Row, read: Read) -> Row:
    """The row as the head sees it: all of its tokens, or the only one that is read. So are the rows of an ensemble."""
    if read == "all":
        return row
    parts = row.parts
    aside = tuple(shortened(one, read) for one in parts) if len(parts) > 1 else row.aside
    return replace(row, tokens={name: values[TOKENS[read]] for name, values in row.tokens.items()}, aside=aside)
