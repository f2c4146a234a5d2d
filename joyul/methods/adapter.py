"""LoRA and PEFT's other adapters: small modules beside the layers of a frozen base. The stage's folder is PEFT's own format."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import peft
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from joyul.bases.anatomy import depths, head_names, inner, twin
from joyul.bases.pooling import pools
from joyul.contracts import Architecture, Form, ParameterGroup
from joyul.engine.learned import Inserted
from joyul.errors import DoesNotFit, RunError, UsageError
from joyul.methods.base import InPlace
from joyul.methods.layers import lowest
from joyul.recipe.adapters import ADAPTERS, CONV1D_TOO
from joyul.recipe.settings import StageSettings

WEIGHTS = "adapter_model.safetensors"
EVERYTHING = ("all-linear", "norms")
PEFT_HEADS = ("classifier", "score", "qa_outputs")  # what PEFT takes for the head of its own accord
TASK_TYPES = (
    ("SequenceClassification", "SEQ_CLS"), ("TokenClassification", "TOKEN_CLS"), ("QuestionAnswering", "QUESTION_ANS"),
    ("ConditionalGeneration", "SEQ_2_SEQ_LM"), ("CausalLM", "CAUSAL_LM"), ("LMHeadModel", "CAUSAL_LM"),
)  # fmt: skip


@dataclass(frozen=True)
class PeftAdapter(InPlace):
    """One of `ADAPTERS`, and the head where it is a new one (none of a language model)."""

    name: str
    settings: StageSettings = field(default_factory=StageSettings)
    self_contained: ClassVar[bool] = True

    def why_not(self, form: Form, architecture: Architecture) -> str | None:
        return None

    def insert(self, model: nn.Module, form: Form | None = None) -> nn.Module:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # PEFT reads an attribute that transformers has renamed
                return peft.PeftModel(model, self._config(model))
        except (TypeError, ValueError, NotImplementedError) as error:  # sizes that do not divide, layers it does not know
            reason = " ".join(str(error).split())
            raise DoesNotFit("adapter_impossible", method=self.name, reason=reason) from error

    def moves(self, model: nn.Module) -> Sequence[ParameterGroup]:
        prefix = str(_wrapper(model).base_model.prefix)
        named = dict(model.named_parameters())
        head = {name: named[name] for name in named if ".modules_to_save.default." in name}
        beside = {name: named[name] for name in named if prefix in name and name not in head and "original_module" not in name}
        return [ParameterGroup(self.name, beside), *([ParameterGroup("head", head)] if head else [])]

    def save(self, model: nn.Module, folder: Path) -> None:
        _wrapper(model).save_pretrained(str(folder), save_embedding_layers=False)

    def load(self, model: nn.Module, folder: Path) -> nn.Module:
        if not (folder / WEIGHTS).is_file():  # PEFT would look for a pickled file, or on the hub
            raise RunError("stage_files_missing", where=str(folder), found=WEIGHTS)
        return peft.PeftModel.from_pretrained(model, str(folder), is_trainable=True)

    def plain(self, model: nn.Module) -> nn.Module:
        found: nn.Module = _wrapper(twin(model)).unload()
        return found

    def merged(self, model: nn.Module) -> nn.Module | None:
        found: nn.Module = _wrapper(model).merge_and_unload(safe_merge=True)
        return found

    def _config(self, model: nn.Module) -> peft.PeftConfig:
        """PEFT's configuration: the modules by their whole names, which PEFT shortens where it can."""
        base, row, settings = inner(model), ADAPTERS[self.name], self.settings
        targets = self._targets(base)
        pairs = (
            (row.rank, settings.rank), (row.alpha, settings.lora_alpha), (row.dropout, settings.lora_dropout),
            (row.block, _common(base, targets)),
        )  # fmt: skip
        options = {key: value for key, value in pairs if key is not None and value is not None}
        head = [] if _output(base) is not None else _head_modules(base)
        config: peft.PeftConfig = getattr(peft, row.config)(
            target_modules=targets,
            modules_to_save=head or None,
            task_type=_task_type(base, head),
            **{**options, **row.fixed, **self._own(base, targets)},
        )
        return config

    def _own(self, base: PreTrainedModel, targets: Sequence[str]) -> dict[str, Any]:
        """What single adapters want to know about the modules they stand beside."""
        shapes = {name: _shape(base.get_submodule(name)) for name in targets}
        transposed = bool(targets) and isinstance(base.get_submodule(targets[0]), Conv1D)
        if self.name == "lora":
            self._room(shapes)
            return {"fan_in_fan_out": transposed, "use_dora": self.settings.dora, "use_rslora": self.settings.rslora}
        if self.name == "ia3":
            narrowing = [name for name, (inside, outside) in shapes.items() if inside > outside]
            return {"feedforward_modules": narrowing, "fan_in_fan_out": transposed}
        if self.name == "vblora":
            return {"num_vectors": 256}
        if self.name in ("fourierft", "waveft"):
            return {"n_frequency": min(self.settings.rank or 1000, *(inside * outside for inside, outside in shapes.values()))}
        return {"fan_in_fan_out": True} if transposed and self.name in CONV1D_TOO and self.name != "ln_tuning" else {}

    def _room(self, shapes: dict[str, tuple[int, int]]) -> None:
        tightest = min(shapes, key=lambda name: min(shapes[name]))
        limit = min(shapes[tightest])
        if self.settings.rank is not None and self.settings.rank > limit:
            raise UsageError("rank_too_large", found=str(self.settings.rank), module=tightest, limit=limit)

    def _targets(self, base: PreTrainedModel) -> list[str]:
        """Names of the modules of `base` that get adapters. Raises UsageError for one that nothing is called."""
        offered = self._offered(base)
        wanted = self.settings.targets or EVERYTHING
        if wanted[0] in EVERYTHING:
            return offered
        ends = sorted({name.rpartition(".")[2] for name in offered})
        for word in wanted:
            if not any(_called(name, word) for name in offered):
                raise UsageError("target_unknown", found=word, allowed=ends, method=self.name)
        return [name for name in offered if any(_called(name, word) for word in wanted)]

    def _offered(self, base: PreTrainedModel) -> list[str]:
        """Linear modules (for `ln_tuning`: norms) of the top layers, or of all; neither head, nor mean, nor output embeddings."""
        norms = self.name == "ln_tuning"
        head, last = set(_head_modules(base)), _output(base)
        aside = {id(part) for own in base.modules() if isinstance(own, Inserted) or pools(own) for part in own.modules()}
        found = [
            name
            for name, module in base.named_modules()
            if (_is_norm(module) if norms else isinstance(module, (nn.Linear, Conv1D)))
            and name not in head
            and module is not last
            and id(module) not in aside
        ]
        if self.settings.top_layers is not None:
            least, depth = lowest(base, self.settings.top_layers), depths(base)
            found = [name for name in found if depth[f"{name}.weight"] >= least]
        if self.name not in CONV1D_TOO and any(isinstance(base.get_submodule(name), Conv1D) for name in found):
            raise DoesNotFit("target_kind", method=self.name, model=base.config.model_type, fitting=", ".join(CONV1D_TOO))
        return found


