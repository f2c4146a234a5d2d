"""The statistics against hand-worked cases, scipy, statsmodels, and comparisons whose truth is known."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import f1_score
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.contingency_tables import mcnemar as peer_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from joyul.compare.evidence import Evidence, difference, row_values
from joyul.compare.jackknife import pseudo_values
from joyul.compare.nouns import Answers, Entry
from joyul.compare.statistics import from_means, holm, mcnemar, paired, score_interval, squares
from joyul.contracts import Prediction
from joyul.tasks.classify import Classify
from tests.compare import simulation
from tests.compare.simulation import REDUCED, WHOLE, Cell


@pytest.fixture
def table() -> np.ndarray:
    """Four draws of thirty rows with effects of both."""
    draw = np.random.default_rng(5)
    return np.asarray(draw.normal(0.7, 0.1, (1, 30)) + draw.normal(0, 0.05, (4, 1)) + draw.normal(0, 0.1, (4, 30)))


def test_mean_squares_by_hand() -> None:
    """Two draws, two rows: 1 2 / 3 8. Means of draws 1.5 and 5.5, of rows 2 and 5, of all 3.5."""
    found = squares([[1.0, 2.0], [3.0, 8.0]])
    assert (found.mean, found.of_draws, found.of_rows, found.of_noise) == (3.5, 16.0, 9.0, 4.0)
    assert found.variance == (16 + 9 - 4) / 4
    assert found.freedom == pytest.approx(21**2 / (16**2 + 9**2 + 4**2))


def test_mean_squares_are_those_of_the_analysis_of_variance(table: np.ndarray) -> None:
    found = squares(table)
    rows = [(d, r, table[d, r]) for d, r in itertools.product(range(4), range(30))]
    peer = anova_lm(ols("y ~ C(d) + C(r)", pd.DataFrame(rows, columns=["d", "r", "y"])).fit())["mean_sq"]
    assert [found.of_draws, found.of_rows, found.of_noise] == pytest.approx([peer["C(d)"], peer["C(r)"], peer["Residual"]])


def test_no_draw_effect_leaves_the_rows_and_no_row_effect_the_draws() -> None:
    """Equal answers in every draw are worth one draw of them; equal rows are worth the draws' means."""
    row = np.random.default_rng(0).normal(size=40)
    once = stats.ttest_1samp(row, 0).confidence_interval()
    assert score_interval(np.tile(row, (5, 1)) - 9) == pytest.approx((once.low - 9, once.high - 9))
    draws = np.array([-0.61, -0.74, -0.58, -0.70])
    means = stats.ttest_1samp(draws, 0).confidence_interval()
    assert score_interval(np.tile(draws[:, None], (1, 50))) == pytest.approx((means.low, means.high))


def test_one_draw_is_what_the_textbooks_do(table: np.ndarray) -> None:
    hits = np.arange(60)[None] < 51
    assert score_interval(hits) == pytest.approx(proportion_confint(51, 60, method="wilson"))
    found = paired(table[:1], table[1:2])
    peer = stats.ttest_rel(table[0], table[1])
    assert (found.p, found.interval) == (pytest.approx(peer.pvalue, rel=1e-6), pytest.approx(tuple(peer.confidence_interval())))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_right_or_all_wrong_is_not_sure(value: float) -> None:
    """Whatever the number of draws, thirty rows all right still leave room: Wilson's, of thirty rows."""
    assert score_interval(np.full((4, 30), value)) == pytest.approx(proportion_confint(30 * value, 30, method="wilson"), abs=1e-12)


def test_mcnemar_against_statsmodels() -> None:
    draw = np.random.default_rng(3)
    for _ in range(20):
        first, second = draw.random((2, 50)) < draw.random()
        counts = [[int((first & second).sum()), int((first & ~second).sum())], [int((~first & second).sum()), int((~first & ~second).sum())]]
        assert mcnemar(first, second) == pytest.approx(min(1.0, peer_mcnemar(counts, exact=True).pvalue))
        assert paired(first[None], second[None]).p == mcnemar(first, second)


