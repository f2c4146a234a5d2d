"""Fixtures: a tiny base, a small file that can be learned, and a language that does not depend on the machine."""

from __future__ import annotations

import csv
import os
import random
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may wait for the network
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
import torch

from joyul.bases.load import open_base
from joyul.contracts import Example, Row, Setting
from joyul.forms.default import Default
from joyul.messages import use_language
from joyul.tasks.classify import Classify
from tests import tiny

ROOT = Path(__file__).parent.parent
GOOD, BAD = ("good", "fine", "well", "joy", "liked"), ("bad", "dull", "poor", "waste", "hated")
FRAMES = (
    "the {} film", "a {} story", "i say {}", "{} and {}", "the cast is {}", "the plot is {}", "{} at the start", "it was {} to watch",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    use_language("en")
    yield
    use_language(None)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOYUL_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny random BERT."""
    torch.set_num_threads(1)  # tiny matrices are slower on more
    return tiny.save(tmp_path_factory.mktemp("bases") / "bert")


@pytest.fixture(scope="session")
def rows() -> list[tuple[str, str]]:
    """80 rows whose label is told by one word."""
    sides = (("yes", GOOD), ("no", BAD))
    made = [(frame.format(word, word), label) for label, words in sides for word in words for frame in FRAMES]
    random.Random(0).shuffle(made)
    return made


@pytest.fixture
def form(base: str) -> Default:
    """The default Form over the rows' labels."""
    files = open_base(base)
    return Default(Setting(Classify(("no", "yes")), files.tokenizer, files.architecture, 32))


@pytest.fixture
def encoded(form: Default, rows: list[tuple[str, str]]) -> list[Row]:
    """The rows as tokens."""
    return form.encode([Example(f"rows:{n}", {"text": text}, label) for n, (text, label) in enumerate(rows, 1)])


@pytest.fixture
def reviews(tmp_path: Path, rows: list[tuple[str, str]]) -> str:
    """The rows as a csv file."""
    return write_csv(tmp_path / "reviews.csv", [("text", "label"), *rows])


def write_csv(path: Path, rows: list[tuple[str, ...]]) -> str:
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return str(path)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The real data sets: JOYUL_SHARED, or ../shared beside the repository."""
    folder = Path(os.environ.get("JOYUL_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data sets at {folder}; set JOYUL_SHARED")
    return folder
