"""Tables that come with types: parquet, Arrow, saved and downloaded `datasets`. Values become text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Audio, ClassLabel, Dataset, Features, Image, LargeList, List

from joyul.data.table import BATCH_ROWS, Table, keep
from joyul.data.values import Cell, as_cell, as_text
from joyul.errors import DataError, listing
from joyul.notes import Notes

SPLITS = {"train": "train", "valid": "valid", "validation": "valid", "dev": "valid", "val": "valid", "test": "test"}
Reader = Callable[[Any], Cell]


def read_parquet(path: Path, notes: Notes) -> Table:
    """Read a parquet file batch by batch."""
    file = pq.ParquetFile(path)
    return _kept(path.name, file.schema_arrow, file.iter_batches(BATCH_ROWS), notes)


def read_arrow(path: Path, notes: Notes) -> Table:
    """Read an Arrow file: the stream format that `datasets` writes, or the file format (Feather)."""
    with pa.memory_map(str(path)) as source:
        if source.read(6) == b"ARROW1":
            file = pa.ipc.open_file(source)
            batches = (file.get_batch(place) for place in range(file.num_record_batches))
            return _kept(path.name, file.schema, batches, notes)
        source.seek(0)
        stream = pa.ipc.open_stream(source)
        return _kept(path.name, stream.schema, stream, notes)


def read_splits(splits: Mapping[str, Dataset], name: str, notes: Notes) -> dict[str, Table]:
    """Tables under `train`, `valid`, `test`; a single split of any name is `train`, further names are said."""
    if len(splits) == 1:
        splits = {"train": next(iter(splits.values()))}
    named = {SPLITS[key]: part for key, part in splits.items() if key in SPLITS}
    if "train" not in named:
        raise DataError("read_no_train", where=name, splits=listing(splits))
    if left := [key for key in splits if key not in SPLITS]:
        notes.say("read_splits_left", file=name, splits=listing(left))
    return {key: _from_dataset(part, name if key == "train" else f"{name}/{key}", notes) for key, part in named.items()}


def _from_dataset(dataset: Dataset, name: str, notes: Notes) -> Table:
    tables = dataset.with_format("arrow").iter(BATCH_ROWS)
    batches = (batch for table in tables for batch in table.to_batches())
    return _kept(name, dataset.features.arrow_schema, batches, notes)


def _kept(name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch], notes: Notes) -> Table:
    features = Features.from_arrow_schema(schema)
    if unread := [column for column, feature in features.items() if _is_binary(feature)]:
        raise DataError("read_binary", where=name, columns=listing(unread))
    readers = [_reader(feature) for feature in features.values()]
    lists = {field.name for field in schema if isinstance(features[field.name], List | LargeList)}
    return keep(name, schema.names, _rows(batches, readers), notes, lists)


def _rows(batches: Iterable[pa.RecordBatch], readers: list[Reader]) -> Iterator[tuple[Cell, ...]]:
    for batch in batches:
        columns = [map(read, column.to_pylist()) for read, column in zip(readers, batch.columns, strict=True)]
        yield from zip(*columns, strict=True)


def _is_binary(feature: Any) -> bool:
    """Pictures, sound and bare bytes, which have no text."""
    return isinstance(feature, Image | Audio) or getattr(feature, "dtype", "") in ("binary", "large_binary")


def _reader(feature: Any) -> Reader:
    """How a value of this type becomes text: class numbers by name, short floats no longer than they are."""
    if isinstance(feature, ClassLabel):
        return lambda value: None if value is None or value < 0 else str(feature.int2str(value))
    if isinstance(feature, List | LargeList):
        item: Callable[[Any], Any] = _reader(feature.feature)
        return lambda values: None if values is None else [as_text(item(value)) for value in values]
    if getattr(feature, "dtype", "") in ("float16", "float32"):
        return lambda value: None if value is None else str(np.dtype(feature.dtype).type(value))
    return as_cell
