"""Scores of sets, numbers, probabilities and entities: cases worked by hand, and scikit-learn where it has the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score, matthews_corrcoef, roc_auc_score

from joyul.contracts import Prediction
from joyul.tasks import entities, sets
from joyul.tasks.certainty import answered_scores, auc, calibration_error, weighted_auc
from joyul.tasks.metrics import further_label_scores, operating_scores
from joyul.tasks.numbers import errors, fit, fit_intervals


def test_weighted_f1_and_mcc_by_hand() -> None:
    """Two labels, table [[3, 1], [2, 4]]: F1 are 6/9 and 8/11; MCC = (3*4 - 1*2) / sqrt(5 * 4 * 6 * 5)."""
    targets = ["a"] * 4 + ["b"] * 6
    answers = ["a"] * 3 + ["b"] + ["a"] * 2 + ["b"] * 4
    found = further_label_scores(targets, answers, ("a", "b"))
    assert found["weighted_f1"].value == pytest.approx(0.4 * 6 / 9 + 0.6 * 8 / 11)
    assert found["mcc"].value == pytest.approx(10 / math.sqrt(600))
    assert found["mcc"].interval[0] < found["mcc"].value < found["mcc"].interval[1]


def test_intervals_of_weighted_f1_and_mcc_agree_with_resampling_the_rows() -> None:
    """The tables that are drawn give what scikit-learn gives on rows that are drawn; None is an answer that nobody gave."""
    generator = np.random.default_rng(1)
    targets = generator.choice(["a", "b", "c"], 200)
    answers = np.where(generator.random(200) < 0.7, targets, generator.choice(["a", "b", "c", ""], 200))
    found = further_label_scores(list(targets), [answer or None for answer in answers], ("a", "b", "c"))
    drawn = [generator.integers(0, 200, 200) for _ in range(300)]
    weighted = [f1_score(targets[r], answers[r], labels=["a", "b", "c"], average="weighted", zero_division=0) for r in drawn]
    mcc = [matthews_corrcoef(targets[rows], answers[rows]) for rows in drawn]
    assert found["weighted_f1"].interval == pytest.approx(tuple(np.quantile(weighted, (0.025, 0.975))), abs=0.02)
    assert found["mcc"].interval == pytest.approx(tuple(np.quantile(mcc, (0.025, 0.975))), abs=0.03)


def test_sensitivity_and_specificity_by_hand() -> None:
    """Positive rows: 2 of 4 found (one withheld). Others: 2 of 3 left alone; an answer withheld spares nobody."""
    targets = ["ill", "ill", "ill", "ill", "well", "well", "well"]
    found = operating_scores(targets, ["ill", "ill", "well", None, "well", "well", None], "ill")
    assert (found["sensitivity"].value, found["specificity"].value) == (2 / 4, 2 / 3)
    assert found["sensitivity"].interval == pytest.approx((0.1500, 0.8500), abs=5e-5), "Wilson, 2 of 4"


def test_auc_by_hand_and_with_weights() -> None:
    """Members 0.8, 0.4; others 0.4, 0.1: of four pairs three are right and one is a tie: 3.5 / 4."""
    member, scores = np.array([1, 1, 0, 0]), np.array([0.8, 0.4, 0.4, 0.1])
    score = auc(member[:, None], scores[:, None])
    assert score is not None
    assert score.value == 3.5 / 4
    weights = np.array([[1.0, 1, 1, 1], [2, 0, 1, 1], [0, 3, 2, 0], [1, 1, 0, 0]])
    areas = weighted_auc(member, scores, weights)
    assert areas[:3].tolist() == [3.5 / 4, 1.0, 0.5]
    assert math.isnan(areas[3]), "without the other side there is no area"
    assert auc(np.ones((4, 1)), scores[:, None]) is None


def test_auc_of_several_labels_is_scikit_learns_macro() -> None:
    generator = np.random.default_rng(2)
    truth = generator.integers(0, 3, 60)
    probabilities = generator.dirichlet(np.ones(3), 60)
    member = np.eye(3, dtype=int)[truth]
    expected = roc_auc_score(truth, probabilities, multi_class="ovr", average="macro")
    score = auc(member, probabilities)
    assert score is not None
    assert score.value == pytest.approx(expected)
    every = np.ones((1, 60))
    assert np.mean([weighted_auc(member[:, k], probabilities[:, k], every)[0] for k in range(3)]) == pytest.approx(expected)


def test_calibration_error_by_hand() -> None:
    """Bin 0.6: two rows, mean confidence 0.65, one right; bin 0.9: two rows, 0.95, both right: (2 * 0.15 + 2 * 0.05) / 4."""
    found = calibration_error(np.array([1.0, 0, 1, 1]), np.array([0.61, 0.69, 0.95, 0.95]))
    assert found.value == pytest.approx(0.10)


def test_answers_withheld_by_hand() -> None:
    found = answered_scores(["a", "b", "a", "b"], [Prediction("a"), Prediction("a"), Prediction(None, 0.5), Prediction("b")])
    assert (found["coverage"].value, found["answered_accuracy"].value) == (3 / 4, 2 / 3)


def test_sets_by_hand() -> None:
    """a: 2 right of 2 said, 3 there; b: 1 right of 2 said, 1 there. Micro 2*3/(4+4), each F1 4/5 and 2/3; whole rows: 2 of 4."""
    labels = ("a", "b")
    there = sets.matrix([["a", "b"], ["a"], ["a"], []], labels)
    said = sets.matrix([["a", "b"], ["a"], None, ["b"]], labels)
    assert sets.set_scores(there, said) == pytest.approx({"micro_f1": 6 / 8, "macro_f1": (4 / 5 + 2 / 3) / 2})
    found = sets.further_set_scores(there, said, labels)
    assert found["weighted_f1"].value == pytest.approx((3 * 4 / 5 + 1 * 2 / 3) / 4)
    assert (found["exact"].value, found["f1_a"].value, found["f1_b"].value) == pytest.approx((2 / 4, 4 / 5, 2 / 3))


def test_interval_of_sets_agrees_with_resampling_the_rows() -> None:
    generator = np.random.default_rng(3)
    there = generator.integers(0, 2, (150, 3))
    said = np.where(generator.random((150, 3)) < 0.8, there, 1 - there)
    drawn = []
    for _ in range(300):
        rows = generator.integers(0, 150, 150)
        drawn.append(sets.set_scores(there[rows], said[rows])["micro_f1"])
    assert sets.set_intervals(there, said)["micro_f1"] == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))), abs=0.015)


def test_numbers_by_hand() -> None:
    """Errors 0, 0, 1, -1 around the mean 2.5 (sum of squares 5): R2 = 1 - 2/5. Ranks 1 2 4 3: Spearman 1 - 6*2/(4*15)."""
    targets, answers = np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 4, 3])
    assert fit(targets, answers) == pytest.approx({"r2": 0.6, "spearman": 0.8, "pearson": 0.8})
    found = errors(targets, answers)
    assert (found["mae"].value, found["rmse"].value) == pytest.approx((0.5, math.sqrt(0.5)))
    assert fit(targets, np.full(4, 2.0)) == pytest.approx({"r2": -0.2, "spearman": 0.0, "pearson": 0.0})
    assert set(fit(np.ones(3), targets[:3]).values()) == {0.0}


def test_fishers_interval_against_the_formula() -> None:
    """r = 0.8 of 28 rows: tanh(atanh(0.8) +- 1.96 / 5) is 0.6085 to 0.9034."""
    generator = np.random.default_rng(0)
    x, noise = generator.standard_normal(28), generator.standard_normal(28)
    x = (x - x.mean()) / x.std()
    noise -= noise.mean() + x * (noise @ x) / 28
    found = fit_intervals(x, 0.8 * x + 0.6 * noise / noise.std())
    assert found["pearson"] == pytest.approx((0.6085, 0.9034), abs=1e-4)
    assert found["r2"][0] < 1 - (0.2**2 + 0.6**2) < found["r2"][1]


SPANS = [
    ("B-PER I-PER O B-LOC", [("PER", 0, 2), ("LOC", 3, 4)]),
    ("B-PER B-PER I-PER", [("PER", 0, 1), ("PER", 1, 3)]),
    ("O I-PER I-PER", [("PER", 1, 3)]),  # begins with I-
    ("B-PER I-LOC", [("PER", 0, 1), ("LOC", 1, 2)]),  # another type
    ("S-LOC B-PER I-PER E-PER", [("LOC", 0, 1), ("PER", 1, 4)]),
    ("E-PER I-PER", [("PER", 0, 1), ("PER", 1, 2)]),  # nothing goes on behind an end
    ("U-LOC B-PER L-PER O", [("LOC", 0, 1), ("PER", 1, 3)]),
    ("", []),
]


@pytest.mark.parametrize(("tags", "expected"), SPANS)
def test_spans_as_conlleval_reads_them(tags: str, expected: list[tuple[str, int, int]]) -> None:
    assert entities.spans(tags.split()) == expected


def test_entity_scores_by_hand() -> None:
    """Two rows. PER: 1 right of 2 said, 2 there; LOC: 1 right of 1 said, 1 there. A span with another end is wrong."""
    targets = [["B-PER", "I-PER", "O", "B-LOC"], ["B-PER", "I-PER"]]
    answers = [["B-PER", "I-PER", "O", "B-LOC"], ["B-PER", "O"]]
    table = entities.counts(targets, answers, ["LOC", "PER"])
    assert entities.overall(table) == pytest.approx(2 * 2 / (3 + 3))
    found = entities.further_entity_scores(table, ["LOC", "PER"])
    assert found["f1_LOC"].value == 1.0
    assert found["f1_PER"].value == 0.5
    assert found["entity_precision"].value == found["entity_recall"].value == pytest.approx(2 / 3)
    assert entities.overall(entities.counts(targets, [None, None], ["LOC", "PER"])) == 0.0


def test_single_tags_by_hand() -> None:
    """Seven words, five right. Macro F1 as scikit-learn has it on the words laid end to end."""
    targets, answers = [["N", "V", "N"], ["D", "N", "V", "D"]], [["N", "V", "V"], ["D", "N", "N", "D"]]
    assert entities.TagCounts.of(targets, answers).accuracy == 5 / 7
    flat = [[tag for row in rows for tag in row] for rows in (targets, answers)]
    expected = f1_score(*flat, average="macro")
    assert entities.macro(entities.tag_counts(targets, answers, ["D", "N", "V"])) == pytest.approx(expected)


def test_what_marks_spans() -> None:
    assert entities.is_scheme(["O", "B-A", "I-A"])
    assert not entities.is_scheme(["NOUN", "VERB", "O"])
    assert not entities.is_scheme(["O", "B-A", "NOUN"])
    assert entities.orphans(["O", "I-A"]) and not entities.orphans(["B-A", "I-A", "O"])
