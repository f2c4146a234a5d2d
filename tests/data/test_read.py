"""Files as people have them, against csv, pandas and openpyxl, and by hand."""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import datasets
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joyul.data.read import Table, read
from joyul.errors import DataError
from joyul.messages import use_language
from joyul.notes import Notes

SHARED = Path(os.environ.get("JOYUL_SHARED") or Path(__file__).parents[2].parent / "shared")


@pytest.fixture(autouse=True)
def english():
    use_language("en")
    yield
    use_language(None)


def write(path: Path, content: str | bytes, encoding: str = "utf-8") -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return str(path)


def one(source: str, notes: Notes | None = None, **options: str) -> Table:
    return read(source, notes=notes or Notes(), **options)["train"]


def rows(table: Table) -> list[dict]:
    return list(table.rows)


def refusal(source: str, **options: str) -> str:
    with pytest.raises(DataError) as caught:
        one(source, **options)
    return str(caught.value)


def said(notes: Notes) -> str:
    return "\n".join(text for _, text in notes.kept)


# values


def test_csv_values_stay_as_written(tmp_path):
    source = write(tmp_path / "a.csv", "text,label\nNA,01\nnull,1.0\n,nan\n")
    assert rows(one(source)) == [
        {"text": "NA", "label": "01"},
        {"text": "null", "label": "1.0"},
        {"text": "", "label": "nan"},
    ]


def test_json_numbers_keep_their_lexeme(tmp_path):
    line = '{"a": 1.0, "b": 1e2, "c": true, "d": null, "e": 12345678901234567890, "f": NaN, "g": [1, 2.50], "h": {"k": 0.10}}'
    table = one(write(tmp_path / "a.jsonl", line))
    assert rows(table) == [
        {"a": "1.0", "b": "1e2", "c": "true", "d": None, "e": "12345678901234567890", "f": "NaN", "g": ["1", "2.50"],
         "h": '{"k": 0.10}'},
    ]  # fmt: skip


def test_typed_files_become_text(tmp_path):
    features = datasets.Features({
        "n": datasets.Value("int64"), "f": datasets.Value("float32"), "ok": datasets.Value("bool"),
        "label": datasets.ClassLabel(names=["bad", "good"]), "tags": datasets.List(datasets.ClassLabel(names=["O", "B"])),
    })  # fmt: skip
    data = datasets.Dataset.from_dict(
        {"n": [1, None], "f": [0.1, 2.0], "ok": [True, False], "label": [1, 0], "tags": [[0, 1], []]}, features=features
    )
    expected = [
        {"n": "1", "f": "0.1", "ok": "true", "label": "good", "tags": ["O", "B"]},
        {"n": None, "f": "2.0", "ok": "false", "label": "bad", "tags": []},
    ]
    data.to_parquet(str(tmp_path / "a.parquet"))
    data.save_to_disk(str(tmp_path / "saved"))
    datasets.DatasetDict({"train": data, "validation": data.select([1])}).save_to_disk(str(tmp_path / "dict"))
    assert rows(one(str(tmp_path / "a.parquet"))) == expected
    assert rows(one(str(tmp_path / "saved"))) == expected
    parts = read(str(tmp_path / "dict"), notes=Notes())
    assert list(parts) == ["train", "valid"]
    assert rows(parts["valid"]) == expected[1:]


def test_arrow_stream_and_file_formats(tmp_path):
    table = pa.table({"text": ["a", None], "label": [1, 2]})
    with pa.ipc.new_stream(str(tmp_path / "s.arrow"), table.schema) as stream:
        stream.write_table(table)
    with pa.ipc.new_file(str(tmp_path / "f.arrow"), table.schema) as file:
        file.write_table(table)
    expected = [{"text": "a", "label": "1"}, {"text": None, "label": "2"}]
    assert rows(one(str(tmp_path / "s.arrow"))) == rows(one(str(tmp_path / "f.arrow"))) == expected


def test_parquet_of_pictures_and_a_broken_one_are_refused(tmp_path):
    pq.write_table(pa.table({"image": [b"x"]}), tmp_path / "a.parquet")
    assert "no text: image" in refusal(str(tmp_path / "a.parquet"))
    assert refusal(write(tmp_path / "b.parquet", b"PAR1nonsense")).startswith("b.parquet: the file cannot be read as")


