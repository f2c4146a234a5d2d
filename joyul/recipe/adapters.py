"""PEFT's adapters under their PEFT names, as literal rows: what each adds and how its settings are called there.

Listed are those that need no more than the names of the modules they stand beside, and that fold into the weights exactly: the
tests put each through training, saving, loading and merging. `REFUSED` says why the others cannot be a stage here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Those that can stand beside GPT-2's layers.
CONV1D_TOO = ("lora", "ia3", "vera", "fourierft", "vblora", "randlora", "waveft", "hira", "gralora", "ln_tuning")


@dataclass(frozen=True)
class Adapter:
    """`config` is PEFT's class; `rank`, `alpha`, `dropout` name its fields; `block` the one that has to divide all widths."""

    config: str
    en: str
    ko: str
    rank: str | None = "r"
    alpha: str | None = None
    dropout: str | None = None
    block: str | None = None
    usual_rank: int = 8
    rate: float = 1.0  # times LoRA's learning rate
    fixed: Mapping[str, Any] = field(default_factory=dict)


ADAPTERS = {
    "lora": Adapter(
        "LoraConfig", "low-rank updates beside linear layers, and the head (Hu et al., 2021)",
        "선형 층 옆의 저랭크 갱신과 분류 층 (Hu et al., 2021)", alpha="lora_alpha", dropout="lora_dropout", usual_rank=16,
    ),
    "ia3": Adapter(
        "IA3Config", "one factor an output unit (an input unit where a layer narrows), and the head (Liu et al., 2022)",
        "출력(좁아지는 층은 입력)마다 배수 하나와 분류 층 (Liu et al., 2022)", rank=None, rate=5.0,
    ),
    "vera": Adapter(
        "VeraConfig", "scales of two shared random matrices, and the head (Kopiczko et al., 2023)",
        "공유된 두 무작위 행렬의 배율과 분류 층 (Kopiczko et al., 2023)", dropout="vera_dropout", usual_rank=256, rate=10.0,
        fixed={"save_projection": True},
    ),
    "loha": Adapter(
        "LoHaConfig", "Hadamard products of low-rank updates, and the head (Hyeon-Woo et al., 2021)",
        "저랭크 갱신의 아다마르 곱과 분류 층 (Hyeon-Woo et al., 2021)", alpha="alpha", dropout="rank_dropout",
    ),
    "lokr": Adapter(
        "LoKrConfig", "Kronecker products, and the head (Edalati et al., 2022; LyCORIS)",
        "크로네커 곱과 분류 층 (Edalati et al., 2022; LyCORIS)", alpha="alpha", dropout="rank_dropout",
    ),
    "oft": Adapter(
        "OFTConfig", "rotations of blocks of the input, and the head (Qiu et al., 2023)",
        "입력 블록의 회전과 분류 층 (Qiu et al., 2023)", rank=None, dropout="module_dropout", block="oft_block_size",
        fixed={"r": 0},
    ),
    "boft": Adapter(
        "BOFTConfig", "rotations by butterfly factors, and the head (Liu et al., 2023)",
        "나비 구조의 회전과 분류 층 (Liu et al., 2023)", rank=None, dropout="boft_dropout", fixed={"boft_block_size": 4},
    ),
    "fourierft": Adapter(
        "FourierFTConfig", "a few Fourier coefficients of the update, and the head (Gao et al., 2024)",
        "갱신의 푸리에 계수 몇 개와 분류 층 (Gao et al., 2024)", rank="n_frequency", usual_rank=1000, rate=10.0,
    ),
    "hra": Adapter(
        "HRAConfig", "Householder reflections, and the head (Yuan et al., 2024)",
        "하우스홀더 반사와 분류 층 (Yuan et al., 2024)",
    ),
    "vblora": Adapter(
        "VBLoRAConfig", "LoRA out of a shared bank of vectors, and the head (Li et al., 2024)",
        "공유 벡터 은행으로 만든 LoRA와 분류 층 (Li et al., 2024)", dropout="vblora_dropout", block="vector_length", usual_rank=4,
        rate=5.0,
    ),
    "randlora": Adapter(
        "RandLoraConfig", "full-rank sums of scaled random matrices, and the head (Albert et al., 2025)",
        "배율을 배우는 무작위 행렬의 합과 분류 층 (Albert et al., 2025)", alpha="randlora_alpha", dropout="randlora_dropout",
        usual_rank=32, fixed={"save_projection": True},
    ),
    "c3a": Adapter(
        "C3AConfig", "circular convolutions, and the head (Chen et al., 2024)",
        "순환 합성곱과 분류 층 (Chen et al., 2024)", rank=None, block="block_size", rate=10.0,
    ),
    "road": Adapter(
        "RoadConfig", "rotations of pairs of output units, and the head (Liao and Monz, 2024)",
        "출력 쌍의 회전과 분류 층 (Liao and Monz, 2024)", rank=None, block="group_size",
    ),
    "miss": Adapter(
        "MissConfig", "one shared matrix added to every block of the weight, and the head (Kang and Yin, 2024)",
        "가중치 블록마다 더하는 공유 행렬과 분류 층 (Kang and Yin, 2024)", dropout="miss_dropout",
    ),
    "waveft": Adapter(
        "WaveFTConfig", "a few wavelet coefficients of the update, and the head (Bilican et al., 2025)",
        "갱신의 웨이블릿 계수 몇 개와 분류 층 (Bilican et al., 2025)", rank="n_frequency", usual_rank=1000, rate=10.0,
    ),
    "delora": Adapter(
        "DeloraConfig", "LoRA of bounded strength, and the head (Bini et al., 2025)",
        "세기를 제한한 LoRA와 분류 층 (Bini et al., 2025)", dropout="module_dropout",
    ),
    "hira": Adapter(
        "HiraConfig", "low-rank factors times the weight itself, and the head (Huang et al., 2025)",
        "가중치에 곱하는 저랭크 갱신과 분류 층 (Huang et al., 2025)", dropout="hira_dropout", usual_rank=16,
    ),
    "gralora": Adapter(
        "GraloraConfig", "LoRA block by block, and the head (Jung et al., 2025)",
        "블록마다의 LoRA와 분류 층 (Jung et al., 2025)", alpha="alpha", dropout="gralora_dropout", usual_rank=16,
    ),
    "shira": Adapter(
        "ShiraConfig", "a few single weights, chosen at random, and the head (Bhardwaj et al., 2024)",
        "무작위로 고른 소수의 가중치와 분류 층 (Bhardwaj et al., 2024)",
    ),
    "ln_tuning": Adapter(
        "LNTuningConfig", "the norms, and the head (Zhao et al., 2023)", "정규화 층과 분류 층 (Zhao et al., 2023)", rank=None,
    ),
}  # fmt: skip

REFUSED = {
    "adalora": "adapter_needs_loop", "adamss": "adapter_needs_loop", "shadow": "adapter_needs_loop",
    "poly": "adapter_needs_tasks", "multitask_prompt_tuning": "adapter_needs_tasks", "xlora": "adapter_needs_others",
    "prompt_tuning": "adapter_is_prompt", "prefix_tuning": "adapter_is_prompt", "cpt": "adapter_is_prompt",
    "cartridge": "adapter_is_prompt", "adaption_prompt": "adapter_is_prompt", "trainable_tokens": "adapter_needs_tokens",
    "lily": "adapter_cannot_merge", "osf": "adapter_changes_base",
}  # fmt: skip
