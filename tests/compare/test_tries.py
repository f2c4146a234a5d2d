"""Several learning rates of a method: which ones, which of them stands in the table, and at what price."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import joyul
from joyul.compare.draws import draws, gather_pool
from joyul.compare.nouns import Answers, Draw, Entry, Outcome
from joyul.compare.outcomes import BudgetSpent
from joyul.compare.tries import best, tries_of
from joyul.contracts import Prediction
from joyul.errors import RunError, UsageError
from joyul.notes import Notes
from joyul.recipe.resolve import from_words
from joyul.tasks.classify import Classify
from tests import forks
from tests.conftest import write_csv

TASK = Classify(("no", "yes"))


@pytest.fixture
def draw(reviews: str) -> Draw:
    settings = from_words("compare", {"data": reviews}).run
    return next(draws(gather_pool(settings, Notes()), settings, Notes()))


def test_each_method_has_its_own_grid(base: str, draw: Draw) -> None:
    """At width 32 the usual rates are 5e-4 of `full` and 3e-2 of a soft prompt."""

    def rates(method: str, baseline: bool = False, **given: object) -> list[float | None]:
        recipe = from_words("compare", {"data": "r.csv", "base": base, **given})
        return [entry.rate for entry in tries_of(recipe, Entry(method, base, baseline=baseline), draw)]

    assert rates("full", tries=5) == [None, 2.5e-4, 1e-3, 1.3e-4, 2e-3]
    assert rates("soft_prompt", tries=3) == rates("full+soft_prompt", tries=3) == [None, 1e-2, 9e-2]
    assert rates("full") == rates("full", tries=1) == [None], "not asked for"
    assert rates("prompt", tries=3) == rates("full", True, tries=3) == [None], "no rate to try, and a baseline"
    assert rates("full", tries=3, learning_rate=1e-3) == rates("full", tries=3, learning_rate="auto") == [None], "it is given"


def runs(draw: Draw, folder: Path, **right: int) -> Callable[[Entry], Outcome]:
    """Runs of two seconds each whose rate decides how many of ten validation rows they get right."""

    def run(entry: Entry) -> Outcome:
        hits = right["usual" if entry.rate is None else f"at_{entry.rate:g}"]
        if hits < 0:
            raise BudgetSpent("budget_spent") if hits == -1 else RunError("run_stopped", reason="no number", folder="f")
        said = tuple(Prediction("yes" if place < hits else "no") for place in range(10))
        (folder / entry.folder / "model").mkdir(parents=True)
        costs = {"train_seconds": 2.0, "trainable": 7}
        return Outcome(entry, draw, 0, Answers(tuple("0123456789"), ("yes",) * 10, said), None, costs, folder / entry.folder)

    return run


def test_the_best_stands_in_the_table_at_the_price_of_all(draw: Draw, tmp_path: Path) -> None:
    tries = [Entry("full", "b"), Entry("full", "b", rate=1.0), Entry("full", "b", rate=2.0)]
    found = best(tries, runs(draw, tmp_path / "a", usual=6, at_1=8, at_2=8), None, TASK)
    assert found.entry == tries[0] and found.folder == tmp_path / "a/full-at-1", "the first of equals, under the method's name"
    assert found.costs["train_seconds"] == 6.0
    assert [(one["learning_rate"], one["valid_score"], one["chosen"]) for one in found.costs["tries"]] == [
        (None, 0.6, False), (1.0, 0.8, True), (2.0, 0.8, False),
    ]  # fmt: skip
    assert [path.parent.name for path in (tmp_path / "a").glob("*/model")] == ["full-at-1"], "the others keep what they measured"
    found = best(tries, runs(draw, tmp_path / "b", usual=6, at_1=5, at_2=9), 4.0, TASK)
    assert found.costs["train_seconds"] == 4.0 and found.folder == tmp_path / "b/full", "no third try after four seconds"
    found = best(tries, runs(draw, tmp_path / "c", usual=6, at_1=-1, at_2=9), None, TASK)
    assert found.folder == tmp_path / "c/full", "what was tried before the comparison's time was over counts"
    found = best(tries, runs(draw, tmp_path / "e", usual=6, at_1=-2, at_2=9), None, TASK)
    assert found.folder == tmp_path / "e/full-at-2" and "no number" in found.costs["tries"][-1]["error"], "told, and passed over"
    with pytest.raises(BudgetSpent):
        best(tries, runs(draw, tmp_path / "d", usual=-1, at_1=1, at_2=1), None, TASK)


def test_a_comparison_with_tries(base: str, reviews: str, tmp_path: Path) -> None:
    """What stands in the table is what training at that rate alone gives."""
    given = {"base": base, "epochs": 2, "batch_size": 16, "precision": "fp32"}
    found = joyul.compare(reviews, methods=["prompt", "full"], tries=3, out=str(tmp_path / "c"), **given)
    rows = {row["method"]: row for row in found.record["methods"]}
    tries = rows["full"]["tries"]
    assert [one["learning_rate"] for one in tries] == [None, 2.5e-4, 1e-3] and rows["prompt"]["tries"] is None
    chosen = next(one for one in tries if one["chosen"])
    assert chosen["valid_score"] == max(one["valid_score"] for one in tries) == rows["full"]["valid_score"]
    rate = chosen["learning_rate"]
    alone = joyul.train(reviews, method="full", out=str(tmp_path / "alone"), **given, **({"learning_rate": rate} if rate else {}))
    mine = found.folder / "methods" / ("full" if rate is None else f"full-at-{rate:g}")
    assert forks.kept(mine) == forks.kept(alone.folder)
    seconds = [json.loads(path.read_text())["seconds"]["train"] for path in found.folder.glob("methods/full*/metrics.json")]
    assert len(seconds) == 3 and rows["full"]["train_seconds"] == pytest.approx(sum(seconds))
    assert "Learning rates tried" in (found.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_heads_are_tried_at_once(base: str, rows: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates and seeds score what each scores in a run of its own; one run a seed is left, and its result is the same.

    Numbers are learned: their score tells heads apart that answer a few rows alike.
    """
    reviews = write_csv(tmp_path / "r.csv", [("text", "label"), *((text, f"{len(text) / 7:.2f}") for text, _ in rows)])
    given = {"base": base, "task": "regress", "methods": ["head"], "tries": 3, "seeds": 2, "epochs": 3, "precision": "fp32"}
    once = joyul.compare(reviews, out=str(tmp_path / "once"), **given)
    monkeypatch.setattr("joyul.methods.sweep.at_once", lambda *_: None)
    each = joyul.compare(reviews, out=str(tmp_path / "each"), **given)
    mine, theirs = (next(row for row in one.record["methods"] if row["method"] == "head") for one in (once, each))
    scores = [[(one["learning_rate"], one["chosen"], one["valid_score"]) for one in row["tries"]] for row in (mine, theirs)]
    assert len({score for _, _, score in scores[0]}) == 3
    for (rate, chosen, score), other in zip(*scores, strict=True):
        assert (rate, chosen, pytest.approx(score, rel=1e-5)) == other
    assert mine["score"] == theirs["score"] and mine["valid_score"] == theirs["valid_score"]
    runs = [{path.parent.relative_to(one.folder) for path in one.folder.glob("methods/head*/*/metrics.json")} for one in (once, each)]
    assert len(runs[0]) == 2 and len(runs[1]) == 6 and runs[0] < runs[1]


