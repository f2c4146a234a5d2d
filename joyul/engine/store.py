"""States of rows in an unnamed file: as many as the disk holds, in no more memory than one batch; gone with the process."""

from __future__ import annotations

import os
import shutil
import tempfile
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from joyul.notes import Notes

DISK_SHARE = 0.5  # of what is free
Read = Literal["all", "first", "last", "keys"]  # which tokens of a row are kept; or keys and values of all, in every layer
PAGE = 256  # neighbouring rows


class Places:
    """A number from 0 on for each of some rows, by the row's id (`file:row`): eight bytes a row, in pages of neighbours."""

    def __init__(self) -> None:
        self._pages: dict[tuple[str, int], array[int]] = {}

    def __setitem__(self, row: str, number: int) -> None:
        page, place = _page(row)
        if page not in self._pages:
            self._pages[page] = array("q", [-1]) * PAGE
        self._pages[page][place] = number

    def __contains__(self, row: str) -> bool:
        return self._of(row) >= 0

    def __getitem__(self, row: str) -> int:
        found = self._of(row)
        if found < 0:
            raise KeyError(row)
        return found

    def _of(self, row: str) -> int:
        page, place = _page(row)
        return self._pages[page][place] if page in self._pages else -1


def _page(row: str) -> tuple[tuple[str, int], int]:
    """Where the number of a row stands. An id without the number of a row has a page of its own."""
    name, colon, number = row.rpartition(":")
    if not (number.isascii() and number.isdecimal()):
        return (row, -1), 0
    page, place = divmod(int(number), PAGE)
    return (name + colon, page), place


class Store:
    """Tensors of shape (tokens, width), one for each row, by the row's id. `folder`: where the file lies."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed with the store
        self._places = Places()
        self._ends = array("q", [0])  # the last byte of each, in the order of `_places`
        self._dtype, self._width = torch.float32, 0

    def __contains__(self, row: str) -> bool:
        return row in self._places

    @property
    def bytes(self) -> int:
        """What it takes on the disk."""
        return self._ends[-1]

    def add(self, row: str, states: Tensor) -> None:
        """Keep the states of a row. Raises OSError when the disk is full."""
        self._dtype, self._width = states.dtype, states.shape[-1]
        data = states.detach().contiguous().cpu().view(torch.uint8).numpy().tobytes()
        self._file.write(data)
        self._places[row] = len(self._ends) - 1
        self._ends.append(self._ends[-1] + len(data))

    def read(self, rows: Sequence[str]) -> Tensor:
        """The states of `rows`, one after the other: shape (tokens of all, width). Raises KeyError for one that is not here."""
        places = [self._span(row) for row in rows]
        buffer = bytearray(sum(size for _, size in places))
        filled = 0
        for start, size in places:
            filled += os.preadv(self._file.fileno(), [memoryview(buffer)[filled : filled + size]], start)
        return torch.frombuffer(buffer, dtype=self._dtype).view(-1, self._width)

    def _span(self, row: str) -> tuple[int, int]:
        """First byte and bytes."""
        place = self._places[row]
        return self._ends[place], self._ends[place + 1] - self._ends[place]


class Held:
    """Which of several stores has the states of a row."""

    def __init__(self) -> None:
        self._stores: list[Store] = []
        self._places = Places()

    def add(self, rows: Iterable[str], store: Store) -> None:
        """`rows` are in this store, wherever they were before."""
        self._stores.append(store)
        for row in rows:
            self._places[row] = len(self._stores) - 1

    def __contains__(self, row: str) -> bool:
        return row in self._places

    def __getitem__(self, row: str) -> Store:
        return self._stores[self._places[row]]


@dataclass
class Stores:
    """The stores of a run, or of all runs of a comparison, by what is frozen and how it was computed."""

    folder: Path | None = None
    kept: dict[tuple[str, int, str, Read], Store] = field(default_factory=dict)

    @property
    def place(self) -> Path:
        """Where the files lie."""
        return self.folder or Path(tempfile.gettempdir())

    def has_room(self, size: int, notes: Notes) -> bool:
        """Whether so many bytes are far from filling the disk; what follows is told to `notes`."""
        room = size <= DISK_SHARE * shutil.disk_usage(self.place).free
        if not room:
            notes.warn("trunk_too_large", size=f"{size / 2**30:.1f}", folder=str(self.place))
        return room

    def of(self, key: tuple[str, int, str, Read]) -> Store:
        """The store of (digest of what is frozen, layers, precision, tokens kept), made where there is none."""
        if key not in self.kept:
            self.kept[key] = Store(self.folder)
        return self.kept[key]