def test_xlsx_cells_as_typed(tmp_path):
    book = openpyxl.Workbook()
    for row in (["text", "label", None], ["좋다", 1, None], [None, None, None], ["NA", 2.0, None], [True, 0.5]):
        book.active.append(row)
    book.create_sheet("more")
    book.save(tmp_path / "a.xlsx")
    notes = Notes()
    table = one(str(tmp_path / "a.xlsx"), notes)
    assert [tuple(row.values()) for row in rows(table)] == [("좋다", "1"), ("", ""), ("NA", "2"), ("true", "0.5")]
    assert "not read: more" in said(notes)


# encodings

KOREAN = "text,label\n배송이 빨라요,긍정\n별로예요,부정\n"


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8-sig", "utf-8-sig"), ("cp949", "cp949"), ("euc-kr", "cp949"), ("utf-16", "utf-16"), ("utf-32", "utf-32")],
)
def test_korean_encodings_are_found_and_said(tmp_path, encoding, name):
    notes = Notes()
    table = one(write(tmp_path / "a.csv", KOREAN, encoding), notes)
    assert rows(table)[0] == {"text": "배송이 빨라요", "label": "긍정"}
    assert said(notes) == f"a.csv is read as {name}."


def test_utf16_big_endian_with_mark(tmp_path):
    table = one(write(tmp_path / "a.csv", codecs.BOM_UTF16_BE + KOREAN.encode("utf-16-be")))
    assert table.columns == ("text", "label")
    assert rows(table)[1]["text"] == "별로예요"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_mark_is_refused_and_read_when_named(tmp_path, encoding):
    source = write(tmp_path / "a.csv", KOREAN, encoding)
    assert "UTF-16 without a byte order mark" in refusal(source)
    assert len(rows(one(source, encoding=encoding))) == 2


def test_plain_utf8_is_not_worth_a_word(tmp_path):
    notes = Notes()
    one(write(tmp_path / "a.csv", KOREAN), notes)
    assert notes.kept == []


def test_western_text_is_not_taken_for_korean(tmp_path):
    text = "text\nÀÀ Ãà\nder süÿe Äöü Äß\n"
    message = refusal(write(tmp_path / "a.csv", "text\n\x81A \x82B \x83C\n", "latin-1"))
    assert "hardly looks Korean" in message
    assert "encoding=cp1252" in message
    assert rows(one(write(tmp_path / "b.csv", text, "cp1252"), encoding="cp1252"))[1] == {"text": "der süÿe Äöü Äß"}


def test_undecodable_byte_is_named(tmp_path):
    good = "text\n한글\n".encode()
    message = refusal(write(tmp_path / "a.csv", good + "é \xff".encode("latin-1")))
    assert f"byte {len(good)} (line 3) cannot be read as UTF-8, CP949" in message


def test_unknown_and_wrong_encodings(tmp_path):
    source = write(tmp_path / "a.csv", KOREAN, "cp949")
    assert "Did you mean 'cp949'?" in refusal(source, encoding="cp94")
    assert "byte 11 (line 2) cannot be read as ascii" in refusal(source, encoding="ascii")


def test_nul_and_surrogates_are_mended_and_listed(tmp_path):
    notes = Notes()
    table = one(write(tmp_path / "a.csv", "text,label\na\0b,1\nc,2\n\0d,3\n"), notes)
    assert [row["text"] for row in rows(table)] == ["ab", "c", "d"]
    assert said(notes).endswith("in 2 rows: 1, 3.")
    table = one(write(tmp_path / "a.jsonl", '{"text": "ok"}\n{"text": "\\ud800x", "tags": ["\\u0000y"]}\n'), notes)
    assert rows(table)[1] == {"text": "\ufffdx", "tags": ["y"]}


def test_decomposed_hangul_stays_in_the_table(tmp_path):
    decomposed = "\u1112\u1161\u11ab"
    assert rows(one(write(tmp_path / "a.csv", f"text\n{decomposed}\n")))[0]["text"] == decomposed


