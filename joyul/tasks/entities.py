"""Entities: spans that tags such as B-PER, I-PER, O mark, and their F1.

Tags are read as the CoNLL script conlleval reads them: BIO (either kind) and BIOES or BILOU; an I- or E- that follows nothing of
its type begins an entity.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from joyul.contracts import Score
from joyul.tasks.resample import Interval, bootstrap

OUTSIDE = "O"
MARK = re.compile(r"([BIESLU])-(.+)", re.DOTALL)
BEGINS, GOES_ON, ENDS = "BSU", "IEL", "ESLU"
Span = tuple[str, int, int]  # type, first piece, one past the last
Tags = Sequence[str | None]


def is_scheme(labels: Sequence[str]) -> bool:
    """Whether the tags mark spans: B- (or I-) and O, and nothing else."""
    marked = [label for label in labels if MARK.fullmatch(label)]
    return bool(marked) and all(label == OUTSIDE or label in marked for label in labels)


def parts(tag: str | None) -> tuple[str, str]:
    """`B-PER` is (B, PER); O, and no tag at all, is (O, "")."""
    match = MARK.fullmatch(tag) if tag else None
    return (match[1], match[2]) if match else (OUTSIDE, "")


def spans(tags: Tags) -> list[Span]:
    """The entities of a row, in order."""
    found: list[Span] = []
    open_: tuple[str, int] | None = None
    for place, tag in enumerate([*tags, OUTSIDE]):
        mark, kind = parts(tag)
        if open_ is not None and not (mark in GOES_ON and kind == open_[0]):
            found.append((*open_, place))
            open_ = None
        if mark != OUTSIDE and open_ is None:
            open_ = (kind, place)
        if mark in ENDS and open_ is not None:
            found.append((*open_, place + 1))
            open_ = None
    return found


def orphans(tags: Tags) -> bool:
    """Whether an entity begins with I- or E- behind an end, an O or another type."""
    begun = {start for _, start, _ in spans(tags)}
    return any(parts(tags[start])[0] in GOES_ON for start in begun)


def kinds(labels: Sequence[str]) -> list[str]:
    """The types of entity among the tags, sorted."""
    return sorted({kind for label in labels if (kind := parts(label)[1])})


def counts(targets: Sequence[Tags], answers: Sequence[Tags | None], types: Sequence[str]) -> np.ndarray:
    """Per row and type: right, said, there; shape (rows, types, 3). A type that training did not know counts in no column."""
    table = np.zeros((len(targets), len(types), 3))
    place = {kind: index for index, kind in enumerate(types)}
    for row, (target, answer) in enumerate(zip(targets, answers, strict=True)):
        there, said = set(spans(target)), set(spans(answer or ()))
        for column, found in enumerate((there & said, said, there)):
            for kind, _, _ in found:
                if kind in place:
                    table[row, place[kind], column] += 1
    return table


def f1(sums: np.ndarray) -> np.ndarray:
    """2 right / (said + there) along the last axis; 0 where there is nothing."""
    sizes = sums[..., 1] + sums[..., 2]
    scores: np.ndarray = np.where(sizes > 0, 2 * sums[..., 0] / np.maximum(sizes, 1), 0.0)
    return scores


def _ratio(sums: np.ndarray, below: int) -> np.ndarray:
    ratios: np.ndarray = np.where(sums[..., below] > 0, sums[..., 0] / np.maximum(sums[..., below], 1), 0.0)
    return ratios


def overall(table: np.ndarray) -> float:
    """Entity F1 over all types (micro)."""
    return float(f1(table.sum(axis=(0, 1))))


def overall_interval(table: np.ndarray) -> Interval:
    """Percentile bootstrap over rows."""
    rows = table.sum(axis=1)
    return bootstrap(len(rows), lambda weights: f1(weights @ rows)[:, None])[0]


def further_entity_scores(table: np.ndarray, types: Sequence[str]) -> dict[str, Score]:
    """Precision and recall over all types, the mean F1 of the types, and the F1 of each."""
    flat = table.reshape(len(table), -1)

    def scores(weights: np.ndarray) -> np.ndarray:
        sums = (weights @ flat).reshape(len(weights), len(types), 3)
        whole, each = sums.sum(axis=1), f1(sums)
        return np.column_stack([_ratio(whole, 1), _ratio(whole, 2), each.mean(axis=1), each])

    names = ["entity_precision", "entity_recall", "macro_f1", *(f"f1_{kind}" for kind in types)]
    values = scores(np.ones((1, len(table))))[0]
    intervals = bootstrap(len(table), scores)
    return {name: Score(float(value), found) for name, value, found in zip(names, values, intervals, strict=True)}


@dataclass(frozen=True)
class TagCounts:
    """Single tags laid end to end; the pieces of one row are not independent, so intervals draw rows."""

    right: np.ndarray  # (rows,)
    pieces: np.ndarray  # (rows,)

    @classmethod
    def of(cls, targets: Sequence[Tags], answers: Sequence[Tags | None]) -> TagCounts:
        """Count right tags row by row. No answer is wrong everywhere."""
        right = [
            sum(a == b for a, b in zip(target, answer or [None] * len(target), strict=True))
            for target, answer in zip(targets, answers, strict=True)
        ]
        return cls(np.array(right, dtype=float), np.array([len(target) for target in targets], dtype=float))

    @property
    def accuracy(self) -> float:
        """The share of right tags."""
        return float(self.right.sum() / self.pieces.sum())

    def interval(self) -> Interval:
        """Percentile bootstrap over rows."""
        return bootstrap(len(self.right), lambda weights: (weights @ self.right / (weights @ self.pieces))[:, None])[0]


def tag_counts(targets: Sequence[Tags], answers: Sequence[Tags | None], labels: Sequence[str]) -> np.ndarray:
    """Per row and tag: right, said, there; shape (rows, tags, 3)."""
    table = np.zeros((len(targets), len(labels), 3))
    place = {label: index for index, label in enumerate(labels)}
    for row, (target, answer) in enumerate(zip(targets, answers, strict=True)):
        for tag, said in zip(target, answer or [None] * len(target), strict=True):
            table[row, place[str(tag)]] += (tag == said, 0, 1)
            if said in place:
                table[row, place[str(said)], 1] += 1
    return table


def macro(table: np.ndarray) -> float:
    """The mean F1 of the tags themselves."""
    return float(f1(table.sum(axis=0)).mean())


def further_tag_scores(table: np.ndarray, labels: Sequence[str]) -> dict[str, Score]:
    """The F1 of each tag."""
    flat = table.reshape(len(table), -1)
    intervals = bootstrap(len(table), lambda weights: f1((weights @ flat).reshape(len(weights), len(labels), 3)))
    values = f1(table.sum(axis=0))
    return {f"f1_{label}": Score(float(v), found) for label, v, found in zip(labels, values, intervals, strict=True)}


def macro_interval(table: np.ndarray) -> Interval:
    """Percentile bootstrap over rows."""
    flat, labels = table.reshape(len(table), -1), table.shape[1]

    def means(weights: np.ndarray) -> np.ndarray:
        averaged: np.ndarray = f1((weights @ flat).reshape(len(weights), labels, 3)).mean(axis=1)
        return averaged[:, None]

    return bootstrap(len(table), means)[0]
