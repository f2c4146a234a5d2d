"""States of rows in an unnamed file: as many as the disk holds, in no more memory than one batch; gone with the process."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from joyul.notes import Notes

DISK_SHARE = 0.5  # of what is free
Read = Literal["all", "first", "last", "keys"]  # which tokens of a row are kept; or keys and values of all, in every layer


class Store:
    """Tensors of shape (tokens, width), one for each row, by the row's id. `folder`: where the file lies."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed with the store
        self._places: dict[str, tuple[int, int]] = {}  # first byte and bytes
        self._end = 0
        self._dtype, self._width = torch.float32, 0

    def __contains__(self, row: str) -> bool:
        return row in self._places

    @property
    def bytes(self) -> int:
        """What it takes on the disk."""
        return self._end

    def add(self, row: str, states: Tensor) -> None:
        """Keep the states of a row. Raises OSError when the disk is full."""
        self._dtype, self._width = states.dtype, states.shape[-1]
        data = states.detach().contiguous().cpu().view(torch.uint8).numpy().tobytes()
        self._file.write(data)
        self._places[row] = (self._end, len(data))
        self._end += len(data)

    def read(self, rows: Sequence[str]) -> Tensor:
        """The states of `rows`, one after the other: shape (tokens of all, width)."""
        places = [self._places[row] for row in rows]
        buffer = bytearray(sum(size for _, size in places))
        filled = 0
        for start, size in places:
            filled += os.preadv(self._file.fileno(), [memoryview(buffer)[filled : filled + size]], start)
        return torch.frombuffer(buffer, dtype=self._dtype).view(-1, self._width)


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
