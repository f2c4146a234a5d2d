"""Attention over rows that travel without padding (`engine.layout`): the only place where padding is computed.

Blocks of rows of similar length are attended to with the mask that the model made. On a CPU the products are written out, and
their gradient with them: for short rows torch's fused kernel takes several times as long, and one function instead of some
twenty operations leaves less to remember and to copy (LOG.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv
from transformers.masking_utils import sdpa_mask

from joyul.engine.dropout import MASKS, Kept, dropped
from joyul.engine.layout import Block, Current, Layout
from joyul.engine.learned import taken
from joyul.engine.prefixes import hidden, prefix, prefix_attention

NAME = "joyul_rows"
UNKNOWN_TERMS = ("softcap", "position_bias", "s_aux", "head_mask")  # terms of attention that are not written out here


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
    heads, groups = query.shape[1], query.shape[1] // key.shape[1]
    lines = [states[0].transpose(0, 1) for states in (query, repeat_kv(key, groups), repeat_kv(value, groups))]
    causal = bool(getattr(module, "is_causal", True)) if options.get("is_causal") is None else bool(options["is_causal"])
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    places = layout.once(None, heads, lambda: _places(layout, heads))
    biases = layout.once(attention_mask, -2, lambda: [_bias(attention_mask, block, causal, query) for block in layout.blocks])
    before = [repeat_kv(part, groups) for part in prefix(module) or ()]
    if before or query.device.type != "cpu":
        return _composed(lines, before, layout, places, biases, dropout, scale).unsqueeze(0), None
    return _Written.apply(*lines, layout, places, biases, dropout, scale).unsqueeze(0), None  # type: ignore[no-untyped-call]


Places = tuple[list[Tensor], list[Tensor]]


def _places(layout: Layout, heads: int) -> Places:
    """Of every block: where its slots are read from the line, and where its tokens are in it."""
    filler = layout.size - 1
    return [block.sources(heads, filler) for block in layout.blocks], [block.slots(heads) for block in layout.blocks]


def _behind(part: Tensor, states: Tensor, block: Block) -> Tensor:
    """Learned keys or values, shape (all rows or 1, heads, count, size), and those of a block's rows behind them."""
    part = part if len(part) == 1 else block.of(part)
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


