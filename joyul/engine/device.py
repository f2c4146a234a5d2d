"""Where the process computes, and how much memory it takes. Everything that asks 'which device' asks here."""

from __future__ import annotations

import ctypes
import platform
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil
import torch
from accelerate import PartialState

from joyul.contracts import Batch

STATUS = Path("/proc/self/status")
RESET = Path("/proc/self/clear_refs")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h


@cache
def processes() -> PartialState:
    """accelerate's word on where this process computes and how many do.

    Arithmetic is chosen by the loop (`precision`), so that nothing here minds what another Trainer in the process has chosen.
    """
    _keep_large_buffers()
    return PartialState()


def _keep_large_buffers() -> None:
    """Have glibc keep large buffers for the next update; it gives them back to the system, which clears every page again."""
    with suppress(OSError, AttributeError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)


def device() -> torch.device:
    """Where the model is."""
    found: torch.device = processes().device
    return found


def describe() -> str:
    """`cpu, AMD EPYC, threads=2` or the accelerator's name."""
    if device().type == "cuda":
        return f"cuda, {torch.cuda.get_device_name()}"
    return f"{device().type}, {processor()}, threads={torch.get_num_threads()}"


@cache
def processor() -> str:
    """The processor's name as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def memory() -> int:
    """Bytes in use now: the accelerator's, or resident memory of the process."""
    if device().type == "cuda":
        return int(torch.cuda.memory_allocated())
    return int(psutil.Process().memory_info().rss)


def reset_peak() -> None:
    """Start a new peak. Linux resets the high-water mark for the process; elsewhere the peak is that of the process so far."""
    if device().type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    elif RESET.exists():
        try:
            RESET.write_text("5")
        except OSError:  # a container may forbid it; the peak is then an upper bound
            return


def peak() -> int:
    """Bytes at the highest since `reset_peak`."""
    if device().type == "cuda":
        return int(torch.cuda.max_memory_allocated())
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    info = psutil.Process().memory_info()
    return int(getattr(info, "peak_wset", info.rss))


def to_device(batch: Batch) -> Batch:
    """The same batch where the model is."""
    targets = batch.targets.to(device()) if batch.targets is not None else None
    return Batch(batch.rows, {name: tensor.to(device()) for name, tensor in batch.inputs.items()}, targets)
