"""Where the real tokens of a padded batch stand: rows that travel without padding, one after the other in one line.

Attention alone looks across tokens. For it the line is put into blocks of rows of similar length, the only place where padding is
computed (`engine.attention`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

STRETCH = 2.5  # a block ends before a row more than this many times as long as its first
# Sizes are rounded up to multiples of these: for every new shape the processor's library compiles, and keeps, another kernel.
LINE_STEP, LENGTH_STEP, ROWS_STEP = 32, 8, 4
Made = TypeVar("Made")


class _Spread(torch.autograd.Function):
    """(tokens, ...) to (slots, ...): token i goes to slot `index[i]`, the other slots are zero."""

    @staticmethod
    def forward(ctx: Any, line: Tensor, index: Tensor, slots: int) -> Tensor:
        ctx.save_for_backward(index)
        return line.new_zeros(slots, *line.shape[1:]).index_copy_(0, index, line)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return grads[0].index_select(0, ctx.saved_tensors[0]), None, None


class _Gather(torch.autograd.Function):
    """The inverse: (slots, ...) to (size, ...), tokens first, zero behind them."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, index: Tensor, size: int) -> Tensor:
        ctx.save_for_backward(index)
        ctx.slots = padded.shape[0]
        return selected(padded, index, size)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        index, grad = ctx.saved_tensors[0], grads[0]
        return grad.new_zeros(ctx.slots, *grad.shape[1:]).index_copy_(0, index, grad[: len(index)]), None, None


def selected(source: Tensor, index: Tensor, size: int) -> Tensor:
    """The rows `index` of `source`, and zeros behind them up to `size` rows."""
    made = source.new_empty(size, *source.shape[1:])
    torch.index_select(source, 0, index, out=made[: len(index)])
    made[len(index) :] = 0
    return made


@dataclass(frozen=True)
class Span:
    """Rows `first` to `last` (exclusive) as a rectangle of `rows` x `length`."""

    first: int
    last: int
    length: int

    @property
    def rows(self) -> int:
        """Rows of the rectangle, the few that fill it up included."""
        return -(-(self.last - self.first) // ROWS_STEP) * ROWS_STEP

    def of(self, values: Tensor) -> Tensor:
        """Its rows of what all rows have; those that fill it up have what the last one has."""
        mine = values[self.first : self.last]
        return torch.cat([mine, mine[-1:].expand(self.rows - len(mine), *mine.shape[1:])])


@dataclass(frozen=True)
class Block(Span):
    """A rectangle whose tokens are `start` to `stop` of the line."""

    start: int
    stop: int
    index: Tensor  # of each token: its slot in the rectangle

    def sources(self, heads: int, filler: int) -> Tensor:
        """Of each (row, head, place) of the rectangle: its place in a line of (tokens x heads); padding reads token `filler`."""
        tokens = self.index.new_full((self.rows * self.length,), filler)
        tokens[self.index] = torch.arange(self.start, self.stop, device=tokens.device)
        head = torch.arange(heads, device=tokens.device)
        return (tokens.view(self.rows, 1, self.length) * heads + head[:, None]).flatten()

    def slots(self, heads: int) -> Tensor:
        """Of each (token, head) of the block: its place in (rows x heads x length)."""
        row, place = self.index // self.length, self.index % self.length
        head = torch.arange(heads, device=row.device)
        return ((row[:, None] * heads + head) * self.length + place[:, None]).flatten()


@dataclass
class Layout:
    """`index`: of each token of the line, its slot in (rows * length) of the padded batch."""

    rows: int
    length: int
    index: Tensor
    blocks: list[Block]
    _made: dict[tuple[int, Any], tuple[object, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, mask: Tensor) -> Layout:
        """From an attention mask of shape (rows, length)."""
        real = mask.bool()
        lengths = real.sum(dim=1).tolist()
        index = real.flatten().nonzero().squeeze(1)
        padded_right = bool((real[:, 1:] <= real[:, :-1]).all())
        return cls(real.shape[0], real.shape[1], index, _blocks(lengths, real.shape[1], index, padded_right))

    @property
    def tokens(self) -> int:
        """Real tokens in all."""
        return int(self.index.numel())

    @property
    def size(self) -> int:
        """Tokens of the line, those that fill it up included: at least one, which attention reads where there is padding."""
        return (self.tokens // LINE_STEP + 1) * LINE_STEP

    def line(self, padded: Tensor) -> Tensor:
        """(rows, length, ...) to (1, size, ...)."""
        slots = padded.reshape(self.rows * self.length, *padded.shape[2:])
        return _Gather.apply(slots, self.index, self.size).unsqueeze(0)  # type: ignore[no-untyped-call, no-any-return]

    def filled(self, tokens: Tensor) -> Tensor:
        """(tokens, ...) to (1, size, ...)."""
        return torch.cat([tokens, tokens.new_zeros(self.size - self.tokens, *tokens.shape[1:])]).unsqueeze(0)

    def padded(self, line: Tensor) -> Tensor:
        """(1, size, ...) to (rows, length, ...), zero where there is no token."""
        slots = _Spread.apply(line[0, : self.tokens], self.index, self.rows * self.length)  # type: ignore[no-untyped-call]
        return slots.view(self.rows, self.length, *line.shape[2:])  # type: ignore[no-any-return]

    def once(self, source: object, key: Any, make: Callable[[], Made]) -> Made:
        """What `make` gives for `source`, made for the first layer that asks and kept for the others."""
        if (id(source), key) not in self._made:
            self._made[id(source), key] = (source, make())  # the source is kept, so that its id stays its own
        made: Made = self._made[id(source), key][1]
        return made


def _blocks(lengths: list[int], longest: int, index: Tensor, padded_right: bool) -> list[Block]:
    """Consecutive rows of similar length; all rows at full length where padding is not on the right."""
    if not padded_right:
        return [Block(0, len(lengths), longest, 0, int(index.numel()), index)]
    blocks, start = [], 0
    for span in spans(lengths, longest):
        stop = start + sum(lengths[span.first : span.last])
        slots = index[start:stop]
        inside = (slots // longest - span.first) * span.length + slots % longest
        blocks.append(Block(span.first, span.last, span.length, start, stop, inside))
        start = stop
    return blocks


def spans(lengths: Sequence[int], longest: int) -> list[Span]:
    """The rectangles of rows that are so long, padded on the right to the longest."""
    found, first = [], 0
    for row in range(1, len(lengths) + 1):
        if row < len(lengths) and lengths[row] <= STRETCH * lengths[first] and lengths[first] <= STRETCH * lengths[row]:
            continue
        found.append(Span(first, row, min(longest, -(-max(lengths[first:row]) // LENGTH_STEP) * LENGTH_STEP)))
        first = row
    return found


class _Current(threading.local):
    """Of each thread its own: several of them may compute micro-batches of one update (`engine.lanes`)."""

    layout: Layout | None = None
    owner: nn.Module | None = None


Current = _Current()  # `layout` of the forward pass that runs now, `owner`: the model whose layers see no padding
