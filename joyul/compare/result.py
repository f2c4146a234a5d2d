"""What a comparison leaves behind: `best/`, the page, and comparison.json, written last."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joyul.compare.page import Facts, render
from joyul.files import write_folder, write_json, write_text

COMPARISON_FILE, REPORT_FILE, BEST_FOLDER = "comparison.json", "report.html", "best"


@dataclass(frozen=True)
class Comparison:
    """A finished comparison: its folder, and what comparison.json holds."""

    folder: Path
    record: dict[str, Any]

    @property
    def best(self) -> Path:
        """The winner's run folder."""
        return self.folder / BEST_FOLDER


def save(folder: Path, record: dict[str, Any], winner: Path, facts: Facts) -> Comparison:
    """Write it all; `winner` is the run folder that goes to `best/`."""
    write_folder(folder / BEST_FOLDER, lambda path: _link(winner, path))
    write_text(folder / REPORT_FILE, render(facts))
    write_json(folder / COMPARISON_FILE, record)
    return Comparison(folder, record)


def _link(source: Path, target: Path) -> None:
    """A copy whose weights share their bytes on disk where the file system can; what people edit is copied."""

    def place(original: str, copy: str) -> str:
        with suppress(OSError):  # another disk, or one without links
            if original.endswith(".safetensors"):
                os.link(original, copy)
                return copy
        return str(shutil.copy2(original, copy))

    shutil.copytree(source, target, copy_function=place, dirs_exist_ok=True)
