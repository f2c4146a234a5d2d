"""Prompts race on common rows; the first keeps its place unless a paired test says that another one is better.

They are compared by the quadratic score of their probabilities (Brier, 1950), which says more of few rows than their hits do.
The winner's own score is higher for having been chosen by these rows: the optimism is told by choosing again on bootstrap samples
of them and scoring each choice on the rows left out (Tsamardinos, Greasidou and Borboudakis, 2018, BBC-CV).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import bdtr
from scipy.stats import binomtest
from scipy.stats import t as student

from joyul.contracts import Example, Form, Prediction

if TYPE_CHECKING:
    from joyul.methods.answers import Answers

LEVEL = 0.05
FIRST = 64  # rows answered before anything drops out; doubled from round to round
MOST = 1000  # rows in a race, drawn at random where there are more
FOLDS = 5  # a Form made from labelled rows is scored on those it was not made from
SAMPLES = 500

Numbers = np.ndarray[Any, Any]
Maker = Callable[[Form, Sequence[Example], Callable[[Any, Sequence[Example]], Numbers]], Form]


@dataclass
class Trial:
    """A candidate: `form` as it would be used; where it was made from labelled rows, `folds` holds it without each fold."""

    form: Form
    folds: Sequence[Form] = ()
    said: list[Any] = field(default_factory=list)  # its answer to each row
    hits: list[bool] = field(default_factory=list)
    credits: list[float] = field(default_factory=list)  # quadratic scores of the rows, from -1 to 1
    out: bool = False

    @property
    def rows(self) -> int:
        """Rows it has answered."""
        return len(self.hits)


@dataclass
class Race:
    """Trials over `examples` in the order of `seed`; those that come later answer the rows that the others have answered."""

    answers: Answers
    seed: int
    trials: list[Trial] = field(default_factory=list)
    unasked: set[str] = field(default_factory=set)  # offered, but with words that the base does not know, or no room for the text

    def __post_init__(self) -> None:
        drawn = np.random.default_rng([self.seed, 0]).permutation(len(self.answers.examples))
        self.order: list[int] = drawn[:MOST].tolist()

    @property
    def decides(self) -> bool:
        """Whether a row is right or wrong, so that trials can be told apart row by row."""
        return self.trials[0].form.setting.task.target_type == "label"

    def run(self, newcomers: Sequence[Trial]) -> Iterator[Trial]:
        """Each of `newcomers` as soon as it has dropped out or answered every row."""
        self.trials += newcomers
        left = list(newcomers)
        self.answers.prepare([form for trial in newcomers for form in (trial.form, *trial.folds)])
        end = min(FIRST, len(self.order)) if self.decides else len(self.order)
        while left:
            for trial in left:
                self._answer(trial, end)
            gone = left if end == len(self.order) else self._beaten(left, end)
            for trial in gone:
                trial.out = trial.rows < len(self.order)
                yield trial
            ended = set(map(id, gone))
            left = [trial for trial in left if id(trial) not in ended]
            end = min(2 * end, len(self.order))

    def _answer(self, trial: Trial, end: int) -> None:
        """The rows of the order up to `end` that it has not answered yet."""
        todo = range(trial.rows, end)
        parts = [(trial.form, list(todo))]
        if trial.folds:
            parts = [(form, [at for at in todo if at % FOLDS == fold]) for fold, form in enumerate(trial.folds)]
        marks = [mark for form, mine in parts if mine for mark in zip(mine, *self._marks(form, mine), strict=True)]
        _, said, hits, credits = zip(*sorted(marks, key=itemgetter(0)), strict=True) if marks else ((), (), (), ())
        trial.said.extend(said)
        trial.hits.extend(hits)
        trial.credits.extend(credits)

    def _marks(self, form: Form, ats: Sequence[int]) -> tuple[list[Any], list[bool], list[float]]:
        """Of these rows of the order: the answers, whether they are right, and their quadratic scores."""
        places = [self.order[at] for at in ats]
        targets = [self.answers.examples[place].target for place in places]
        found = self.answers.probabilities(form, places) if self.decides else None
        if found is None:
            answers = self.answers.of(form, places)
            said = [one.value for one in answers]
            credits = [quadratic(one, target) for one, target in zip(answers, targets, strict=True)]
        else:
            labels = form.setting.task.labels
            column = {label: place for place, label in enumerate(labels)}
            said = [labels[best] for best in found.argmax(axis=1).tolist()]
            right = found[np.arange(len(found)), [column[str(target)] for target in targets]]
            credits = (2 * right - (found**2).sum(axis=1)).tolist()
        return said, [one == target for one, target in zip(said, targets, strict=True)], credits

    def _beaten(self, left: Sequence[Trial], end: int) -> list[Trial]:
        """Those of `left` that the best of all others has beaten on common rows, at a level they share (Bonferroni).

        The first stays.
        """
        rivals = [other for other in self.trials if other.rows >= end]
        if len(rivals) < 2:
            return []
        worth = np.array([other.credits[:end] for other in rivals])
        best, second = (-worth.mean(axis=1)).argsort(kind="stable")[:2]
        mine = {id(other): place for place, other in enumerate(rivals)}
        places = np.array([mine[id(trial)] for trial in left])
        gains = np.where(places == best, second, best)
        p = _p_ahead(end, *_moments(worth[gains] - worth[places]))
        return [trial for trial, one in zip(left, p, strict=True) if one < LEVEL / len(left) and trial is not self.trials[0]]

    @property
    def rows(self) -> list[Example]:
        """In the order of the race."""
        return [self.answers.examples[place] for place in self.order]

    def made(self, maker: Maker, of: Trial) -> Trial:
        """What labelled rows make of a trial: from all of them, and from those outside each fold.

        A maker with a `fold` of its own learns from the rows of that fold alone; there the trial answers as it was.
        """
        rows = self.rows
        fold = getattr(maker, "fold", None)
        if fold is not None:
            form, mine = maker(of.form, rows[fold::FOLDS], self.answers.to), of.folds or [of.form] * FOLDS
            changed = [maker(one, rows[fold::FOLDS], self.answers.to) if of.folds else form for one in mine]
            return Trial(form, [mine[at] if at == fold else changed[at] for at in range(FOLDS)])
        outside = [[row for at, row in enumerate(rows) if at % FOLDS != fold] for fold in range(FOLDS)]
        before = of.folds or [of.form] * FOLDS
        ask = self.answers.to
        return Trial(maker(of.form, rows, ask), [maker(form, part, ask) for form, part in zip(before, outside, strict=True)])

    def score(self, trial: Trial) -> float:
        """The task's metric on the rows it has answered: where rows are right or wrong, the share of the right ones."""
        if self.decides:
            return sum(trial.hits) / trial.rows
        task = trial.form.setting.task
        targets = [self.answers.examples[place].target for place in self.order[: trial.rows]]
        return task.metrics(targets, trial.said)[task.metric]

    def leader(self) -> Trial:
        """The best of those that answered every row, the earliest among equals."""
        whole = self._whole()
        if not self.decides:
            return max(whole, key=self.score)
        return whole[int(_worth(whole).mean(axis=1).argmax())]

    def winner(self) -> Trial:
        """The leader where it beats the first trial, else the first; where rows are not right or wrong, the leader."""
        if not self.decides:
            return self.leader()
        whole = self._whole()
        return whole[int(chosen(_worth(whole), np.ones((1, len(self.order))))[0])]

    def _whole(self) -> list[Trial]:
        """Those that answered every row, the first before all others."""
        return [trial for trial in self.trials if not trial.out]

    def verdict(self) -> dict[str, Any]:
        """What metrics.json says of the search: the winner's score, its optimism, and how many others cannot be told from it."""
        best = self.winner()
        listed = [self._line(trial, best) for trial in self.trials]
        score = self.score(best)
        optimism = self.optimism() if self.decides else None
        tied = sum(line["tied"] for line in listed if line["tied"] is not None)
        found = {"rows": best.rows, "score": score, "optimism": optimism, "candidate": described(best.form)}
        return {**found, "unasked": len(self.unasked), "tied": tied, "tried": listed, "differ": self._differ(best)}

    def _line(self, trial: Trial, best: Trial) -> dict[str, Any]:
        line: dict[str, Any] = {"candidate": described(trial.form), "score": self.score(trial), "rows": trial.rows}
        line |= {"interval": None, "tied": None, "taken": trial is best}
        if self.decides:
            share = binomtest(sum(trial.hits), trial.rows).proportion_ci(method="wilson")
            line["interval"] = [float(share.low), float(share.high)]
            level = LEVEL / max(1, len(self.trials) - 1)
            line["tied"] = trial is not best and mcnemar(best.hits[: trial.rows], trial.hits) >= level
        return line

    def optimism(self) -> float:
        """How much of the winner's score is there because it was chosen by it; 0 where nothing was chosen."""
        whole, count = self._whole(), len(self.order)
        if len(whole) < 2 or count < 2:
            return 0.0
        worth, hits = _worth(whole), np.array([trial.hits for trial in whole], dtype=float)
        drawn = np.random.default_rng([self.seed, 1]).multinomial(count, np.full(count, 1 / count), size=SAMPLES)
        left = (drawn == 0).astype(float)
        drawn, left = drawn[left.any(axis=1)], left[left.any(axis=1)]
        outside = (left @ hits.T)[np.arange(len(left)), chosen(worth, drawn)] / left.sum(axis=1)
        return float(np.mean(self.winner().hits) - outside.mean())

    def _differ(self, best: Trial, most: int = 10) -> list[dict[str, Any]]:
        """Rows on which the best and the worst disagree."""
        worst = min(self.trials, key=self.score)
        found: list[dict[str, Any]] = []
        for at in range(min(best.rows, worst.rows)):
            example, one, other = self.answers.examples[self.order[at]], best.said[at], worst.said[at]
            if one != other and len(found) < most:
                text = example.inputs["text"]
                found.append({"id": example.id, "text": text, "target": example.target, "best": one, "worst": other})
        return found


