"""AdamW over a method's parameter groups, and the schedules of the rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.optim.lr_scheduler import LRScheduler
from transformers import get_scheduler

from joyul.contracts import ParameterGroup

BETAS, EPSILON = (0.9, 0.999), 1e-8  # AdamW's own (Loshchilov and Hutter, 2019), those of transformers' Trainer too
SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}


def optimizer(groups: Sequence[ParameterGroup], learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW, fused. Vectors (biases, norms) do not decay, as in transformers' Trainer."""
    parts = []
    for group in groups:
        for decays in (True, False):
            chosen = [parameter for parameter in group.parameters.values() if (parameter.ndim > 1) is decays]
            if chosen:
                decay = weight_decay if decays else 0.0
                parts.append({"params": chosen, "lr": learning_rate * group.rate_factor, "weight_decay": decay})
    return torch.optim.AdamW(parts, betas=BETAS, eps=EPSILON, fused=True)


def scheduler(optimizer: torch.optim.Optimizer, schedule: str, warmup: float, updates: int) -> LRScheduler:
    """The rate over `updates` updates: up over the first share `warmup`, then as `schedule` says (transformers')."""
    warming = math.ceil(warmup * updates)
    made = get_scheduler(SCHEDULES[schedule], optimizer, num_warmup_steps=warming, num_training_steps=updates)
    assert isinstance(made, LRScheduler)
    return made
