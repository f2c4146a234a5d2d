"""What the curves say, in plain words with what to do about it. Reads Steps only."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from joyul.contracts import Step
from joyul.messages import words

RISE = 1.10  # validation loss this many times its lowest counts as rising
STILL_FALLING = 0.98


def diagnose(steps: Sequence[Step], metric: str, baseline: float | None) -> str:
    """One or two sentences about the last stage that trained; empty when nothing was trained."""
    training = [step for step in steps if step.kind == "update"]
    if not training:
        return ""
    last = [step for step in training if step.stage == training[-1].stage]
    checked = [step for step in last if step.valid is not None]
    if not checked:
        return words("diagnosis_no_validation")
    return _judge(last, checked, metric, baseline)


def _judge(last: Sequence[Step], checked: Sequence[Step], metric: str, baseline: float | None) -> str:
    losses = [step.valid["loss"] for step in checked if step.valid is not None]
    scores = [step.valid[metric] for step in checked if step.valid is not None]
    best = max(range(len(scores)), key=lambda index: (scores[index], -losses[index]))  # as `Best` chooses
    lowest = losses.index(min(losses))
    if baseline is not None and max(scores) <= baseline:
        return words("diagnosis_not_learned", score=f"{max(scores):.3f}", baseline=f"{baseline:.3f}", epochs=_epoch(checked[-1]))
    if losses[-1] > RISE * losses[lowest] and _falling(last):
        return words("diagnosis_overfitting", epoch=_epoch(checked[lowest + 1]), best=_epoch(checked[best]))
    if best == len(scores) - 1 and len(scores) > 1 and losses[-1] < STILL_FALLING * losses[-2]:
        return words("diagnosis_still_improving", epochs=_epoch(checked[-1]))
    return words("diagnosis_fine", best=_epoch(checked[best]))


def _epoch(step: Step) -> str:
    return f"{step.epoch:g}" if step.epoch is not None else "?"


def _falling(steps: Sequence[Step]) -> bool:
    """Whether the training loss of the last quarter lies below that of the first."""
    losses = [step.loss for step in steps if step.loss is not None]
    quarter = max(1, len(losses) // 4)
    return fmean(losses[-quarter:]) < fmean(losses[:quarter])
