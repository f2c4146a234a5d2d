"""The search for a prompt: races, optimism, edits and offers, against cases worked by hand and against simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, ttest_1samp

from joyul.bases.load import load_model, open_base
from joyul.contracts import Example, Prediction, Setting
from joyul.engine.evaluate import predict
from joyul.forms.cloze import Cloze
from joyul.forms.hangul import mostly_korean
from joyul.forms.similarity import Similarity
from joyul.forms.usual import readable, usual
from joyul.forms.wording import Wording
from joyul.methods import offers
from joyul.methods.answers import Answers
from joyul.methods.edits import edits
from joyul.methods.race import Race, Trial, ahead, mcnemar, quadratic
from joyul.tasks.classify import Classify
from tests import tiny

LABELS = ("bad", "good")


class Told:
    """A Form's answers as they are told: `right` of each row."""

    def __init__(self, name: str, right: Sequence[bool]) -> None:
        self.name, self.right, self.setting = name, right, Setting(Classify(LABELS), None, "encoder", 8)  # type: ignore[arg-type]

    def spec(self) -> dict[str, str]:
        return {"template": self.name}


class Saying:
    """Answers of Told: every row's target is good."""

    def __init__(self, rows: int) -> None:
        self.examples, self.tokens, self.asked = [Example(f"r:{n}", {"text": str(n)}, "good") for n in range(rows)], 0, 0

    def probabilities(self, form: Told, places: Sequence[int]) -> None:
        return None

    def prepare(self, forms: Sequence[Told]) -> None:
        return None

    def of(self, form: Told, places: Sequence[int]) -> list[Prediction]:
        self.asked += len(places)
        return [Prediction("good" if form.right[place] else "bad") for place in places]


def raced(*right: Sequence[bool]) -> Race:
    race = Race(Saying(len(right[0])), 0)  # type: ignore[arg-type]
    list(race.run([Trial(Told(str(number), hits)) for number, hits in enumerate(right)]))  # type: ignore[arg-type]
    return race


def test_a_prompt_that_is_clearly_worse_drops_out_and_is_not_asked_again() -> None:
    race = raced([True] * 300, [False] * 300, [True] * 298 + [False] * 2)
    assert [trial.rows for trial in race.trials] == [300, 64, 300]
    assert race.answers.asked == 664  # type: ignore[attr-defined]
    verdict = race.verdict()
    assert (verdict["candidate"], verdict["score"], verdict["tied"]) == ({"template": "0"}, 1.0, 1)
    assert [line["tied"] for line in verdict["tried"]] == [False, False, True], "two rows more do not make a winner"
    assert {row["worst"] for row in verdict["differ"]} == {"bad"}


def test_the_paired_test_is_mcnemars() -> None:
    first, second = [True] * 9 + [False] * 2 + [True] * 20, [False] * 9 + [True] * 2 + [True] * 20
    assert mcnemar(first, second) == mcnemar(second, first) == pytest.approx(2 * binom.cdf(2, 11, 0.5))
    assert mcnemar(first, first) == 1.0


def test_gains_are_tested_by_the_paired_t_test() -> None:
    draw = np.random.default_rng(0)
    gains, drawn = draw.normal(0.5, 1, 30), draw.multinomial(30, np.full(30, 1 / 30), size=3)
    expected = [ttest_1samp(np.repeat(gains, times), 0, alternative="greater").pvalue for times in drawn]
    assert ahead(gains, drawn) == pytest.approx(expected)
    assert ahead(np.ones(5), np.ones((1, 5)))[0] == 0.0 and ahead(np.zeros(5), np.ones((1, 5)))[0] == 1.0


def test_credit_is_the_quadratic_score() -> None:
    assert quadratic(Prediction("good", 0.8, {"good": 0.8, "bad": 0.2}), "bad") == pytest.approx(1 - 0.8**2 - 0.8**2)
    assert [quadratic(Prediction(value), "bad") for value in ("bad", "good", None)] == [1, -1, -1]


