"""A server for each test, waits that cost no time, and an environment without anybody's keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from joyul.bases.hosted import Hosted
from joyul.endpoint import pace
from joyul.endpoint.address import address
from joyul.endpoint.asker import Asker, Terms
from joyul.notes import Notes
from tests.endpoint.server import MODEL, Served, serving


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "JOYUL_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JOYUL_CACHE", str(tmp_path / "cache"))  # what one test is answered, another has not paid
    monkeypatch.setattr(pace, "FIRST_WAIT", 0.001)


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as server:
        yield server


def hosted(served: Served, **terms: object) -> Hosted:
    """The model of the server, asked on these terms."""
    return Hosted(Asker(address(f"openai:{MODEL}", served.url), Terms(**terms), Notes()))  # type: ignore[arg-type]