def _worth(trials: Sequence[Trial]) -> Numbers:
    """Quadratic scores, shape (trials, rows)."""
    return np.array([trial.credits for trial in trials])


def chosen(worth: Numbers, drawn: Numbers) -> Numbers:
    """For each sample of rows, which trial is taken: the best one where it beats the first, else the first.

    `worth` has shape (trials, rows), `drawn` (samples, rows): how often a sample has each row. Returns indices, shape (samples,).
    """
    best = (drawn @ worth.T).argmax(axis=1)
    p = np.array([ahead(worth[index] - worth[0], sample[None])[0] for index, sample in zip(best, drawn, strict=True)])
    return np.where(p < LEVEL, best, 0)


def ahead(gains: Numbers, drawn: Numbers) -> Numbers:
    """For each sample of rows, p of the one-sided paired t-test that the mean of `gains` is above 0; 1 where it is not."""
    count = drawn.sum(axis=1)
    return _p_ahead(count, drawn @ gains / count, drawn @ gains**2 / count)


def _moments(gains: Numbers) -> tuple[Numbers, Numbers]:
    return gains.mean(axis=1), (gains**2).mean(axis=1)


def _p_ahead(count: Numbers | int, mean: Numbers, square: Numbers) -> Numbers:
    """The same from the number of gains, their mean and that of their squares."""
    error = np.sqrt(np.maximum(square - mean**2, 0) / np.maximum(count - 1, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = student.sf(mean / error, np.maximum(count - 1, 1))
    return np.where((mean > 0) & (count > 1), np.where(error > 0, p, 0.0), 1.0)


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> float:
    """p of the exact McNemar test (1947) that two are right equally often."""
    one, other = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    more, less = int((one & ~other).sum()), int((other & ~one).sum())
    return min(1.0, 2 * float(bdtr(min(more, less), more + less, 0.5)))


def quadratic(prediction: Prediction, target: Any) -> float:
    """1 minus the squared distance between the probabilities and what is right; an answer without probabilities is certain."""
    if prediction.scores is None or target not in prediction.scores:
        return 1.0 if prediction.value == target else -1.0
    return 2 * prediction.scores[target] - sum(p * p for p in prediction.scores.values())


def described(form: Form) -> Mapping[str, Any]:
    """A candidate as steps.jsonl has it: of its demonstrations only how many; prompt.yaml has those of the winner."""
    spec = form.spec()
    return spec | ({"demonstrations": len(spec["demonstrations"])} if "demonstrations" in spec else {})
