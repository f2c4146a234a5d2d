"""The measurement that decides which arithmetic a machine uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from joyul.engine import kernels


def test_a_slow_moment_decides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """bf16 is twice as fast, but half of its passes, the first among them, meet another process."""
    passes: list[str] = []

    def seconds(block: Any, states: Any, precision: str) -> float:
        passes.append(precision)
        disturbed = precision == "bf16" and passes.count("bf16") <= kernels.PASSES // 2
        return 1.0 if disturbed else {"bf16": 0.1, "fp32": 0.2}[precision]

    monkeypatch.setenv("JOYUL_CACHE", str(tmp_path))
    monkeypatch.setattr(kernels, "_offered", lambda: ["fp32", "bf16"])
    monkeypatch.setattr(kernels, "_seconds", seconds)
    assert kernels.fastest(8) == "bf16"
    assert kernels.rates(8)["bf16"] == pytest.approx(2 * kernels.rates(8)["fp32"])
    assert passes[:4] == ["fp32", "bf16", "fp32", "bf16"], "they take turns"
    count = len(passes)
    kernels.rates(8)
    assert len(passes) == count, "measured once, then kept"