class _Written(torch.autograd.Function):
    """softmax(query key' * scale + bias) value in every block; query, key, value and the answer of shape (size, heads, width).

    The bf16 scores of autocast are weighed in fp32, as by torch.
    """

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, layout: Layout, places: Places, biases: Sequence[Tensor | None],
        dropout: float, scale: float,
    ) -> Tensor:  # fmt: skip
        ctx.layout, ctx.slots, ctx.scale, ctx.kinds = layout, places[1], scale, [line.dtype for line in (query, key, value)]
        kind = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else query.dtype
        lines = [line.reshape(-1, line.shape[-1]).to(kind) for line in (query, key, value)]
        answer = torch.empty_like(lines[2])
        saved: list[Tensor | None] = []
        for block, sources, slots, bias in zip(layout.blocks, *places, biases, strict=True):
            parts = [line.index_select(0, sources).view(-1, block.length, line.shape[-1]) for line in lines]
            shares = _shares(parts[0], parts[1], bias, block.rows, scale)
            kept, more = MASKS.kept(shares.shape, dropout) if dropout else (None, 1.0)
            used = (shares if kept is None else (shares * kept).mul_(more)).to(kind)
            _tokens(torch.bmm(used, parts[2]), slots, block, answer)
            saved += [*parts, shares, used, kept]
            ctx.more = more
        answer[layout.tokens * query.shape[1] :] = 0
        ctx.save_for_backward(*saved)
        return answer.view(query.shape[0], query.shape[1], -1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad, layout = grads[0], ctx.layout
        flat = grad.reshape(-1, grad.shape[-1])
        made = [torch.empty_like(flat) for _ in range(3)]
        for number, (block, slots) in enumerate(zip(layout.blocks, ctx.slots, strict=True)):
            query, key, value, shares, used, kept = ctx.saved_tensors[6 * number : 6 * number + 6]
            heads = grad.shape[1]
            inward = flat.new_zeros(query.shape[0] * block.length, flat.shape[1])
            inward = inward.index_copy_(0, slots, flat[block.start * heads : block.stop * heads]).view_as(value)
            weighed = torch.bmm(inward, value.transpose(1, 2)).to(shares.dtype)
            weighed = weighed if kept is None else weighed.mul_(kept).mul_(ctx.more)
            scores = torch._softmax_backward_data(weighed, shares, -1, shares.dtype).mul_(ctx.scale).to(query.dtype)
            found = torch.bmm(scores, key), torch.bmm(scores.transpose(1, 2), query), torch.bmm(used.transpose(1, 2), inward)
            for states, target in zip(found, made, strict=True):
                _tokens(states, slots, block, target)
        for target in made:
            target[layout.tokens * grad.shape[1] :] = 0
        return (*(target.view_as(grad).to(kind) for target, kind in zip(made, ctx.kinds, strict=True)), *[None] * 5)


def _shares(query: Tensor, key: Tensor, bias: Tensor | None, rows: int, scale: float) -> Tensor:
    """What each token reads of each other: shape (rows * heads, length, length), fp32 where the states are bf16."""
    scores = torch.bmm(query, key.transpose(1, 2))
    wide = (scores.float() if scores.dtype == torch.bfloat16 else scores).mul_(scale)
    if bias is not None:
        wide.view(rows, -1, *wide.shape[1:]).add_(bias)
    return torch.softmax(wide, dim=-1)


def _tokens(states: Tensor, slots: Tensor, block: Block, line: Tensor) -> None:
    """Write the states of a block, (rows * heads, length, width), to where its tokens are in the line (tokens * heads, width)."""
    heads = len(slots) // (block.stop - block.start)
    torch.index_select(states.view(-1, states.shape[-1]), 0, slots, out=line[block.start * heads : block.stop * heads])


def _composed(
    lines: Sequence[Tensor], before: Sequence[Tensor], layout: Layout, places: Places, biases: Sequence[Tensor | None],
    dropout: float, scale: float,
) -> Tensor:  # fmt: skip
    """The same of torch's own operations: for accelerators, and behind learned keys and values (`before`)."""
    heads, count, answers = lines[0].shape[1], before[0].shape[2] if before else 0, []
    drawn = dropout and lines[0].device.type == "cpu"  # elsewhere by torch
    masks = MASKS.attended(layout.blocks, heads, count, dropout) if drawn else [None] * len(layout.blocks)
    for block, sources, slots, bias, mask in zip(layout.blocks, *places, biases, masks, strict=True):
        shape = block.rows, heads, block.length, -1
        query, key, value = (line.reshape(-1, line.shape[-1]).index_select(0, sources).view(shape) for line in lines)
        if before:
            key, value = (_behind(part, states, block) for part, states in zip(before, (key, value), strict=True))
        wide = _wide(bias, block, count, query) if before else bias
        found = _attend(query, key, value, wide, dropout, scale, mask)
        answers.append(found.reshape(-1, found.shape[-1]).index_select(0, slots))
    return layout.filled(torch.cat(answers).view(layout.tokens, heads, -1))[0]


def _wide(bias: Tensor | None, block: Block, count: int, like: Tensor) -> Tensor | None:
    """The bias of a block with `count` columns more in front, which all may read as far as they hold something."""
    real = taken(count)
    if real is None:
        return None if bias is None else functional.pad(bias, (count, 0))
    kind = torch.float32 if like.dtype in (torch.bfloat16, torch.float16) else like.dtype
    plain = like.new_zeros(1, 1, 1, block.length, dtype=kind) if bias is None else bias
    return hidden(functional.pad(plain, (count, 0)), real if len(real) == 1 else block.of(real))


def _attend(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, dropout: float, scale: float, kept: Kept | None
) -> Tensor:
    """softmax(query key' * scale + bias) value, shapes (rows, heads, length, size)."""
    if query.device.type != "cpu":
        mask = None if bias is None else bias.to(query.dtype)
        return functional.scaled_dot_product_attention(query, key, value, mask, dropout, scale=scale)
    scores = (query * scale) @ key.transpose(-1, -2)
    scores = scores.float() if scores.dtype == torch.bfloat16 else scores
    shares = torch.softmax(scores if bias is None else scores + bias, dim=-1)
    if kept is not None:
        shares = dropped(shares, kept)
    return shares.to(value.dtype) @ value


AttentionInterface.register(NAME, rows_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
