"""What prompt stages share: their vectors move, and the head where there is one; both are kept in the stage's folder.

`adapter_model.safetensors` is in PEFT's layout: the vectors as the model reads them under `prompt_embeddings`, the head under its
name; `adapter_config.json` stands beside it where stock PEFT answers the same (`methods.exchange`). `stage.json` says what they
are and for which base; `learned.safetensors` holds the network they pass, where there is one.
"""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from joyul.bases.anatomy import head_names, inner, positions, twin
from joyul.contracts import Architecture, Form, ParameterGroup
from joyul.engine.learned import Learned, own_parameters
from joyul.engine.placement import behind
from joyul.engine.prefixes import Prefix
from joyul.errors import RunError, UsageError
from joyul.files import write_json
from joyul.methods import exchange
from joyul.methods.base import InPlace
from joyul.recipe.settings import StageSettings

WEIGHTS, ABOUT, STATE, VECTORS = "adapter_model.safetensors", "stage.json", "learned.safetensors", "prompt_embeddings"
HEAD_PREFIX = "base_model."  # PEFT's
SAMPLE = 512  # numbers of each weight that make up a base's fingerprint


@dataclass(frozen=True)
class LearnedStage(InPlace):
    """A stage whose `parts` move; `head_rate` times its learning rate moves the head."""

    name: str
    settings: StageSettings = field(default_factory=StageSettings)
    self_contained: ClassVar[bool] = True
    head_rate: ClassVar[float] = 0.1

    @property
    def room(self) -> int:
        """Positions in front of the text that it takes."""
        return self.settings.prompt_length or 1

    def why_not(self, form: Form, architecture: Architecture) -> str | None:
        return None

    @abstractmethod
    def parts(self, model: nn.Module) -> list[Learned]:
        """What it inserted into a model, from below."""

    @abstractmethod
    def shape(self, model: nn.Module) -> dict[str, Any]:
        """All that `empty` needs, as JSON."""

    @abstractmethod
    def empty(self, model: nn.Module, shape: dict[str, Any]) -> None:
        """Insert parts of that shape."""

    @abstractmethod
    def remove(self, model: nn.Module) -> None:
        """Take the parts out of a model."""

    def moves(self, model: nn.Module) -> Sequence[ParameterGroup]:
        mine = {id(p) for part in self.parts(model) for p in part.parameters()}
        named = dict(inner(model).named_parameters())
        moving = {name: parameter for name, parameter in named.items() if id(parameter) in mine}
        head = {name: named[name] for name in head_of(model)}
        return [ParameterGroup(self.name, moving), *([ParameterGroup("head", head, self.head_rate)] if head else [])]

    def plain(self, model: nn.Module) -> nn.Module:
        double = twin(model)
        self.remove(double)
        return double

    def merged(self, model: nn.Module) -> nn.Module | None:
        return None

    def save(self, model: nn.Module, folder: Path) -> None:
        parts, named = self.parts(model), dict(inner(model).named_parameters())
        with torch.no_grad():
            tensors = {VECTORS: torch.cat([part() for part in parts], dim=1)}
        tensors |= {filed(name): named[name] for name in head_of(model)}
        _write(folder / WEIGHTS, tensors)
        if any(part.network is not None for part in parts):
            states = enumerate(part.state_dict() for part in parts)
            _write(folder / STATE, {f"{number}.{key}": value for number, state in states for key, value in state.items()})
        write_json(folder / ABOUT, {"method": self.name, **self.shape(model), "base": fingerprint(model)})
        layers = len(parts) if isinstance(parts[0], Prefix) else 0
        if not behind(model):
            exchange.write(exchange.config(model, layers > 0, parts[0].count, layers, head_of(model)), inner(model), folder)

    def load(self, model: nn.Module, folder: Path) -> nn.Module:
        about, tensors = _about(folder), read_tensors(folder)
        if about["base"] != fingerprint(model):
            raise RunError("prompt_other_base", where=str(folder), method=self.name)
        self.empty(model, about)
        self.fill(model, tensors[VECTORS], folder)
        parts, named = self.parts(model), dict(inner(model).named_parameters())
        state = read_tensors(folder, STATE) if (folder / STATE).is_file() else {}
        with torch.no_grad():
            for number, part in enumerate(parts if state else ()):
                for key, value in part.state_dict().items():
                    value.copy_(state[f"{number}.{key}"])
            for name in head_of(model):
                named[name].copy_(tensors[filed(name)])
        return model

    @torch.no_grad()
    def fill(self, model: nn.Module, vectors: Tensor, folder: Path) -> None:
        """Vectors as a file has them, shape (count, all widths), into the parts. Raises RunError for another shape."""
        parts = self.parts(model)
        widths, found = [int(part.start.shape[1]) for part in parts], tuple(vectors.shape)
        if found != (parts[0].count, sum(widths)):
            shape = f"({parts[0].count}, {sum(widths)})"
            raise RunError("prompt_other_shape", where=str(folder), shape=str(found), fitting=shape)
        for part, start in zip(parts, torch.split(vectors, widths, dim=1), strict=True):
            part.start.copy_(start)


def head_of(model: nn.Module) -> list[str]:
    """Names of the head's parameters in `inner(model)`; none of a language model, whose output embeddings stay."""
    base = inner(model)
    if base.get_output_embeddings() is not None:  # type: ignore[no-untyped-call]
        return []
    return [name for name in head_names(base) if ".original_module." not in name]


def filed(name: str) -> str:
    """A parameter of the head as the file names it: adapters that came later, or come after, keep theirs one module deeper."""
    return HEAD_PREFIX + name.replace(".modules_to_save.default", "")


def fits(model: nn.Module, form: Form, length: int) -> None:
    """Raise UsageError where the base has no positions left for `length` more in front of the longest text."""
    limit, longest = positions(inner(model).config), form.setting.max_length
    if limit is not None and longest + length > limit:
        raise UsageError("prompt_no_room", length=length, longest=longest, limit=limit, free=max(0, limit - length))


def fingerprint(model: nn.Module) -> str:
    """Of the weights under a prompt, from a sample of each: not of the head, of adapters, of prompts."""
    base, digest = inner(model), hashlib.blake2b(digest_size=16)
    adapted = [name for name, module in base.named_modules() if isinstance(module, BaseTunerLayer)]
    beside = set(head_names(base)) if base.get_output_embeddings() is None else set()  # type: ignore[no-untyped-call]
    for name, parameter in own_parameters(base).items():
        owner = next((one for one in adapted if name.startswith(one + ".")), None)
        if name in beside or (owner is not None and not name.startswith(f"{owner}.base_layer.")):
            continue
        sample = parameter.detach().flatten()[:: max(1, parameter.numel() // SAMPLE)]
        digest.update(name.replace(".base_layer.", ".").encode() + sample.float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    save_file({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}, path, {"format": "pt"})


def read_tensors(folder: Path, name: str = WEIGHTS) -> dict[str, Tensor]:
    """A file of a stage. Raises RunError where it is missing or broken."""
    try:
        return load_file(folder / name)
    except FileNotFoundError as error:
        raise RunError("stage_files_missing", where=str(folder), found=name) from error
    except SafetensorError as error:
        raise RunError("stage_broken", where=str(folder / name), reason=str(error)) from error


def _about(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError("stage_files_missing", where=str(folder), found=ABOUT) from error
    except ValueError as error:
        raise RunError("stage_broken", where=str(folder / ABOUT), reason=str(error)) from error
    return found
