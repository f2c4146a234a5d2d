"""`predict` and `eval`: results that cannot be opened, files that would be harmed, rows without an answer."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from joyul.cli import main
from tests.outcomes.desk import GOOD, Desk, Outcome, table

Prepare = Callable[[Path, pytest.MonkeyPatch], None]


def edited(before: str, after: str) -> Prepare:
    """A copy of the run whose prompt.yaml somebody edited."""

    def given(folder: Path, patch: pytest.MonkeyPatch) -> None:
        file = Path(shutil.copytree(folder / "run", folder / "mine")) / "prompt.yaml"
        text = file.read_text(encoding="utf-8")
        assert before in text
        file.write_text(text.replace(before, after), encoding="utf-8")

    return given


def same_words(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """A zero-shot run in which two labels were given the same words."""
    assert main(["train", "labels=good,bad", "label_words=good=good,bad=bad", "base=bert", "method=prompt", "out=mine"]) == 0
    file = folder / "mine/prompt.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("- good\n  bad:", "- bad\n  bad:"), encoding="utf-8")


def foreign_input(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Standard input in CP949."""
    (folder / "cp949.txt").write_bytes("좋다\n".encode("cp949"))
    patch.setattr("sys.stdin", open(folder / "cp949.txt", encoding="utf-8"))  # noqa: SIM115 - read by the command


