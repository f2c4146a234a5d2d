"""Tiny random models with tokenizers made on the spot: real architectures, no download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

WIDTH = 32
TEXTS = [
    "good film and a fine cast", "bad film with a dull plot", "a fine story told well", "dull and bad from the start",
    "the plot is good", "the cast is bad", "not good at all", "not bad at all", "i liked the story", "i hated the ending",
    "a film about a dog and a cat", "the ending was fine", "well made and fine", "poor and dull", "a joy to watch", "a waste of time",
]  # fmt: skip
DECODERS = ("gpt2", "llama", "mistral", "qwen3", "gemma", "opt")
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def tokenizer(pad_token: str | None = "[PAD]", types: bool = False) -> PreTrainedTokenizerFast:
    """A word-level tokenizer trained on TEXTS, with BERT's frame of special tokens."""
    core = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.train_from_iterator(TEXTS, trainers.WordLevelTrainer(special_tokens=SPECIAL, show_progress=False))
    ids = [("[CLS]", core.token_to_id("[CLS]")), ("[SEP]", core.token_to_id("[SEP]"))]
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ids
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",
        pad_token=pad_token, eos_token="[SEP]", bos_token="[CLS]", model_max_length=64,
        model_input_names=["input_ids", "attention_mask", *(["token_type_ids"] if types else [])],
    )  # fmt: skip


def config(architecture: str, vocabulary: int, **changes: Any) -> Any:
    """The configuration of a tiny model of the architecture, two layers deep (BART: one and one)."""
    common = {"vocab_size": vocabulary, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    encoder = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 80}
    kinds: dict[str, tuple[type, dict[str, Any]]] = {
        "bert": (transformers.BertConfig, encoder),
        "roberta": (transformers.RobertaConfig, {**encoder, "type_vocab_size": 1}),
        "xlm-roberta": (transformers.XLMRobertaConfig, {**encoder, "type_vocab_size": 1}),
        "electra": (transformers.ElectraConfig, {**encoder, "embedding_size": 16}),
        "deberta-v2": (transformers.DebertaV2Config, {
            **encoder, "relative_attention": True, "position_buckets": 8, "pos_att_type": ["p2c", "c2p"], "norm_rel_ebd": "layer_norm",
            "share_att_key": True, "position_biased_input": False, "type_vocab_size": 0,
        }),
        "clip": (transformers.CLIPTextConfig, {**encoder, "projection_dim": WIDTH}),
        "modernbert": (transformers.ModernBertConfig, {**encoder, "cls_token_id": 2, "sep_token_id": 3}),
        "albert": (transformers.AlbertConfig, {**encoder, "embedding_size": 16}),
        "distilbert": (transformers.DistilBertConfig, {"dim": WIDTH, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "max_position_embeddings": 80}),
        "gpt2": (transformers.GPT2Config, {"n_embd": WIDTH, "n_layer": 2, "n_head": 2, "n_positions": 80}),
        "llama": (transformers.LlamaConfig, {**encoder, "num_key_value_heads": 1}),
        "mistral": (transformers.MistralConfig, {**encoder, "num_key_value_heads": 1}),
        "qwen3": (transformers.Qwen3Config, {**encoder, "num_key_value_heads": 1, "head_dim": 16}),
        "gemma": (transformers.GemmaConfig, {**encoder, "num_key_value_heads": 1, "head_dim": 16}),
        "gemma3": (transformers.Gemma3TextConfig, {
            **encoder, "num_hidden_layers": 3, "num_key_value_heads": 1, "head_dim": 16, "sliding_window": 8,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        }),
        "gemma3n": (transformers.Gemma3nTextConfig, {
            **encoder, "num_hidden_layers": 4, "num_key_value_heads": 1, "head_dim": 16, "sliding_window": 8, "num_kv_shared_layers": 2,
            "layer_types": ["sliding_attention", "full_attention"] * 2, "vocab_size_per_layer_input": vocabulary, "laurel_rank": 8,
            "hidden_size_per_layer_input": 8, "activation_sparsity_pattern": [0.0] * 4,
        }),
        "opt": (transformers.OPTConfig, {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 64, "max_position_embeddings": 80, "word_embed_proj_dim": 16}),
        "t5": (transformers.T5Config, {"d_model": WIDTH, "num_layers": 2, "num_heads": 2, "d_ff": 64, "d_kv": 16, "decoder_start_token_id": 0}),
        "umt5": (transformers.UMT5Config, {"d_model": WIDTH, "num_layers": 2, "num_heads": 2, "d_ff": 64, "d_kv": 16, "decoder_start_token_id": 0}),
        "bart": (transformers.BartConfig, {
            "d_model": WIDTH, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
            "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 80, "decoder_start_token_id": 2,
            "forced_eos_token_id": None, "dropout": 0.0, "init_std": 0.1,
        }),
    }  # fmt: skip
    cls, sizes = kinds[architecture]
    return cls(**{**common, **sizes, **changes})


def save(folder: Path, architecture: str = "bert", auto_class: str = "AutoModel", seed: int = 0, **changes: Any) -> str:
    """A random model and its tokenizer as a folder that `base=` takes."""
    words = tokenizer(None if architecture in (*DECODERS, "gemma3", "gemma3n") else "[PAD]", types=architecture == "bert")
    torch.manual_seed(seed)
    model = getattr(transformers, auto_class).from_config(config(architecture, len(words), **changes))
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return str(folder)
