"""Several labels in one cell, joined by a separator, as lists."""

from __future__ import annotations

from collections.abc import Iterator

from joyul.data.table import Table, keep
from joyul.data.values import Cell
from joyul.errors import DataError
from joyul.notes import Notes


def split_labels(table: Table, column: str, separator: str, notes: Notes) -> Table:
    """The table with the cells of `column` as lists: blanks around labels go, a label stands once, an empty cell stays empty.

    Raises DataError where the column holds lists already.
    """
    if any(isinstance(value, list) for value in table.rows[:1][column]):
        raise DataError("separator_on_lists", where=table.name, column=column)
    twice: list[int] = []
    split = sum(separator in (value or "") for value in table.rows[column])
    kept = keep(table.name, table.columns, _rows(table, column, separator, twice), notes, {column})
    notes.rows("labels_cell_twice", twice, file=table.name)
    notes.say("labels_split", file=table.name, column=column, count=split, separator=separator)
    return kept


def _rows(table: Table, column: str, separator: str, twice: list[int]) -> Iterator[list[Cell]]:
    for number, row in enumerate(table.rows, start=1):
        cell: str = row[column] or ""
        labels = [label.strip() for label in cell.split(separator) if label.strip()]
        if len(set(labels)) < len(labels):
            twice.append(number)
        row[column] = list(dict.fromkeys(labels)) or None
        yield [row[name] for name in table.columns]