def test_mcnemar_by_hand() -> None:
    """Six rows only the first gets right, one only the second: 2 (P(0) + P(1)) of a fair coin over seven throws."""
    first = [True] * 6 + [False] + [True] * 20
    second = [False] * 6 + [True] + [True] * 20
    assert mcnemar(first, second) == pytest.approx(2 * stats.binom.cdf(1, 7, 0.5))
    assert mcnemar(first, first) == 1.0


def test_p_and_interval_say_the_same(table: np.ndarray) -> None:
    """p is where the interval reaches zero: below 5 % exactly when zero lies outside it."""
    for shift in np.linspace(0.0, 0.2, 21):
        found = paired(table, np.roll(table, 1, axis=0) - shift)
        assert (found.p < 0.05) == (not found.interval[0] <= 0 <= found.interval[1])
        assert squares(table - np.roll(table, 1, axis=0) + shift).half(found.p) == pytest.approx(abs(found.mean), rel=1e-6)


def test_holm_against_statsmodels() -> None:
    draw = np.random.default_rng(4)
    for count in (1, 2, 5, 15):
        values = list(draw.random(count) ** 3)
        assert holm(values) == pytest.approx(list(multipletests(values, method="holm")[1]))
    assert holm([]) == []


def test_means_of_folds_are_corrected_for_shared_training_rows() -> None:
    """Without overlap Student's t; with it the variance grows from 1/k to 1/k + tested/trained (Nadeau and Bengio, 2003, by hand)."""
    means = [0.02, 0.05, 0.01, 0.04, 0.03]
    plain, peer = from_means(means), stats.ttest_1samp(means, 0)
    assert (plain.p, plain.interval) == (pytest.approx(peer.pvalue), pytest.approx(tuple(peer.confidence_interval())))
    folded = from_means(means, overlap=1 / 4)
    wide = stats.t.ppf(0.975, 4) * np.sqrt(np.var(means, ddof=1) * (1 / 5 + 1 / 4))
    assert folded.interval == pytest.approx((0.03 - wide, 0.03 + wide))


def test_the_smallest_detectable_difference_is_found_four_times_in_five() -> None:
    """Methods that differ by what `detectable` says are told apart in about 80 % of comparisons."""
    draw = np.random.default_rng(8)
    rows = draw.normal(0, 0.3, (3000, 1, 200))
    drawn = draw.normal(0, 0.02, (3000, 6, 1)) + rows + draw.normal(0, 0.3, (3000, 6, 200))
    size = float(np.median(squares(drawn).half(power=0.8)))
    assert 0.75 <= (squares(drawn + size).p() < 0.05).mean() <= 0.88
    assert paired(np.ones((1, 40)), np.ones((1, 40))).detectable >= 6 / 40, "no fewer than six rows can be significant"


# ---------------------------------------------------------------------------------------------------------------- scores that are no means


def macro_f1(targets: list[str], predictions: list[str]) -> float:
    return float(f1_score(targets, predictions, labels=["a", "b", "c"], average="macro", zero_division=0.0))


def labelled(rows: int, draw: np.random.Generator) -> tuple[list[str], list[str]]:
    targets = draw.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1])
    return list(targets), [t if draw.random() < 0.8 else draw.choice(["a", "b", "c"]) for t in targets]


def test_the_pseudo_values_of_a_mean_are_its_rows() -> None:
    targets, predictions = labelled(50, np.random.default_rng(0))
    right = [one == two for one, two in zip(targets, predictions, strict=True)]
    share = pseudo_values(lambda t, p: float(np.mean([a == b for a, b in zip(t, p, strict=True)])), targets, predictions)
    assert share.tolist() == [float(hit) for hit in right]


