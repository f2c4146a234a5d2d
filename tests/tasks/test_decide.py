"""Thresholds against every threshold there is, and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from joyul.contracts import Prediction
from joyul.errors import DataError, UsageError
from joyul.tasks import decide
from joyul.tasks.classify import Classify, ClassifyMany

ILL = [0.9, 0.8, 0.6, 0.3]
WELL = [0.7, 0.4, 0.2, 0.1]


def reached(threshold: float) -> tuple[float, float]:
    """Sensitivity and specificity."""
    return sum(p >= threshold for p in ILL) / 4, sum(p < threshold for p in WELL) / 4


@pytest.mark.parametrize("wanted", [0.25, 0.5, 0.7, 0.75, 0.76, 1.0])
def test_the_operating_point_costs_as_little_as_possible(wanted: float) -> None:
    member, every = [True] * 4 + [False] * 4, ILL + WELL
    candidates = [*every, *(p + 1e-9 for p in every)]
    sensitive = decide.point_threshold(member, every, f"sensitivity={wanted}")
    assert reached(sensitive)[0] >= wanted
    assert reached(sensitive)[1] == max(reached(t)[1] for t in candidates if reached(t)[0] >= wanted)
    specific = decide.point_threshold(member, every, f"specificity={wanted}")
    assert reached(specific)[1] >= wanted
    assert reached(specific)[0] == max(reached(t)[0] for t in candidates if reached(t)[1] >= wanted)


def test_the_threshold_of_a_label_is_the_best_of_all() -> None:
    generator = np.random.default_rng(0)
    member = generator.integers(0, 2, 40)
    probabilities = np.round(np.clip(member * 0.2 + generator.random(40) * 0.8, 0, 1), 2)  # with ties
    chosen = decide.best_threshold(member, probabilities)

    def f1(threshold: float) -> float:
        said = probabilities >= threshold
        return float(2 * (said & (member == 1)).sum() / (said.sum() + member.sum()))

    assert f1(chosen) == pytest.approx(max(f1(t) for t in np.linspace(0, 1, 1001)))


def test_rare_labels_share_a_threshold() -> None:
    generator = np.random.default_rng(1)
    member = np.zeros((60, 3), dtype=int)
    member[:30, 0], member[:3, 1], member[:4, 2] = 1, 1, 1
    found = decide.set_thresholds(member, generator.random((60, 3)))
    assert found[1] == found[2] != found[0]
    assert decide.best_threshold(np.zeros(3), np.array([0.1, 0.2, 0.3])) == 0.5


def test_the_task_answers_by_its_thresholds() -> None:
    task = Classify(("ill", "well")).configured({"operating_point": "sensitivity=0.75", "positive": "ill", "abstain": 0.35})
    rows = [Prediction("?", p, {"ill": p, "well": 1 - p}) for p in ILL + WELL]
    decided = task.decided(["ill"] * 4 + ["well"] * 4, rows)
    assert decided.threshold == 0.6, "three of four positive rows"
    assert decided.answer([0.61, 0.39]).value == "ill"
    assert decided.answer([0.59, 0.41]).value == "well", "the less probable label, by the threshold"
    assert decided.answer([0.25, 0.75]).value == "well"
    withheld = Classify(("ill", "well"), abstain=0.7).answer([0.6, 0.4])
    assert (withheld.value, withheld.score) == (None, 0.6)
    assert Classify.restore({key: str(v) if isinstance(v, float) else v for key, v in decided.spec().items()}) == decided
    assert decided.answer([float("nan"), 0.5]).value is None


def test_each_label_answers_by_its_own_threshold() -> None:
    task = ClassifyMany(("a", "b", "c"), thresholds={"a": 0.2, "b": 0.9})
    found = task.answer([0.3, 0.8, 0.5])
    assert found.value == ["a", "c"]
    assert found.score == pytest.approx(0.2), "the least sure decision: b is left out at 0.8"
    assert Classify.restore(task.spec()) == task
    assert task.answer([0.1, 0.1, 0.1]).value == []


@pytest.mark.parametrize(("point", "said"), [("sensitivty=0.9", "Did you mean 'sensitivity'"), ("sensitivity=1.5", "above 0")])
def test_operating_points_that_are_none(point: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        decide.operating_point(point)


def test_one_side_alone_decides_nothing() -> None:
    with pytest.raises(DataError, match="only one of the two labels"):
        decide.point_threshold([True, True], [0.1, 0.2], "sensitivity=0.9")


def test_the_commonest_labels() -> None:
    """a in 3 rows, b in 2, c in 1 of 4: one label gives 2*3/(4+6), two 2*5/(8+6), three 2*6/(12+6)."""
    task = ClassifyMany(("a", "b", "c"))
    assert task.baseline([["a", "b"], ["a", "b"], ["a"], ["c"]]) == ["a", "b"]