# delimited


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_trailing_blank_lines(tmp_path, end):
    source = write(tmp_path / "a.csv", end.join(["text,label", '"a, ""b""",1', "", "c,2", "", "", ""]))
    assert [tuple(row.values()) for row in rows(one(source))] == [('a, "b"', "1"), ("", ""), ("c", "2")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found(tmp_path, delimiter):
    text = "1,5 m" if delimiter != "," else "1;5 m"
    content = f"text{delimiter}label\na and b{delimiter}1\n{text}{delimiter}2\n"
    assert [tuple(row.values()) for row in rows(one(write(tmp_path / "a.csv", content)))] == [("a and b", "1"), (text, "2")]


def test_quoted_newlines_agree_with_the_csv_module(tmp_path):
    written = [["text", "label"], ['he said\n"no"', "0"], ["a;b|c\td", "1"], ["", "x"]]
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(written)
    assert [list(row.values()) for row in rows(one(str(tmp_path / "a.csv")))] == written[1:]


def test_tsv_without_quoting(tmp_path):
    source = write(tmp_path / "a.tsv", 'id\tdocument\tlabel\n1\t"좋다" 최고\t1\n2\t"열고 안 닫음\t0\n3\t그는 "왜"\t0\n')
    assert [row["document"] for row in rows(one(source))] == ['"좋다" 최고', '"열고 안 닫음', '그는 "왜"']


def test_tsv_with_quoting(tmp_path):
    frame = pd.DataFrame({"text": ['a "b"', "c\td", "e\nf"], "label": ["1", "2", "3"]})
    frame.to_csv(tmp_path / "a.tsv", sep="\t", index=False)
    assert pd.DataFrame(rows(one(str(tmp_path / "a.tsv")))).equals(frame)


def test_txt_that_is_a_table_is_read_as_one(tmp_path):
    notes = Notes()
    assert one(write(tmp_path / "a.txt", "id\tdocument\n1\t좋다\n"), notes).columns == ("id", "document")
    assert "tab-separated table" in said(notes)
    assert one(write(tmp_path / "b.txt", "a\tb\nno tab\n")).columns == ("text",)


def test_text_and_log_lines(tmp_path):
    assert [r["text"] for r in rows(one(write(tmp_path / "a.txt", "one\r\n\r\n  two \n\n\n")))] == ["one", "", "  two "]
    assert rows(one(write(tmp_path / "a.log", "x y\n"))) == [{"line": "x y"}]


def test_header_is_mended_and_said(tmp_path):
    notes = Notes()
    assert one(write(tmp_path / "a.csv", " text ,\ufefflabel,\na,b,c\n"), notes).columns == ("text", "label", "column_3")
    assert "called column_3" in said(notes)
    assert "taken off column names: text, label" in said(notes)


def test_a_million_characters_in_a_cell(tmp_path):
    long = "가" * 1_000_000
    assert rows(one(write(tmp_path / "a.csv", f"text,label\n{long},1\n")))[0]["text"] == long


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "a.csv: the file is empty. It takes rows; in a table below a row of column names, such as text,label."),
        (" \n\n", "a.csv: the file is empty. It takes rows; in a table below a row of column names, such as text,label."),
        ("text,label\n", "no row of data"),
        ("text,label,text\na,b,c\n", "a.csv: the column name 'text' stands more than once in the header (columns 1, 3)."),
        ("text,label\na,1\nb, c,1\nd\n", "has 2 fields, but row 2 (line 3) has 3, row 3 (line 4) has 1. Put"),
        ("text,label\n" + "a,b,c\n" * 9, "row 5 (line 6) has 3. Put"),
        ('text,label\n"a\nb",1,2\n', "row 1 (line 2) has 3"),
        ('text,label\na,1\n"b,2\nc,3\n', "a.csv, line 3: a double quote opened"),
        ('text,label\n"b" c,2\n', "a.csv, line 2: text follows a closed double quote"),
    ],
)
def test_tables_that_are_refused(tmp_path, content, words):
    assert words in refusal(write(tmp_path / "a.csv", content))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), st.text("ab,;\"\n\r '"))))
def test_any_text_survives_a_round_trip(tmp_path, written):
    written = [("first", "1"), *written, ("last", "2")]  # no blank line at the end
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *written])
    assert [tuple(row.values()) for row in rows(one(str(tmp_path / "a.csv")))] == written


# JSON


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", '[{"text": "a", "n": 1}, {"text": "b", "m": [2]}]'),
        ("a.json", '{"text": "a", "n": 1}\n{"text": "b",\n "m": [2]}\n'),
        ("a.jsonl", '{"text": "a", "n": 1}\n\n{"text": "b", "m": [2]}\n'),
        ("a.ndjson", '\ufeff[{"text": "a", "n": 1},\n{"text": "b", "m": [2]}]'),
        ("a.json", '{"text": ["a", "b"], "n": [1, null], "m": [null, [2]]}'),
    ],
)
def test_json_shapes(tmp_path, name, content):
    assert rows(one(write(tmp_path / name, content))) == [
        {"text": "a", "n": "1", "m": None},
        {"text": "b", "n": None, "m": ["2"]},
    ]


