"""A folder of stock PEFT as `base=`: what it holds becomes the first stage, once it is sure to mean here what it meant there.

Refused are files that are not whole or of another model, and prompts that PEFT learned under one of its faults: a classifier that
reads a learned vector instead of [CLS], or padding (docs/peft.md shows them).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import peft
import torch
from torch import Tensor, nn

from joyul.bases.anatomy import head_names, inner
from joyul.bases.source import ADAPTER_FILE
from joyul.contracts import Method
from joyul.errors import DoesNotFit, RunError, listing
from joyul.messages import words
from joyul.methods.adapter import PeftAdapter
from joyul.methods.chain import Tuned
from joyul.methods.learned import ABOUT, VECTORS, WEIGHTS, LearnedStage, filed, read_tensors
from joyul.methods.prefix import PrefixTuning
from joyul.methods.soft_prompt import SoftPrompt
from joyul.notes import Notes
from joyul.recipe.adapters import ADAPTERS, REFUSED
from joyul.recipe.settings import StageSettings

PROMPTS: dict[str, type[LearnedStage]] = {"PROMPT_TUNING": SoftPrompt, "P_TUNING": SoftPrompt, "PREFIX_TUNING": PrefixTuning}
NAMES = {"PROMPT_TUNING": "soft_prompt", "P_TUNING": "soft_prompt", "PREFIX_TUNING": "prefix"}
FAULTY = ("SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS")  # tasks whose answers PEFT reads off shifted places under a soft prompt
INSIDE = "base_model.model."  # how PEFT names what stands in the model under an adapter


@dataclass(frozen=True)
class Imported:
    """An adapter's folder."""

    folder: Path

    @cached_property
    def config(self) -> Any:
        """PEFT's configuration. Raises RunError for one that PEFT cannot read."""
        try:
            return peft.PeftConfig.from_pretrained(str(self.folder))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise RunError("stage_broken", where=str(self.folder / ADAPTER_FILE), reason=reason) from error

    @property
    def room(self) -> int:
        """Positions in front of the text that it takes."""
        return int(getattr(self.config, "num_virtual_tokens", 0) or 0)

    def join(self, tuned: Tuned, named: bool, notes: Notes) -> None:
        """Become the first stage of `tuned`. `named`: its head's outputs have names, the user's or the base's, in their order."""
        named = named or tuned.form.setting.task.target_type == "number"
        tuned.model, stage = self.into(tuned.model, named, notes)
        tuned.stages.append(stage)
        tuned.new_head = tuned.new_head and not named

    def into(self, model: nn.Module, keeps_head: bool, notes: Notes) -> tuple[nn.Module, Method]:
        """The model with the adapter in it, and the stage it is. `keeps_head`: the outputs of its head are this task's.

        Raises RunError for files that cannot be used and DoesNotFit where it does not belong, each with the reason.
        """
        kind = str(getattr(self.config.peft_type, "value", self.config.peft_type))
        if kind in PROMPTS:
            return self._prompt(kind, model, keeps_head, notes)
        name = next((name for name, row in ADAPTERS.items() if row.config == type(self.config).__name__), None)
        if name is None:
            reason = words(REFUSED[kind.lower()]) if kind.lower() in REFUSED else words("adapter_kind_unknown")
            fitting = ", ".join(ADAPTERS)
            raise DoesNotFit("adapter_refused", where=str(self.folder), name=kind.lower(), reason=reason, fitting=fitting)
        return self._beside(PeftAdapter(name), model, keeps_head, notes)

    def _tensors(self) -> dict[str, Tensor]:
        found = read_tensors(self.folder)
        broken = [name for name, tensor in found.items() if not bool(torch.isfinite(tensor.float()).all())]
        if broken:
            raise RunError("adapter_not_finite", where=str(self.folder / WEIGHTS), found=broken[0], count=len(broken))
        return found

    def _beside(self, method: PeftAdapter, model: nn.Module, keeps_head: bool, notes: Notes) -> tuple[nn.Module, Method]:
        tensors, base, config = self._tensors(), inner(model), self.config
        own = {INSIDE + name: value.detach() for name, value in base.named_parameters() if name in set(head_names(base))}
        saved: set[str] = set(getattr(config, "modules_to_save", None) or ())
        theirs = {key for key in tensors if saved & set(key.split("."))}
        if theirs and not (keeps_head and all(key in own and own[key].shape == tensors[key].shape for key in theirs)):
            self._say_left(theirs, notes)
            tensors = {key: value for key, value in tensors.items() if key not in theirs}
            there = {name.rpartition(".")[2] for name, _ in base.named_modules()}
            config.modules_to_save = sorted(saved & there) or None
            tensors |= {key: value for key, value in own.items() if saved & there & set(key.split("."))}
        config.inference_mode = False
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # as in PeftAdapter.insert
                wrapped = peft.PeftModel(model, config)
        except (TypeError, ValueError, NotImplementedError) as error:
            reason = " ".join(str(error).split())
            raise DoesNotFit("adapter_impossible", where=str(self.folder), method=method.name, reason=reason) from error
        self._check(tensors, peft.get_peft_model_state_dict(wrapped, save_embedding_layers=False))
        peft.set_peft_model_state_dict(wrapped, tensors)
        return wrapped, method

    def _check(self, tensors: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
        """PEFT passes over names that it does not know, and leaves what is missing at chance."""
        missing, over = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
        wrong = [key for key in wanted.keys() & tensors.keys() if wanted[key].shape != tensors[key].shape]
        if wrong:
            key = min(wrong)
            shape, fitting = tuple(tensors[key].shape), tuple(wanted[key].shape)
            raise DoesNotFit("adapter_other_shape", where=str(self.folder), found=key, shape=str(shape), fitting=str(fitting))
        if missing or over:
            names = listing([*missing, *over], limit=3)
            raise DoesNotFit("adapter_other_model", where=str(self.folder), names=names, missing=len(missing), over=len(over))

    def _prompt(self, kind: str, model: nn.Module, keeps_head: bool, notes: Notes) -> tuple[nn.Module, Method]:
        if (self.folder / ABOUT).is_file():  # one of ours, which knows its base
            name = json.loads((self.folder / ABOUT).read_text(encoding="utf-8"))["method"]
            method = PROMPTS[kind](name, StageSettings())
            return method.load(model, self.folder), method
        reason = self._fault(kind, inner(model))
        if reason is not None:
            raise DoesNotFit("adapter_faulty", where=str(self.folder), method=NAMES[kind], reason=reason)
        tensors, method = self._tensors(), PROMPTS[kind](NAMES[kind], StageSettings(prompt_length=self.room))
        if VECTORS not in tensors:
            raise RunError("stage_broken", where=str(self.folder / WEIGHTS), reason=words("adapter_without", name=VECTORS))
        model = method.insert(model)
        method.fill(model, tensors.pop(VECTORS), self.folder)
        named = {filed(name): value for name, value in inner(model).named_parameters()}
        fitting = all(key in named and named[key].shape == value.shape for key, value in tensors.items())
        if tensors and not (keeps_head and fitting):
            self._say_left(tensors, notes)
            return model, method
        with torch.no_grad():
            for key, value in tensors.items():
                named[key].copy_(value)
        return model, method

    def _fault(self, kind: str, base: Any) -> str | None:
        """Why stock PEFT's prompt means something else here, or None."""
        task = str(self.config.task_type)
        if kind != "PREFIX_TUNING" and any(one in task for one in FAULTY):
            return words("adapter_fault_reads", task=task)
        if kind != "PREFIX_TUNING" and int(getattr(self.config, "num_transformer_submodules", None) or 1) > 1:
            return words("adapter_fault_decoder")
        return words("adapter_fault_prefix") if kind == "PREFIX_TUNING" and base.config.is_encoder_decoder else None

    def _say_left(self, names: Iterable[str], notes: Notes) -> None:
        notes.warn("adapter_head_left", folder=str(self.folder), names=listing(sorted(names), limit=3))
