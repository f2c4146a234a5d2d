"""Checkpoints on disk: safetensors and JSON in a folder that appears whole or not at all; the newest complete one counts.

A checkpoint is written under a hidden name, its files are synced, its manifest with the size and SHA-256 of each comes last, and
a rename makes it visible. What has no manifest that agrees with its files is passed over, and said. Nothing is ever pickled.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from joyul.errors import RunError
from joyul.files import write_folder, write_json
from joyul.notes import Notes

FOLDER = "checkpoints"
RECORD, TENSORS, MANIFEST = "record.json", "state.safetensors", "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """A complete one: `record` is its JSON; the tensors are read when asked for."""

    folder: Path
    record: dict[str, Any]

    def tensors(self, prefix: str = "") -> dict[str, Tensor]:
        """Tensors whose names begin with `prefix`, in the processor's memory."""
        if not (self.folder / TENSORS).is_file():
            return {}
        with safe_open(self.folder / TENSORS, framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118 - no mapping
            return {name: file.get_tensor(name).clone() for name in names}  # it may be a view of the file


def write(root: Path, name: str, record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Checkpoint:
    """A new checkpoint, read back and compared before it counts. Raises RunError where the disk refuses or garbles it."""

    def fill(folder: Path) -> None:
        write_json(folder / RECORD, {"format": FORMAT, **record})
        if tensors:
            save_file({key: value.detach().contiguous() for key, value in tensors.items()}, folder / TENSORS)
        files = {file.name: {"bytes": file.stat().st_size, "sha256": sha256(file)} for file in sorted(folder.iterdir())}
        write_json(folder / MANIFEST, files)

    write_folder(root / name, fill)
    return read(root / name)


def read(folder: Path) -> Checkpoint:
    """The checkpoint in a folder. Raises RunError saying what is wrong with it."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        for name, said in manifest.items():
            file = folder / name
            if file.stat().st_size != said["bytes"] or sha256(file) != said["sha256"]:
                raise RunError("checkpoint_garbled", where=str(file))
        return Checkpoint(folder, json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        raise RunError("checkpoint_incomplete", where=str(folder), reason=reason) from error


def newest(root: Path, kind: str, notes: Notes) -> Checkpoint | None:
    """The newest complete one among `kind-*`, with what it needs (`record["needs"]`). Others are passed over, and said."""
    for folder in sorted(root.glob(f"{kind}-*"), reverse=True):
        try:
            found = read(folder)
            if found.record.get("needs"):
                read(root / str(found.record["needs"]))
            return found
        except RunError as error:
            notes.warn("checkpoint_passed_over", folder=str(folder), reason=error)
    return None


def remove(folder: Path) -> None:
    """Take one away: its manifest first, so that half of it never counts."""
    (folder / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def sha256(file: Path) -> str:
    """Of a file's bytes."""
    with open(file, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
