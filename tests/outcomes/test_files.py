"""Files that are missing, empty, oddly encoded or not quite a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.outcomes.desk import GOOD, Desk, Outcome, table

TRAIN = "train r.csv base=bert epochs=1"
KOREAN = table([("이 영화 정말 좋다", "yes"), ("이 영화 정말 나쁘다", "no")] * 12)
RUN = "runs/r-full"


def complete(folder: Path) -> None:
    """The run ended: it has its metrics."""
    assert (folder / RUN / "metrics.json").is_file()


def in_nested_quotes() -> str:
    return GOOD + '"never closed,yes\ngood,no\n'


OUTCOMES = [
    Outcome(
        "missing file",
        "refused",
        "train data=rr.csv base=bert",
        ("rr.csv: this file does not exist. Did you mean 'r.csv'?",),
        status=1,
    ),
    Outcome(
        "missing validation file",
        "refused",
        "train r.csv valid=v.csv base=bert",
        ("v.csv: this file does not exist. Did you mean 'r.csv'?",),
        status=1,
    ),
    Outcome(
        "one file to validate and to test",
        "refused",
        "train r.csv valid=v.csv test=v.csv base=bert",
        ("valid= and test= are the same file v.csv.", "leave test= out, or give other rows."),
        {"r.csv": GOOD, "v.csv": GOOD},
        status=2,
    ),
    Outcome("empty file", "refused", TRAIN, ("r.csv: the file is empty.",), {"r.csv": ""}, status=1),
    Outcome("blank file", "refused", TRAIN, ("r.csv: the file is empty.",), {"r.csv": "\n \n"}, status=1),
    Outcome(
        "header only",
        "refused",
        TRAIN,
        ("r.csv: there is a header, or nothing, but no row of data.",),
        {"r.csv": "text,label\n"},
        status=1,
    ),
    Outcome(
        "unknown kind of file",
        "refused",
        "train r.docx base=bert",
        ("r.docx: '.docx' is not a kind of file that Joyul reads; it reads .csv, .tsv, .jsonl",),
        {"r.docx": "x"},
        status=1,
    ),
    Outcome(
        "folder of several tables",
        "refused",
        "train data=. base=bert",
        ("Data files in it: a.csv, b.csv. Name one of them.",),
        {"a.csv": GOOD, "b.csv": GOOD},
        status=1,
    ),
    Outcome(
        "data on an unreachable hub",
        "refused",
        "train data=some-org/rows base=bert",
        ("some-org/rows: there is no such file or folder, and the Hugging Face hub did not give a dataset of that name (",),
        status=1,
    ),
    Outcome(
        "cp949",
        "read and said",
        f"{TRAIN} allow_unknown=yes",
        ("r.csv is read as cp949.",),
        {"r.csv": KOREAN.encode("cp949")},
        then=complete,
    ),
    Outcome("utf-16", "read and said", TRAIN, ("r.csv is read as utf-16.",), {"r.csv": GOOD.encode("utf-16")}, then=complete),
    Outcome(
        "byte order mark",
        "read and said",
        TRAIN,
        ("r.csv is read as utf-8-sig.",),
        {"r.csv": GOOD.encode("utf-8-sig")},
        then=complete,
    ),
    Outcome(
        "neither utf-8 nor cp949",
        "refused",
        TRAIN,
        ("r.csv: byte ", "(line 26) cannot be read as UTF-8, CP949. Give the encoding, for example encoding=cp1252"),
        {"r.csv": GOOD.encode() + b"good \xff\xff film,yes\n"},
        status=1,
    ),
    Outcome(
        "wrong encoding named",
        "refused",
        f"{TRAIN} encoding=utf9",
        ("encoding=utf9 is not an encoding;", "Did you mean 'utf-8'?"),
        status=1,
    ),
    Outcome(
        "NUL byte",
        "mended and listed",
        TRAIN,
        ("r.csv: NUL characters were removed", "in 1 row: 5."),
        {"r.csv": GOOD.replace("joy", "j\0oy", 1)},
        then=complete,
    ),
    Outcome(
        "column named twice",
        "refused",
        TRAIN,
        ("r.csv: the column name 'text' stands more than once in the header (columns 1, 2). Rename one of them.",),
        {"r.csv": table(header="text,text")},
        status=1,
    ),
    Outcome(
        "blanks around column names",
        "mended and listed",
        TRAIN,
        ("r.csv: white space or byte order marks were taken off column names: text, label.",),
        {"r.csv": table(header=" text, label")},
        then=complete,
    ),
    Outcome(
        "ragged row",
        "refused",
        TRAIN,
        ("r.csv: the header has 2 fields, but row 25 (line 26) has 3.", "double quotes"),
        {"r.csv": GOOD + "one,two,three\n"},
        status=1,
    ),
    Outcome(
        "quote never closed",
        "refused",
        TRAIN,
        ("r.csv, line 26: a double quote opened", "is never closed"),
        {"r.csv": in_nested_quotes()},
        status=1,
    ),
    Outcome(
        "broken line of JSON",
        "refused",
        "train r.jsonl base=bert",
        ("r.jsonl, line 2: not JSON:",),
        {"r.jsonl": '{"text": "good", "label": "yes"}\n{"text": "bad"\n'},
        status=1,
    ),
    Outcome(
        "file that is not what its name says",
        "refused",
        "train r.parquet base=bert",
        ("r.parquet: the file cannot be read as what its name says (",),
        {"r.parquet": "text,label"},
        status=1,
    ),
    Outcome(
        "Korean messages",
        "refused",
        "train data=rr.csv base=bert lang=ko",
        ("rr.csv: 파일이 없습니다. 'r.csv'을(를) 뜻하셨나요?",),
        status=1,
        unsaid=("does not exist",),
    ),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.name)
def test_outcome(desk: Desk, outcome: Outcome) -> None:
    desk.check(outcome)
