"""A table as Joyul keeps it: every value is text or None (or a list of text), in Arrow, mapped from disk.

Rows are written in batches as they are read, so ten million rows need no more memory than ten thousand.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import re
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset

from joyul.data.values import Cell
from joyul.errors import DataError
from joyul.notes import Notes

BATCH_ROWS = 10_000
BATCH_CHARACTERS = 1 << 24  # rows of a million characters must not add up to ten thousand of them
UNFIT = re.compile("[\x00\ud800-\udfff]")  # no tokenizer, and partly no file, takes these
TEXT, TEXTS = pa.string(), pa.list_(pa.string())
_serial = itertools.count()


@dataclass(frozen=True, eq=False)
class Table:
    """`rows` holds text, None or lists of text; `name` is the file's, for messages and ids."""

    name: str
    columns: tuple[str, ...]
    rows: Dataset


def keep(name: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]], notes: Notes, lists: Collection[str] = ()) -> Table:
    """Write `rows` to a temporary Arrow file and map it. Columns in `lists` hold lists of text, the others text."""
    schema = pa.schema([(column, TEXTS if column in lists else TEXT) for column in columns])
    path = _folder() / f"{next(_serial)}.arrow"
    count, mended = 0, []
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for batch in _batches(notes.track(rows, "reading")):
            arrays, touched = _arrays(batch, schema)
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            mended += [count + row + 1 for row in sorted(touched)]
            count += len(batch)
    if not count:
        raise DataError("read_no_rows", where=name)
    notes.rows("read_unfit", mended, file=name)
    return Table(name, tuple(columns), Dataset.from_file(str(path)))


@functools.cache
def _folder() -> Path:
    """One temporary folder per process; a cache keyed by the file's path could be stale."""
    folder = tempfile.mkdtemp(prefix="joyul-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _batches(rows: Iterable[Sequence[Cell]]) -> Iterator[list[Sequence[Cell]]]:
    batch: list[Sequence[Cell]] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) for value in row if value)
        if len(batch) == BATCH_ROWS or size > BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _arrays(batch: Sequence[Sequence[Cell]], schema: pa.Schema) -> tuple[list[pa.Array], set[int]]:
    """The batch by column, and which of its rows had to be mended."""
    arrays: list[pa.Array] = []
    touched: set[int] = set()
    for field, values in zip(schema, zip(*batch, strict=True), strict=True):
        array = _array_as_it_is(values, field.type)
        if array is None:
            mended = [_mended(value) for value in values]
            touched |= {row for row, value in enumerate(values) if mended[row] != value}
            array = pa.array(mended, field.type)
        arrays.append(array)
    return arrays, touched


def _array_as_it_is(values: Sequence[Cell], kind: pa.DataType) -> pa.Array | None:
    """The column, or None where a value holds a NUL or a lone surrogate. Arrow looks faster than Python does."""
    try:
        array = pa.array(values, kind)
    except UnicodeEncodeError:
        return None
    found = pc.any(pc.match_substring(array.flatten() if kind == TEXTS else array, "\0"))
    return None if found.as_py() else array


def _mended(value: Any) -> Any:
    if isinstance(value, list):
        return [_mended(item) for item in value]
    return None if value is None else UNFIT.sub(lambda hit: "" if hit[0] == "\0" else "\ufffd", value)
