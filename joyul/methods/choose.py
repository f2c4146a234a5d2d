"""A search over Forms, round by round: candidates race on the same rows (`methods.race`), the method says what to try next.

One Step a candidate. It knows no method.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from joyul.contracts import Form, Method, Step
from joyul.engine.device import memory
from joyul.forms.prompted import askable
from joyul.methods.race import Maker, Race, Trial, described
from joyul.notes import Notes


def choose(race: Race, model: nn.Module, method: Method, forms: Sequence[Form], stage: int, first_step: int) -> Iterator[Step]:
    """Race `forms` and what the method offers after them; `race` knows the winner. Nothing is tried where there are no rows."""
    ended, read, number, done = time.perf_counter(), 0, first_step, 0
    offered: Sequence[Form | Maker] | None = forms if race.order else None
    while offered is not None:
        for trial in race.run(_new(race, offered)):
            now = time.perf_counter()
            yield Step(
                step=number, stage=stage, method=method.name, kind="search", rows=trial.rows, tokens=race.answers.tokens - read,
                seconds=now - ended, memory=memory(), score=race.score(trial), candidate=described(trial.form),
            )  # fmt: skip
            number, ended, read = number + 1, now, race.answers.tokens
        done += 1
        offered = method.further(model, race.leader().form, done)


def say_found(found: Mapping[str, Any], notes: Notes) -> None:
    """What a race's verdict comes to, in words."""
    tried, optimism = len(found["tried"]), found["optimism"]
    if found["unasked"]:
        notes.warn("search_unasked", count=found["unasked"])
    if tried < 2:
        return
    notes.say("search_found", tried=tried, score=f"{found['score']:.3f}", rows=found["rows"])
    if optimism is not None:
        notes.say("search_optimism", optimism=f"{optimism:+.3f}", expected=f"{found['score'] - optimism:.3f}")
    if found["tied"]:
        notes.say("search_tied", tied=found["tied"], rows=found["rows"])


def _new(race: Race, offered: Sequence[Form | Maker]) -> list[Trial]:
    """Trials of what has not been tried and can be asked."""
    tried = {repr(trial.form.spec()) for trial in race.trials} | race.unasked
    found = []
    for item in offered:
        trial = race.made(item, race.leader()) if callable(item) else Trial(item)
        spec = repr(trial.form.spec())
        if spec in tried:
            continue
        tried.add(spec)
        if all(map(askable, (trial.form, *trial.folds))):
            found.append(trial)
        else:
            race.unasked.add(spec)
    return found
