"""How a Step is written down, what of it goes into the recipe, and under which versions a run took place."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from joyul.contracts import Step
from joyul.files import write_text
from joyul.messages import words
from joyul.recipe.resolve import Recipe
from joyul.recipe.settings import RUN_KEYS

PACKAGES = ("joyul", "torch", "transformers", "accelerate", "datasets", "safetensors", "tokenizers")


def versions() -> dict[str, str]:
    """Of Python, Joyul and what it stands on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def step_line(step: Step) -> str:
    """A line of steps.jsonl: the fields that are set."""
    return json.dumps({key: value for key, value in asdict(step).items() if value is not None}, ensure_ascii=False) + "\n"


def noted(recipe: Recipe, steps: Sequence[Step], file: Path | None = None) -> None:
    """Write beside each setting what the Steps say of its changes: into the recipe's origins, and into the `file` of a run."""
    for step in (step for step in steps if step.adjusted):
        stage = recipe.stages[step.stage - 1]
        for key, value in (step.adjusted or {}).items():
            origins = recipe.origins if key in RUN_KEYS else stage.origins
            said = words("origin_adjusted", method=stage.method, value=value, step=step.step)
            origins[key] = f"{origins.get(key) or words('origin_plain')}; {said}"
            if file is not None:
                _note_line(file, (f"{key}:", f"{stage.method}.{key}:"), said)


def _note_line(file: Path, starts: tuple[str, str], said: str) -> None:
    """Only the comment of one line changes: a rate that was searched for still says `auto` until the run has ended."""
    lines = file.read_text(encoding="utf-8").splitlines()
    noted = [f"{line}; {said}" if line.startswith(starts) and said not in line else line for line in lines]
    write_text(file, "\n".join(noted) + "\n")