def test_the_first_stays_until_the_rows_say_that_another_is_better() -> None:
    close, clear = [True] * 21 + [False] * 19, [True] * 30 + [False] * 10
    first = [True] * 20 + [False] * 20
    assert raced(first, close).winner().form.spec() == {"template": "0"}, "one row of 40"
    assert raced(first, close).leader().form.spec() == {"template": "1"}
    assert raced(first, close, clear).winner().form.spec() == {"template": "2"}


def test_reported_optimism_is_the_true_one_on_average() -> None:
    """Twelve prompts, all right on two thirds of all rows: what the best gains on 40 rows is all optimism. Correlated, as prompts are."""
    draw, true, told = np.random.default_rng(0), [], []
    for _ in range(60):
        hard = draw.random(40)
        hits = (0.6 * hard + 0.4 * draw.random((12, 40)) < 0.6).tolist()
        race = raced(*hits)
        verdict = race.verdict()
        true.append(verdict["score"] - 2 / 3)
        told.append(verdict["optimism"])
    assert np.mean(true) > 0.03, "nothing was gained by choosing: the test could not fail"
    assert abs(np.mean(told) - np.mean(true)) < 0.02
    assert raced([True, False] * 20).verdict()["optimism"] == 0.0, "nothing was chosen"


def test_kept_features_answer_like_the_plain_computation(base: str) -> None:
    files = open_base(base)
    task = Classify(LABELS)
    shown = ({"text": "i liked the story", "label": "good"}, {"text": "a dull plot", "label": "bad"})
    form = Similarity(Setting(task, files.tokenizer, files.architecture, 32), ("the film is {label}", "{label}"), bias={"bad": 0.5}, demonstrations=shown)
    model = load_model(files, form.auto_class, LABELS).eval()
    examples = [Example(str(n), {"text": text}, "good") for n, text in enumerate(tiny.TEXTS)]
    answers = Answers(model, examples)
    answers.of(form.with_template("{label}"), range(8))
    found, plain = answers.of(form, range(3, 12)), predict(model, form, form.encode(examples[3:12]))
    assert [one.scores["good"] for one in found if one.scores] == pytest.approx([one.scores["good"] for one in plain if one.scores], abs=1e-5)


def test_thousands_of_prompts_are_raced_like_each_by_itself(base: str) -> None:
    """Marks from one matrix product against Predictions one row at a time, and the race that drops by them."""
    files = open_base(base)
    task = Classify(LABELS)
    setting = Setting(task, files.tokenizer, files.architecture, 32)
    examples = [Example(str(n), {"text": text}, LABELS[n % 2]) for n, text in enumerate(tiny.TEXTS)]
    model = load_model(files, "AutoModel", LABELS).eval()
    race = Race(Answers(model, examples), 0)
    shown = ({"text": "a dull plot", "label": "bad"},)
    forms = [Similarity(setting, (template,), demonstrations=shown) for template in ("a {label} film", "{label}", "the {label} plot")]
    list(race.run([Trial(form) for form in forms]))
    for trial in race.trials:
        answers = predict(model, trial.form, trial.form.encode([examples[place] for place in race.order[: trial.rows]]))
        targets = [examples[place].target for place in race.order[: trial.rows]]
        assert trial.said == [one.value for one in answers]
        assert trial.credits == pytest.approx([quadratic(one, target) for one, target in zip(answers, targets, strict=True)], abs=1e-5)
        assert race.score(trial) == task.metrics(targets, trial.said)["accuracy"]
    held = Similarity(replace(setting, task=replace(task, abstain=0.9)))
    assert race.answers.probabilities(held, range(4)) is None, "an answer may be withheld"


def test_makers_are_scored_on_rows_they_have_not_seen(base: str) -> None:
    files = open_base(base)
    form = Similarity(Setting(Classify(LABELS), files.tokenizer, files.architecture, 32))
    examples = [Example(str(n), {"text": text}, LABELS[n % 2]) for n, text in enumerate(tiny.TEXTS)]
    race = Race(Answers(load_model(files, form.auto_class, LABELS).eval(), examples), 0)
    trial = race.made(offers.showing(16, 0), Trial(form))
    assert len(trial.form.demonstrations) == 16  # type: ignore[attr-defined]
    for fold, made in enumerate(trial.folds):
        held = {examples[place].inputs["text"] for at, place in enumerate(race.order) if at % 5 == fold}
        assert held.isdisjoint(item["text"] for item in made.demonstrations)  # type: ignore[attr-defined]


