"""A search over Forms: each candidate is scored once on the same rows; one Step a candidate. It knows no method."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from torch import nn

from joyul.contracts import Example, Form, Step
from joyul.engine.device import memory
from joyul.engine.evaluate import evaluate


def choose(
    model: nn.Module, forms: Sequence[Form], examples: Sequence[Example], stage: int, method: str, first_step: int
) -> Iterator[Step]:
    """Score every form on `examples`; nothing is yielded where there are none. The reader keeps the best (`better`)."""
    ended = time.perf_counter()
    for number, form in enumerate(forms if examples else ()):
        rows = form.encode(examples)
        score = evaluate(model, form, rows).metrics[form.setting.task.metric]
        now = time.perf_counter()
        yield Step(
            step=first_step + number, stage=stage, method=method, kind="search", rows=len(rows),
            tokens=sum(row.length for row in rows), seconds=now - ended, memory=memory(), score=score,
            candidate=form.spec(),
        )  # fmt: skip
        ended = now


def winner(steps: Sequence[Step]) -> int:
    """The index of the form with the highest score, the earliest among equals; the first when none was scored."""
    scores = [step.score if step.score is not None else float("-inf") for step in steps]
    return scores.index(max(scores)) if scores else 0
