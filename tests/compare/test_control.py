"""The control of a chain: its best part for as long as the chain took; and what the verdict makes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import joyul
from joyul.compare import protocol
from joyul.compare.control import control_of, stretched
from joyul.compare.draws import draws, gather_pool
from joyul.compare.nouns import Answers, Done, Draw, Entry, Outcome
from joyul.compare.verdict import decide
from joyul.contracts import Prediction
from joyul.notes import Notes
from joyul.recipe.resolve import from_words
from joyul.tasks.classify import Classify
from tests.compare.test_compare import candidate, hits

TASK = Classify(("no", "yes"))
CONTROL = Entry("full", "b", control="head+full")


def outcome(method: str, right: int, draw: Draw, folder: Path, seconds: float = 1.0) -> Outcome:
    """`right` of a hundred rows."""
    said = tuple(Prediction("yes" if place < right else "no") for place in range(100))
    valid = Answers(tuple(map(str, range(100))), ("yes",) * 100, said)
    return Outcome(Entry(method, "b"), draw, 0, valid, None, {"train_seconds": seconds}, folder)


@pytest.fixture
def draw(reviews: str) -> Draw:
    settings = from_words("compare", {"data": reviews}).run
    return next(draws(gather_pool(settings, Notes()), settings, Notes()))


def test_the_leading_chain_gets_its_best_part_that_trains(draw: Draw, tmp_path: Path) -> None:
    def control(**right: int) -> Entry | None:
        made = [outcome(name.replace("_", "+"), count, draw, tmp_path) for name, count in right.items()]
        return control_of(Done([draw], made), TASK)

    assert control(head=60, full=70, head_full=90) == CONTROL
    assert control(head=80, full=70, head_full=90) == replace(CONTROL, method="head")
    assert control(prompt=80, full=70, full_prompt=90) == replace(CONTROL, control="full+prompt"), "a prompt has no use for time"
    assert control(head=60, full=90, head_full=80) is None, "a chain that does not lead needs none"
    assert control(lora=60, head_full=80) is None, "none of its parts is in the table"
    assert control(head=60, full=88, head_full=90) is None, "two rows of a hundred are no lead: time could change nothing"


def test_its_epochs_fill_the_time_of_the_chain(draw: Draw, tmp_path: Path) -> None:
    steps = [{"kind": "search", "epoch": None}, {"kind": "update", "epoch": 1.5}, {"kind": "update", "epoch": 3.0}]
    (tmp_path / "steps.jsonl").write_text("\n".join(map(json.dumps, steps)) + "\n", encoding="utf-8")
    recipe = from_words("compare", {"data": "rows.csv"}).with_method("full")
    made = [outcome("full", 50, draw, tmp_path, 2.0), outcome("head+full", 50, draw, tmp_path, 5.0)]
    stretched(recipe, CONTROL, made)
    assert recipe.stages[0].values["epochs"] == 8.0, "three epochs in two seconds: five seconds are seven and a half"
    assert recipe.stages[0].values["patience"] == "none", "no early end"


def test_a_chain_that_does_not_beat_its_control_is_not_called_better() -> None:
    parts = [candidate("head", [hits(50)], 5), candidate("full", [hits(60)], 10)]
    chain = candidate("head+full", [hits(95)], 10)

    def text(right: int) -> str:
        control = candidate("full", [hits(right)], 10)
        control = replace(control, valid=replace(control.valid, entry=CONTROL))
        verdict = decide([*parts, chain], [], "accuracy", [control])
        assert verdict["method"] == "head+full" and verdict["tied"] == [], "a control is never shipped, nor tied with"
        return str(verdict["text"])

    assert "better than its part full [as long as head+full]" in text(94)
    assert "better than its part full [as long as head+full]" in text(100), "worse than its control is not better than it"
    assert "It beats each of its parts and the best of them given the same time" in text(60)
    assert "whether more time would have done the same was not tried" in str(decide([*parts, chain], [], "accuracy")["text"])
    assert "full took no part" in str(decide([parts[0], chain], [], "accuracy")["text"])


def test_a_control_is_run_on_the_same_draws_and_reported(
    base: str, reviews: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = replace(CONTROL, base=base)
    monkeypatch.setattr(protocol, "control_of", lambda done, task: mine)
    found = joyul.compare(data=reviews, base=base, methods=["full", "head+full"], epochs=1, draws=2, out=str(tmp_path / "c"))
    row = next(row for row in found.record["methods"] if row["control"])
    assert row["name"] == "full [as long as head+full]" and len(row["scores"]) == 2
    assert {mine.name} < {pair["first"] for pair in found.record["differences"]} | {pair["second"] for pair in found.record["differences"]}
    recipe = (tmp_path / "c/methods" / mine.folder / "draw-1/recipe.yaml").read_text(encoding="utf-8")
    assert "control: head+full" in recipe and np.isfinite(row["score"])
    assert mine.name in (tmp_path / "c/report.html").read_text(encoding="utf-8")
