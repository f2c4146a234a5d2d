"""Bases through transformers' auto classes: safetensors only, no remote code, no network when everything is local."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from joyul.bases.anatomy import architecture, head_names, positions
from joyul.bases.source import Source, find, neighbours
from joyul.contracts import Architecture, TargetType
from joyul.errors import BaseModelError
from joyul.hub import offline
from joyul.limits import room
from joyul.shortage import out_of_memory

transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # the load report is for developers of models; Joyul says what matters in Notes
transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]

BESIDE = 160 << 20  # bytes of addresses that the threads reserve which read weights
LENGTH_CEILING = 512  # longer rows are cut unless max_length= says otherwise: cost grows with the square
HEADS = ("ForSequenceClassification", "ForTokenClassification")
PROBLEMS = {"label": "single_label_classification", "labels": "multi_label_classification", "number": "regression"}
DROPOUTS = (
    "hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout", "dropout", "attention_dropout",
    "activation_dropout", "seq_classif_dropout", "resid_pdrop", "embd_pdrop", "attn_pdrop", "dropout_rate",
    "hidden_dropout", "embedding_dropout", "mlp_dropout", "classifier_dropout_prob", "pooler_dropout", "head_dropout",
    "summary_first_dropout", "summary_last_dropout",
)  # fmt: skip


@dataclass(frozen=True)
class BaseFiles:
    """A base before its weights are read."""

    source: Source
    config: Any
    tokenizer: PreTrainedTokenizerBase
    architecture: Architecture

    @property
    def width(self) -> int:
        """Units of a hidden state."""
        return int(self.config.get_text_config().hidden_size)

    @property
    def layers(self) -> int:
        """Layers in all, those of a decoder behind an encoder too."""
        return layer_count(self.config)

    @property
    def length_limit(self) -> int:
        """Tokens the base can read at most. A run's tokenizer cuts where that run did, which is no limit of the base."""
        limit = positions(self.config) or LENGTH_CEILING
        return limit if self.source.of_run else min(limit, int(self.tokenizer.model_max_length))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the head that the base brings, in its order; empty when it brings none."""
        if not any(name.endswith(HEADS) for name in self.config.architectures or ()):
            return ()
        return tuple(str(self.config.id2label[index]) for index in range(self.config.num_labels))


def layer_count(config: Any) -> int:
    """Layers that a configuration names, those of a decoder behind an encoder too."""
    text = config.get_text_config()
    names = ("num_decoder_layers", "decoder_layers")
    behind = next((getattr(text, name) for name in names if hasattr(text, name)), 0) if config.is_encoder_decoder else 0
    return int(text.num_hidden_layers) + int(behind or 0)


def read_config(base: str) -> Any:
    """The configuration of `base=` alone. Raises BaseModelError."""
    source = find(base)
    if source.hosted:
        raise BaseModelError("endpoint_without_weights", found=source.path)
    try:
        return AutoConfig.from_pretrained(source.path, local_files_only=source.local or offline(), trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise _unusable(source, error) from error


def open_base(base: str) -> BaseFiles:
    """Configuration and tokenizer of `base=`. Raises BaseModelError."""
    source, config = find(base), read_config(base)
    options = {"local_files_only": source.local or offline(), "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.path, **options)
    except (OSError, ValueError, KeyError) as error:
        raise _unusable(source, error) from error
    if len(tokenizer) <= len(tokenizer.all_special_ids):  # transformers makes an empty one where there are no files
        raise BaseModelError("base_without_tokenizer", found=source.path)
    if tokenizer.pad_token is None:  # GPT-2 and its kin have none; attention masks make the choice harmless
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
    tokenizer.padding_side = "right"
    if source.kind == "starter":
        tokenizer.name_or_path = source.kind  # not where it was installed
    config.pad_token_id = tokenizer.pad_token_id
    return BaseFiles(source, config, tokenizer, architecture(config))


def load_model(
    files: BaseFiles, auto_class: str, labels: Sequence[str] = (), seed: int = 0, dropout: float | None = None,
    target: TargetType = "label",
) -> PreTrainedModel:  # fmt: skip
    """The weights in fp32 under the head that `auto_class` names; new parts are drawn from `seed`. Raises BaseModelError.

    `labels` and the type of the `target` are written into the configuration as transformers has them.
    """
    config = _configured(files, labels, dropout)
    if auto_class.endswith("SequenceClassification"):
        config.problem_type = PROBLEMS[target]
        if target == "number":
            config.num_labels = 1
    if files.source.local and not any(Path(files.source.path).glob("*.safetensors")):
        raise BaseModelError("base_without_safetensors", found=files.source.path)
    _require_room(files.source)
    torch.manual_seed(seed)
    try:
        model = getattr(transformers, auto_class).from_pretrained(
            files.source.path, config=config, dtype=torch.float32, use_safetensors=True, trust_remote_code=False,
            local_files_only=files.source.local or offline(), ignore_mismatched_sizes=True,
        )  # fmt: skip
    except (OSError, ValueError, SafetensorError) as error:
        if out_of_memory(error):
            raise
        if isinstance(error, SafetensorError):
            raise BaseModelError("base_weights_broken", found=files.source.path, reason=error) from error
        raise _unusable(files.source, error) from error
    if labels and files.labels and files.labels != tuple(labels) and len(files.labels) == len(labels):
        _renew_head(model)
    assert isinstance(model, PreTrainedModel)
    return model


def _require_room(source: Source) -> None:
    """Raise BaseModelError where the base cannot be opened: what reads files there ends the process without a word."""
    files = Path(source.path).glob("*.safetensors") if source.local else ()
    left, need = room(), BESIDE + 2 * sum(file.stat().st_size for file in files)  # as they are on disk, and copied
    if left is not None and left < need:
        amounts = {"need": f"{need / 1e6:.0f} MB", "room": f"{left / 1e6:.0f} MB"}
        raise BaseModelError("base_no_room", found=source.name, **amounts)


def _configured(files: BaseFiles, labels: Sequence[str], dropout: float | None) -> Any:
    config = type(files.config).from_dict(files.config.to_dict())
    if labels:
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: index for index, label in enumerate(labels)}
    for name in DROPOUTS if dropout is not None else ():
        if hasattr(config, name):
            setattr(config, name, dropout)
    return config


def _renew_head(model: PreTrainedModel) -> None:
    """A head trained for other labels of the same number would start with their meaning."""
    spread = getattr(model.config, "initializer_range", 0.02)
    head = set(head_names(model))
    for name, parameter in model.named_parameters():
        if name in head and "pooler" not in name:
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=spread)
            else:
                nn.init.zeros_(parameter)


@torch.no_grad()
def start_at(model: PreTrainedModel, mean: float) -> None:
    """A new head that starts at the mean need not learn it; a decoder's has no bias to hold it."""
    named = dict(model.named_parameters())
    for name in head_names(model):
        if name.endswith("bias") and named[name].shape == (1,):
            named[name].fill_(mean)


def _unusable(source: Source, error: Exception) -> BaseModelError:
    reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    if source.kind != "hub":
        return BaseModelError("base_unusable", found=source.path, reason=reason)
    return BaseModelError("base_unreachable", found=source.name, allowed=neighbours(Path(source.name)), reason=reason)
