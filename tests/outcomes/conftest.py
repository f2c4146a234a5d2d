"""A desk with a tiny base and a finished run on it."""

from __future__ import annotations

from pathlib import Path

import pytest

import joyul
from tests.outcomes.desk import GOOD, Desk


@pytest.fixture(scope="session")
def finished(base: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that ended well."""
    folder = tmp_path_factory.mktemp("finished")
    data = folder / "reviews.csv"
    data.write_text(GOOD, encoding="utf-8")
    return Path(joyul.train(data=str(data), base=base, epochs=1, out=str(folder / "run")).folder)


@pytest.fixture
def desk(tmp_path: Path, base: str, finished: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """An empty folder, but for links to the base and the run, as the place where commands are typed."""
    (tmp_path / "bert").symlink_to(base)
    (tmp_path / "run").symlink_to(finished)
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path, capsys, monkeypatch)
