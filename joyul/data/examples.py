"""A table and the roles of its columns, seen as Examples. Rows stay in Arrow; Examples are made when asked for."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from joyul.contracts import Example
from joyul.data.table import Table
from joyul.data.values import composed
from joyul.errors import DataError, listing
from joyul.notes import Notes

CHUNK = 1_000
AS_IS = ("tag",)  # tasks that count the characters of the text as it stands: it is not composed
OUTSIDE = ("target", "group")  # every other role is an input


class Examples(Sequence[Example]):
    """Rows of `table` at `positions` (all of them, where not given) in that order. Never changed once made.

    `roles` maps `text`, `text_pair`, any further input, `target` and `group` to column names. Text comes composed (NFC) unless it
    is wanted `as_is`.
    """

    def __init__(
        self, table: Table, roles: Mapping[str, str], positions: Sequence[int] | None = None, as_is: bool = False
    ) -> None:
        for column in roles.values():
            if column not in table.columns:
                raise DataError("columns_missing", where=table.name, found=column, allowed=table.columns)
        self.table, self.roles, self.as_is = table, dict(roles), as_is
        self.positions: Sequence[int] = range(len(table.rows)) if positions is None else positions
        self._inputs = {role: column for role, column in self.roles.items() if role not in OUTSIDE}
        self._meta = [column for column in table.columns if column not in self.roles.values()]

    def __len__(self) -> int:
        return len(self.positions)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Examples: ...
    def __getitem__(self, index: int | slice) -> Example | Examples:
        if isinstance(index, slice):
            return Examples(self.table, self.roles, self.positions[index], self.as_is)
        return self._example(self.positions[index], self.table.rows[int(self.positions[index])])

    def __iter__(self) -> Iterator[Example]:
        for positions, columns in self._chunks(list(self.table.columns)):
            for position, row in zip(positions, zip(*columns, strict=True), strict=True):
                yield self._example(position, dict(zip(self.table.columns, row, strict=True)))

    def select(self, indices: Sequence[int]) -> Examples:
        """These rows, counted within this view, in the order given."""
        return Examples(self.table, self.roles, array("q", (self.positions[index] for index in indices)), self.as_is)

    @property
    def ids(self) -> list[str]:
        """`file:row` of every row, rows counted from 1 below the header."""
        return [self._id(position) for position in self.positions]

    @property
    def targets(self) -> list[Any]:
        """The target of every row as its Example has it; None where there is no such column. Equal text is one object."""
        known: dict[str, str] = {}
        found = (self._value(value) for value in self.values("target"))
        return [known.setdefault(value, value) if isinstance(value, str) else value for value in found]

    @property
    def groups(self) -> list[str | None]:
        """The group of every row; None where there is no such column or no value."""
        return [value or None for value in self.values("group")]

    def values(self, role: str) -> Iterator[Any]:
        """The column of that role as it stands in the file."""
        if role not in self.roles:
            yield from (None for _ in self.positions)
            return
        for _, (column,) in self._chunks([self.roles[role]]):
            yield from column

    def _chunks(self, columns: list[str]) -> Iterator[tuple[Sequence[int], list[list[Any]]]]:
        rows = self.table.rows.select_columns(columns)
        for start in range(0, len(self), CHUNK):
            positions = self.positions[start : start + CHUNK]
            chunk = rows[positions if isinstance(positions, range) else list(positions)]
            yield positions, [chunk[column] for column in columns]

    def _example(self, position: int, row: Mapping[str, Any]) -> Example:
        target = row[self.roles["target"]] if "target" in self.roles else None
        inputs = {role: "" if row[column] is None else self._value(row[column]) for role, column in self._inputs.items()}
        group = row[self.roles["group"]] if "group" in self.roles else None
        meta = {column: row[column] for column in self._meta}
        return Example(self._id(position), inputs, self._value(target), group or None, meta)

    def _value(self, value: Any) -> Any:
        return value if self.as_is else _composed(value)

    def _id(self, position: int) -> str:
        return f"{self.table.name}:{position + 1}"


def drop_unusable(examples: Examples, notes: Notes, *, need_target: bool) -> Examples:
    """Leave out rows without text and, where it is needed, without target; list them, and count those not in NFC."""
    textless, targetless, decomposed, empty = [], [], 0, []
    kept = array("q")  # eight bytes a row
    pairs = zip(examples.values("text"), examples.values("target"), strict=True)
    for index, (text, target) in enumerate(pairs):
        if _blank(text):
            textless.append(examples.positions[index] + 1)
        elif need_target and _blank(target) and target != []:
            targetless.append(examples.positions[index] + 1)
        else:
            kept.append(index)
            decomposed += not examples.as_is and (_composed(text) != text or _composed(target) != target)
            if target == []:
                empty.append(examples.positions[index] + 1)
    file = examples.table.name
    notes.rows("columns_unusable_text", textless, file=file)
    notes.rows("columns_unusable_target", targetless, file=file, column=examples.roles.get("target"))
    if empty and not examples.as_is:
        notes.say("columns_no_labels", file=file, count=len(empty), rows=listing(empty, limit=20))
    if decomposed:
        notes.say("columns_composed", file=file, count=decomposed)
    if not kept:
        raise DataError("columns_none_usable", where=file)
    return examples.select(kept) if len(kept) < len(examples) else examples


def _blank(value: Any) -> bool:
    return not value.strip() if isinstance(value, str) else not value


def _composed(value: Any) -> Any:
    if isinstance(value, list):
        return [_composed(item) for item in value]
    return composed(value) if isinstance(value, str) else value
