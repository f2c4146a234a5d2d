"""Prompts in PEFT's own format, where stock PEFT would give the same answers; elsewhere the reason why not.

It would not with a soft prompt in front of an encoder (it pools a learned vector), nor of a decoder's classifier (it pools a
pad), nor with a prefix that leaves out layers or stands in an encoder-decoder's encoder, nor around a head of which it keeps but
a part. A prompt behind the text it does not know at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
from torch import nn
from transformers import PreTrainedModel

from joyul.bases.anatomy import inner, layer_list

KEPT = ("classifier", "score")  # what PEFT keeps of a model beside a prompt
PREFIXED = ("bert", "roberta")  # the encoders it puts a prefix in
TASKS = (("CausalLM", "CAUSAL_LM"), ("LMHeadModel", "CAUSAL_LM"), ("ConditionalGeneration", "SEQ_2_SEQ_LM"),
         ("SequenceClassification", "SEQ_CLS"), ("TokenClassification", "TOKEN_CLS"))  # fmt: skip


def config(model: nn.Module, prefix: bool, length: int, layers: int, head: list[str]) -> peft.PeftConfig | None:
    """PEFT's configuration of a prompt of `length` in `layers` layers beside `head`; None where it would answer otherwise."""
    base = inner(model)
    task = next((task for ending, task in TASKS if type(base).__name__.endswith(ending)), None)
    if any(isinstance(module, peft.PeftModel) for module in model.modules()):  # joint with adapters
        return None
    if not prefix:
        generates = task in ("CAUSAL_LM", "SEQ_2_SEQ_LM")
        options: dict[str, Any] = {"num_virtual_tokens": length, "num_transformer_submodules": 1}  # in front of the encoder alone
        return peft.PromptTuningConfig(task_type=task, **options) if generates else None
    return peft.PrefixTuningConfig(task_type=task, num_virtual_tokens=length) if _prefixed(base, task, layers, head) else None


def _prefixed(base: PreTrainedModel, task: str | None, layers: int, head: list[str]) -> bool:
    whole = not base.config.is_encoder_decoder and layers == len(layer_list(base))
    kept = all(name.split(".")[0] in KEPT for name in head)
    return whole and kept and (task == "CAUSAL_LM" or (task is not None and base.config.model_type in PREFIXED))


def write(found: peft.PeftConfig | None, base: PreTrainedModel, folder: Path) -> None:
    """`adapter_config.json`, where there is one to write."""
    if found is not None:
        found.base_model_name_or_path = base.config.name_or_path or None
        found.inference_mode = True
        found.save_pretrained(str(folder))