def test_the_jackknife_agrees_with_the_bootstrap_on_macro_f1() -> None:
    draw = np.random.default_rng(1)
    targets, predictions = labelled(400, draw)
    ours = np.sqrt(squares(pseudo_values(macro_f1, targets, predictions)[None]).variance)
    picks = draw.integers(0, 400, (300, 400))
    peer = np.std([macro_f1([targets[i] for i in pick], [predictions[i] for i in pick]) for pick in picks])
    assert ours == pytest.approx(peer, rel=0.15)


def test_blocks_where_every_row_differs_and_groups_where_rows_belong_together() -> None:
    """Spearman's rank correlation, whose standard error for normal pairs is known (Bonett and Wright, 2000)."""
    draw = np.random.default_rng(2)
    one = draw.normal(size=1000)
    two = 0.8 * one + 0.6 * draw.normal(size=1000)

    def spearman(targets: list[float], predictions: list[float]) -> float:
        return float(stats.spearmanr(targets, predictions).statistic)

    values = pseudo_values(spearman, list(one), list(two))
    known = np.sqrt((1 + spearman(one, two) ** 2 / 2) / (1000 - 3)) * (1 - spearman(one, two) ** 2)  # delta method from Fisher's z
    assert len(values) == 200
    assert np.sqrt(squares(values[None]).variance) == pytest.approx(known, rel=0.2)
    groups = [f"author {place // 4}" for place in range(1000)]
    assert len(pseudo_values(spearman, list(one), list(two), groups)) == 250


def test_methods_whose_answers_differ_have_the_same_blocks() -> None:
    """77 labels, 600 rows: one method makes hardly any mistake, the other a hundred kinds of them."""
    draw = np.random.default_rng(3)
    targets = [str(label) for label in draw.integers(0, 77, 600)]
    good = [t if draw.random() < 0.95 else str(draw.integers(0, 77)) for t in targets]
    poor = [t if draw.random() < 0.3 else str(draw.integers(0, 77)) for t in targets]
    assert len(set(zip(targets, good, strict=True))) < 200 < len(set(zip(targets, poor, strict=True))), "the case is the one meant"
    assert [len(pseudo_values(macro_f1, targets, said)) for said in (good, poor)] == [200, 200]
    task, entry = Classify(tuple(sorted(set(targets)))), Entry("full", "b")

    def known(said: list[str]) -> Evidence:
        answers = Answers(tuple(map(str, range(600))), tuple(targets), tuple(map(Prediction, said)))
        return Evidence(entry, (1,), (answers.score(task),), (row_values([answers], task),))

    found = difference(known(good), known(poor))
    assert found is not None and found.test == "mcnemar", "hits of rows, whatever number of labels"
    right = [sum(a == b for a, b in zip(targets, said, strict=True)) for said in (good, poor)]
    assert found.mean == pytest.approx((right[0] - right[1]) / 600)


# ---------------------------------------------------------------------------------------------------------------- simulations


def check(cell: Cell, repetitions: int, margin: float) -> None:
    """95 % intervals cover 92 to 98 % (91 to 98 % of three draws); Holm leaves at most 5 % false. `margin`: of the counting."""
    found = simulation.simulate(cell, repetitions)
    least = 0.91 if cell.draws == 3 else 0.92
    assert least - margin <= found.coverage <= 0.98 + margin, (cell, found)
    assert max(found.false, found.false_beside) <= 0.05 + margin, (cell, found)


@pytest.mark.parametrize("cell", REDUCED, ids=str)
def test_intervals_cover_and_holm_holds(cell: Cell) -> None:
    check(cell, 1000, margin=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("cell", WHOLE, ids=str)
def test_intervals_cover_and_holm_holds_in_every_cell(cell: Cell) -> None:
    check(cell, 4000, margin=0.0)


def test_student_and_satterthwaite_would_not_do() -> None:
    """The reason for Banerjee's bound and Wilson's form: the plain t interval covers too little near 1 with 100 rows."""
    assert simulation.simulate(Cell(10, 100, 0.95, "calm"), 1000).satterthwaite < 0.93
