"""How a Step is written down, and under which versions a run took place."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from dataclasses import asdict

from joyul.contracts import Step

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
