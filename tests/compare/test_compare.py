"""A comparison, its verdict, and what it does with a method that fails."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

import joyul
from joyul.compare.verdict import Candidate, decide
from joyul.engine import loop
from joyul.errors import UsageError
from joyul.signals import Interrupted
from joyul.state import condition
from tests import forks, tiny


def test_the_winner_is_chosen_on_validation_rows_and_ties_are_named() -> None:
    right = [True] * 90 + [False] * 10
    worse = [True] * 50 + [False] * 50
    candidates = [
        Candidate("head", 0.50, worse, 10, {"score": 0.99}), Candidate("full", 0.90, right, 1000, {"score": 0.70}),
        Candidate("small", 0.90, right, 5, {"score": 0.70}),
    ]  # fmt: skip
    verdict = decide(candidates, {"method": "tfidf", "score": 0.71}, "accuracy")
    assert verdict["method"] == "small", "of two equals the one with fewer trained parameters; test scores have no say"
    assert verdict["tied"] == ["full"]
    assert "full cannot be told apart from small on 100 rows" in verdict["text"]
    assert "tfidf, which needs no model, scores 0.710" in verdict["text"]


def test_compare_writes_a_table_a_verdict_and_the_winner(base: str, reviews: str, tmp_path: Path) -> None:
    found = joyul.compare(
        data=reviews, base=base, methods=["prompt", "head", "full"], out=str(tmp_path / "c"), full__epochs=8, learning_rate=5e-3
    )
    record = json.loads((tmp_path / "c" / "comparison.json").read_text(encoding="utf-8"))
    assert record == json.loads(json.dumps(found.record))
    assert [row["method"] for row in record["methods"]] == ["majority", "tfidf", "prompt", "head", "full"]
    assert {"method", "score", "interval", "train_seconds", "peak_memory", "bytes", "trainable", "row_seconds", "error"} <= set(
        record["methods"][-1]
    )
    winner = record["verdict"]["method"]
    assert winner in ("prompt", "head", "full")
    best = joyul.load(found.best)
    lines = [json.loads(line) for line in (found.best / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == record["rows"]["test"] == 8
    assert best.predict(["the good film"])[0].value in ("yes", "no")
    score = sum(line["target"] == line["prediction"] for line in lines) / len(lines)
    assert next(row for row in record["methods"] if row["method"] == winner)["score"] == pytest.approx(score)


def test_a_method_that_fails_stands_in_the_table_with_its_reason(base: str, reviews: str, tmp_path: Path) -> None:
    found = joyul.compare(data=reviews, base=base, form="similarity", methods=["prompt", "head"], out=str(tmp_path / "c"))
    head = found.record["methods"][-1]
    assert head["score"] is None
    assert "similarity has none" in head["error"]
    assert found.record["verdict"]["method"] == "prompt"


def test_a_setting_that_no_method_takes_is_refused_before_any_work(base: str, reviews: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no stage of prompt takes epochs"):
        joyul.compare(data=reviews, base=base, methods=["prompt"], epochs=2, out=str(tmp_path / "c"))
    assert not (tmp_path / "c").exists()


def test_what_does_not_fit_is_left_out_unless_asked_for(reviews: str, tmp_path: Path) -> None:
    decoder = tiny.save(tmp_path / "gpt2", "gpt2")
    found = joyul.compare(data=reviews, base=decoder, out=str(tmp_path / "c"), epochs=1)
    assert [row["method"] for row in found.record["methods"]] == ["majority", "tfidf", "head", "layers", "lora", "full"]
    assert all(row["error"] is None for row in found.record["methods"])


def test_an_interrupted_comparison_goes_on_where_it_stood(
    base: str, reviews: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the second of three methods: the first is kept as it is, the second continued, the table that of a whole one."""
    given = {"base": base, "methods": ["prompt", "head", "full"], "epochs": 1, "precision": "fp32", "batch_size": 16}
    whole = joyul.compare(reviews, out=str(tmp_path / "whole"), **given)
    really, calls = loop._update, 0

    def stopped(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Interrupted(signal.SIGTERM)
        return really(*arguments)

    monkeypatch.setattr(loop, "_update", stopped)
    with pytest.raises(Interrupted):
        joyul.compare(reviews, out=str(tmp_path / "c"), **given)
    assert condition(tmp_path / "c") == "interrupted"
    finished = tmp_path / "c/methods/prompt/metrics.json"
    before = finished.stat().st_mtime_ns
    again = joyul.compare(tmp_path / "c")
    assert finished.stat().st_mtime_ns == before
    assert calls == 3 + len(forks.steps(tmp_path / "whole/methods/full")) + len(forks.steps(tmp_path / "whole/methods/head")) - 2
    keys = ("method", "score", "valid_score", "trainable", "error", "diagnosis")
    tables = [[[row.get(key) for key in keys] for row in found.record["methods"]] for found in (again, whole)]
    assert tables[0] == tables[1]
    assert again.record["verdict"] == whole.record["verdict"]
    assert forks.kept(again.best) == forks.kept(whole.best)
    assert sorted(path.name for path in again.folder.iterdir()) == sorted(path.name for path in whole.folder.iterdir())
    assert condition(again.folder) == "ended"