def test_json_larger_than_the_window(tmp_path):
    expected = [{"text": "글" * 700 + str(number), "n": str(number)} for number in range(3_000)]
    array = json.dumps([{**row, "n": int(row["n"])} for row in expected], ensure_ascii=False)
    assert rows(one(write(tmp_path / "a.json", array))) == expected


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", '{"text": "a"}\n{"text": }\n', "a.jsonl, line 2: not JSON: Expecting value."),
        ("a.json", '[{"text": "a"},\n{"text": "b"\n', "a.json, line"),
        ("a.json", '[{"text": "a"}]\n[{"text": "b"}]', "a.json, line 2: not JSON: extra data."),
        ("a.json", '[{"text": "a"}', "expecting ']'"),
        ("a.jsonl", '{"text": "a"}\n"b"\n', "a.jsonl, line 2: a row must be an object"),
        ("a.jsonl", '{"t": "a"}\n{"t": ["b"]}\n', "a.jsonl, line 2: 't' holds a list in one row"),
        ("a.json", '{"text": ["a"], "label": ["b", "c"]}', "differ in length"),
        ("a.json", "[]", "no row of data"),
    ],
)
def test_json_that_is_refused(tmp_path, name, content, words):
    assert words in refusal(write(tmp_path / name, content))


# folders and names


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.txt"])
def test_packed_text_is_read_as_what_is_packed(tmp_path, name):
    """Encoding, quoting and splits are found as without."""
    pairs = [("좋은 영화", "긍정"), ('say "no", twice', "부정")]
    content = {
        ".csv": '"text",label\n"좋은 영화",긍정\n"say ""no"", twice",부정\n', ".tsv": 'text\tlabel\n좋은 영화\t긍정\nsay "no", twice\t부정\n',
        ".jsonl": "\n".join(json.dumps({"text": text, "label": label}) for text, label in pairs),
        ".json": json.dumps([{"text": text, "label": label} for text, label in pairs]),
        ".txt": "\n".join(text for text, _ in pairs),
    }[Path(name).suffix]
    packed = gzip.compress(content.encode("cp949"))
    plain, found = (read(write(tmp_path / file, data), notes=Notes()) for file, data in ((name, content.encode("cp949")), (f"{name}.gz", packed)))
    assert plain["train"].rows[:] == found["train"].rows[:]
    assert len(found["train"].rows) == 2
    (tmp_path / "parts").mkdir()
    write(tmp_path / "parts" / f"train{Path(name).suffix}.gz", packed)
    write(tmp_path / "parts" / f"test{Path(name).suffix}.GZ", packed)
    assert set(read(str(tmp_path / "parts"), notes=Notes())) == {"train", "test"}


@pytest.mark.parametrize("damage", [lambda packed: packed[:-20], lambda packed: b"text,label\n", lambda packed: packed[:30] + b"xxxx" + packed[34:]])
def test_a_broken_package_is_refused(tmp_path, damage):
    packed = gzip.compress("\n".join(["text,label", *(f"row {number},a" for number in range(1000))]).encode())
    with pytest.raises(DataError, match=r"a\.csv\.gz"):
        read(write(tmp_path / "a.csv.gz", damage(packed)), notes=Notes())


def test_folder_of_splits(tmp_path):
    write(tmp_path / "train.csv", "text,label\na,1\n")
    write(tmp_path / "dev.jsonl", '{"text": "b", "label": 2}\n')
    write(tmp_path / "README.txt", "about\n")
    parts = read(str(tmp_path), notes=Notes())
    assert {name: (part.name, rows(part)[0]["text"]) for name, part in parts.items()} == {
        "train": ("train.csv", "a"),
        "valid": ("dev.jsonl", "b"),
    }
    write(tmp_path / "validation.csv", "text,label\nc,1\n")
    assert "more than one file is the valid part: dev.jsonl, validation.csv" in refusal(str(tmp_path))


def test_class_folders(tmp_path):
    for label, text in (("neg", "나쁘다"), ("pos", "좋다\n정말")):
        (tmp_path / label).mkdir()
        write(tmp_path / label / "1.txt", text, "cp949")
    notes = Notes()
    assert [tuple(r.values()) for r in rows(one(str(tmp_path), notes))] == [("나쁘다", "neg"), ("좋다\n정말", "pos")]
    assert "2 files are read as cp949" in said(notes)


