"""One file, read by its suffix. Also the files whose lines are rows: text and logs."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from gzip import BadGzipFile
from pathlib import Path
from zipfile import BadZipFile

from joyul.data.columnar import read_arrow, read_parquet
from joyul.data.delimited import read_delimited
from joyul.data.encodings import PACKED, TextFile, raw, text_file
from joyul.data.json_rows import read_json, read_json_lines
from joyul.data.sheet import read_sheet
from joyul.data.table import Table, keep
from joyul.errors import DataError, listing, nearest
from joyul.notes import Notes


def read_text(file: TextFile, notes: Notes) -> Table:
    """Read .txt: a line is a row of `text`, unless every line has the tabs of the first (NSMC's files are such)."""
    if is_tabbed(file):
        notes.say("read_text_is_table", file=file.name)
        return read_delimited(file, notes, "\t")
    return keep(file.name, ["text"], ([line] for line in lines(file)), notes)


def read_log(file: TextFile, notes: Notes) -> Table:
    """Read .log: a line is a row of `line`."""
    return keep(file.name, ["line"], ([line] for line in lines(file)), notes)


TEXT_READERS: dict[str, Callable[[TextFile, Notes], Table]] = {
    ".csv": read_delimited,
    ".tsv": lambda file, notes: read_delimited(file, notes, "\t"),
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_json,
    ".txt": read_text,
    ".log": read_log,
}
BINARY_READERS: dict[str, Callable[[Path, Notes], Table]] = {
    ".parquet": read_parquet,
    ".arrow": read_arrow,
    ".xlsx": read_sheet,
}
FAULTS = (OSError, ValueError, KeyError, BadZipFile)  # pyarrow's and openpyxl's words for a broken file
PACKED_FAULTS = (EOFError, BadGzipFile, zlib.error)
SIGNATURES = {  # how files open that are no text; people rename them
    b"PK\x03\x04": "zip or Excel (.xlsx)", b"\xd0\xcf\x11\xe0": "Excel (.xls)", b"PAR1": "Parquet",
    b"%PDF": "PDF", b"\x1f\x8b": "gzip",
}  # fmt: skip
SUFFIXES = (*TEXT_READERS, *BINARY_READERS, *(suffix + PACKED for suffix in TEXT_READERS))


def suffix_of(path: Path) -> str:
    """What tells how a file is read, in small letters: `.csv`, or `.csv.gz`."""
    return "".join(path.suffixes[-2:] if path.suffix.lower() == PACKED else path.suffixes[-1:]).lower()


def stem(path: Path) -> str:
    """The name of a file or folder without what `suffix_of` gives."""
    return path.name[: len(path.name) - len(suffix_of(path))]


def read_file(path: Path, notes: Notes, encoding: str | None = None) -> Table:
    """Read one file that exists."""
    suffix = suffix_of(path)
    if not path.stat().st_size:
        raise DataError("read_empty", where=path.name)
    if not suffix:
        raise DataError("read_no_suffix", where=path.name, allowed=SUFFIXES)
    if suffix not in SUFFIXES:
        raise DataError("read_suffix", where=path.name, found=suffix, allowed=SUFFIXES)
    faults = FAULTS if suffix in BINARY_READERS else PACKED_FAULTS
    try:
        if suffix in BINARY_READERS:
            return BINARY_READERS[suffix](path, notes)
        _refuse_other_kind(path)
        return TEXT_READERS[suffix.removesuffix(PACKED)](text_file(path, notes, encoding), notes)
    except faults as error:
        raise DataError("read_broken", where=path.name, reason=_first_line(error)) from error


def _refuse_other_kind(path: Path) -> None:
    """Refuse a file of bytes under the name of a text file."""
    with raw(path) as stream:
        opening = stream.read(max(map(len, SIGNATURES)))
    for signature, kind in SIGNATURES.items():
        if opening.startswith(signature):
            raise DataError("read_other_kind", where=path.name, kind=kind)


def missing(path: Path) -> DataError:
    """The refusal of a file that does not exist, with the nearest name beside it, or else the names of the data files there."""
    beside = neighbours(path)
    if nearest(path.name, beside):
        return DataError("read_missing", where=str(path), found=path.name, allowed=beside)
    if not path.parent.is_dir():
        return DataError("read_missing_folder", where=str(path), folder=path.parent)
    files = listing(name for name in beside if suffix_of(Path(name)) in SUFFIXES) or "-"
    return DataError("read_missing_there", where=str(path), folder=path.parent.resolve(), files=files)


def neighbours(path: Path) -> list[str]:
    """Names in the folder where `path` would stand."""
    return sorted(other.name for other in path.parent.iterdir()) if path.parent.is_dir() else []


def lines(file: TextFile) -> Iterator[str]:
    """Lines without their ends; blank ones at the end of the file are none."""
    blank: list[str] = []
    with file.open() as stream:
        for line in stream:
            blank.append(line.removesuffix("\n"))
            if line.strip():
                yield from blank
                blank.clear()


def is_tabbed(file: TextFile) -> bool:
    """Whether a header with tabs stands over lines with as many tabs each."""
    found = (line.count("\t") for line in lines(file))
    width = next(found, 0)
    return width > 0 and next(found, 0) == width and all(count == width for count in found)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
