"""The tries of `head`, or of a learned prompt, all at once: they differ by rate and seed alone, over the same frozen base."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from joyul.compare.nouns import Entry, Swept
from joyul.compare.outcomes import BudgetSpent
from joyul.contracts import Method
from joyul.methods.chain import Data, Tuned
from joyul.methods.sweep import Opened, sweep
from joyul.notes import Notes
from joyul.recipe.resolve import Recipe

Ready = Callable[[Recipe], tuple[Tuned, Sequence[Method]]]
LEAST = {"head": 2, "soft_prompt": 1, "p_tuning": 1, "prefix": 1}  # tries of a seed; what `head` comes to is trained once more


def sweeps(entry: Entry, recipe: Recipe) -> bool:
    """Whether the tries of an entry may be trained at once, as far as that can be told beforehand.

    Answers that are chosen or withheld by their probability are scored after training, not in it.
    """
    settled = recipe.run.operating_point is None and recipe.run.abstain is None
    return entry.method in LEAST and not entry.baseline and recipe.run.method_budget is None and settled


def swept(
    tries: Sequence[Entry], recipes: Mapping[int, Recipe], ready: Ready, data: Data, folder: Path, deadline: float | None,
    notes: Notes,
) -> dict[int, Swept]:  # fmt: skip
    """By seed, as `recipes` are, those of the usual rate; empty where each try has to be trained by itself.

    `ready` opens a recipe. Raises BudgetSpent behind `deadline` (seconds of the clock that never goes back), and what a run may.
    """
    started = time.perf_counter()
    if len(tries) * len(recipes) < 2 or len(tries) < LEAST[tries[0].method]:
        return {}

    def opened() -> Iterator[Opened]:
        for recipe in recipes.values():
            tuned, (method, *_) = ready(recipe)
            yield Opened(recipe.run.seed, tuned, method, recipe.stages[0].settled, recipe.run.precision)

    def breathe() -> None:
        if deadline is not None and time.monotonic() > deadline:
            raise BudgetSpent("budget_spent")

    data.stores.folder = data.stores.folder or folder
    found = sweep(opened(), [entry.rate for entry in tries], data, notes, breathe)
    if found is None:
        return {}
    seconds = (time.perf_counter() - started) / len(found)
    return {number: Swept(tried, seconds) for number, tried in zip(recipes, found, strict=True)}
