"""The tries of `head` all at once: they differ by rate and seed alone, over the same stored states."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from joyul.compare.nouns import Entry, Swept
from joyul.compare.outcomes import BudgetSpent
from joyul.contracts import Method
from joyul.methods.chain import Data, Tuned
from joyul.methods.sweep import sweep
from joyul.notes import Notes
from joyul.recipe.resolve import Recipe

Ready = Callable[[Recipe], tuple[Tuned, Sequence[Method]]]


def sweeps(entry: Entry, recipe: Recipe) -> bool:
    """Whether the tries of an entry may be trained at once, as far as that can be told beforehand.

    Answers that are chosen or withheld by their probability are scored after training, not in it.
    """
    settled = recipe.run.operating_point is None and recipe.run.abstain is None
    return entry.method == "head" and not entry.baseline and recipe.run.method_budget is None and settled


def swept(
    tries: Sequence[Entry], recipes: Mapping[int, Recipe], ready: Ready, data: Data, folder: Path, deadline: float | None,
    notes: Notes,
) -> dict[int, Swept]:  # fmt: skip
    """By seed, as `recipes` are, those of the usual rate; empty where each try has to be trained by itself.

    `ready` opens a recipe. Raises BudgetSpent behind `deadline` (seconds of the clock that never goes back), and what a run may.
    """
    started = time.perf_counter()
    made = {recipe.run.seed: ready(recipe) for recipe in recipes.values()}

    def breathe() -> None:
        if deadline is not None and time.monotonic() > deadline:
            raise BudgetSpent("budget_spent")

    data.stores.folder = data.stores.folder or folder
    first = next(iter(recipes.values()))
    settings = first.stages[0].settled
    rates = [float(entry.rate or settings.learning_rate or 0.0) for entry in tries]
    method = made[first.run.seed][1][0]
    opened = {seed: tuned for seed, (tuned, _) in made.items()}
    found = sweep(opened, method, settings, rates, data, first.run.precision, notes, breathe)
    if found is None:
        return {}
    seconds = (time.perf_counter() - started) / len(found)
    return {number: Swept(scores, seconds) for number, scores in zip(recipes, found, strict=True)}