def cells(folder: Path, name: str = "o.csv") -> list[list[str]]:
    with open(folder / name, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def one_line_a_row(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "o.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == ["in.csv:1", "in.csv:2", "in.csv:3"]
    assert lines[1] == {"id": "in.csv:2", "prediction": None, "score": None, "error": "empty text"}
    assert all(lines[place]["prediction"] in ("yes", "no") for place in (0, 2))


def own_columns_kept(folder: Path) -> None:
    assert cells(folder)[0] == ["text", "prediction", "id", "prediction_joyul", "score", "error"]
    assert [row[1] for row in cells(folder)[1:]] == ["x", "y"]


def formula_is_text(folder: Path) -> None:
    from openpyxl import load_workbook

    rows = list(load_workbook(folder / "o.xlsx").active.iter_rows())
    assert [(cell.value, cell.data_type) for cell in (rows[1][0], rows[2][0])] == [("=1+1", "s"), ("goodfilm", "s")]


OUTCOMES = [
    Outcome("predict with no result", "refused", "predict", ("which result? joyul predict RUN ...",), status=2),
    Outcome(
        "predict on what is no run",
        "refused",
        "predict rnu good",
        ("rnu is not a run folder (no recipe.yaml).", "Did you mean 'run'?"),
        status=2,
    ),
    Outcome(
        "predict on a run that did not end",
        "refused",
        "predict half good",
        ("half: this run did not end, so there is no result to open. To go on with it:  joyul train half",),
        {"half/recipe.yaml": "base: bert\n"},
        status=1,
    ),
    Outcome(
        "broken prompt.yaml",
        "refused",
        "predict mine good",
        ("mine/prompt.yaml: this is not a Form as Joyul writes it (", "Undo the edit"),
        status=1,
        given=edited("form: default", "form: [default"),
    ),
    Outcome(
        "prompt.yaml with an unknown form",
        "refused",
        "predict mine good",
        ("mine/prompt.yaml: this is not a Form", "'defualt'"),
        status=1,
        given=edited("form: default", "form: defualt"),
    ),
    Outcome(
        "prompt.yaml with an unknown slot",
        "refused",
        "predict mine good",
        ("template '{texts}' has the slot 'texts'", "Did you mean 'text'?"),
        status=2,
        given=edited("{text}", "{texts}"),
    ),
    Outcome(
        "two labels with the same words",
        "refused",
        "predict mine good",
        ("the labels 'good' and 'bad' have the same word",),
        status=2,
        given=same_words,
    ),
    Outcome(
        "predictions over an existing file",
        "refused",
        "predict run data=r.csv out=o.csv",
        ("o.csv exists already and is kept. Take another out=, or add overwrite=yes.",),
        {"r.csv": GOOD, "o.csv": "mine"},
        status=2,
    ),
    Outcome(
        "predictions over the input",
        "refused",
        "predict run data=r.csv out=./r.csv overwrite=yes",
        ("./r.csv is the input itself, which is never written over. Take another out=.",),
        status=2,
    ),
    Outcome(
        "unknown kind of predictions",
        "refused",
        "predict run data=r.csv out=o.cvs",
        ("out= must end in one of .csv, .tsv, .xlsx, .jsonl, .ndjson, not '.cvs'. Did you mean '.csv'?",),
        status=2,
    ),
    Outcome(
        "predictions below a file",
        "refused",
        "predict run data=r.csv out=r.csv/o.csv",
        ("r.csv: cannot be written: Not a directory.",),
        status=1,
    ),
    Outcome(
        "predictions of texts to a file",
        "refused",
        "predict run good out=o.csv",
        ("out= takes the predictions of a file: give data=FILE too.",),
        status=2,
    ),
    Outcome(
        "texts beside a file",
        "refused",
        "predict run data=r.csv good",
        ("'good' is one word too many for joyul predict here.",),
        status=2,
    ),
    Outcome(
        "setting of training at predict",
        "refused",
        "predict run epochs=3",
        ("epochs is not a setting of `joyul predict`",),
        status=2,
    ),
    Outcome(
        "standard input in another encoding",
        "refused",
        "predict run",
        ("the text is not in the encoding of this terminal (UTF-8).", "data=FILE"),
        status=1,
        given=foreign_input,
    ),
    Outcome(
        "text that is no text",
        "refused",
        "predict run '\udcff'",
        ("the text is not in the encoding of this terminal (UTF-8).",),
        status=1,
    ),
    Outcome(
        "free text that looks like a setting",
        "read and said",
        "predict run -- 'epochs=3 is good'",
        shown=('{"id": "1", "prediction": "',),
        unsaid=('"id": "2"',),
    ),
    Outcome(
        "empty text",
        "mended and listed",
        "predict run ''",
        shown=('{"id": "1", "prediction": null, "score": null, "error": "empty text"}',),
    ),
    Outcome(
        "empty rows at predict",
        "mended and listed",
        "predict run data=in.csv out=o.jsonl",
        ("3 predictions written to o.jsonl",),
        {"in.csv": 'text\ngood film\n""\nbad film\n'},
        then=one_line_a_row,
    ),
    Outcome(
        "column that is called prediction",
        "read and said",
        "predict run data=r.csv out=o.csv",
        ("2 predictions written to o.csv",),
        {"r.csv": "text,prediction\ngood,x\nbad,y\n"},
        then=own_columns_kept,
    ),
    Outcome(
        "formulas and control characters into xlsx",
        "mended and listed",
        "predict run data=r.csv out=o.xlsx",
        ("2 predictions written",),
        {"r.csv": "text\n=1+1\ngood\x0bfilm\n"},
        then=formula_is_text,
    ),
    Outcome(
        "predictions into a new folder",
        "read and said",
        "predict run data=r.csv out=new/o.csv",
        ("24 predictions written to new/o.csv",),
    ),
    Outcome(
        "column of text missing at predict",
        "refused",
        "predict run data=r.csv",
        ("r.csv: task=classify needs a column for text",),
        {"r.csv": table([("good", "1", "x")], header="foo,bar,baz")},
        status=1,
    ),
    Outcome("eval without data", "refused", "eval run", ("on which rows? joyul eval RUN data=FILE",), status=2),
    Outcome(
        "eval without labels",
        "refused",
        "eval run data=r.csv",
        ("r.csv: task=classify needs a column for label", "Name it: label=COLUMN."),
        {"r.csv": "text\ngood\nbad\n"},
        status=1,
    ),
    Outcome(
        "eval with an unknown label",
        "refused",
        "eval run data=r.csv",
        ("r.csv, row 2: label 'noo' is not one of no, yes. Did you mean 'no'?",),
        {"r.csv": table([("good", "yes"), ("bad", "noo")])},
        status=1,
    ),
    Outcome(
        "eval into a table",
        "refused",
        "eval run data=r.csv out=o.csv",
        ("out= must end in one of .jsonl, .ndjson, not '.csv'.",),
        status=2,
    ),
    Outcome(
        "eval with rows without a label",
        "mended and listed",
        "eval run data=r.csv",
        ("r.csv: 1 row without a value in 'label' is left out: 2.",),
        {"r.csv": table([("good", "yes"), ("bad", ""), ("dull", "no")])},
    ),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.name)
def test_outcome(desk: Desk, outcome: Outcome) -> None:
    desk.check(outcome)
