"""What the columns are for. Two literal tables decide: RULES finds the task, SLOTS the columns that a task reads."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from joyul.data.names import (
    ANSWER, CHAT_TURNS, CONTENT, CONTEXT, GROUP, LABEL, LANGUAGE, LOG_LINE, LOG_TEMPLATE, PAIRS, QUESTION, SCORE,
    SOURCE, SUMMARY, TAGS, TARGET, TEXT, TITLE, WORDS, WRITTEN, Names,
)  # fmt: skip
from joyul.data.table import Table
from joyul.errors import DataError, listing

PEEK = 1_000  # rows looked at to tell numbers, lists and labels
LABEL_SHARE = 0.2  # of the rows looked at: more distinct values than that are no labels
LABEL_LENGTH = 64

Seen = Mapping[str, str]  # folded name -> the column's own name


@dataclass(frozen=True)
class Columns:
    """`roles` maps `text`, `text_pair`, `target`, `group` to columns; `rule` says in words why."""

    task: str
    roles: dict[str, str]
    rule: str