def test_calibration_takes_away_what_the_prompt_favours(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "base", "bert", "AutoModelForMaskedLM", initializer_range=0.3)
    files = open_base(folder)
    said = Wording("{text} the film is {label}", {"bad": ("bad",), "good": ("good",)})
    form = Cloze(Setting(Classify(LABELS), files.tokenizer, files.architecture, 32), said)
    model = load_model(files, form.auto_class, LABELS).eval()
    examples = [Example(str(n), {"text": text}, LABELS[n % 2]) for n, text in enumerate(tiny.TEXTS)]
    answers = Answers(model, examples)
    answers.of(form, range(len(examples)))
    read = answers.tokens
    made = offers.calibrated(form, examples, answers.to)
    assert answers.tokens == read, "the race has asked that before"
    means = np.mean([list((one.scores or {}).values()) for one in predict(model, form, form.encode(examples))], axis=0)
    assert [made.wording.bias[label] for label in LABELS] == pytest.approx(-np.log(means), abs=1e-3)  # type: ignore[attr-defined]
    worded = offers.worded_by_base(model)(form, examples, answers.to)
    found = worded.spec()["words"]
    assert set(found["bad"]).isdisjoint(found["good"]) and all(word.isalpha() for words in found.values() for word in words)


def test_edits_keep_the_slots() -> None:
    made = edits("{text} It was {label}.")
    assert "It was {label}. {text}" in made, "swapped"
    assert "{text} This is {label}." in made, "paraphrased"
    assert "{text} {label}." in made, "deleted"
    assert 'Read this. {text} It was {label}.' in made, "added"
    assert all(one.count("{text}") == one.count("{label}") == 1 for one in made)
    assert "{label} 글입니다." in edits("{label} 리뷰입니다.")
    assert {"I think this was {label}.", "Overall, I think this is {label}."} <= set(edits("I think this is {label}."))
    assert "In summary, it was {label}." in edits("It was {label}.")
    assert "A {label} review." in edits("{label} review.") and "This is about {label}" in edits("{label}")
    assert not [one for one in edits("A {label} review.") if "A A" in one or "thwas" in one]


def test_usual_prompts_know_their_task() -> None:
    korean = usual("continuation", readable(("부정", "긍정")))
    said = {"부정": ("아니요",), "긍정": ("네",)}
    assert korean[:2] == [Wording(f"{{text}}\n이 {what}는 긍정적인가요? {{label}}", said) for what in ("리뷰", "영화")]
    rows = usual("continuation", readable(("negative", "positive")), in_korean=True)
    assert rows[0].template == korean[0].template, "as the rows are, not as the labels are"
    assert usual("cloze", readable(("neg", "pos")))[0].words == {"neg": ("terrible",), "pos": ("great",)}
    assert usual("similarity", readable(("card_arrival", "age_limit")))[0].words["card_arrival"] == ("card arrival",)
    assert "{text_pair}" in usual("cloze", readable(("entailment", "neutral", "contradiction")), paired=True)[0].template
    assert "{text_pair}" in usual("continuation", readable(("apples", "pears")), paired=True)[0].template
    assert usual("cloze", {"a": ("bad",), "b": ("good",)}, named=True)[0].words == {"a": ("bad",), "b": ("good",)}


def test_words_of_ones_own_get_the_question_that_they_answer() -> None:
    own = usual("continuation", {"0": ("부정",), "1": ("긍정",)}, named=True)[0]
    assert own == Wording("리뷰: {text}\n감정: {label}", {"0": ("부정",), "1": ("긍정",)})
    assert usual("cloze", {"긍정": ("최고",), "부정": ("별로",)}, named=True)[0].template == "{text} 한마디로 {label}."
    assert mostly_korean(["이 영화 정말 good!", "별로 :("]) and not mostly_korean(["a film", "영화"]) and not mostly_korean(["1 2 3"])
