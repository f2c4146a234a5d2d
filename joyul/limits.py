"""How much memory the system lets this process have: its own limit (`ulimit -v`) and those of its control groups."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil

from joyul.shortage import address_limit

GROUPS, MINE = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
FILES = {"": "memory.max", "memory": "memory.limit_in_bytes"}  # of version 2, whose controller has no name, and of version 1
UNLIMITED = 1 << 60  # version 1 writes a number of about this size


def room() -> int | None:
    """Bytes that the process may still take; None where nothing limits it. A group that is full ends it without a word."""
    used = psutil.Process().memory_info()
    left = [limit - used.rss for limit in _groups()]
    own = address_limit()
    left += [own - used.vms] if own is not None else []
    return max(0, min(left)) if left else None


def _groups() -> Iterator[int]:
    """The limits of the groups that the process is in, and of those around them."""
    lines = MINE.read_text(encoding="utf-8").splitlines() if MINE.is_file() else []
    for _, controllers, path in (line.split(":", 2) for line in lines):
        for controller in controllers.split(","):
            if controller in FILES:
                inside = GROUPS / controller / path.lstrip("/")
                for folder in (inside, *inside.parents):
                    yield from _limit(folder / FILES[controller])
                    if folder == GROUPS / controller:
                        break


def _limit(file: Path) -> Iterator[int]:
    text = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    if text.isdigit() and int(text) < UNLIMITED:  # else `max`
        yield int(text)
