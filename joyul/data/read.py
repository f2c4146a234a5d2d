"""From what the user names to tables: a file, a folder or a dataset of the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path

import datasets
import huggingface_hub

from joyul.data.columnar import read_splits
from joyul.data.files import SUFFIXES, missing, neighbours, read_file, suffix_of
from joyul.data.folders import read_folder
from joyul.data.table import Table
from joyul.errors import DataError
from joyul.hub import offline
from joyul.notes import Notes

__all__ = ["Table", "read"]

HUB_ID = re.compile(r"[\w][\w.-]*(/[\w][\w.-]*)?", re.ASCII)


def read(source: str, *, notes: Notes, encoding: str | None = None) -> dict[str, Table]:
    """Read `source` into `train` and, where it brings them, `valid` and `test`. The disk goes before the hub."""
    path = Path(source).expanduser()
    if path.is_dir():
        return read_folder(path, notes, encoding)
    if path.is_file():
        return {"train": read_file(path, notes, encoding)}
    if suffix_of(path) in SUFFIXES or not HUB_ID.fullmatch(source):
        raise missing(path)
    return _from_hub(source, notes)


def _from_hub(name: str, notes: Notes) -> dict[str, Table]:
    try:
        if offline():  # what is in the cache then; the libraries would ask again and again
            huggingface_hub.constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
        parts = datasets.load_dataset(name)  # data files only: `datasets` runs no code from the hub any more
    except Exception as error:  # what the network, the hub and a dataset's files may throw is not one family
        path = Path(name)
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError("read_hub", where=name, found=path.name, allowed=neighbours(path), reason=reason) from error
    return read_splits({str(split): part for split, part in parts.items()}, name, notes)
