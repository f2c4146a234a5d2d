"""First stages that several methods of a comparison train alike are trained once, and come out as if each had done it alone."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import joyul
from joyul.compare import protocol
from joyul.compare.plan import shared
from joyul.engine import loop
from joyul.engine.trunk import Trunk
from tests import forks
from tests.conftest import write_csv

GIVEN = {"epochs": 2, "precision": "fp32", "batch_size": 16, "learning_rate": 0.01}


def counting(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The updates of each method from now on."""
    done: Counter[str] = Counter()
    really = loop._update

    def counted(*arguments: Any) -> Any:
        done[arguments[4].method] += 1
        return really(*arguments)

    monkeypatch.setattr(loop, "_update", counted)
    return done


def test_only_what_is_trained_and_used_twice_is_kept() -> None:
    assert shared(["prompt", "head", "full", "full+soft_prompt"]) == {("full",)}
    assert shared(["full+soft_prompt", "full+prompt"]) == {("full",)}, "two chains may share what is not asked for by itself"
    assert shared(["head", "full+soft_prompt", "lora"]) == set()
    assert shared(["prompt", "prompt+soft_prompt"]) == set(), "a search hangs on how much room a text has"
    assert shared(["head+full", "head+full+soft_prompt", "head"]) == {("head",), ("head", "full")}


def test_a_chain_takes_its_first_stages_from_who_had_them(
    base: str, reviews: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = ["full", "full+soft_prompt", "lora", "lora+full", "lora+full+soft_prompt"]
    done = counting(monkeypatch)
    found = joyul.compare(reviews, base=base, methods=methods, out=str(tmp_path / "c"), **GIVEN)
    updates = len(forks.steps(tmp_path / "c/methods/lora"))
    assert done == {"full": 2 * updates, "lora": updates, "soft_prompt": 2 * updates}, "alone: three times full, three times lora"
    monkeypatch.undo()
    for row in (row for row in found.record["methods"] if row["method"] in methods):
        alone = joyul.train(reviews, base=base, method=row["method"], out=str(tmp_path / row["method"]), **GIVEN)
        mine = tmp_path / "c/methods" / row["method"]
        assert forks.kept(mine) == forks.kept(alone.folder), row["method"]
        assert forks.steps(mine) == forks.steps(alone.folder), row["method"]
        assert row["trainable"] == alone.metrics["trainable"]
    costs = {row["method"]: row for row in found.record["methods"]}
    assert costs["full+soft_prompt"]["train_seconds"] > costs["full"]["train_seconds"] * 0.9, "what was taken is counted"
    assert costs["full+soft_prompt"]["peak_memory"] >= costs["full"]["peak_memory"]


def test_a_row_that_is_cut_elsewhere_is_another_row(
    base: str, rows: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In front of a prompt a text has less room: where that cuts one, the chain trains by itself."""
    long = write_csv(tmp_path / "long.csv", [("text", "label"), *((" ".join([text] * 40), label) for text, label in rows)])
    done = counting(monkeypatch)
    joyul.compare(long, base=base, methods=["full", "full+soft_prompt"], out=str(tmp_path / "c"), **GIVEN)
    assert done["full"] == 2 * done["soft_prompt"]


def test_test_rows_pass_the_frozen_layers_once_for_all_methods_and_draws(
    base: str, reviews: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers are those of each run by itself; what a row costs is timed on the way everybody else goes."""
    given = {**GIVEN, "base": base, "methods": ["full", "head", "layers"], "draws": 2, "shots": 8}
    computed: list[tuple[int, int, int]] = []
    really = Trunk.capture

    def counted(trunk: Trunk, form: Any, rows: Any, store: Any, *others: Any) -> None:
        computed.append((trunk.height, len(rows), sum(row.id not in store for row in rows)))
        really(trunk, form, rows, store, *others)

    monkeypatch.setattr(Trunk, "capture", counted)
    shared = joyul.compare(reviews, out=str(tmp_path / "shared"), **given)
    tested = len(read_lines(next((tmp_path / "shared").rglob("predictions.jsonl"))))
    captured = Counter(height for height, rows, missing in computed if rows == tested and missing)
    assert sorted(captured.values()) == [1, 1], "once below the head, once below the layers that move"
    assert sum(rows == tested for _, rows, _ in computed) == 2 * 3, "the frozen base takes what the head had"
    monkeypatch.setattr(protocol, "Stores", lambda folder: None)
    joyul.compare(reviews, out=str(tmp_path / "alone"), **given)
    folders = sorted(path.parent.relative_to(tmp_path / "shared") for path in (tmp_path / "shared").rglob("predictions.jsonl"))
    assert len(folders) >= 2 * 4, "three methods and the frozen base on two draws"
    for folder in folders:
        mine, plain = (read_lines(tmp_path / name / folder / "predictions.jsonl") for name in ("shared", "alone"))
        assert [line["prediction"] for line in mine] == [line["prediction"] for line in plain], folder
        for one, other in zip(mine, plain, strict=True):
            assert one["scores"] == pytest.approx(other["scores"], abs=1e-5), folder
    assert all(row["row_seconds"] > 0 for row in shared.record["methods"])


def test_a_text_is_embedded_once_for_the_prompts_of_all_draws(
    base: str, reviews: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another draw may choose another prompt; the states of the text are the same, and so are the answers."""
    given = {"base": base, "methods": ["prompt"], "form": "similarity", "demonstrations": 4, "draws": 3, "shots": 8}
    computed: list[tuple[int, int]] = []
    really = Trunk.capture

    def counted(trunk: Trunk, form: Any, rows: Any, store: Any, *others: Any) -> None:
        computed.append((len(rows), sum(row.id not in store for row in rows)))
        really(trunk, form, rows, store, *others)

    joyul.compare(reviews, out=str(tmp_path / "alone"), **given)
    monkeypatch.setattr(Trunk, "capture", counted)
    joyul.compare(reviews, out=str(tmp_path / "shared"), **given)
    files = [tmp_path / "shared/methods/prompt" / f"draw-{number}-shots-8" / "predictions.jsonl" for number in (1, 2, 3)]
    tested = len(read_lines(files[0]))
    taken = {json.dumps(json.loads((file.parent / "metrics.json").read_text(encoding="utf-8"))["search"]) for file in files}
    assert len(taken) == 3, "each draw shows rows of its own"
    assert [missing for rows, missing in computed if rows == tested] == [tested, 0, 0]
    for file in files:
        mine, plain = read_lines(file), read_lines(tmp_path / "alone" / file.relative_to(tmp_path / "shared"))
        for one, other in zip(mine, plain, strict=True):
            assert one["scores"] == pytest.approx(other["scores"], abs=1e-5), file


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
