"""What the columns are for: hand-made tables, and every set of real texts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from joyul.data.columns import RULES, infer, rules_table
from joyul.data.examples import Examples, drop_unusable
from joyul.data.read import Table, read
from joyul.data.table import keep
from joyul.errors import DataError
from joyul.messages import use_language
from joyul.notes import Notes

SHARED = Path(os.environ.get("JOYUL_SHARED") or Path(__file__).parents[2].parent / "shared") / "data"


@pytest.fixture(autouse=True)
def english():
    use_language("en")
    yield
    use_language(None)


def table(lists: tuple[str, ...] = (), /, **columns: list) -> Table:
    return keep("t.csv", list(columns), list(zip(*columns.values(), strict=True)), Notes(), lists)


def named(*columns: str) -> Table:
    """Twelve rows of different words under these names."""
    return table(**{column: [f"{column} {row} {'x' * row}" for row in range(12)] for column in columns})


FOUND = [
    (("document", "label", "id"), "classify", {"text": "document", "target": "label"}),
    (("Premise", "hypothesis", "gold_label"), "classify", {"text": "Premise", "text_pair": "hypothesis", "target": "gold_label"}),
    (("본문", "질문", "라벨"), "classify", {"text": "본문", "text_pair": "질문", "target": "라벨"}),
    (("문장", "감정"), "classify", {"text": "문장", "target": "감정"}),
    (("text", "text_pair", "y"), "classify", {"text": "text", "text_pair": "text_pair", "target": "y"}),
    (("question", "answer", "source"), "answer", {"text": "question", "target": "answer"}),
    (("context", "question", "answers"), "answer", {"text": "question", "text_pair": "context", "target": "answers"}),
    (("article", "highlights"), "summarize", {"text": "article", "target": "highlights"}),
    (("ko", "en", "id"), "translate", {"text": "ko", "target": "en"}),
    (("instruction", "input", "output"), "chat", {"text": "instruction", "text_pair": "input", "target": "output"}),
    (("prompt", "completion"), "chat", {"text": "prompt", "target": "completion"}),
    (("messages",), "chat", {"text": "messages"}),
    (("LineId", "Content", "EventTemplate", "Label"), "logs", {"text": "Content", "target": "EventTemplate"}),
    (("line",), "logs", {"text": "line"}),
    (("title", "moral", "text"), "generate", {"text": "text"}),
]


@pytest.mark.parametrize(("columns", "task", "roles"), FOUND)
def test_names_tell_the_task(columns, task, roles):
    found = infer(named(*columns))
    assert (found.task, found.roles) == (task, roles)
    assert found.rule in {rule.words for rule in RULES}


ASKED = [
    (("question", "answer", "label"), "chat, answer, classify", "task=classify"),
    (("id", "question", "context", "long_answer", "label"), "classify, answer", "task=classify"),
    (("source", "target"), "generate, translate, summarize", ""),
    (("premise", "question", "choice1", "choice2", "label"), "classify, answer", "task=classify"),
    (("document", "summary", "category"), "summarize, classify", "task=classify"),
]


@pytest.mark.parametrize(("columns", "tasks", "choices"), ASKED)
def test_ambiguous_tables_ask(columns, tasks, choices):
    """All candidates are named; to be typed are those that can be trained."""
    with pytest.raises(DataError, match="suit") as caught:
        infer(named(*columns))
    said = str(caught.value)
    assert tasks in said
    assert said.endswith(f"({tasks}). Type the one that is meant, of those this version trains: {choices}.") if choices else "does not train" in said


def test_a_named_task_finds_its_columns():
    assert infer(named("question", "answer", "label"), task="classify").roles == {"text": "question", "target": "label"}
    assert infer(named("question", "answer", "label"), task="chat").roles == {"text": "question", "target": "answer"}
    pubmed = named("id", "question", "context", "long_answer", "label")
    assert infer(pubmed, task="classify").roles == {"text": "question", "text_pair": "context", "target": "label"}
    assert infer(named("source", "target"), task="translate").roles == {"text": "source", "target": "target"}


def test_values_tell_scores_tags_and_labels():
    numbers, words = ["0.5", "4", "3.25"], ["good", "bad", "good"]
    pair = {"sentence1": ["a", "b", "c"], "sentence2": ["d", "e", "f"]}
    assert infer(table(**pair, score=numbers)).task == "regress"
    assert infer(table(**pair, label=["0", "1", "0"])).task == "classify"
    assert infer(table(("tags",), text=["ab"], tags=[["B-X", "O"]])).task == "tag"
    with pytest.raises(DataError, match=r"task=tag needs a column for text, .* Name it: text=COLUMN"):
        infer(table(**pair, score=words), task="tag")
    assert infer(table(**pair, score=words), task="classify").roles["target"] == "score"


def test_two_columns_of_which_one_repeats():
    rows = 100
    data = {"memo": [f"note {row}" for row in range(rows)], "kind": ["a", "b"] * (rows // 2)}
    found = infer(table(**data))
    assert (found.task, found.roles) == ("classify", {"text": "memo", "target": "kind"})
    assert found.rule == "two columns, one of few short values"
    with pytest.raises(DataError, match="no rule says what the columns memo, kind are for"):
        infer(table(memo=data["memo"], kind=data["memo"]))


def test_named_columns_win():
    trec = named("text", "label", "fine_label", "who")
    assert infer(trec, label="fine_label").roles == {"text": "text", "target": "fine_label"}
    assert infer(trec, text="who", label="label", group="fine_label").roles == {
        "text": "who",
        "target": "label",
        "group": "fine_label",
    }
    assert infer(named("a", "b", "c"), text="a", label="b").task == "classify"
    assert infer(named("a", "b", "c"), text="a", pair="b", label="c").roles["text_pair"] == "b"
    assert infer(named("question", "answer", "label"), text="question", label="label").task == "classify"
    assert "text_pair" not in infer(named("sentence1", "sentence2", "label"), text="sentence1").roles


def test_a_group_column_is_not_taken_for_the_label():
    with pytest.raises(DataError, match="needs a column for label"):
        infer(named("text", "category"), task="classify", group="category")


@pytest.mark.parametrize(("wrong", "right"), [("Label", "label"), ("labl", "label"), ("text ", "text")])
def test_a_column_that_is_not_there(wrong, right):
    with pytest.raises(DataError) as caught:
        infer(named("text", "label"), label=wrong)
    assert str(caught.value) == f"t.csv: there is no column {wrong!r}; the columns are text, label. Did you mean {right!r}?"


def test_one_column_for_two_things_and_an_unknown_task():
    with pytest.raises(DataError, match="the column 'text' is named twice"):
        infer(named("text", "label"), text="text", label="text")
    with pytest.raises(DataError, match="Did you mean 'classify'"):
        infer(named("text", "label"), task="clasify")


def test_labels_given_need_no_target_column():
    found = infer(named("text", "note"), has_labels=True)
    assert (found.task, found.roles) == ("classify", {"text": "text"})
    assert infer(named("text", "label"), has_labels=True).roles == {"text": "text", "target": "label"}
    with pytest.raises(DataError, match=r"none of text, note is called like one\. Name it: label=COLUMN"):
        infer(named("text", "note"), task="classify")


def test_rules_can_be_printed():
    printed = rules_table()
    assert len(printed) == len(RULES)
    assert all(len(row) == 4 for row in printed)
    assert printed[0][:3] == ("1", "content + template", "logs")


# examples


def test_examples_are_views():
    source = table(text=["a", "b", "c"], label=["x", "y", None], who=["1", None, "2"], note=["n", "n", "m"])
    examples = Examples(source, {"text": "text", "target": "label", "group": "who"})
    assert examples[1].inputs == {"text": "b"}
    assert examples[1].target == "y"
    assert examples[1].meta == {"note": "n"}
    assert [example.id for example in examples] == examples.ids == ["t.csv:1", "t.csv:2", "t.csv:3"]
    assert (examples.targets, examples.groups) == (["x", "y", None], ["1", None, "2"])
    picked = examples.select([2, 0]).select([1])
    assert (picked.ids, picked[0], len(picked)) == (["t.csv:1"], examples[0], 1)
    assert list(examples[1:]) == [examples[1], examples[2]]
    assert examples[-1] == examples[2]


def test_unusable_rows_are_listed_and_nfc_is_said():
    decomposed = "\u1112\u1161\u11ab"
    source = table(text=["a", " ", None, decomposed, "e"], label=["1", "1", "1", decomposed, " "])
    notes = Notes()
    kept = drop_unusable(Examples(source, {"text": "text", "target": "label"}), notes, need_target=True)
    assert kept.ids == ["t.csv:1", "t.csv:4"]
    assert (kept[1].inputs["text"], kept[1].target, kept.targets[1]) == ("한", "한", "한")
    assert [text for _, text in notes.kept] == [
        "t.csv: 2 rows without text are left out: 2, 3.",
        "t.csv: 1 row without a value in 'label' is left out: 5.",
        "t.csv: 1 row holds decomposed (NFD) characters; it is used composed (NFC).",
    ]
    assert len(drop_unusable(Examples(source, {"text": "text"}), Notes(), need_target=False)) == 3


def test_tagged_text_is_not_composed_for_its_tags_count_characters():
    decomposed = "\u1112\u1161"
    source = table(("tags",), text=[decomposed], tags=[["B", "I"]])
    assert Examples(source, {"text": "text", "target": "tags"}, as_is=True)[0].inputs["text"] == decomposed
    labels = Examples(source, {"text": "text", "target": "tags"})
    assert labels[0].inputs["text"] == "\ud558", "labels count nothing"
    assert labels.select([0]).as_is is labels[:1].as_is is False


def test_nothing_usable_and_columns_absent():
    with pytest.raises(DataError, match="no row can be used"):
        drop_unusable(Examples(table(text=["", " "]), {"text": "text"}), Notes(), need_target=False)
    with pytest.raises(DataError, match="there is no column 'label'"):
        Examples(table(text=["a"]), {"text": "text", "target": "label"})


# real data

REAL = {
    "nsmc/train.tsv": ("classify", "document", None, "label"),
    "nsmc_unlabeled": ("generate", "text", None, None),
    "sst2": ("classify", "text", None, "label"),
    "trec": ("classify", "text", None, "label"),
    "banking77": ("classify", "text", None, "label"),
    "kornli": ("classify", "sentence1", "sentence2", "label"),
    "korsts": ("regress", "sentence1", "sentence2", "score"),
    "kobest_boolq": ("classify", "text", "question", "label"),
    "kobest_copa": (("classify", "answer"), "premise", "question", "label"),
    "klue_ner": ("tag", "text", None, "tags"),
    "xquad_en": ("answer", "question", "context", "answers"),
    "medquad": ("answer", "question", None, "answer"),
    "pubmedqa": (("classify", "answer"), "question", "context", "label"),
    "pubmed_abstracts": ("generate", "text", None, None),
    "scitldr": ("summarize", "document", None, "summaries"),
    "ko_en_news/news_dev.csv": ("translate", "ko", None, "en"),
    "tatoeba_eng_kor": ("translate", "en", None, "ko"),
    "chatbot_ko": (("chat", "answer", "classify"), "question", None, "label"),
    "aesop_fables": ("generate", "text", None, None),
    "korean_stories/홍염.txt": ("generate", "text", None, None),
    "tinyshakespeare": ("generate", "text", None, None),
    "ko_wiki_paragraphs": ("generate", "text", None, None),
    "loghub2k/BGL/BGL_2k.log": ("logs", "line", None, None),
    "loghub2k/BGL/BGL_2k.log_structured_corrected.csv": ("logs", "Content", None, "EventTemplate"),
    "loghub2k/shots32/Linux.seed0.jsonl": ("logs", "text", None, "template"),
    "g2p_british": (("generate", "translate", "summarize"), None, None, None),
}
PICTURES_AND_SOUND = {"blood_cells", "chest_xray_pneumonia", "spoken_digits"}


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"real data absent at {SHARED}: set JOYUL_SHARED")
def test_every_real_set_is_recognised():
    visited = {source.split("/")[0] for source in REAL}
    assert visited | PICTURES_AND_SOUND == {folder.name for folder in SHARED.iterdir() if folder.is_dir()}
    assert len(visited) == 24
    for source, (task, text, pair, target) in REAL.items():
        found = read(str(SHARED / source), notes=Notes())["train"]
        if isinstance(task, tuple):
            with pytest.raises(DataError) as caught:
                infer(found)
            assert ", ".join(task) in str(caught.value), source
            if "classify" not in task:
                continue
            columns = infer(found, task="classify")
        else:
            columns = infer(found)
            assert columns.task == task, source
        roles = {"text": text, "text_pair": pair, "target": target}
        assert columns.roles == {role: column for role, column in roles.items() if column}, source
