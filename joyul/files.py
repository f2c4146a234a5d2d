"""Files that appear whole or not at all: written beside their final name, synced, renamed."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from joyul.errors import RunError, UsageError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, a quota, the longest file that is allowed
LEFTOVER = re.compile(r"\..+\.[0-9a-f]{8}")
SAID_FULL = ("StorageFull", "FileTooLarge", "QuotaExceeded", "No space left", "File too large", "quota exceeded")


def user_cache() -> Path:
    """The folder of what is kept between runs: JOYUL_CACHE, or `joyul` in the user's cache."""
    return Path(os.environ.get("JOYUL_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "joyul")


def beside(path: Path) -> Path:
    """A hidden name in the same folder, so that the rename stays on one disk."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")


def leftovers(folder: Path) -> list[Path]:
    """What a killed process was about to rename: names that `beside` gives."""
    return [path for path in folder.iterdir() if LEFTOVER.fullmatch(path.name)] if folder.is_dir() else []


def clear_leftovers(folder: Path) -> None:
    """Take them away. Only whoever holds the folder may."""
    for path in leftovers(folder):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Ask the disk to keep a file, or the names in a folder."""
    if os.name == "nt":  # a folder cannot be opened there, and a file only for writing
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def refusal(path: Path, error: Exception) -> RunError:
    """What the system said about a write (safetensors words it itself), as an error that says what to do."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    full = getattr(error, "errno", None) in FULL or any(word in reason for word in SAID_FULL)
    return RunError("disk_full" if full else "cannot_write", where=str(path), reason=reason)


def write_file(path: Path, fill: Callable[[Path], None]) -> None:
    """A file filled by `fill`, in folders that are made where they are missing. Raises RunError where the disk refuses."""
    temporary = beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fill(temporary)
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    except (OSError, SafetensorError) as error:
        raise refusal(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """UTF-8 with line ends as they stand."""

    def fill(temporary: Path) -> None:
        temporary.write_bytes(text.encode("utf-8"))

    write_file(path, fill)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Indented JSON; NaN is refused, since JSON has none."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def write_lines(path: Path, values: Iterable[Mapping[str, Any]]) -> None:
    """JSON Lines."""
    write_text(path, "".join(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n" for value in values))


def write_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """A folder filled by `fill`; what stood there before is replaced only once the new one is whole."""
    temporary = beside(path)
    try:
        temporary.mkdir(parents=True)
        fill(temporary)
        for inside in (*temporary.rglob("*"), temporary):
            sync(inside)
        if path.exists():
            shutil.rmtree(path)
        os.replace(temporary, path)
        sync(path.parent)
    except (OSError, SafetensorError) as error:
        raise refusal(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_free(out: Path) -> None:
    """Raise unless `out` can become a new folder: absent or empty but for leftovers, in a place that can be written to."""
    if out.exists() and (not out.is_dir() or len(list(out.iterdir())) > len(leftovers(out))):
        raise UsageError("out_in_use", found=str(out), free=str(next_free(out)))
    check_writable(out)


def check_writable(out: Path) -> None:
    """Raise RunError unless something can be written where `out` is to stand."""
    root = next(folder for folder in (out, *out.parents) if folder.exists())
    probe = beside(root / "probe")
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise refusal(out, error) from error


def next_free(out: Path) -> Path:
    """`out`, or `out-2`, `out-3`, ... : the first that does not exist."""
    number, candidate = 1, out
    while candidate.exists():
        number += 1
        candidate = out.with_name(f"{out.name}-{number}")
    return candidate


def folder_bytes(folder: Path) -> int:
    """What the files of a folder take together."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
