"""JSON: one object per line, an array of objects, or columns as lists; read as a stream, numbers kept as written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from joyul.data.encodings import TextFile
from joyul.data.table import Table, keep
from joyul.data.values import Lexeme, as_cell
from joyul.errors import DataError
from joyul.messages import words
from joyul.notes import Notes

BLOCK = 1 << 20
SPACE = " \t\r\n"
DECODER = json.JSONDecoder(parse_int=Lexeme, parse_float=Lexeme, parse_constant=Lexeme)
Objects = Iterator[tuple[int, dict[str, Any]]]  # each with the number of its line


def read_json_lines(file: TextFile, notes: Notes) -> Table:
    """Read .jsonl; an array under that name is read as the array it is."""
    if _opening(file) == "[":
        return read_json(file, notes)
    return _kept(file, lambda: _line_objects(file), notes)


def read_json(file: TextFile, notes: Notes) -> Table:
    """Read .json: an array of objects (also as the one value of an object), objects one after another, or lists of one length."""
    columns = _columns(file)
    if columns is None:
        return _kept(file, lambda: _objects(file), notes)
    inside = next(iter(columns.values()))
    if len(columns) == 1 and inside and all(isinstance(value, dict) for value in inside):
        notes.say("read_json_inside", file=file.name, key=next(iter(columns)))
        return _kept(file, lambda: iter(enumerate(inside, 1)), notes)
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError("read_json_lengths", where=file.name, lengths=lengths)
    rows = ([as_cell(value) for value in row] for row in zip(*columns.values(), strict=True))
    lists = {name for name, values in columns.items() if any(isinstance(value, list) for value in values)}
    return keep(file.name, list(columns), rows, notes, lists)


def _kept(file: TextFile, objects: Callable[[], Objects], notes: Notes) -> Table:
    columns = _survey(objects(), file.name)
    lists = {column for column, is_list in columns.items() if is_list}
    rows = ([as_cell(found.get(column)) for column in columns] for _, found in objects())
    return keep(file.name, list(columns), rows, notes, lists)


def _survey(objects: Objects, name: str) -> dict[str, bool]:
    """Every key in the order of appearance, and whether it holds lists: Arrow wants to know beforehand."""
    lists: dict[str, bool] = {}
    empty: dict[str, None] = {}
    for line, found in objects:
        for key, value in found.items():
            if value is None:
                empty[key] = None
            elif lists.setdefault(key, isinstance(value, list)) != isinstance(value, list):
                raise DataError("read_json_mixed", where=words("at_line", file=name, line=line), column=key)
    return lists | {key: False for key in empty if key not in lists}


def _line_objects(file: TextFile) -> Objects:
    with file.open() as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                try:
                    value = DECODER.decode(line)
                except json.JSONDecodeError as error:
                    raise _fault(file.name, number, error) from None
                yield number, _as_object(value, file.name, number)


def _objects(file: TextFile) -> Objects:
    with file.open() as stream:
        feed = _Feed(stream, file.name)
        array = feed.next() == "["
        feed.at += array
        while feed.next() not in ("", "]"):
            line = feed.line_at(feed.at)
            yield line, _as_object(feed.value(), file.name, line)
            if array and feed.next() == ",":
                feed.at += 1
        if array:
            feed.take("]")
        if feed.next():
            feed.take("")


def _columns(file: TextFile) -> dict[str, list[Any]] | None:
    """The lists of a file that is one object of nothing else."""
    if _opening(file) != "{":
        return None
    with file.open() as stream:
        feed = _Feed(stream, file.name)
        value = feed.value()
        alone = not feed.next() and value and all(isinstance(item, list) for item in value.values())
    return value if alone else None


def _opening(file: TextFile) -> str:
    with file.open() as stream:
        return _Feed(stream, file.name).next()


class _Feed:
    """A window over a stream of JSON values that grows only when the value in hand does not end in it."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self.stream, self.name = stream, name
        self.text, self.at = "", 0
        self.line, self.counted = 1, 0  # the line at `counted`, up to which the window's lines are counted

    def next(self) -> str:
        """The next character that is no white space, without taking it; empty at the end."""
        while True:
            while self.at < len(self.text):
                if self.text[self.at] not in SPACE:
                    return self.text[self.at]
                self.at += 1
            if not self._more():
                return ""

    def take(self, mark: str) -> None:
        if self.next() != mark:
            raise _fault(self.name, self.line_at(self.at), f"expecting {mark!r}" if mark else "extra data")
        self.at += len(mark)

    def value(self) -> Any:
        self.next()
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                if self._cut(error) and self._more():
                    continue
                raise _fault(self.name, self.line_at(error.pos), error) from None
            self.at = end
            return value

    def line_at(self, place: int) -> int:
        """The line at a place in the window; places only go forward."""
        self.line += self.text.count("\n", self.counted, place)
        self.counted = place
        return self.line

    def _cut(self, error: json.JSONDecodeError) -> bool:
        """Whether the fault may only be that the window ends here."""
        return error.msg.startswith("Unterminated string") or error.pos >= len(self.text) - len("-Infinity")

    def _more(self) -> bool:
        block = self.stream.read(max(BLOCK, len(self.text)))
        if block:
            self.line_at(self.at)
            self.text, self.at, self.counted = self.text[self.at :] + block, 0, 0
        return bool(block)


def _as_object(value: Any, name: str, line: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError("read_json_no_object", where=words("at_line", file=name, line=line), kind=type(value).__name__)
    return value


def _fault(name: str, line: int, error: object) -> DataError:
    reason = error.msg if isinstance(error, json.JSONDecodeError) else error
    return DataError("read_json_fault", where=words("at_line", file=name, line=line), reason=reason)
