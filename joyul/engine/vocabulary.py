"""Only the embedding rows that occur are trained; the others just decay, all by the same factor.

A gradient, two moments and an update for thirty thousand rows cost as much as a layer, though a data set uses a few thousand of
them. While `compact_vocabulary` is open the table holds the rows that occur. Weight decay shrinks the others too: one number with
a zero gradient, moved by the same optimizer, keeps the product of those factors, and multiplies them in the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional

from joyul.bases.anatomy import inner
from joyul.contracts import Form, ParameterGroup, Row
from joyul.engine.batches import mixed

WORTH = 0.8  # share of the table in use above which compacting gains nothing


class CompactEmbedding(nn.Module):
    """An embedding table of the rows `used`; other rows are read from the `whole` table, times what decay has left of them."""

    def __init__(self, table: nn.Embedding, used: Tensor) -> None:
        super().__init__()
        self.whole, self.used = table, used
        self.weight = nn.Parameter(table.weight.detach()[used].clone())
        self.rest = nn.Parameter(torch.ones(1, 1, dtype=table.weight.dtype, device=table.weight.device))
        self.place = torch.full((table.num_embeddings,), -1, device=used.device)
        self.place[used] = torch.arange(len(used), device=used.device)
        self.padding_idx = None if table.padding_idx is None else int(self.place[table.padding_idx])

    def forward(self, ids: Tensor) -> Tensor:
        """States of shape (*ids.shape, width)."""
        place = self.place[ids]
        known = place >= 0
        # 0 * rest: a zero gradient, so that the optimizer decays it
        states = functional.embedding(place.clamp(min=0), self.weight, self.padding_idx) + 0.0 * self.rest
        if bool(known.all()):
            return states
        return torch.where(known[..., None], states, self.whole.weight.detach()[ids] * self.rest.detach())

    @torch.no_grad()
    def write_back(self) -> None:
        """Put what was trained, and the decay, into the whole table."""
        self.whole.weight.mul_(self.rest)
        self.whole.weight[self.used] = self.weight


@contextmanager
def compact_vocabulary(
    model: nn.Module, form: Form, groups: Sequence[ParameterGroup], train: Sequence[Row], valid: Sequence[Row] = ()
) -> Iterator[Sequence[ParameterGroup]]:
    """While open, the table of `inner(model)` holds the tokens that are read; yields the groups to train instead of `groups`.

    Those are the tokens of the rows and what `form` reads beside them. Nothing changes where the table does not move, is shared
    with the output layer, or is mostly in use.
    """
    base = inner(model)
    table = base.get_input_embeddings()
    if not isinstance(table, nn.Embedding) or not _movable(model, table, groups):
        yield groups
        return
    used = _used(table, chain(train, valid), _beside(model, table, form, mixed(train)))
    if not 0 < len(used) < WORTH * table.num_embeddings:
        yield groups
        return
    path = next(name for name, module in base.named_modules() if module is table)
    parent, _, name = path.rpartition(".")
    compact = CompactEmbedding(table, used)
    setattr(base.get_submodule(parent), name, compact)
    try:
        yield [_exchanged(group, compact) for group in groups]
    finally:
        setattr(base.get_submodule(parent), name, table)
        compact.write_back()


def _beside(model: nn.Module, table: nn.Embedding, form: Form, rows: Sequence[Row]) -> set[int]:
    """Tokens that a pass reads beside those of its rows: prompts of labels, words that are answered, other templates."""
    seen: set[int] = set()
    modes = {module: module.training for module in model.modules()}
    hook = table.register_forward_pre_hook(lambda module, args: seen.update(args[0].flatten().tolist()))
    model.eval()
    try:
        with torch.no_grad():
            form.losses(model, form.collate(rows))
    finally:
        hook.remove()
        for module, mode in modes.items():
            module.training = mode
    return seen


def _used(table: nn.Module, rows: Iterable[Row], beside: set[int]) -> Tensor:
    """The tokens of rows, around every template that they are asked with, and more."""
    seen = set(beside)
    for row in rows:
        for part in row.parts:
            seen.update(part.tokens.get("input_ids", ()))
    padding = getattr(table, "padding_idx", None)
    device = next(table.parameters()).device
    return torch.tensor(sorted(seen | ({padding} if padding is not None else set())), device=device)


def _movable(model: nn.Module, table: nn.Embedding, groups: Sequence[ParameterGroup]) -> bool:
    """Whether the table moves, and nothing but a look-up reads it."""
    if type(table) is not nn.Embedding or table.max_norm is not None or table.sparse or table.scale_grad_by_freq:
        return False
    owners = sum(parameter is table.weight for module in model.modules() for parameter in module.parameters(recurse=False))
    moves = any(parameter is table.weight for group in groups for parameter in group.parameters.values())
    return moves and owners == 1


def _exchanged(group: ParameterGroup, compact: CompactEmbedding) -> ParameterGroup:
    parameters = {}
    for name, parameter in group.parameters.items():
        ours = parameter is compact.whole.weight
        parameters[name] = compact.weight if ours else parameter
        if ours:
            parameters[f"{name}.rest"] = compact.rest
    return replace(group, parameters=parameters)
