"""Labels in a file of their own, against joins worked by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from joyul.data.files import SUFFIXES
from joyul.data.gather import Gathered, gather
from joyul.errors import DataError
from joyul.messages import use_language
from joyul.notes import Notes
from joyul.recipe.fields import DATA_SUFFIXES
from joyul.recipe.resolve import from_words
from joyul.recipe.settings import RunSettings

TEXTS = "id,text\n7,good\n8,bad\n9,fine\n10,dull\n"


@pytest.fixture(autouse=True)
def english():
    use_language("en")
    yield
    use_language(None)


def gathered(folder: Path, labels: str, texts: str = TEXTS, notes: Notes | None = None, name: str = "labels.csv", **more: str) -> Gathered:
    (folder / "texts.csv").write_text(texts, encoding="utf-8")
    (folder / name).write_text(labels, encoding="utf-8")
    words = {"data": str(folder / "texts.csv"), "labels": str(folder / name), "valid": "none", "test": "none", **more}
    return gather(from_words("train", words).run, notes or Notes())


def rows(found: Gathered) -> list[tuple[str, str]]:
    return [(example.inputs["text"], example.target) for example in found.splits.train]


def test_what_is_a_file_of_labels():
    assert set(DATA_SUFFIXES) == set(SUFFIXES)
    one = RunSettings(labels="my labels, new.CSV")
    assert (one.label_file, one.label_set) == ("my labels, new.CSV", None)
    two = RunSettings(labels="yes,no")
    assert (two.label_file, two.label_set) == (None, ("yes", "no"))


def test_by_id_whatever_the_order_and_rows_without_a_label_are_listed(tmp_path: Path):
    notes = Notes()
    found = gathered(tmp_path, "label,id\nno,10\nyes,7\nno,8\n,9\n", notes=notes)
    assert rows(found) == [("good", "yes"), ("bad", "no"), ("dull", "no")]
    said = "\n".join(text for _, text in notes.kept)
    assert "labels.csv: the labels of 3 rows (label) are joined by id." in said
    assert "texts.csv: 1 row without a value in 'label' is left out: 3." in said


def test_by_text_composed_and_without_white_space(tmp_path: Path):
    texts = "text\n\uac00\ub2e4\n bad\n\uac00\ub2e4\n"
    found = gathered(tmp_path, "text,sentiment\n\u1100\u1161\u1103\u1161,yes\nbad ,no\n", texts)
    assert rows(found) == [("\uac00\ub2e4", "yes"), (" bad", "no"), ("\uac00\ub2e4", "yes")]


def test_the_id_goes_before_the_text(tmp_path: Path):
    found = gathered(tmp_path, "id,text,label\n7,bad,yes\n8,good,no\n")
    assert rows(found) == [("good", "yes"), ("bad", "no")]


def test_named_columns_and_json_lines(tmp_path: Path):
    labels = "".join(json.dumps({"id": n, "mood": mood, "sure": True}) + "\n" for n, mood in ((7, "yes"), (8, "no")))
    assert rows(gathered(tmp_path, labels, name="l.jsonl", label="mood")) == [("good", "yes"), ("bad", "no")]


def test_files_of_their_own_are_joined_where_they_have_no_labels(tmp_path: Path):
    (tmp_path / "valid.csv").write_text("id,text\n20,joy\n", encoding="utf-8")
    (tmp_path / "test.csv").write_text("text,label\nwaste,no\n", encoding="utf-8")
    labels = "id,label\n7,yes\n8,no\n20,yes\n"
    found = gathered(tmp_path, labels, valid=str(tmp_path / "valid.csv"), test=str(tmp_path / "test.csv"))
    assert [example.target for example in found.splits.valid or ()] == ["yes"]
    assert [example.target for example in found.splits.test or ()] == ["no"]


def test_the_same_said_again_is_listed(tmp_path: Path):
    notes = Notes()
    assert len(rows(gathered(tmp_path, "id,label\n7,yes\n8,no\n7,yes\n", notes=notes))) == 2
    assert ("warn", "labels.csv: 1 row says again what an earlier one said: 3.") in notes.kept


@pytest.mark.parametrize(
    ("labels", "texts", "words"),
    [
        ("nr,label\n7,yes\n", TEXTS, "labels.csv: no one column tells whose labels these are: here are nr, label; in texts.csv are id, text"),
        ("a,b,label\n1,2,yes\n", "a,b,text\n1,2,good\n", "no one column tells"),
        ("id,label\n7,yes\n8,no\n12,no\n", TEXTS, "labels.csv: 1 label belongs to no row of texts.csv, where there is no such id: rows 3."),
        ("id,label\n7,yes\n8,no\n7,no\n", TEXTS, "labels.csv: id '7' is labelled 'yes' and 'no' (rows 1, 3). Keep one."),
        ("id,label\n7,yes\n", TEXTS + "7,fair\n", "texts.csv, row 5: id '7' is that of texts.csv, row 1 too"),
        ("id,label\n7,yes\n", "id,text,label\n7,good,no\n", "texts.csv: there is a column 'label' already, and labels.csv brings one"),
        ("id,one,two\n7,yes,no\n", TEXTS, "labels.csv: which of id, one, two is the label? Name it: label=COLUMN."),
        ("id,label\n7,\n8, \n", TEXTS, "labels.csv: there is no value in the column 'label'."),
    ],
)  # fmt: skip
def test_refused(tmp_path: Path, labels: str, texts: str, words: str):
    with pytest.raises(DataError) as caught:
        gathered(tmp_path, labels, texts)
    assert words in str(caught.value)


def test_a_named_label_column_that_is_not_there(tmp_path: Path):
    with pytest.raises(DataError, match=r"labels.csv: there is no column 'lable'.*Did you mean 'label'"):
        gathered(tmp_path, "id,label\n7,yes\n8,no\n", label="lable")
