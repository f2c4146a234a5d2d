"""Labels in a file of their own (`labels=labels.csv`): brought to the rows they belong to, by a column that both files have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joyul.data.names import ID, LABEL, SCORE, TAGS, TEXT, folded
from joyul.data.table import Table
from joyul.data.values import composed
from joyul.errors import DataError, listing
from joyul.messages import words
from joyul.notes import Notes


@dataclass(frozen=True)
class LabelFile:
    """The labels of `table` by key: `key` is the column that tells which row is meant, `label` the one with the answer."""

    table: Table
    key: str
    label: str
    labels: Mapping[str, Any]


def join(
    tables: Mapping[str, Table], labels: Table, notes: Notes, *, text: str | None = None, label: str | None = None
) -> tuple[dict[str, Table], str]:
    """The tables with the labels in a column, and that column's name. A table that has the column already keeps its own.

    `text` and `label` are columns the user named. Raises DataError where there is no common column, where a row is labelled
    twice, and where a label belongs to no row.
    """
    file = _read(tables["train"], labels, notes, text, label)
    if file.label in tables["train"].columns:
        raise DataError("labels_already", where=tables["train"].name, column=file.label, file=labels.name)
    bare = {name: table for name, table in tables.items() if file.label not in table.columns}
    keys = {name: _keys(table, file.key) for name, table in bare.items()}
    known = {key for found in keys.values() for key in found}
    if folded(file.key) in ID:
        _check_ids(bare, keys, file)
    strays = [row for row, key in enumerate(_keys(labels, file.key), 1) if key in file.labels and key not in known]
    if strays:
        rows = listing(strays, limit=20)
        raise DataError("labels_without_row", where=labels.name, count=len(strays), rows=rows, key=file.key,
                        files=listing(table.name for table in bare.values()))  # fmt: skip
    notes.say("labels_joined", file=labels.name, label=file.label, key=file.key, count=len(file.labels))
    return {**tables, **{name: _with(table, keys[name], file) for name, table in bare.items()}}, file.label


def _read(data: Table, labels: Table, notes: Notes, text: str | None, label: str | None) -> LabelFile:
    """The file's two columns and its labels; rows without one are not labelled."""
    key = _key(data, labels, text, label)
    column = label or _label(labels, key)
    if column not in labels.columns:
        raise DataError("columns_missing", where=labels.name, found=column, allowed=labels.columns)
    found: dict[str, Any] = {}
    first: dict[str, int] = {}
    repeated = []
    for row, (name, value) in enumerate(zip(_keys(labels, key), labels.rows[column], strict=True), 1):
        if not value or not str(value).strip():
            continue
        if name in found and found[name] != value:
            raise DataError("labels_twice", where=labels.name, key=key, value=_short(name), one=found[name], other=value,
                            rows=f"{first[name]}, {row}")  # fmt: skip
        repeated += [row] if name in found else []
        found.setdefault(name, value)
        first.setdefault(name, row)
    notes.rows("labels_repeated", repeated, file=labels.name)
    if not found:
        raise DataError("labels_none", where=labels.name, column=column)
    return LabelFile(labels, key, column, found)


def _key(data: Table, labels: Table, text: str | None, label: str | None) -> str:
    """The common column: an id where both have one, else the text, else the only one there is."""
    common = [column for column in data.columns if column in labels.columns and column != label]
    ids = [column for column in common if folded(column) in ID]
    texts = [column for column in common if column == text or folded(column) in TEXT]
    best = ids or texts or (common if len(common) == 1 else [])
    if not best:
        raise DataError("labels_no_key", where=labels.name, columns=listing(labels.columns), data=data.name,
                        others=listing(data.columns))  # fmt: skip
    return best[0]


def _label(labels: Table, key: str) -> str:
    """The column with the answer: called like one, or the only one beside the key."""
    others = [column for column in labels.columns if column != key]
    named = [column for name in (*LABEL, *SCORE, *TAGS) for column in others if folded(column) == name]
    if not named and len(others) != 1:
        raise DataError("labels_no_label", where=labels.name, columns=listing(labels.columns))
    return (named or others)[0]


def _keys(table: Table, key: str) -> list[str]:
    """The key of each row: text is compared composed, without white space around it."""
    return [composed(str(value or "")).strip() for value in table.rows[key]]


def _check_ids(tables: Mapping[str, Table], keys: Mapping[str, Sequence[str]], file: LabelFile) -> None:
    """Refuse a labelled id that two rows share: nobody could tell which of them is meant."""
    first: dict[str, str] = {}
    for name, table in tables.items():
        for row, key in enumerate(keys[name], 1):
            place = words("at_row", file=table.name, row=row)
            if key in file.labels and first.setdefault(key, place) != place:
                raise DataError("labels_id_twice", where=place, key=file.key, value=key, other=first[key])


def _with(table: Table, keys: Sequence[str], file: LabelFile) -> Table:
    values = [file.labels.get(key) for key in keys]
    rows = table.rows.add_column(file.label, values, feature=file.table.rows.features[file.label])
    return Table(table.name, (*table.columns, file.label), rows)


def _short(value: str) -> str:
    return value if len(value) <= 60 else value[:57] + "…"