def test_a_time_that_is_none(base: str, reviews: str) -> None:
    with pytest.raises(UsageError, match="method_budget=soon is no length of time"):
        joyul.compare(data=reviews, base=base, method_budget="soon")
    with pytest.raises(UsageError, match="tries"):
        joyul.compare(data=reviews, base=base, tries=9)


def test_prompts_are_tried_at_once(base: str, rows: list[tuple[str, str]], tmp_path: Path) -> None:
    """One run a seed is left, which begins where its training at once ended: as its recipe trains it alone."""
    parts = {"data": rows[:24], "valid": rows[24:32], "test": rows[32:40]}
    files = {
        name: write_csv(tmp_path / f"{name}.csv", [("text", "label"), *((text, f"{len(text) / 7:.2f}") for text, _ in part)])
        for name, part in parts.items()
    }  # fmt: skip
    given = {"base": base, "task": "regress", "epochs": 2, "batch_size": 2, "precision": "fp32", "seed": 3}
    found = joyul.compare(out=str(tmp_path / "c"), methods=["soft_prompt"], tries=2, seeds=2, **files, **given)
    row = next(one for one in found.record["methods"] if one["method"] == "soft_prompt")
    folders = [path.parent for path in found.folder.glob("methods/soft_prompt*/*/metrics.json")]
    assert len(folders) == 2 and len(row["tries"]) == 2 and len({one["valid_score"] for one in row["tries"]}) == 2
    for folder in folders:
        alone = joyul.train(str(folder), out=str(tmp_path / folder.name)).folder
        steps = list(zip(forks.steps(folder), forks.steps(alone), strict=True))
        assert len(steps) > 20
        for mine, theirs in steps:
            assert mine.pop("valid", {}) == pytest.approx(theirs.pop("valid", {}), rel=1e-4)
            assert [mine.pop(key) for key in ("kind", "method")] == [theirs.pop(key) for key in ("kind", "method")]
            assert mine == pytest.approx(theirs, rel=1e-4), "but for the last digits"
        scores = [json.loads((one / "metrics.json").read_text())["scores"]["valid"]["rmse"]["value"] for one in (folder, alone)]
        assert scores[0] == pytest.approx(scores[1], rel=1e-4)
