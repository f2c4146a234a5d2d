"""The first row of a table: names of the columns, and the refusal of rows that do not fit under them."""

from __future__ import annotations

from collections.abc import Sequence

from joyul.errors import DataError, listing
from joyul.messages import words
from joyul.notes import Notes

RAGGED_SHOWN = 5  # rows named before reading stops


def header(names: Sequence[str], file: str, notes: Notes) -> list[str]:
    """Column names without white space and byte order marks, named where empty. Refuses the same name twice."""
    clean = [name.replace("\ufeff", "").strip() for name in names]
    if any(after != before for before, after in zip(names, clean, strict=True)):
        notes.say("read_header_stripped", file=file, columns=listing(clean))
    columns = [name or f"column_{place}" for place, name in enumerate(clean, 1)]
    if "" in clean:
        notes.say("read_header_named", file=file, columns=listing(set(columns) - set(clean)))
    twice = {name: [place for place, other in enumerate(columns, 1) if other == name] for name in columns}
    for name, places in twice.items():
        if len(places) > 1:
            raise DataError("read_header_twice", where=file, column=name, places=listing(places))
    return columns


def ragged(file: str, rows: Sequence[tuple[int, int, int]], width: int) -> DataError:
    """The refusal of rows, given as (row, line, fields), that have not `width` fields."""
    shown = ", ".join(words("read_ragged_row", row=row, line=line, fields=fields) for row, line, fields in rows)
    return DataError("read_ragged", where=file, rows=shown, width=width)
