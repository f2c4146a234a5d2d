"""benchmarks/README.md from what every benchmark has kept in a JSON file of its own: `python benchmarks/write.py`."""

from __future__ import annotations

import datetime
import importlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SECTIONS = (
    "spine", "speed", "contrast", "prompts", "wordings", "asking", "after", "heads", "rows", "together", "learning_rate",
    "order", "regret", "sharing",
)  # in this order


def kept(name: str) -> dict[str, Any]:
    """What a benchmark has measured so far."""
    file = HERE / f"{name}.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


def keep(name: str, key: str, cell: Any) -> None:
    """Read again before it is written: another part may have been measured meanwhile."""
    found = {**kept(name), key: cell}
    (HERE / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    write()


def fill(name: str, sets: Iterable[str], only: str | None, measure: Callable[[str], Any]) -> None:
    """Measure `only`, or all sets that are not kept yet; show and write each as soon as it is known."""
    for key in [only] if only else [key for key in sets if key not in kept(name)]:
        keep(name, key, measure(key))
        print("\n".join(importlib.import_module(name).section(kept(name))), flush=True)
    write()


def stamp() -> dict[str, str]:
    """When and on what something was measured."""
    from joyul.engine.device import describe

    return {"date": str(datetime.date.today()), "device": describe()}


def write() -> None:
    """The whole file."""
    parts = [importlib.import_module(name).section(kept(name)) for name in SECTIONS if kept(name)]
    text = "\n\n".join("\n".join(lines) for lines in parts)
    (HERE / "README.md").write_text(f"# Measured\n\n{text}\n", encoding="utf-8")


if __name__ == "__main__":
    write()
