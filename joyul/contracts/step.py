"""What a run tells of itself, update by update (Step)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

STANDARD_ERROR = "standard_error"  # the key under which an evaluation tells what becomes this field of its Step


@dataclass(frozen=True, slots=True)
class Step:
    """What one update, or one search round, did: a line of steps.jsonl.

    `kind`: `update` trains; `search` tries a Form; `range` is one update of a learning-rate range test and `probe` one short run
    at a rate: what those two did to the weights is taken back.

    `seconds` is wall time since the Step before ended (the first: since training began), evaluation and saving in it; `memory` is
    the process's resident memory in bytes (the accelerator's, where there is one).
    """

    step: int  # counted from 1 over the whole run
    stage: int  # counted from 1
    method: str
    kind: Literal["update", "search", "range", "probe"]
    rows: int
    tokens: int
    seconds: float
    memory: int
    loss: float | None = None  # of an update: mean over units
    score: float | None = None  # of a search round or probe: the task's metric for this candidate
    candidate: Mapping[str, Any] | None = None  # of a search round: the Form's spec; of a probe: its rate and what came of it
    epoch: float | None = None
    learning_rate: float | None = None
    gradient_norm: float | None = None  # before clipping
    valid: Mapping[str, float] | None = None  # scores and loss, where this Step ended with an evaluation
    standard_error: float | None = None  # with `valid`: of the score that choices are made by, downwards
    adjusted: Mapping[str, Any] | None = None  # settings changed from outside, from this Step on
