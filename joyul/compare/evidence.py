"""From answers to scores with intervals, and to differences on the same draws and rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from joyul.compare.jackknife import pseudo_values
from joyul.compare.nouns import Answers, Entry, Outcome, Part
from joyul.compare.statistics import Difference, Interval, from_means, holm, paired, score_interval, wilson
from joyul.contracts import Task

HITS = "accuracy"  # of labels: the mean of its rows' hits


@dataclass(frozen=True)
class Evidence:
    """How one entry did in each draw, seeds averaged: `scores`, and in `values` what each row contributed, an array a draw.

    `crossed`: every draw has the same rows. `overlap` is what folds share (`statistics.from_means`).
    """

    entry: Entry
    draws: tuple[int, ...]
    scores: tuple[float, ...]
    values: tuple[NDArray[np.float64], ...]
    crossed: bool = True
    overlap: float = 0.0

    @property
    def score(self) -> float:
        """The mean over draws."""
        return fmean(self.scores)

    @property
    def rows(self) -> int:
        """Rows (or blocks of them) of one draw."""
        return len(self.values[0])

    @property
    def interval(self) -> Interval | None:
        """95 %; None where a single row says nothing about the spread.

        Where every draw has rows of its own, both the draws' scores and all their rows bound it: the longer counts.
        """
        if self.crossed:
            return _known(score_interval(np.stack(self.values), self.score))
        pooled = score_interval(np.concatenate(self.values)[None], self.score)
        found = from_means(self.scores, self.overlap)
        low, high = found.interval
        if 0 <= self.score <= 1:
            low, high = map(float, wilson(self.score, found.interval[1] - found.mean, self.rows * len(self.scores)))
        return _known((min(low, pooled[0]), max(high, pooled[1])))


def evidence(outcomes: Sequence[Outcome], part: Part, task: Task, folded: bool = False) -> Evidence | None:
    """Of one entry at one size. None where there are no such rows."""
    by_draw: dict[int, list[Answers]] = {}
    for outcome in outcomes:
        answers = outcome.valid if part == "valid" else outcome.test
        if answers is None:
            return None
        by_draw.setdefault(outcome.draw.number, []).append(answers)
    if not by_draw:
        return None
    first = next(iter(by_draw.values()))[0]
    scores = tuple(fmean(answers.score(task) for answers in seeds) for seeds in by_draw.values())
    values = tuple(row_values(seeds, task) for seeds in by_draw.values())
    crossed = all(answers.ids == first.ids for seeds in by_draw.values() for answers in seeds)
    return Evidence(outcomes[0].entry, tuple(by_draw), scores, values, crossed, _overlap(outcomes) if folded else 0.0)


def row_values(seeds: Sequence[Answers], task: Task) -> NDArray[np.float64]:
    """What each row (or block of rows) contributes to the score, shape (rows,): the mean over seeds."""

    def score(targets: Sequence[Any], predictions: Sequence[Any]) -> float:
        return task.metrics(targets, predictions)[task.metric]

    def values(answers: Answers) -> NDArray[np.float64]:
        if task.metric == HITS and task.target_type == "label" and answers.groups is None:  # whatever number of labels
            return np.array([target == value for target, value in zip(answers.targets, answers.values, strict=True)], dtype=float)
        return pseudo_values(score, answers.targets, answers.values, answers.groups)

    return np.asarray(np.mean([values(answers) for answers in seeds], axis=0))


def _overlap(outcomes: Sequence[Outcome]) -> float:
    """Rows tested over rows trained on, in the mean of the folds."""
    splits = [outcome.draw.gathered.splits for outcome in outcomes]
    return fmean(len(one.test or ()) / (len(one.train) + len(one.valid or ())) for one in splits)


def difference(first: Evidence, second: Evidence) -> Difference | None:
    """First minus second over the draws that both have. None where a single row leaves nothing to test.

    Where every draw has rows of its own, it must show both in the draws' means and in all their rows: the less sure one counts.
    """
    common = [number for number in first.draws if number in second.draws]
    places = [(first.draws.index(number), second.draws.index(number)) for number in common]
    means = [first.scores[one] - second.scores[two] for one, two in places]
    tables = [first.values[one] for one, _ in places], [second.values[two] for _, two in places]
    if first.crossed and second.crossed:
        return _tested(paired(np.stack(tables[0]), np.stack(tables[1]), fmean(means)))
    pooled = _tested(paired(np.concatenate(tables[0])[None], np.concatenate(tables[1])[None], fmean(means)))
    if len(means) < 2:
        return pooled
    found = from_means(means, first.overlap)
    return pooled if pooled is not None and pooled.p > found.p else found


def _tested(found: Difference) -> Difference | None:
    return found if math.isfinite(found.p) and _known(found.interval) else None


def _known(interval: Interval) -> Interval | None:
    return interval if all(map(math.isfinite, interval)) else None


def differences(found: Sequence[Evidence]) -> list[dict[str, Any]]:
    """Every pair as comparison.json has it, Holm over all of them; the better one first."""
    ranked = sorted(found, key=lambda item: -item.score)
    pairs = [(one, two, made) for one, two in combinations(ranked, 2) if (made := difference(one, two)) is not None]
    adjusted = holm([made.p for _, _, made in pairs])
    return [
        {
            "first": one.entry.name, "second": two.entry.name, "difference": made.mean, "interval": list(made.interval),
            "p": made.p, "p_holm": p, "detectable": made.detectable, "test": made.test,
        }
        for (one, two, made), p in zip(pairs, adjusted, strict=True)
    ]  # fmt: skip


def gain(small: Evidence, large: Evidence, labels: tuple[int, int], more: int = 50) -> Difference | None:
    """What `more` labels would bring beyond the larger of two sizes, if the score goes on with the logarithm of the labels.

    From the slope between the two sizes in each draw, which share rows and draws; None for a single draw.
    """
    common = [number for number in small.draws if number in large.draws]
    if len(common) < 2 or labels[0] >= labels[1]:
        return None
    scale = math.log((labels[1] + more) / labels[1]) / math.log(labels[1] / labels[0])
    steps = [large.scores[large.draws.index(n)] - small.scores[small.draws.index(n)] for n in common]
    return from_means([step * scale for step in steps])
