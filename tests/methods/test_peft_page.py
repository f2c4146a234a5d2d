"""docs/peft.md: what it says of stock PEFT is checked by the blocks that stand on it, run in order."""

from __future__ import annotations

import re
from typing import Any

import peft
import pytest

from tests.conftest import ROOT
from tests.test_docs import blocks

PAGE = "docs/peft.md"


@pytest.mark.filterwarnings("ignore")
def test_every_claim_about_stock_peft_holds() -> None:
    code = [text for kind, text in blocks(PAGE) if kind == "python"]
    assert len(code) == 1 + 6 + 1, "what they share, six faults, what is refused"
    room: dict[str, Any] = {"__name__": "page"}
    for number, text in enumerate(code):
        assert number == 0 or "assert" in text or "Assert" in text, "a claim without a check"
        exec(compile(text, f"{PAGE}, block {number}", "exec"), room)  # noqa: S102 - our own page


def test_the_page_speaks_of_the_version_that_is_tested() -> None:
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    assert re.search(rf"PEFT \({re.escape(peft.__version__)},", page), "read the page again against this version of PEFT"
