"""Attention over rows that travel without padding: the only place where padding is computed.

Between layers the tokens of all rows stand one after the other in one line (`Layout`). Here they are put into blocks of rows of
similar length, attended to with the mask that the model made, and put back into the line. On a CPU the products are written out:
for short rows torch's fused kernel takes several times as long (LOG.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv
from transformers.masking_utils import sdpa_mask

from joyul.engine.dropout import MASKS
from joyul.engine.prefixes import prefix, prefix_attention

NAME = "joyul_rows"
STRETCH = 2.5  # a block ends before a row more than this many times as long as its first
# Sizes are rounded up to multiples of these: for every new shape the processor's library compiles, and keeps, another kernel.
LINE_STEP, LENGTH_STEP, ROWS_STEP = 32, 8, 4
UNKNOWN_TERMS = ("softcap", "position_bias", "s_aux", "head_mask")  # terms of attention that are not written out here


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
        if size == len(index):
            return padded.index_select(0, index)
        line = padded.new_empty(size, *padded.shape[1:])
        torch.index_select(padded, 0, index, out=line[: len(index)])
        line[len(index) :] = 0
        return line

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        index, grad = ctx.saved_tensors[0], grads[0]
        return grad.new_zeros(ctx.slots, *grad.shape[1:]).index_copy_(0, index, grad[: len(index)]), None, None


@dataclass(frozen=True)
class Block:
    """Rows `first` to `last` (exclusive) as a rectangle of `rows` x `length`; their tokens are `start` to `stop` of the line."""

    first: int
    last: int
    length: int
    start: int
    stop: int
    index: Tensor  # of each token: its slot in the rectangle

    @property
    def rows(self) -> int:
        """Rows of the rectangle, the few that fill it up included."""
        return -(-(self.last - self.first) // ROWS_STEP) * ROWS_STEP


@dataclass
class Layout:
    """Where the real tokens of a padded batch stand. `index`: of each token of the line, its slot in (rows * length)."""

    rows: int
    length: int
    index: Tensor
    blocks: list[Block]
    _made: dict[tuple[int, int], tuple[object, Any]] = field(default_factory=dict)

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
        """Tokens of the line, the few that fill it up included."""
        return -(-self.tokens // LINE_STEP) * LINE_STEP

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

    def once(self, source: object, key: int, make: Any) -> Any:
        """What `make` gives for `source`, made for the first layer that asks and kept for the others."""
        if (id(source), key) not in self._made:
            self._made[id(source), key] = (source, make())  # the source is kept, so that its id stays its own
        return self._made[id(source), key][1]


def _blocks(lengths: list[int], longest: int, index: Tensor, padded_right: bool) -> list[Block]:
    """Consecutive rows of similar length; all rows at full length where padding is not on the right."""
    if not padded_right:
        return [Block(0, len(lengths), longest, 0, int(index.numel()), index)]
    blocks, first, start = [], 0, 0
    for row in range(1, len(lengths) + 1):
        if row < len(lengths) and lengths[row] <= STRETCH * lengths[first] and lengths[first] <= STRETCH * lengths[row]:
            continue
        stop, length = start + sum(lengths[first:row]), min(longest, -(-max(lengths[first:row]) // LENGTH_STEP) * LENGTH_STEP)
        slots = index[start:stop]
        inside = (slots // longest - first) * length + slots % longest
        blocks.append(Block(first, row, length, start, stop, inside))
        first, start = row, stop
    return blocks


class Current:
    """The layout of the forward pass that runs now, and whose it is; None outside of one."""

    layout: Layout | None = None
    owner: nn.Module | None = None  # the model whose layers see no padding


def rows_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None,
    dropout: float = 0.0, scaling: float | None = None, **options: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    """transformers' attention interface: query, key and value of shape (1, heads, line, size) while a Layout is current.

    Raises NotImplementedError for a term of attention that is not written out here.
    """
    layout = Current.layout
    if layout is None or query.shape[0] != 1 or query.shape[2] != layout.size or key.shape[2] != layout.size:
        return prefix_attention(module, query, key, value, attention_mask, dropout, scaling, **options)
    if any(options.get(name) is not None for name in UNKNOWN_TERMS):
        raise NotImplementedError
    groups = query.shape[1] // key.shape[1]
    lines = [states[0].transpose(0, 1) for states in (query, repeat_kv(key, groups), repeat_kv(value, groups))]
    causal = bool(getattr(module, "is_causal", True)) if options.get("is_causal") is None else bool(options["is_causal"])
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    before = [repeat_kv(part[None], groups) for part in prefix(module) or ()]
    pieces = []
    for number, block in enumerate(layout.blocks):
        count = block.rows * block.length
        parts = [_Spread.apply(line[block.start : block.stop], block.index, count) for line in lines]  # type: ignore[no-untyped-call]
        shaped = [part.view(-1, block.length, *part.shape[1:]).transpose(1, 2) for part in parts]
        mask = layout.once(attention_mask, number, lambda b=block: _bias(attention_mask, b, causal, query))
        keys, values = shaped[1:]
        if before:
            keys, values = (_behind(part, states) for part, states in zip(before, shaped[1:], strict=True))
            mask = None if mask is None else functional.pad(mask, (before[0].shape[2], 0))
        answer = _attend(shaped[0], keys, values, mask, dropout, scale).transpose(1, 2)
        pieces.append(_Gather.apply(answer.reshape(count, *answer.shape[2:]), block.index, len(block.index)))  # type: ignore[no-untyped-call]
    return layout.filled(torch.cat(pieces)), None


def _behind(part: Tensor, states: Tensor) -> Tensor:
    """Learned keys or values, shape (1, heads, count, size), and those of a block's rows behind them."""
    return torch.cat([part.to(states.dtype).expand(len(states), -1, -1, -1), states], dim=2)


def _bias(mask: Tensor | None, block: Block, causal: bool, like: Tensor) -> Tensor | None:
    """What is added to the scores of a block: 0 where a token may be read, the lowest number elsewhere."""
    if mask is None:
        if not causal:
            return None
        readable = torch.ones(block.length, block.length, dtype=torch.bool, device=like.device).tril()
    else:
        readable = mask[block.first : block.last, :, : block.length, : block.length]
    kind = torch.float32 if like.dtype in (torch.bfloat16, torch.float16) else like.dtype
    if readable.dtype != torch.bool:
        bias = readable.to(kind)
    elif bool(readable.all()):
        return None
    else:
        bias = torch.zeros(readable.shape, dtype=kind, device=like.device).masked_fill_(~readable, torch.finfo(kind).min)
    return bias if bias.ndim < 4 else functional.pad(bias, (0, 0, 0, 0, 0, 0, 0, block.rows - bias.shape[0]))


def _attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, dropout: float, scale: float) -> Tensor:
    """softmax(query key' * scale + bias) value, shapes (rows, heads, length, size)."""
    if query.device.type != "cpu":
        mask = None if bias is None else bias.to(query.dtype)
        return functional.scaled_dot_product_attention(query, key, value, mask, dropout, scale=scale)
    scores = (query * scale) @ key.transpose(-1, -2)
    scores = scores.float() if scores.dtype == torch.bfloat16 else scores
    shares = torch.softmax(scores if bias is None else scores + bias, dim=-1)
    if dropout:
        shares = MASKS.drop(shares, dropout)
    return shares.to(value.dtype) @ value


AttentionInterface.register(NAME, rows_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
