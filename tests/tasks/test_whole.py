"""Several labels, numbers and tags from a file to a file: train, open, predict, score by group, load in stock transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import joyul
from joyul.cli import main

SETTINGS: dict[str, Any] = {"epochs": 6, "learning_rate": 5e-3, "batch_size": 16, "precision": "fp32", "valid": 0.2, "test": 0.2}
WORDS = ("good", "bad", "film")


def targets(text: str) -> dict[str, Any]:
    words = text.split()
    return {
        "labels": [word for word in WORDS if word in words],
        "score": str(float(len(words))),
        "tags": ["B-W" if word in WORDS else "O" for word in words],
    }


@pytest.mark.parametrize(("key", "kind"), [("labels", list), ("score", float), ("tags", list)])
def test_from_file_to_file(key: str, kind: type, base: str, rows: list[tuple[str, str]], tmp_path: Path) -> None:
    data, blank = tmp_path / "rows.jsonl", tmp_path / "new.jsonl"
    listed = [{"text": text, key: targets(text)[key], "source": label} for text, label in rows]
    data.write_text("".join(json.dumps(row) + "\n" for row in listed), encoding="utf-8")
    blank.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("a good film", "", "the plot is bad")), encoding="utf-8")
    made = joyul.train(data=str(data), base=base, out=str(tmp_path / "run"), **SETTINGS)
    reason = made.metrics["why_not_plain"]
    assert made.metrics["plain_loadable"] is (reason is None)
    if key == "labels":
        assert "labels hold from probabilities of their own on" in reason
        assert reason.partition(",")[0] in " ".join((made.folder / "README.md").read_text(encoding="utf-8").split())
    else:
        assert reason is None
    told = [json.loads(line) for line in (made.folder / "predictions.jsonl").read_text().splitlines()]
    assert len(told) == made.metrics["rows"]["test"] and all(isinstance(line["prediction"], kind) for line in told)
    scored = joyul.evaluate(made.folder, data=str(data), group="source")
    assert sum(group["rows"] for group in scored["groups"]["scores"].values()) == len(rows)
    worst = min(scored["groups"]["scores"].items(), key=lambda item: item[1]["value"])[0]
    assert scored["groups"]["worst"] == worst
    for cell in scored["scores"].values():
        assert cell["interval"][0] <= cell["interval"][1]
    assert main(["predict", str(made.folder), f"data={blank}", f"out={tmp_path / 'out.jsonl'}"]) == 0
    answers = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [answer["prediction"] is None for answer in answers] == [False, True, False] and answers[1]["error"] == "empty text"
    if key == "tags":
        assert [len(answers[0]["prediction"]), len(answers[2]["prediction"])] == [3, 4]
        assert all(answer["entities"] is not None for answer in answers[::2])
    auto = "AutoModelForTokenClassification" if key == "tags" else "AutoModelForSequenceClassification"
    stock = getattr(transformers, auto).from_pretrained(made.folder / "model").eval()
    inputs = transformers.AutoTokenizer.from_pretrained(made.folder / "model")("a good film", return_tensors="pt")
    opened = made.load()
    with torch.no_grad():
        assert torch.allclose(stock(**inputs).logits, opened.tuned.model.eval()(**inputs).logits, atol=1e-6)
    names = [stock.config.id2label[index] for index in range(stock.config.num_labels)]
    assert names == list(opened.form.setting.task.labels) if key != "score" else stock.config.problem_type == "regression"