def _wrapper(model: nn.Module) -> peft.PeftModel:
    return next(module for module in model.modules() if isinstance(module, peft.PeftModel))


def _output(base: PreTrainedModel) -> nn.Module | None:
    """What a language model ends in; None for a model with another head."""
    found: nn.Module | None = base.get_output_embeddings()  # type: ignore[no-untyped-call]
    return found


def _head_modules(base: PreTrainedModel) -> list[str]:
    """The modules that own the head's parameters. Not what holds several: PEFT cannot merge around such a one."""
    return list(dict.fromkeys(name.rpartition(".")[0] for name in head_names(base)))


def _called(name: str, word: str) -> bool:
    return name == word or name.endswith(f".{word}")


def _is_norm(module: nn.Module) -> bool:
    return "norm" in type(module).__name__.lower() and isinstance(getattr(module, "weight", None), nn.Parameter)


def _shape(module: nn.Module) -> tuple[int, int]:
    """Units in and out; one size twice for a norm."""
    weight = module.weight
    assert isinstance(weight, nn.Parameter)
    sizes = tuple(weight.shape) if isinstance(module, Conv1D) else tuple(reversed(weight.shape))
    return int(sizes[0]), int(sizes[-1])


def _common(base: PreTrainedModel, targets: Sequence[str]) -> int:
    """The largest power of two, at most 64, that divides every width."""
    return math.gcd(64, *(size for name in targets for size in _shape(base.get_submodule(name))))


def _task_type(base: PreTrainedModel, head: Sequence[str]) -> str | None:
    """PEFT's word for the kind of model.

    None where the classifier holds several modules: with the word, PEFT would save it a second time, as a whole.
    """
    kind = next((kind for ending, kind in TASK_TYPES if type(base).__name__.endswith(ending)), None)
    return kind if not head or any(name in PEFT_HEADS for name in head) else None
