"""A run in Korean says nothing in English: every line of the terminal, the model card and an error, sentence by sentence."""

from __future__ import annotations

import re

import pytest

from joyul.cli import main
from joyul.data.rules import RULES
from joyul.messages import use_language, words
from joyul.messages.particles import with_particles
from tests import tiny

# What is the same in both languages: names of settings, methods, metrics, columns, labels, libraries, units, commands.
FOREIGN = re.compile(r"[\w./:-]*[/=:_.][\w./:-]*|\b(?:Joyul|joyul|predict|eval|csv|head|full|bert|text|label|classify|accuracy|macro|weighted|mcc|auc|ece|GB|MB|kB|AMD|EPYC|token)\b")


@pytest.fixture(autouse=True)
def _home(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    yield
    use_language(None)


def english_sentences(text: str) -> list[str]:
    """Lines in which two English words follow each other once everything that is a name is gone."""
    return [line for line in text.splitlines() if re.search(r"\b[a-z]{2,} [a-z]{2,}\b", FOREIGN.sub("·", line))]


def test_a_run_in_korean_is_korean(capsys, tmp_path):
    rows = "".join(f"{text},{'ab'[index % 2]}\n" for index, text in enumerate(tiny.TEXTS * 2))
    (tmp_path / "r.csv").write_text("text,label\n" + rows)
    base = tiny.save(tmp_path / "base")
    assert main(["train", "r.csv", f"base={base}", "method=head", "epochs=1", "lang=ko", "allow_unknown=yes", "out=run"]) == 0
    out, err = capsys.readouterr()
    assert "텍스트 + 라벨" in err and "검증 (3행)" in out and "시험 (3행)" in out
    assert english_sentences(err + out) == []
    settings = (tmp_path / "run/README.md").read_text(encoding="utf-8")
    assert "| allow\\_unknown | true |" in settings and "threads" not in settings.replace("threads=", "")


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("r.csv", 'text,label\n"a,b\n', "r.csv, 2번째 줄: "),
        ("r.jsonl", '{"text": "a", "label": "b"}\n{"text"\n', "r.jsonl, 2번째 줄: "),
        ("r.yaml", "data: r.csv\nepocs: 1\n", "r.yaml, 2번째 줄: "),
    ],
)  # fmt: skip
def test_places_in_korean(name, content, place, capsys, tmp_path):
    (tmp_path / name).write_text(content)
    assert main(["train", name, "lang=ko"]) != 0
    assert place in capsys.readouterr().err


def test_every_rule_has_korean_words():
    assert [rule.en for rule in RULES if not re.search("[가-힣]", rule.ko)] == []
    use_language("ko")
    assert RULES[0].words == RULES[0].ko


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("값은(는)", "값은"), ("점수은(는)", "점수는"), ("나머지 7개은(는)", "나머지 7개는"), ("0.667이(가)", "0.667이"), ("2이(가)", "2가"),
        ("'긍정'을(를)", "'긍정'을"), ("글(으)로", "글로"), ("값(으)로", "값으로"), ("행(41)와(과)", "행(41)과"), ("7(으)로", "7로"), ("lora은(는)", "lora은(는)"),
    ],
)  # fmt: skip
def test_particles_follow_the_sound(written, read):
    assert with_particles(written) == read
    use_language("ko")
    assert words("error", text=written).endswith(read)


def test_an_adapter_trains_without_a_warning_of_its_libraries(tmp_path, capsys, recwarn):
    (tmp_path / "r.csv").write_text("text,label\n" + "".join(f"{text},{'ab'[index % 2]}\n" for index, text in enumerate(tiny.TEXTS)))
    base = tiny.save(tmp_path / "base")
    assert main(["train", "r.csv", f"base={base}", "method=lora", "epochs=1", "allow_unknown=yes", "out=run"]) == 0
    assert [str(found.message) for found in recwarn if found.category is FutureWarning] == []
