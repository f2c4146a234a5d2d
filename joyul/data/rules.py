"""The two literal tables: RULES tells the task from the columns, SLOTS the columns that a task reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from joyul.data import names
from joyul.data.names import Names
from joyul.data.table import Table
from joyul.messages import language

PEEK = 1_000  # rows looked at to tell numbers, lists and labels
LABEL_SHARE = 0.2  # more distinct values than that among them are no labels
LABEL_LENGTH = 64
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


@dataclass(frozen=True)
class Rule:
    """A table that has columns called like all of one of `needs` is for `tasks`; the user chooses among several.

    `check` looks at the values; `sure` asks no other rule. `en` and `ko` say what it looks for.
    """

    en: str
    ko: str
    tasks: tuple[str, ...]
    needs: tuple[tuple[Names, ...], ...]
    check: Callable[[Table, Sequence[str]], bool] = lambda table, columns: True
    sure: bool = False

    @property
    def words(self) -> str:
        """What it looks for, in the language in use."""
        return self.ko if language() == "ko" else self.en


@dataclass(frozen=True)
class Slot:
    """A role and the names of the columns that may fill it."""

    role: str
    names: Names
    needed: bool = True


def numbers(table: Table, columns: Sequence[str]) -> bool:
    """Whether the last of the columns holds decimal numbers."""
    values = [value for value in peek(table, columns[-1]) if value]
    return bool(values) and all(isinstance(value, str) and NUMBER.fullmatch(value) for value in values)


def lists(table: Table, columns: Sequence[str]) -> bool:
    """Whether the last of the columns holds lists."""
    return any(isinstance(value, list) for value in peek(table, columns[-1]))


def aligned(table: Table, columns: Sequence[str]) -> bool:
    """Whether the lists of the last column are as long as the text has words or characters, in half of the rows at least."""
    text, tags = (peek(table, column) for column in columns)
    fits = [_pieces(value, len(found)) for value, found in zip(text, tags, strict=True) if value and isinstance(found, list)]
    return sum(fits) * 2 >= max(1, len(fits))


def _pieces(text: Any, count: int) -> bool:
    return isinstance(text, list) or count in (len(text), len(text.split()))


def two_columns(table: Table, columns: Sequence[str] = ()) -> bool:
    """Whether there are two columns and exactly one of them holds few, short values."""
    return len(table.columns) == 2 and sum(is_label(table, column) for column in table.columns) == 1


def is_label(table: Table, column: str) -> bool:
    """Whether the values repeat as labels do."""
    values = peek(table, column)
    if not all(isinstance(value, str) and len(value) <= LABEL_LENGTH for value in values if value is not None):
        return False
    return len(set(values)) <= LABEL_SHARE * len(values)


def peek(table: Table, column: str) -> list[Any]:
    """The first values of a column."""
    return list(table.rows[:PEEK][column])


PAIR_LABEL = tuple((first, second, names.LABEL) for first, second in names.PAIRS)
PAIR_SCORE = tuple((first, second, names.SCORE) for first, second in names.PAIRS)
RULES = (
    Rule("content + template", "로그 내용 + 템플릿", ("logs",), (
        (names.LOG_CONTENT, names.LOG_TEMPLATE), (names.LOG_NUMBER, names.LOG_CONTENT)), sure=True),
    Rule("messages", "메시지 목록", ("chat",), ((names.TURNS,),), sure=True),
    Rule("instruction + output", "지시 + 출력", ("chat",), (
        (names.INSTRUCTION, names.OUTPUT), (names.PROMPT, names.COMPLETION))),
    Rule("text + a tag for each word or character", "텍스트 + 단어나 글자마다 태그", ("tag",), (
        (names.WORDS, names.TAGS), (names.TEXT, names.TAGS)), aligned),
    Rule("text + list of labels", "텍스트 + 라벨 목록", ("classify",), ((names.TEXT, names.TAGS),), lists),
    Rule("question + answer + label", "질문 + 답 + 라벨", ("chat", "answer", "classify"), (
        (names.QUESTION, names.CONTEXT, names.ANSWER, names.LABEL), (names.QUESTION, names.ANSWER, names.LABEL))),
    Rule("question + context + long answer + label", "질문 + 본문 + 긴 답 + 라벨", ("classify", "answer"), (
        (names.QUESTION, names.CONTEXT, names.LONG_ANSWER, names.LABEL),)),
    Rule("premise + choices + label", "전제 + 보기 + 라벨", ("classify", "answer"), (
        (("premise",), names.QUESTION, *names.CHOICES, names.LABEL),)),
    Rule("question + answer", "질문 + 답", ("answer",), (
        (names.QUESTION, names.CONTEXT, names.ANSWER), (names.QUESTION, names.ANSWER))),
    Rule("source + target", "원문 + 결과", ("generate", "translate", "summarize"), ((names.SOURCE, names.TARGET),)),
    Rule("document + summary", "문서 + 요약", ("summarize",), ((names.DOCUMENT, names.SUMMARY),)),
    Rule("two languages", "두 언어", ("translate",), ((names.LANGUAGES, names.LANGUAGES),)),
    Rule("two texts + score in numbers", "두 텍스트 + 숫자 점수", ("regress",), PAIR_SCORE, numbers),
    Rule("two texts + label", "두 텍스트 + 라벨", ("classify",), PAIR_LABEL),
    Rule("text + score in numbers", "텍스트 + 숫자 점수", ("regress",), ((names.TEXT, names.SCORE),), numbers),
    Rule("text + label", "텍스트 + 라벨", ("classify",), ((names.TEXT, names.LABEL),)),
    Rule("two columns, one of few short values", "두 열, 하나는 짧은 값 몇 가지뿐", ("classify",), ((),), two_columns),
    Rule("text", "텍스트", ("generate",), ((names.TEXT,),)),
    Rule("line", "줄", ("logs",), ((names.LINE,),)),
)  # fmt: skip

TEXT, LABEL = Slot("text", names.TEXT), Slot("target", names.LABEL + names.SCORE + names.TAGS)
PAIR_SLOTS = tuple((Slot("text", first), Slot("text_pair", second)) for first, second in names.PAIRS)
SCORE = Slot("target", names.SCORE + names.LABEL)
SLOTS: dict[str, tuple[tuple[Slot, ...], ...]] = {
    "classify": (*((*pair, LABEL) for pair in PAIR_SLOTS), (TEXT, LABEL)),
    "regress": (*((*pair, SCORE) for pair in PAIR_SLOTS), (TEXT, SCORE)),
    "tag": ((Slot("text", names.WORDS + names.TEXT), Slot("target", names.TAGS + names.LABEL)),),
    "generate": (
        (Slot("text", names.SOURCE), Slot("target", names.TARGET)),
        (Slot("text", names.PROMPT), Slot("target", names.COMPLETION)),
        (TEXT,),
    ),
    "summarize": (
        (Slot("text", names.DOCUMENT), Slot("target", names.SUMMARY)),
        (Slot("text", names.SOURCE + names.TEXT), Slot("target", names.TARGET + names.SUMMARY)),
    ),
    "translate": (
        (Slot("text", names.SOURCE), Slot("target", names.TARGET)),
        (Slot("text", names.LANGUAGES), Slot("target", names.LANGUAGES)),
    ),
    "answer": ((
        Slot("text", names.QUESTION),
        Slot("text_pair", (*names.CONTEXT, "premise"), needed=False),
        Slot("target", names.ANSWER + names.LONG_ANSWER + names.LABEL),
    ),),
    "chat": (
        (Slot("text", names.TURNS),),
        (Slot("text", names.INSTRUCTION), Slot("text_pair", names.INSTRUCTION_INPUT, needed=False),
         Slot("target", names.OUTPUT)),
        (Slot("text", names.PROMPT), Slot("target", names.COMPLETION)),
        (Slot("text", names.QUESTION), Slot("target", names.ANSWER)),
    ),
    "logs": ((Slot("text", names.LOG_CONTENT), Slot("target", names.LOG_TEMPLATE, needed=False)),),
}  # fmt: skip


def rules_table() -> list[tuple[str, ...]]:
    """The rules to print: number, what they look for, task, the names of one column of each kind."""
    return [
        (str(number), rule.words, ", ".join(rule.tasks), " | ".join(_spelt(needs) for needs in rule.needs))
        for number, rule in enumerate(RULES, 1)
    ]


def _spelt(needs: tuple[Names, ...]) -> str:
    return " + ".join(kind[0] if isinstance(kind, tuple) else "/".join(sorted(kind)) for kind in needs)
