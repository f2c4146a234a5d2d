"""Files that appear whole or not at all: written beside their final name, synced, renamed."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from joyul.errors import RunError, UsageError


def beside(path: Path) -> Path:
    """A hidden name in the same folder, so that the rename stays on one disk."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")


def write_file(path: Path, fill: Callable[[Path], None]) -> None:
    """A file filled by `fill`, in folders that are made where they are missing. Raises RunError where the disk refuses."""
    temporary = beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fill(temporary)
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise RunError("cannot_write", where=str(path), reason=error.strerror or str(error)) from error
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
        for file in temporary.rglob("*"):
            if file.is_file():
                with open(file, "rb") as handle:
                    os.fsync(handle.fileno())
        if path.exists():
            shutil.rmtree(path)
        os.replace(temporary, path)
    except OSError as error:
        raise RunError("cannot_write", where=str(path), reason=error.strerror or str(error)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_free(out: Path) -> None:
    """Raise unless `out` can become a new folder: absent or empty, in a place that can be written to."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
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
        raise RunError("cannot_write", where=str(out), reason=error.strerror or str(error)) from error


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
