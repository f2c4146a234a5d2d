"""What hurried hands type: files under wrong names, forgotten headers, the same file twice, blanks in paths."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.outcomes.desk import GOOD, ROWS, Desk, Outcome, table
from tests.outcomes.test_files import TRAIN, complete

CASES = table([("the good end", "Yes"), *ROWS[1:]])
LONG = table([*ROWS, ("good " * 30, "yes")])


def typed_in(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr("sys.stdin", io.StringIO("good film\nbad film\n"))


OUTCOMES = [
    Outcome(
        "Excel under the name of csv",
        "refused",
        TRAIN,
        ("r.csv: this is a zip or Excel (.xlsx) file, whatever its name says. Give it its own ending,",),
        {"r.csv": b"PK\x03\x04\x14\x00\x06\x00" + bytes(100)},
        status=1,
    ),
    Outcome(
        "PDF under the name of txt",
        "refused",
        "train r.txt base=bert lang=ko",
        ("r.txt: 이름과 달리 PDF 파일입니다.",),
        {"r.txt": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"},
        status=1,
    ),
    Outcome(
        "file without ending",
        "refused",
        "train reviews base=bert",
        ("reviews: the name has no ending that says what kind of file this is. Give it one of .csv, .tsv,",),
        {"reviews": GOOD},
        status=1,
    ),
    Outcome(
        "no header",
        "refused",
        TRAIN,
        ("r.csv: 'yes' stands in the first row and again below it, so the first row seems to be data.", "text,label"),
        {"r.csv": GOOD.split("\n", 1)[1]},
        status=1,
    ),
    Outcome(
        "test file that is the training file",
        "refused",
        f"{TRAIN} test=./r.csv",
        ("test=./r.csv is the file of the training rows.",),
        status=2,
    ),
    Outcome(
        "validation file that is the training file",
        "refused",
        f"{TRAIN} valid=r.csv",
        ("valid=r.csv is the file of the training rows.",),
        status=2,
    ),
    Outcome(
        "labels that differ in case",
        "read and said",
        TRAIN,
        ("the labels 'Yes', 'yes' differ in case or white space only, and count as different labels.",),
        {"r.csv": CASES},
        then=complete,
    ),
    Outcome(
        "test rows that are cut",
        "read and said",
        f"{TRAIN} test=t.csv max_length=12",
        ("1 of 25 rows are longer than max_length=12 (longest: 32 tokens) and are cut: t.csv:25",),
        {"r.csv": GOOD, "t.csv": LONG},
        then=complete,
    ),
    Outcome(
        "blanks and Hangul in paths",
        "read and said",
        "train '내 파일/리뷰 모음.csv' base=bert epochs=1 out='my runs/하나'",
        ("joyul predict 'my runs/하나' \"a text\"",),
        {"내 파일/리뷰 모음.csv": GOOD},
    ),
    Outcome(
        "Windows line ends", "read and said", TRAIN, ("Rows: 20 to train, 2 to validate",), {"r.csv": GOOD.replace("\n", "\r\n")}
    ),
    Outcome("half an epoch", "read and said", "train r.csv base=bert epochs=0.5", ("epoch 0.5: loss",), then=complete),
    Outcome("an update larger than the data", "read and said", f"{TRAIN} batch_size=1000", ("epoch 1: loss",), then=complete),
    Outcome(
        "a text under the name of a column",
        "refused",
        "predict run text='good film'",
        ("text= names a column of data=. To predict a text, type it behind the run: joyul predict run 'good film'",),
        status=2,
    ),
    Outcome(
        "a hyphen for standard input",
        "read and said",
        "predict run -",
        shown=('{"id": "1", "prediction":', '{"id": "2", "prediction":'),
        given=typed_in,
    ),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.name)
def test_outcome(desk: Desk, outcome: Outcome) -> None:
    desk.check(outcome)