def test_class_folders_by_split(tmp_path):
    """As film reviews are often handed out: train/pos/1.txt, test/neg/7.txt."""
    for place, text in (("train/neg", "bad"), ("train/pos", "good"), ("test/pos", "fine")):
        (tmp_path / place).mkdir(parents=True)
        write(tmp_path / place / "1.txt", text)
    parts = read(str(tmp_path), notes=Notes())
    assert {split: [tuple(row.values()) for row in rows(part)] for split, part in parts.items()} == {
        "train": [("bad", "neg"), ("good", "pos")], "test": [("fine", "pos")],
    }  # fmt: skip
    assert parts["test"].name == f"{tmp_path.name}/test"


def test_rows_under_one_key_of_a_json_object(tmp_path):
    write(tmp_path / "a.json", '{"data": [{"text": "a", "label": 01}]}'.replace("01", '"01"'))
    notes = Notes()
    assert rows(one(str(tmp_path / "a.json"), notes)) == [{"text": "a", "label": "01"}]
    assert "a.json: the rows are those under 'data'." in said(notes)


def test_flat_folder_of_texts(tmp_path):
    write(tmp_path / "b.txt", "three\n")
    write(tmp_path / "a.txt", "one\n\ntwo\n")
    assert [row["text"] for row in rows(one(str(tmp_path)))] == ["one", "two", "three"]


def test_folder_of_something_else(tmp_path):
    write(tmp_path / "a.csv", "x\n1\n")
    assert len(rows(one(str(tmp_path)))) == 1
    write(tmp_path / "b.csv", "x\n1\n")
    assert "Data files in it: a.csv, b.csv" in refusal(str(tmp_path))


def test_a_missing_file_with_no_name_near_says_what_there_is(tmp_path):
    write(tmp_path / "a.csv", "x\n1\n")
    assert refusal(str(tmp_path / "quite_different.csv")).endswith(f"this file does not exist. Data files in {tmp_path}: a.csv.")
    assert refusal(str(tmp_path / "no" / "b.csv")).endswith(f"nor does its folder {tmp_path / 'no'}.")


def test_missing_file_names_the_nearest(tmp_path):
    write(tmp_path / "reviews.csv", KOREAN)
    assert refusal(str(tmp_path / "review.csv")).endswith("this file does not exist. Did you mean 'reviews.csv'?")


def test_unknown_suffix(tmp_path):
    message = refusal(write(tmp_path / "a.cvs", "x"))
    assert "'.cvs' is not a kind of file that Joyul reads" in message
    assert "Did you mean '.csv'?" in message


def test_hub_id_without_network(tmp_path):
    (tmp_path / "reviews").mkdir()
    code = "from joyul.data.read import read; from joyul.notes import Notes; read('review', notes=Notes())"
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert "review: there is no such file or folder, and the Hugging Face hub did not give" in last
    assert last.endswith("Did you mean 'reviews'?")


def test_a_changed_file_is_read_anew(tmp_path):
    source = write(tmp_path / "a.csv", "text\nold\n")
    before = one(source)
    write(tmp_path / "a.csv", "text\nnew\n")
    assert (rows(before)[0]["text"], rows(one(source))[0]["text"]) == ("old", "new")


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "data/nsmc").is_dir(), reason="real data absent: set JOYUL_SHARED")
def test_nsmc_agrees_with_plain_splitting():
    lines = (SHARED / "data/nsmc/train.tsv").read_text(encoding="utf-8").split("\n")[1:-1]
    table = one(str(SHARED / "data/nsmc/train.tsv"))
    assert len(table.rows) == 20_000
    assert [list(row.values()) for row in table.rows] == [line.split("\t") for line in lines]


@pytest.mark.slow
def test_reading_many_rows_needs_little_memory(tmp_path):
    with (tmp_path / "a.csv").open("w", encoding="utf-8") as stream:
        stream.write("text,label\n")
        stream.writelines(f"{'영화가 재미있다 ' * 20}{number},1\n" for number in range(300_000))
    code = (
        "import sys; from joyul.data.read import read; from joyul.notes import Notes\n"
        "def anonymous(): return int(next(l for l in open('/proc/self/status') if l.startswith('RssAnon')).split()[1])\n"
        "before = anonymous(); table = read(sys.argv[1], notes=Notes())['train']; print(len(table.rows), anonymous() - before)"
    )
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", code, str(tmp_path / "a.csv")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    count, grown = map(int, done.stdout.split())
    assert count == 300_000
    assert grown < 100_000, f"{grown} kB for a file of {(tmp_path / 'a.csv').stat().st_size // 1024} kB"
