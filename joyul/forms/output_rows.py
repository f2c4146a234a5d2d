"""Only the logits that are read: a language model multiplies by the rows of a few tokens instead of its whole vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from joyul.bases.anatomy import inner

PIECE = 256  # positions whose whole vocabulary is summed at once


@contextmanager
def output_rows(model: nn.Module, tokens: Sequence[int], normalised: bool = False) -> Iterator[bool]:
    """While open, the logits of `inner(model)` are those of `tokens`, in that order; yields False where that cannot be had.

    `normalised`: one more column holds the log of the sum of the exponentials over the whole vocabulary.
    """
    base = inner(model)
    last = base.get_output_embeddings()  # type: ignore[no-untyped-call]
    if type(last) is not nn.Linear or last.weight.shape[0] < base.config.get_text_config().vocab_size:
        yield False
        return
    rows = torch.tensor(list(tokens), device=last.weight.device)
    shift = getattr(base, "final_logits_bias", None)  # BART and its kin add it to logits of the whole vocabulary
    columns = torch.cat([rows, rows[:1]]) if normalised else rows

    def forward(states: Tensor) -> Tensor:
        few = functional.linear(states, last.weight[rows], None if last.bias is None else last.bias[rows])
        return torch.cat([few, _whole(last, states).to(few.dtype)], dim=-1) if normalised else few

    before = vars(last).get("forward")  # another's, as `engine.linears` puts there
    last.forward = forward  # type: ignore[method-assign, assignment]
    if shift is not None:
        base.final_logits_bias = shift[:, columns]
    try:
        yield True
    finally:
        del last.forward
        if before is not None:
            last.forward = before  # type: ignore[method-assign]
        if shift is not None:
            base.final_logits_bias = shift


def picked(logits: Tensor, tokens: Sequence[int], normalised: bool = False) -> Tensor:
    """The same columns of logits of the whole vocabulary."""
    few = logits[..., list(tokens)]
    return torch.cat([few, logits.float().logsumexp(dim=-1, keepdim=True).to(few.dtype)], dim=-1) if normalised else few


def _whole(last: nn.Linear, states: Tensor) -> Tensor:
    """The log of the summed exponentials, shape (..., 1), some positions at a time."""
    flat = states.reshape(-1, states.shape[-1])
    sums = [functional.linear(part, last.weight, last.bias).float().logsumexp(-1) for part in torch.split(flat, PIECE)]
    return torch.cat(sums).view(*states.shape[:-1], 1)
