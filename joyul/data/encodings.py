"""Which encoding a text file is in: decided over the whole file by strict decoding, never by statistics alone.

Order: the one the user names; a byte order mark; UTF-8; CP949 (Windows Korean, which holds EUC-KR).
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from joyul.errors import DataError
from joyul.notes import Notes

BLOCK = 1 << 20
PACKED = ".gz"
MARKS = {  # UTF-32 before UTF-16: the mark of the one opens with that of the other
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
KNOWN = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp949", "euc-kr", "johab", "cp1252", "latin-1")
PAIR = re.compile(rb"[\x81-\xfe][\x41-\xfe]")
KSX1001 = re.compile(rb"[\xa1-\xfe][\xa1-\xfe]")
SAMPLE_LINES, SAMPLE_CHARACTERS = 3, 60


@dataclass(frozen=True)
class TextFile:
    """A text file and the encoding it was found to be in."""

    path: Path
    encoding: str

    @property
    def name(self) -> str:
        """The name of the file, without its folder."""
        return self.path.name

    def open(self, newline: str | None = None) -> TextIO:
        """A stream of its text; `newline` as in the built-in `open`."""
        return io.TextIOWrapper(raw(self.path), self.encoding, newline=newline)


def raw(path: Path) -> BinaryIO:
    """A stream of the file's bytes; of what is packed in it, where its name ends in .gz."""
    return cast(BinaryIO, gzip.open(path)) if path.suffix.lower() == PACKED else path.open("rb")


def text_file(path: Path, notes: Notes, encoding: str | None = None) -> TextFile:
    """The file with its encoding, which is said unless it is plain UTF-8. Refuses an empty file."""
    file = TextFile(path, detect(path, encoding))
    if file.encoding != "utf-8":
        notes.say("read_encoding", file=path.name, encoding=file.encoding)
    with file.open() as stream:
        if all(not block.strip() for block in iter(lambda: stream.read(BLOCK), "")):
            raise DataError("read_empty", where=path.name)
    return file


def detect(path: Path, encoding: str | None = None) -> str:
    """The encoding in which every byte of the file can be read; DataError where there is none."""
    head = _head(path)
    if encoding is not None:
        return _checked(path, _known(encoding, head))
    for mark, marked in MARKS.items():
        if head.startswith(mark):
            return _checked(path, marked)
    if _unmarked_utf16(head):
        raise DataError("read_utf16_unmarked", where=path.name)
    fault = _fault(path, "utf-8")
    if fault is None:
        return "utf-8"
    if _fault(path, "cp949") is not None:
        raise DataError("read_undecodable", where=path.name, encoding="UTF-8, CP949", byte=fault[0], line=fault[1])
    if not _looks_korean(path):
        raise DataError("read_not_korean", where=path.name, sample="\n".join(_sample(path)))
    return "cp949"


def _head(path: Path) -> bytes:
    with raw(path) as stream:
        return stream.read(1 << 16)


def _known(encoding: str, head: bytes) -> str:
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)  # `rot13` and `hex` are codecs too, but not of text
    except LookupError:
        raise DataError("read_encoding_unknown", found=encoding, allowed=KNOWN) from None
    return "utf-8-sig" if name == "utf-8" and head.startswith(codecs.BOM_UTF8) else name


def _checked(path: Path, encoding: str) -> str:
    fault = _fault(path, encoding)
    if fault is not None:
        raise DataError("read_undecodable", where=path.name, encoding=encoding, byte=fault[0], line=fault[1])
    return encoding


def _fault(path: Path, encoding: str) -> tuple[int, int] | None:
    """Offset and line (from 1) of the first byte that cannot be decoded."""
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, line = 0, 1
    for block in _blocks(path):
        pending = decoder.getstate()[0]
        try:
            line += decoder.decode(block, final=not block).count("\n")
        except UnicodeDecodeError as error:
            read = (pending + block)[: error.start].decode(encoding, "ignore")
            return offset - len(pending) + error.start, line + read.count("\n")
        offset += len(block)
    return None


def _blocks(path: Path) -> Iterator[bytes]:
    """The file in blocks, an empty one last."""
    with raw(path) as stream:
        while block := stream.read(BLOCK):
            yield block
    yield b""


def _unmarked_utf16(head: bytes) -> bool:
    """Line feeds stand beside a NUL (or, without any, a quarter of the bytes are NUL)."""
    feeds, beside = head.count(b"\n"), head.count(b"\n\0") + head.count(b"\0\n")
    return beside * 2 > feeds if feeds and beside else not feeds and head.count(0) * 4 >= len(head) > 0


def _looks_korean(path: Path) -> bool:
    """Half of the two-byte characters lie in KS X 1001. Other encodings, read as CP949, fall mostly outside."""
    pairs = inside = 0
    with raw(path) as stream:
        while lines := stream.readlines(BLOCK):
            found = PAIR.findall(b"".join(lines))
            pairs += len(found)
            inside += sum(1 for pair in found if KSX1001.match(pair))
    return inside * 2 >= pairs


def _sample(path: Path) -> list[str]:
    """The first lines that are more than ASCII, as they would read."""
    shown: list[str] = []
    with raw(path) as stream:
        for line in stream:
            if not line.isascii():
                shown.append(line.decode("cp949", "replace").strip()[:SAMPLE_CHARACTERS])
            if len(shown) == SAMPLE_LINES:
                break
    return shown
