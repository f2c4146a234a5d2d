"""One stage's training, taken to disk and put back: whatever moves, by parameter name, so that no method is a special case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from joyul.contracts import ParameterGroup, Step
from joyul.engine.average import AVERAGE
from joyul.engine.best import BEST, Best
from joyul.engine.checkpoint import Checkpoint
from joyul.engine.course import MOMENT, WEIGHT, Course, restore
from joyul.engine.loop import Plan


@dataclass(frozen=True)
class Standing:
    """`chosen`: the spec of the Form that each stage so far chose, or None; `searched`: what is said of each search.

    `changed`: whether earlier stages moved weights.
    """

    model: nn.Module
    groups: Sequence[ParameterGroup]
    plan: Plan
    chosen: Sequence[dict[str, Any] | None]
    searched: Sequence[dict[str, Any]]
    course: Course
    best: Best
    changed: bool

    def record(self) -> dict[str, Any]:
        """What `joyul.engine.saver.Standing` asks for."""
        pending = self.course.pending
        return {
            "stage": self.plan.stage, "method": self.plan.method, "chosen": list(self.chosen), "first_step": self.plan.first_step,
            "update": self.course.done, "steps": self.plan.first_step + self.course.done - 1 - (pending is not None),
            "searched": list(self.searched), "pending": asdict(pending) if pending else None, "best": self.best.record(),
        }  # fmt: skip

    def tensors(self) -> dict[str, Tensor]:
        """Weights, buffers, moments, the best state."""
        return {**self.course.tensors(), **self.best.tensors()}

    def frozen(self) -> dict[str, Tensor]:
        """What earlier stages left in parameters that do not move now."""
        if not self.changed:
            return {}
        moving = {id(parameter) for group in self.groups for parameter in group.parameters.values()}
        return {WEIGHT + name: value for name, value in self.model.named_parameters() if id(value) not in moving}


def put_back(found: Checkpoint, model: nn.Module, groups: Sequence[ParameterGroup], best: Best) -> Course:
    """Weights, buffers, moments and the best state as they were saved; the Course to go on with."""
    if found.record["needs"]:
        restore(model, Checkpoint(found.folder.parent / found.record["needs"], {}).tensors())
    tensors = found.tensors()
    restore(model, tensors)
    best.resume(found.record["best"], {name: value for name, value in tensors.items() if name.startswith((BEST, AVERAGE))})
    pending = found.record["pending"]
    moments = {name: value for name, value in tensors.items() if name.startswith(MOMENT)}
    return Course(model, groups, found.record["update"], Step(**pending) if pending else None, moments)
