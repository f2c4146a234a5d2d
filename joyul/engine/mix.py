"""Rows of several candidates in one pass: whose each row is, what it drops out, and how much fits into a pass.

What is a batch of one candidate alone stays together, and draws the masks that it would draw by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from joyul.contracts import Row
from joyul.engine.accumulate import Pieces
from joyul.engine.device import device
from joyul.engine.dropout import Kept, Masks
from joyul.engine.layout import Span
from joyul.engine.layout import spans as spans_of
from joyul.engine.learned import PASS


@dataclass(frozen=True)
class Portion:
    """Rows of one candidate, and the stream that its dropout is drawn from. All rows of its update weigh `total`."""

    candidate: int
    rows: Sequence[Row]
    masks: Masks
    total: float

    @property
    def length(self) -> int:
        """Tokens."""
        return sum(row.length for row in self.rows)

    @property
    def longest(self) -> int:
        """What its rows would be padded to."""
        return max(row.length for row in self.rows)


class Mix:
    """The rows of several portions as one batch, short ones first, so that attention finds rows of like length side by side."""

    def __init__(self, portions: Sequence[Portion]) -> None:
        rows = [(row, number) for number, portion in enumerate(portions) for row in portion.rows]
        places = sorted(range(len(rows)), key=lambda place: rows[place][0].length)  # stable: a portion keeps its order
        self.portions, self.rows = portions, [rows[place][0] for place in places]
        self.candidates = [portion.candidate for portion in portions]
        self._mixed = torch.tensor(places, device=device())
        self._sorted = self._mixed.argsort()
        self.owners = torch.tensor([rows[place][1] for place in places], device=device())  # of each row: the place of its portion

    def parts(self, states: Tensor) -> Sequence[Tensor]:
        """The rows of each portion, in its own order. Raises NotImplementedError where `states` has no row for each."""
        if len(states) != len(self.rows):
            raise NotImplementedError
        return torch.split(states.index_select(0, self._sorted), [len(portion.rows) for portion in self.portions])

    def whole(self, parts: Sequence[Tensor]) -> Tensor:
        """The inverse."""
        return torch.cat(list(parts)).index_select(0, self._mixed)

    def kept(self, shape: torch.Size, share: float) -> Kept:
        """See `dropout.Source`; `shape` is (rows, ...) or (rows, places, ...), and every portion draws as it would by itself.

        Raises NotImplementedError for another shape, and for places where prompts are of several lengths.
        """
        if shape[0] != len(self.rows) or (len(shape) > 2 and PASS.counts is not None):
            raise NotImplementedError
        longest = max(portion.longest for portion in self.portions)
        parts: list[Tensor] = []
        scale = 1.0
        for portion in self.portions:
            more = longest - portion.longest if len(shape) > 2 else 0  # padding that it would not have by itself
            wide = shape[1] - more
            kept, scale = portion.masks.kept(torch.Size((len(portion.rows), wide, *shape[2:])), share)
            parts.append(functional.pad(kept, [0, 0] * (len(shape) - 2) + [0, more], value=True))
        return self.whole(parts), scale

    def attended(self, spans: Sequence[Span], heads: int, before: int, share: float) -> list[Kept]:
        """The same of attention: of the rectangles that each portion would have by itself."""
        if PASS.counts is not None:
            raise NotImplementedError
        longest = max(span.length for span in spans)
        drawn = [_attended(portion, heads, before, share, longest) for portion in self.portions]
        whole, scale = self.whole([kept for kept, _ in drawn]), drawn[0][1]
        found = [whole[span.first : span.last, :, : span.length, : before + span.length] for span in spans]
        more = [span.rows - len(kept) for span, kept in zip(spans, found, strict=True)]
        return [(functional.pad(kept, (*[0] * 6, 0, count), value=True), scale) for kept, count in zip(found, more, strict=True)]


def _attended(portion: Portion, heads: int, before: int, share: float, longest: int) -> Kept:
    """The mask of one portion, shape (rows, heads, longest, before + longest)."""
    own = spans_of([row.length for row in portion.rows], portion.longest)
    drawn = portion.masks.attended(own, heads, before, share)
    whole = torch.ones(len(portion.rows), heads, longest, before + longest, dtype=torch.bool)
    for span, (kept, _) in zip(own, drawn, strict=True):
        whole[span.first : span.last, :, : span.length, : before + span.length] = kept[: span.last - span.first]
    return whole, drawn[0][1]


def packed(portions: Sequence[Portion], pieces: Pieces, mixing: bool = True) -> Iterator[list[Portion]]:
    """The micro-batches of all portions, as many in a pass as it may have tokens; not `mixing`: each by itself.

    Never two of one portion, whose masks follow each other.
    """
    held: list[Portion] = []
    for whole in portions:
        for rows in pieces.of(whole.rows):
            portion = replace(whole, rows=rows)
            together = [row for part in [*held, portion] for row in part.rows]
            if held and (not mixing or held[-1].masks is portion.masks or pieces.size(together) > pieces.budget):
                yield held
                held = []
            held.append(portion)
    if held:
        yield held
