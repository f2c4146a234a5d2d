"""csv, tsv and their kin. Values stay as written; a file that is not a regular table is refused, never guessed at."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Sequence
from typing import Literal, TextIO

from joyul.data.encodings import TextFile
from joyul.data.header import RAGGED_SHOWN, header, ragged
from joyul.data.table import Table, keep
from joyul.errors import DataError
from joyul.messages import words
from joyul.notes import Notes

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_LINES = 100
csv.field_size_limit(1 << 30)  # Python stops at 131,072 characters; a row may hold a whole book


def read_delimited(file: TextFile, notes: Notes, delimiter: str | None = None) -> Table:
    """Read a table whose first row names the columns; the delimiter is found where it is not given."""
    if delimiter is None:
        with file.open(newline="") as stream:
            delimiter = choose_delimiter(list(itertools.islice(stream, SAMPLE_LINES)))
    with file.open(newline="") as stream:
        lines = _lines(stream, delimiter, _quoting(file, delimiter), file.name)
        names = next(row for _, row in lines if not _blank(row))
        columns = header(names, file.name, notes)
        return keep(file.name, columns, _rows(lines, len(columns), file.name), notes)


def choose_delimiter(lines: Sequence[str]) -> str:
    """The delimiter that cuts the header, and the most rows below it into as many fields."""

    def fits(delimiter: str) -> tuple[float, int]:
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if not _blank(row)]
        width = len(rows[0]) if rows else 0
        return (sum(len(row) == width for row in rows) / len(rows), width) if width > 1 else (0.0, 0)

    return max(DELIMITERS, key=fits)  # the first of equals


def _quoting(file: TextFile, delimiter: str) -> Literal[0, 3]:
    if delimiter != "\t":
        return csv.QUOTE_MINIMAL
    with file.open() as stream:
        return csv.QUOTE_MINIMAL if written_with_quotes(stream) else csv.QUOTE_NONE


def written_with_quotes(lines: Iterator[str] | TextIO) -> bool:
    """False where tab-separated text cannot come from a writer that quotes: a bare field holds a quote."""
    width, inside = 0, False
    for line in lines:
        fields = line.rstrip("\n").split("\t")
        width = width or len(fields)
        for field in fields:
            if not inside and not field.startswith('"'):
                if '"' in field:
                    return False
                continue
            rest = (field if inside else field[1:]).replace('""', "")  # a doubled quote is one that was written
            if '"' in rest[:-1]:
                return False
            inside = not rest.endswith('"')
        if inside and len(fields) == width:
            return False  # the line is whole without the rest of that "quoted" field
    return not inside


def _lines(stream: TextIO, delimiter: str, quoting: Literal[0, 3], name: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of the line on which it begins."""
    reader = csv.reader(stream, delimiter=delimiter, quoting=quoting, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            key = "read_quote_open" if "unexpected end" in str(error) or "limit" in str(error) else "read_quote_stray"
            raise DataError(key, where=words("at_line", file=name, line=line)) from None
        yield line, row


def _blank(row: Sequence[str]) -> bool:
    return not row or (len(row) == 1 and not row[0].strip())


def _rows(lines: Iterator[tuple[int, list[str]]], width: int, name: str) -> Iterator[list[str]]:
    """Rows of `width` values. Blank lines are rows of empty values, but for those at the end."""
    number, blank = 0, 0
    wrong: list[tuple[int, int, int]] = []
    for line, row in lines:
        if not row or (width > 1 and _blank(row)):
            blank += 1
            continue
        yield from ([""] * width for _ in range(blank))
        number, blank = number + blank + 1, 0
        if len(row) == width:
            yield row
        else:
            wrong.append((number, line, len(row)))
        if len(wrong) == RAGGED_SHOWN:
            break
    if wrong:
        raise ragged(name, wrong, width)
