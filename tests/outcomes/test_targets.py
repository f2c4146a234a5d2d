"""Several labels, numbers and tags that do not say what they should, and settings that do not fit them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.outcomes.desk import GOOD, ROWS, Desk, Outcome, table

FAST = "base=bert epochs=1 batch_size=8 precision=fp32"
NUMBERS = table([(text, f"{place % 6}.5") for place, (text, _) in enumerate(ROWS)], "text,score")
SETS = [*([label, text.split()[0]] for text, label in ROWS)]
MANY = table([(text, ";".join(found)) for (text, _), found in zip(ROWS, SETS, strict=True)])


def lines(rows: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def tagged(*changed: dict[str, Any]) -> str:
    """Words with a tag each; some rows changed."""
    rows: list[dict[str, Any]] = [
        {"tokens": text.split(), "tags": ["B-W" if word in ("film", "story") else "O" for word in text.split()]} for text, _ in ROWS
    ]
    for place, change in enumerate(changed):
        rows[place] |= change
    return lines(rows)


def listed(*changed: Any) -> str:
    """Lists of labels; some rows changed."""
    targets = [*changed, *SETS[len(changed) :]]
    return lines([{"text": text, "labels": found} for (text, _), found in zip(ROWS, targets, strict=True)])


def number(value: str, place: int = 2) -> str:
    """Numbers, but for one row."""
    rows = [line.rsplit(",", 1) for line in NUMBERS.splitlines()]
    rows[place][1] = value
    return "\n".join(",".join(row) for row in rows) + "\n"


def metrics(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "out" / "metrics.json").read_text())
    return found


def threshold_stands(folder: Path) -> None:
    assert "threshold: 0." in (folder / "out" / "prompt.yaml").read_text()
    assert {"sensitivity", "specificity", "auc", "ece"} <= metrics(folder)["scores"]["valid"].keys()


def withheld(folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / "out" / "predictions.jsonl").read_text().splitlines()]
    assert rows and all(row["prediction"] is None and row["score"] > 0.4 for row in rows)
    assert metrics(folder)["scores"]["test"]["coverage"]["value"] == 0.0


def refused(name: str, command: str, said: str | tuple[str, ...], files: dict[str, str], status: int = 1) -> Outcome:
    return Outcome(name, "refused", f"train {command} {FAST}", (said,) if isinstance(said, str) else said, dict(files), status)


OUTCOMES = [
    refused("word among numbers", "r.csv task=regress", "r.csv, row 2: a number is needed here, not 'good'.", {"r.csv": number("good")}),
    refused("decimal comma", 'r.csv task=regress', "row 2: a number is needed here, and '2,5' has a comma.", {"r.csv": number('"2,5"')}),
    refused("NaN among numbers", "r.csv task=regress", "row 2: 'nan' is no number to learn. Leave the cell empty", {"r.csv": number("nan")}),
    refused("infinite number", "r.csv task=regress", "row 2: '1e999' is no number to learn.", {"r.csv": number("1e999")}),
    refused("one number everywhere", "r.csv", "every row has the number 3: there is nothing to learn.",
            {"r.csv": table([(text, "3") for text, _ in ROWS], "text,score")}),
    refused("words called numbers", "r.csv task=regress", "no training row has a number as its target.", {"r.csv": GOOD}),
    refused("number outside the scale", "r.csv bounds=0,5", "5.5 lies outside bounds=0,5.", {"r.csv": NUMBERS}),
    refused("scale upside down", "r.csv bounds=5,0", "bounds= takes two numbers, the lower one first", {"r.csv": NUMBERS}, 2),
    refused("scale of labels", "r.csv bounds=0,1", "bounds= has no meaning here: the task is classify, and its targets are one label a row.",
            {"r.csv": GOOD}, 2),
    refused("labels of numbers", "r.csv task=regress labels=a,b", "labels= has no meaning here: the task is regress", {"r.csv": NUMBERS}, 2),
    refused("smoothed numbers", "r.csv label_smoothing=0.1", "label_smoothing= has no meaning here", {"r.csv": NUMBERS}, 2),
    refused("balanced tags", "r.jsonl class_weights=balanced", "class_weights= has no meaning here", {"r.jsonl": tagged()}, 2),
    refused("template around tags", "r.jsonl template={text}!", "tags belong to the words of the text itself", {"r.jsonl": tagged()}, 2),
    refused("fewer tags than words", "r.jsonl", "r.jsonl, row 2: 2 tags for 3 words.", {"r.jsonl": tagged({}, {"tags": ["O", "O"]})}),
    refused("fewer tags than characters", "r.jsonl", "row 3: 2 tags for 4 characters (spaces count).",
            {"r.jsonl": lines([{"text": "good", "tags": ["B-X", "O", "O", "O"]}] * 2 + [{"text": "poor", "tags": ["O", "O"]}]
                              + [{"text": "fine", "tags": ["O"] * 4}] * 9)}),
    refused("tag unknown in the test file", "r.jsonl test=t.jsonl",
            ("t.jsonl, row 1: tag 1 is 'B-V', which is not one of B-W, O.", "Did you mean 'B-W'?"),
            {"r.jsonl": tagged(), "t.jsonl": tagged({"tags": ["B-V", "O", "O"]})}),
    refused("tag that is nothing", "r.jsonl", "r.jsonl, row 1: tag 2 is 'None', which is not one of", {"r.jsonl": tagged({"tags": ["O", None, "O"]})}),
    refused("one tag everywhere", "r.jsonl", "tag needs at least two tags, but every word has 'O'.",
            {"r.jsonl": lines([{"tokens": text.split(), "tags": ["O"] * 3} for text, _ in ROWS])}),
    refused("tags in one text", "r.csv task=tag label=label", "are one text. Give them as a list", {"r.csv": GOOD}),
    refused("empty label in a list", "r.jsonl", "r.jsonl, row 1: the list of labels has an empty label in it.", {"r.jsonl": listed(["yes", ""])}),
    refused("unknown label in a list", "r.jsonl test=t.jsonl", ("t.jsonl, row 1: label 'yess'", "Did you mean 'yes'?"),
            {"r.jsonl": listed(), "t.jsonl": listed(["yess"])}),
    refused("separator inside a label", "r.csv separator=; labels=yes;no,the,a,i,liked",
            "the label 'yes;no' of labels= holds the separator ';'.", {"r.csv": MANY}, 2),
    refused("separator of lists", "r.jsonl separator=;", "the column 'labels' holds lists already. Leave separator= out.", {"r.jsonl": listed()}),
    refused("separator of numbers", "r.csv separator=;", "separator= has no meaning here: the task is regress", {"r.csv": NUMBERS}, 2),
    refused("one text where lists were learned", "r.jsonl test=t.csv", ("t.csv, row 1: the target 'yes' is one text", "separator="),
            {"r.jsonl": listed(), "t.csv": GOOD.replace("text,label", "text,labels")}),
    refused("operating point of three labels", "r.csv operating_point=sensitivity=0.9", "need exactly two labels; these are maybe, no, yes.",
            {"r.csv": table([*ROWS, ("good", "maybe"), ("bad", "maybe")])}, 2),
    refused("operating point that is none", "r.csv operating_point=sensitivty=0.9", "Did you mean 'sensitivity'?", {"r.csv": GOOD}, 2),
    refused("operating point without validation", "r.csv operating_point=specificity=0.9 valid=none",
            "an operating point is chosen on validation rows, and there are none.", {"r.csv": GOOD}),
    refused("positive label that is none", "r.csv positive=yess", ("positive=yess is not one of the labels", "Did you mean 'yes'?"), {"r.csv": GOOD}, 2),
    refused("abstaining tags", "r.jsonl abstain=0.5", "abstain= has no meaning here: the task is tag", {"r.jsonl": tagged()}, 2),
    Outcome("abstain above one", "refused", f"train r.csv abstain=1.5 {FAST}", ("abstain=1.5 cannot be used. Allowed: a number",), status=2),
    Outcome("rows without any label", "mended and listed", f"train r.jsonl {FAST} out=out",
            ("r.jsonl: 2 rows have an empty list: none of the labels holds for them: 1, 2.",), {"r.jsonl": listed([], [])}),
    Outcome("single labels in lists", "read and said", f"train r.jsonl {FAST} out=out", ("no row has more than one label.",),
            {"r.jsonl": listed(*[[label] for _, label in ROWS])}),
    Outcome("label twice in a cell", "mended and listed", f"train r.csv separator=; {FAST} out=out",
            ("r.csv: a label stands twice in 1 row; it counts once: 1.",),
            {"r.csv": MANY.replace("yes;the\n", "yes; the ;yes\n", 1)}),
    Outcome("entities that begin with I", "read and said", f"train r.jsonl valid=none test=none {FAST} out=out",
            ("r.jsonl: in 1 row an entity begins with I- or E-; it counts as its beginning, as conlleval has it: 1.",),
            {"r.jsonl": tagged({"tags": ["O", "I-W", "B-W"]})}),
    Outcome("operating point reached", "read and said", f"train r.csv valid=0.25 operating_point=sensitivity=0.9 {FAST} out=out",
            ("validation rows: positive: yes, threshold:",), {"r.csv": GOOD}, then=threshold_stands),
    Outcome("every answer withheld", "read and said", f"train r.csv abstain=0.99 {FAST} out=out", (), {"r.csv": GOOD},
            shown=("coverage",), unsaid=("gives no number",), then=withheld),
]  # fmt: skip


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.name)
def test_outcome(outcome: Outcome, desk: Desk) -> None:
    desk.check(outcome)
