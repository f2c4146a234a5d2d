"""Rows, labels and columns that do not say what they should."""

from __future__ import annotations

import json
import unicodedata

import pytest

from tests.outcomes.desk import GOOD, ROWS, Desk, Outcome, table
from tests.outcomes.test_files import KOREAN, TRAIN, complete

GAPS = table([*ROWS, ("", "yes"), ("good", ""), ("  ", "no")])
MIXED = table(
    [("the good film 영화 정말", "yes"), ("the bad film and a dull plot", "no"), ("a good film and fine story", "yes")] * 8
)
UNLABELLED = "text\ngood\nbad\n"

LISTED = "".join(json.dumps({"text": text, "label": [label]}) + "\n" for text, label in ROWS)
SPLIT_UP = "".join(json.dumps({"text": text.split(), "label": label}) + "\n" for text, label in ROWS)

OUTCOMES = [
    Outcome(
        "lists of labels in the test file alone",
        "refused",
        "train r.jsonl base=bert test=t.jsonl",
        ("t.jsonl, row 1: the target is a list, but the training rows have one label each.",),
        {"r.jsonl": "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in ROWS), "t.jsonl": LISTED},
        status=1,
    ),
    Outcome(
        "lists of texts",
        "refused",
        "train r.jsonl base=bert task=classify",
        ("r.jsonl, row 1: the text is a list of texts; join it into one text first.",),
        {"r.jsonl": SPLIT_UP},
        status=1,
    ),
    Outcome(
        "lists of texts at predict",
        "refused",
        "predict run data=r.jsonl",
        ("r.jsonl:1: the text is a list of texts",),
        {"r.jsonl": SPLIT_UP},
        status=1,
    ),
    Outcome(
        "one class only",
        "refused",
        TRAIN,
        ("classify needs at least two labels, but every row has 'yes'.",),
        {"r.csv": table([(text, "yes") for text, _ in ROWS])},
        status=1,
    ),
    Outcome(
        "class of one row",
        "read and said",
        TRAIN,
        ("Classes of one row stay in the training part: maybe.",),
        {"r.csv": table([*ROWS, ("the end", "maybe")])},
        then=complete,
    ),
    Outcome(
        "label unknown in the test file",
        "refused",
        f"{TRAIN} test=t.csv",
        ("t.csv, row 2: label 'yess' is not one of no, yes. Did you mean 'yes'?",),
        {"r.csv": GOOD, "t.csv": table([("bad", "no"), ("good", "yess")])},
        status=1,
    ),
    Outcome(
        "label unknown in the validation file",
        "refused",
        f"{TRAIN} valid=v.csv",
        ("v.csv, row 1: label 'No' is not one of no, yes. Did you mean 'no'?",),
        {"r.csv": GOOD, "v.csv": table([("bad", "No"), ("good", "yes")])},
        status=1,
    ),
    Outcome(
        "labels in a file of their own",
        "read and said",
        "train r.csv labels=l.csv base=bert epochs=1",
        ("l.csv: the labels of 23 rows (label) are joined by id.", "r.csv: 1 row without a value in 'label' is left out: 24."),
        {
            "r.csv": table([(str(number), text) for number, (text, _) in enumerate(ROWS)], header="id,text"),
            "l.csv": table([(str(number), label) for number, (_, label) in enumerate(ROWS[:23])], header="id,label"),
        },
        then=complete,
    ),
    Outcome(
        "labels without their rows",
        "refused",
        "train labels=r.csv base=bert",
        ("'r.csv' tells the labels of the rows of data=: give data=FILE too. If it holds the texts, it is data=r.csv.",),
        status=2,
    ),
    Outcome(
        "label outside labels=",
        "refused",
        f"{TRAIN} labels=yes,on",
        ("r.csv, row 2: label 'no' is not one of yes, on.",),
        status=1,
    ),
    Outcome(
        "missing column label=",
        "refused",
        f"{TRAIN} label=lable",
        ("r.csv: there is no column 'lable'; the columns are text, label. Did you mean 'label'?",),
        status=1,
    ),
    Outcome(
        "missing column text=",
        "refused",
        f"{TRAIN} text=txt",
        ("r.csv: there is no column 'txt'; the columns are text, label. Did you mean 'text'?",),
        status=1,
    ),
    Outcome(
        "test file without the label column",
        "refused",
        f"{TRAIN} test=t.csv",
        ("t.csv: there is no column 'label'; the columns are text.",),
        {"r.csv": GOOD, "t.csv": UNLABELLED},
        status=1,
    ),
    Outcome(
        "one column for two roles",
        "refused",
        f"{TRAIN} text=label label=label",
        ("r.csv: the column 'label' is named twice.",),
        status=1,
    ),
    Outcome(
        "columns without a role",
        "refused",
        TRAIN,
        ("r.csv: no rule says what the columns foo, bar, baz are for.", "text=COLUMN label=COLUMN"),
        {"r.csv": table([("a", "b", "c"), ("d", "e", "f")], header="foo,bar,baz")},
        status=1,
    ),
    Outcome(
        "task that is not built",
        "refused",
        TRAIN,
        ("this looks like task=translate", "It trains: classify, regress, tag", "label=COLUMN"),
        {"r.csv": table([(text, f"{text} {number}") for number, (text, _) in enumerate(ROWS)], header="en,ko")},
        status=1,
    ),
    Outcome(
        "no labels",
        "refused",
        f"{TRAIN} task=classify",
        ("r.csv: task=classify needs a column for label", "Name it: label=COLUMN."),
        {"r.csv": UNLABELLED},
        status=1,
    ),
    Outcome(
        "rows without text or label",
        "mended and listed",
        TRAIN,
        ("r.csv: 2 rows without text are left out: 25, 27.", "r.csv: 1 row without a value in 'label' is left out: 26."),
        {"r.csv": GAPS},
        then=complete,
    ),
    Outcome(
        "no row that can be used",
        "refused",
        TRAIN,
        ("r.csv: no row can be used.",),
        {"r.csv": table([("", "yes"), ("", "no")])},
        status=1,
    ),
    Outcome(
        "decomposed Hangul",
        "mended and listed",
        f"{TRAIN} allow_unknown=yes",
        ("24 rows hold decomposed (NFD) characters; they are used composed",),
        {"r.csv": unicodedata.normalize("NFD", KOREAN)},
        then=complete,
    ),
    Outcome(
        "rows longer than max_length",
        "mended and listed",
        f"{TRAIN} max_length=5",
        ("7 of 20 rows are longer than max_length=5 (longest: 7 tokens) and are cut: r.csv:18, r.csv:19,",),
        then=complete,
    ),
    Outcome(
        "base that knows none of the text",
        "refused",
        TRAIN,
        (
            "100% of the tokens are unknown to bert: it cannot read this text.",
            "Take a base for this language, or allow_unknown=yes.",
        ),
        {"r.csv": KOREAN},
        status=1,
    ),
    Outcome(
        "unknown text allowed",
        "read and said",
        f"{TRAIN} allow_unknown=yes",
        ("100% of the tokens are unknown to bert: it may not know this language.",),
        {"r.csv": KOREAN},
        then=complete,
    ),
    Outcome(
        "some unknown words", "read and said", TRAIN, ("% of the tokens are unknown to bert",), {"r.csv": MIXED}, then=complete
    ),
    Outcome(
        "fewer rows than shots",
        "read and said",
        f"{TRAIN} shots=99",
        ("shots=99: the class 'yes' has only 11 rows.",),
        then=complete,
    ),
    Outcome("one shot", "read and said", f"{TRAIN} shots=1", ("shots=1 leaves no row to validate on.",), then=complete),
    Outcome(
        "rows too few to split",
        "refused",
        f"{TRAIN}",
        ("2 rows cannot be split. Give more rows, or test=none.",),
        {"r.csv": table([("good", "yes"), ("bad", "no")])},
        status=1,
    ),
    Outcome(
        "share out of bounds",
        "refused",
        f"{TRAIN} valid=0.9",
        ("valid=0.9 is neither a file nor a share. Give a file, a number above 0 and at most 0.5, or none.",),
        status=2,
    ),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.name)
def test_outcome(desk: Desk, outcome: Outcome) -> None:
    desk.check(outcome)
