"""Comparisons whose truth is known, by the thousand: do the intervals cover it, and how often is a difference seen where none is?

A row of the test is answered right when a sum of normal effects is above 0: the row's difficulty (shared by all methods), how the
method takes that row, the draw of the training rows, how the method takes that draw, the seed within the draw, and the answer's own
noise. The true score then is a value of the normal distribution. `python -m tests.compare.simulation` prints the whole table, with
Student's t by Satterthwaite's degrees of freedom and the crossed percentile bootstrap beside what is used.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from scipy import stats

from joyul.compare.statistics import holm, squares, wilson

ROW, METHOD_ROW, NOISE = 1.5, 0.7, 1.0
DRAWS = {"calm": (0.05, 0.05, 0.05), "restless": (0.3, 0.2, 0.2)}  # of the draw, of the method in the draw, of the seed


@dataclass(frozen=True)
class Cell:
    """What is simulated: one line of the table."""

    draws: int
    rows: int
    score: float
    kind: str
    seeds: int = 1


@dataclass(frozen=True)
class Outcome:
    """Shares of the repetitions."""

    coverage: float
    false: float  # any difference called real, of four methods that are equal
    false_beside: float  # the same of three equal ones beside a method that is better
    satterthwaite: float


WHOLE = [
    Cell(draws, rows, score, kind, seeds)
    for draws in (3, 4, 5, 7, 10)
    for rows in (100, 500, 2000)
    for score in (0.5, 0.95)
    for kind in DRAWS
    for seeds in ((1, 3) if rows == 100 else (1,))
]
REDUCED = [Cell(3, 100, 0.95, "restless"), Cell(4, 100, 0.95, "calm", 3), Cell(5, 100, 0.5, "restless"), Cell(10, 100, 0.95, "calm")]


def tables(cell: Cell, repetitions: int, methods: int, better: float, draw: np.random.Generator) -> np.ndarray:
    """Scores of shape (repetitions, methods, draws, rows), seeds averaged; the last method is `better` on the normal scale."""
    of_draw, of_method, of_seed = DRAWS[cell.kind]
    total = np.sqrt(ROW**2 + METHOD_ROW**2 + of_draw**2 + of_method**2 + of_seed**2 + NOISE**2)

    def effect(spread: float, *shape: int) -> np.ndarray:
        return spread * draw.standard_normal(shape, dtype=np.float32)

    shape = (repetitions, methods, cell.draws, cell.rows)
    level = effect(ROW, repetitions, 1, 1, cell.rows) + effect(METHOD_ROW, repetitions, methods, 1, cell.rows)
    level = level + effect(of_draw, repetitions, 1, cell.draws, 1) + effect(of_method, *shape[:3], 1)
    level += np.float32(stats.norm.ppf(cell.score) * total)
    level[:, -1] += np.float32(better * total)
    hits = np.zeros(shape, dtype=np.float32)
    for _ in range(cell.seeds):
        hits += level + effect(of_seed, *shape[:3], 1) + effect(NOISE, *shape) > 0
    return hits / cell.seeds


def simulate(cell: Cell, repetitions: int, seed: int = 0, chunk: int = 100) -> Outcome:
    """At least `repetitions` comparisons of one cell."""
    draw = np.random.default_rng([seed, cell.draws, cell.rows, int(cell.score * 100), len(cell.kind), cell.seeds])
    covered, plain, false, beside = [], [], [], []
    for _ in range(-(-repetitions // chunk)):
        equal = tables(cell, chunk, 4, 0.0, draw)
        found = squares(equal[:, 0])
        low, high = wilson(found.mean, found.half(cautious=False), cell.rows)
        covered.append((low <= cell.score) & (cell.score <= high))
        reach = stats.t.ppf(0.975, found.freedom) * np.sqrt(found.variance)
        plain.append(np.abs(found.mean - cell.score) <= reach)
        false.append(_called(equal, (0, 1, 2, 3)))
        uneven = equal.copy()
        uneven[:, 3] = np.maximum(uneven[:, 3], tables(cell, chunk, 1, 0.5, draw)[:, 0])  # right wherever either is
        beside.append(_called(uneven, (0, 1, 2)))
    return Outcome(*(float(np.concatenate(part).mean()) for part in (covered, false, beside, plain)))


def _called(scores: np.ndarray, equal: tuple[int, ...]) -> np.ndarray:
    """Whether any pair of the `equal` methods is called different, Holm over all pairs of the comparison."""
    pairs = [(one, two) for two in range(scores.shape[1]) for one in range(two)]
    values = np.array([squares(scores[:, one] - scores[:, two]).p() for one, two in pairs])
    adjusted = np.array([holm(column) for column in values.T])
    among = [place for place, pair in enumerate(pairs) if set(pair) <= set(equal)]
    return (adjusted[:, among] < 0.05).any(axis=1)


def bootstrap(cell: Cell, repetitions: int, resamples: int = 400) -> float:
    """Coverage of the percentile bootstrap over draws and rows alike (Owen, Annals of Applied Statistics 1, 2007)."""
    draw = np.random.default_rng(7)
    hits = 0
    for table in tables(cell, repetitions, 1, 0.0, draw)[:, 0]:
        draws = draw.multinomial(cell.draws, np.full(cell.draws, 1 / cell.draws), resamples) / cell.draws
        rows = draw.multinomial(cell.rows, np.full(cell.rows, 1 / cell.rows), resamples) / cell.rows
        low, high = np.quantile(((draws @ table) * rows).sum(axis=1), (0.025, 0.975))
        hits += low <= cell.score <= high
    return hits / repetitions


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    print("| draws | rows | score | draws are | seeds | covered | falsely different, all equal | one better | Satterthwaite | bootstrap |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for cell in WHOLE:
        found = simulate(cell, repetitions)
        other = f"{bootstrap(cell, 400):.3f}" if cell.draws == 10 and cell.rows <= 500 else ""
        line = f"| {cell.draws} | {cell.rows} | {cell.score} | {cell.kind} | {cell.seeds} | {found.coverage:.4f} | {found.false:.4f} "
        print(line + f"| {found.false_beside:.4f} | {found.satterthwaite:.4f} | {other} |", flush=True)


if __name__ == "__main__":
    main()
