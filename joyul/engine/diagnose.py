"""What the curves say, in plain words with what to do about it. Reads Steps only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from joyul.contracts import Step
from joyul.engine.best import kept
from joyul.messages import words

RISE = 1.10  # validation loss this many times its lowest counts as rising
STILL_FALLING = 0.98
LEARNED = 0.01  # of the way from the answer that ignores the text to a perfect score: less is called nothing

Kind = Literal["no_validation", "not_learned", "overfitting", "still_improving", "fine"]


@dataclass(frozen=True)
class Diagnosis:
    """What the curves say: its name, for programs and for the colour of the page, and its words."""

    kind: Kind
    text: str


def diagnose(steps: Sequence[Step], metric: str, baseline: float | None) -> Diagnosis | None:
    """One or two sentences about the last stage that trained; None when nothing was trained."""
    training = [step for step in steps if step.kind == "update"]
    if not training:
        return None
    last = [step for step in training if step.stage == training[-1].stage]
    checked = [step for step in last if step.valid is not None]
    if not checked:
        return Diagnosis("no_validation", words("diagnosis_no_validation"))
    return _judge(last, checked, metric, baseline)


def _judge(last: Sequence[Step], checked: Sequence[Step], metric: str, baseline: float | None) -> Diagnosis:
    losses = [step.valid["loss"] for step in checked if step.valid is not None]
    scores = [step.valid[metric] for step in checked if step.valid is not None]
    best = checked.index(kept(checked, metric))
    lowest = losses.index(min(losses))
    floor = None if baseline is None else max(baseline, 0)  # an R2 below 0 is worse than any constant
    if floor is not None and max(scores) - floor <= LEARNED * (1 - floor):
        found = {"score": f"{max(scores):.3f}", "baseline": f"{floor:.3f}", "epochs": _epoch(checked[-1])}
        return Diagnosis("not_learned", words("diagnosis_not_learned", **found))
    if losses[-1] > RISE * losses[lowest] and _falling(last):
        risen = _epoch(checked[lowest + 1])
        return Diagnosis("overfitting", words("diagnosis_overfitting", epoch=risen, best=_epoch(checked[best])))
    if best == len(scores) - 1 and len(scores) > 1 and losses[-1] < STILL_FALLING * losses[-2]:
        return Diagnosis("still_improving", words("diagnosis_still_improving", epochs=_epoch(checked[-1])))
    named = {"best": _epoch(checked[best]), "metric": metric, "score": f"{scores[best]:.3f}"}
    return Diagnosis("fine", words("diagnosis_fine" if len(checked) > 1 else "diagnosis_once", **named))


def _epoch(step: Step) -> str:
    return f"{step.epoch:g}" if step.epoch is not None else "?"


def _falling(steps: Sequence[Step]) -> bool:
    """Whether the training loss of the last quarter lies below that of the first."""
    losses = [step.loss for step in steps if step.loss is not None]
    quarter = max(1, len(losses) // 4)
    return fmean(losses[-quarter:]) < fmean(losses[:quarter])
