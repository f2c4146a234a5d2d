"""Which arithmetic is fastest on this machine: measured once per machine and versions, kept in the user's cache."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from joyul.engine.device import describe, device
from joyul.files import user_cache, write_json

TOKENS, PASSES = 512, 12
FASTER_BY = 1.1  # bf16 has to win by more than noise before accuracy is touched


def cache_file() -> Path:
    """Where measurements are kept."""
    return user_cache() / "kernels.json"


def rates(width: int) -> dict[str, float]:
    """Operations a second of a linear layer of this width, forward and backward, in `fp32` and, where there is one, `bf16`."""
    key = f"{describe()} | torch {torch.__version__} | width {width} | best of {PASSES}"
    kept = _kept()
    if key not in kept:
        kept[key] = _measure(width, _offered())
        try:
            cache_file().parent.mkdir(parents=True, exist_ok=True)
            write_json(cache_file(), kept)
        except Exception:  # noqa: BLE001 - a cache that cannot be kept is measured again
            return kept[key]
    return kept[key]


def fastest(width: int) -> str:
    """`bf16` where it was measured clearly faster, else `fp32`."""
    measured = rates(width)
    return "bf16" if measured.get("bf16", 0.0) > FASTER_BY * measured["fp32"] else "fp32"


def _kept() -> dict[str, dict[str, float]]:
    try:
        loaded: dict[str, dict[str, float]] = json.loads(cache_file().read_text(encoding="utf-8"))
        return loaded
    except (OSError, ValueError):
        return {}


def _offered() -> list[str]:
    """bf16 is offered only where the processor has it: emulated, it is slow and saves nothing."""
    if device().type == "cuda":
        return ["fp32", "bf16"] if torch.cuda.is_bf16_supported() else ["fp32"]
    return ["fp32", "bf16"] if device().type == "cpu" and _cpu_has_bf16() else ["fp32"]


def _cpu_has_bf16() -> bool:
    info = Path("/proc/cpuinfo")
    flags = info.read_text() if info.exists() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _measure(width: int, precisions: Sequence[str]) -> dict[str, float]:
    """Best rate of several passes through two layers shaped like a feed-forward block.

    The precisions take turns and the best pass counts: another process can only slow a pass down, and one slow moment
    would otherwise decide for as long as the measurement is kept.
    """
    block = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)).to(device())
    states = torch.randn(TOKENS, width, device=device())
    best = {precision: _seconds(block, states, precision) for precision in precisions}  # the first pass prepares the kernels
    for _ in range(PASSES):
        best = {precision: min(before, _seconds(block, states, precision)) for precision, before in best.items()}
    return {precision: 6 * TOKENS * 8 * width * width / seconds for precision, seconds in best.items()}


def _seconds(block: nn.Module, states: Tensor, precision: str) -> float:
    """The time of one pass, forward and backward."""
    started = time.perf_counter()
    with torch.autocast(device().type, torch.bfloat16, enabled=precision == "bf16"):
        loss = block(states).float().square().mean()
    loss.backward()
    loss.item()
    return time.perf_counter() - started
