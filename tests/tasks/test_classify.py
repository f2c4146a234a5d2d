"""Metrics against hand counts and intervals against published and simulated values."""

from __future__ import annotations

import numpy as np
import pytest

from joyul.errors import DataError
from joyul.tasks.classify import Classify
from joyul.tasks.metrics import label_intervals, wilson

TASK = Classify(("a", "b", "c"))


def test_scores_by_hand() -> None:
    """Hits: a 2 of 3, b 1 of 1, c 0 of 1; F1: a 4/5, b 2/3, c 0; None is wrong and belongs to no class."""
    found = TASK.metrics(["a", "a", "a", "b", "c"], ["a", "a", "b", "b", None])
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["macro_f1"] == pytest.approx((4 / 5 + 2 / 3 + 0) / 3)


def test_wilson_against_a_published_value() -> None:
    """Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_the_macro_f1_interval_agrees_with_resampling_the_rows() -> None:
    generator = np.random.default_rng(1)
    targets = generator.choice(["a", "b", "c"], 300)
    answers = np.where(generator.random(300) < 0.7, targets, generator.choice(["a", "b", "c"], 300))
    low, high = label_intervals(list(targets), list(answers), TASK.labels)["macro_f1"]
    drawn = []
    for _ in range(400):
        rows = generator.integers(0, 300, 300)
        drawn.append(TASK.metrics(list(targets[rows]), list(answers[rows]))["macro_f1"])
    assert (low, high) == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))), abs=0.015)


def test_labels_stay_text_in_a_fixed_order() -> None:
    task = Classify.learn(["10", "2", "01", "2"])
    assert task.labels == ("01", "10", "2")
    assert [task.decode(task.encode(label)) for label in task.labels] == list(task.labels)
    assert Classify.restore(task.spec()) == task


def test_an_unknown_label_names_row_and_neighbour() -> None:
    with pytest.raises(DataError, match=r"reviews.csv:812: label 'postive' is not one of .*Did you mean 'positive'"):
        Classify(("negative", "positive")).encode("postive", "reviews.csv:812")


def test_weights_and_baseline() -> None:
    assert TASK.weights(["a", "a", "a", "b"]) == pytest.approx([4 / 6, 4 / 6, 4 / 6, 2.0])
    assert TASK.baseline(["b", "a", "b"]) == "b"
    assert TASK.baseline(["c", "a"]) == "a", "the first in order among equals"
    with pytest.raises(DataError, match="at least two labels"):
        Classify.learn(["x", "x"])
