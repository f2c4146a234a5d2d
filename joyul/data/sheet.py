"""The first sheet of an Excel workbook, cells as they would be typed: 1, not 1.0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from joyul.data.header import RAGGED_SHOWN, header, ragged
from joyul.data.table import Table, keep
from joyul.data.values import as_text
from joyul.errors import DataError, listing
from joyul.notes import Notes


def read_sheet(path: Path, notes: Notes) -> Table:
    """Read .xlsx; empty cells are empty text, as in csv."""
    try:
        import openpyxl  # an extra: most users have no workbook
    except ImportError:
        raise DataError("read_needs_openpyxl", where=path.name) from None
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    if len(book.sheetnames) > 1:
        notes.say("read_sheets", file=path.name, sheet=book.sheetnames[0], sheets=listing(book.sheetnames[1:]))
    try:
        rows = (_trimmed(row) for row in book.worksheets[0].iter_rows(values_only=True))
        names = next((row for row in rows if row), None)
        if names is None:
            raise DataError("read_empty", where=path.name)
        columns = header(names, path.name, notes)
        return keep(path.name, columns, _rows(rows, len(columns), path.name), notes)
    finally:
        book.close()


def _trimmed(row: Iterable[Any]) -> list[str]:
    """Cells as text without the empty ones at the end, which the sheet's used range adds."""
    cells = [_cell(value) for value in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _cell(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return as_text(value) or ""


def _rows(rows: Iterator[list[str]], width: int, name: str) -> Iterator[list[str]]:
    blank = 0
    wrong: list[tuple[int, int, int]] = []
    for number, row in enumerate(rows, 1):
        blank += not row
        if len(row) > width:
            wrong.append((number, number + 1, len(row)))
        elif row:
            yield from ([""] * width for _ in range(blank))
            yield row + [""] * (width - len(row))
            blank = 0
        if len(wrong) == RAGGED_SHOWN:
            break
    if wrong:
        raise ragged(name, wrong, width)
