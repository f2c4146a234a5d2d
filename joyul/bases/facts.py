"""What a run will take, said before it starts: parameters, memory, time, rows cut, and how much of the text the base can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from joyul.contracts import Row
from joyul.errors import BaseModelError, listing
from joyul.notes import Notes

WARN_UNKNOWN, REFUSE_UNKNOWN = 0.03, 0.50
BYTES = 4  # fp32
SHAPE_BYTES, SHAPES_KEPT = 3 << 20, 85  # oneDNN compiles its products for every shape of input, and keeps them (LOG.md)
EFFICIENCY = 0.35  # share of the matrix-product rate that a whole step reaches: attention, norms, padding (LOG.md)


@dataclass(frozen=True)
class Shape:
    """Sizes of a transformer. `embedding_parameters` are those of the tables: looked up, not multiplied."""

    layers: int
    width: int
    heads: int
    parameters: int
    embedding_parameters: int


@dataclass(frozen=True)
class Moving:
    """What a stage moves: so many numbers, none of them in the lowest `below` layers, which are passed once (`engine.trunk`)."""

    count: int
    below: int = 0


@dataclass(frozen=True)
class Cost:
    """An estimate: bytes at the peak and seconds of one stage."""

    memory: int
    seconds: float


def unknown_share(rows: Sequence[Row], frame: int) -> float:
    """Unknown tokens among those of the text itself; `frame` of each row's tokens are special ones around it."""
    return sum(row.unknown for row in rows) / max(1, sum(row.length - frame for row in rows))


def report_language(share: float, base: str, notes: Notes, allow_unknown: bool) -> None:
    """Warn from 3 % unknown tokens; refuse from 50 % (BaseModelError) unless allowed."""
    if share >= REFUSE_UNKNOWN and not allow_unknown:
        raise BaseModelError("unknown_tokens_refused", base=base, share=f"{share:.0%}")
    if share >= WARN_UNKNOWN:
        notes.warn("unknown_tokens", base=base, share=f"{share:.0%}")


def report_cut(rows: Sequence[Row], max_length: int, notes: Notes) -> None:
    """Count and list the rows that lose tokens."""
    cut = [row for row in rows if row.cut]
    if cut:
        notes.warn(
            "rows_cut", count=len(cut), of=len(rows), max_length=max_length, longest=max(row.length + row.cut for row in cut),
            rows=listing([row.id for row in cut], limit=10),
        )  # fmt: skip


@dataclass(frozen=True)
class Work:
    """What one stage computes: `tokens` of text in each of `epochs`, `piece_tokens` at once in rows of `piece_length`."""

    tokens: int
    epochs: float
    piece_tokens: int
    piece_length: int
    compiled: int = 0  # shapes of input for which products are compiled and kept
    averaged: bool = False  # whether a mean of the weights is kept too


def disk(parameters: int, moving: int, averaged: bool, saves: bool) -> tuple[int, int]:
    """Bytes that stay when a run has ended, and at most while it runs.

    The model is written beside itself before it takes its name; two checkpoints hold the weights that move, two moments, the
    best state and the mean where there is one, and once what earlier stages left.
    """
    kept = parameters * BYTES if moving else 0
    return kept, kept + (2 * (4 + averaged) * moving * BYTES + parameters * BYTES if saves and moving else kept)


def cost(shape: Shape, moving: Moving, work: Work, flops: float, resident: int) -> Cost:
    """Estimate one stage of training.

    Time: 2 operations a parameter and token forward, 2 back through the layers that are not below all that moves, 2 for the
    gradients of what moves; what is below is passed forward once for all epochs. Memory: what is `resident` already (the weights
    among it), then gradient, two moments and the best copy of what moves, its mean where one is kept, activations by Korthikanti
    et al. (2022), eq. 1, at 4 bytes, and compiled products.
    """
    active = shape.parameters - shape.embedding_parameters
    share, above = min(1.0, moving.count / max(1, active)), 1 - moving.below / max(1, shape.layers)
    passes = (1 - above) + work.epochs * (2 * above + share)
    layer = work.piece_tokens * (34 * shape.width + 5 * shape.heads * work.piece_length) * BYTES / 2
    activations = layer * max(1, shape.layers - moving.below)
    compiled = min(work.compiled, SHAPES_KEPT) * SHAPE_BYTES
    states = moving.count * BYTES * (4 + work.averaged)
    return Cost(int(resident + states + activations + compiled), work.tokens * 2 * active * passes / (EFFICIENCY * flops))
