"""A row on its way: as it is in the file (Example), as tokens (Row), as padded tensors (Batch)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Example:
    """What travels from the file to the prediction.

    `inputs` maps a role (`text`, `text_pair`) to its value; `target` is the value as it stands in the file, or None; `id` is
    `file:row`, rows counted from 1 below the header.
    """

    id: str
    inputs: Mapping[str, Any]
    target: Any = None
    group: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One Example as tokens.

    `tokens` maps the names of the model's inputs to one list of integers each; `target` is encoded by the Task; `units` says how
    many terms the row adds to the loss (1, or its target tokens) and `weight` multiplies them; `cut` and `unknown` count tokens
    lost to `max_length` and those the tokenizer does not know; `aside` is what the Form needs beside the outputs to put the
    answer together (which token stands for which word).
    """

    id: str
    tokens: Mapping[str, Sequence[int]]
    target: Any = None
    units: int = 1
    weight: float = 1.0
    cut: int = 0
    unknown: int = 0
    aside: Any = None

    @property
    def length(self) -> int:
        """Tokens the model reads for this row (the longest of its inputs)."""
        return max((len(values) for values in self.tokens.values()), default=0)

    @property
    def parts(self) -> tuple[Row, ...]:
        """The rows that it is asked as: one for each template where a Form has several, which stand in `aside`; else itself."""
        several = isinstance(self.aside, tuple) and all(isinstance(one, Row) for one in self.aside)
        return self.aside if several else (self,)


@dataclass(slots=True)
class Batch:
    """Rows as padded tensors: `inputs` are passed to the model by name, each of shape (rows, length)."""

    rows: Sequence[Row]
    inputs: dict[str, Tensor]
    targets: Tensor | None = None
