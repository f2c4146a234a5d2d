"""Several tries of a method on the same rows: its usual learning rate, then others of its own grid.

Every method may try as often, or as long, as every other, so that none is compared at a rate that nobody looked for. The try with
the highest validation score stands in the table, at the price of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from joyul.bases.load import layer_count, open_base
from joyul.bases.source import find
from joyul.compare.nouns import Draw, Entry, Outcome, Swept
from joyul.compare.outcomes import BudgetSpent, strip
from joyul.contracts import Task
from joyul.errors import JoyulError
from joyul.messages import words
from joyul.methods.ends import End
from joyul.recipe import chains
from joyul.recipe.resolve import Recipe
from joyul.recipe.stages import Sizes

FINE = (1.0, 1 / 2, 2.0, 1 / 4, 4.0)  # times the usual rate, where every weight of a layer moves
COARSE = (1.0, 1 / 3, 3.0, 1 / 10, 10.0)  # where few numbers move, that stand a wrong rate longer
WHOLE = ("full", "layers", "contrast")


def tries_of(recipe: Recipe, entry: Entry, draw: Draw) -> list[Entry]:
    """As many tries as the recipe allows, the usual rate (which no try names) first; one where no rate is its own to choose."""
    allowed = recipe.run.tries or 1
    return [entry, *_others(recipe, entry, draw)][:allowed] if allowed > 1 else [entry]


def _others(recipe: Recipe, entry: Entry, draw: Draw) -> list[Entry]:
    stages = recipe.with_method(entry.method).stages
    last = chains.last_trained(stages)
    if entry.baseline or last is None or "learning_rate" in last.values or find(entry.base).hosted:
        return []
    files = open_base(entry.base)
    usual = last.settle(Sizes(files.width, len(draw.gathered.splits.train), layer_count(files.config))).learning_rate
    assert isinstance(usual, float)
    low, high = last.info.ranges["learning_rate"]
    rates = [usual * times for times in (FINE if last.method in WHOLE else COARSE)]
    return [replace(entry, rate=float(f"{rate:.2g}")) for rate in rates[1:] if low <= rate <= high]


def best(tries: Sequence[Entry], run: Callable[[Entry], Outcome], seconds: float | None, task: Task) -> Outcome:
    """Run one after the other, none begun after `seconds` of training; the best on validation rows, the first of equals.

    Raises what the first try raises; a later one that fails is told in `tries`, and costs nothing of what is there.
    """
    made: list[Outcome] = []
    failed: list[dict[str, Any]] = []
    for entry in tries:
        if made and seconds is not None and _cost(made) >= seconds:
            break
        try:
            made.append(run(entry))
        except BudgetSpent:
            if not made:
                raise
            break
        except JoyulError as error:
            if not made or error.key == "disk_full":  # the next one would fail of it too
                raise
            failed.append({"learning_rate": entry.rate, "valid_score": None, "chosen": False, "error": str(error)})
    winner = max(made, key=lambda one: one.valid.score(task))
    for loser in made:
        if loser.folder is not None and loser is not winner:
            strip(loser.folder)
    if len(tries) == 1:
        return winner
    costs = {**winner.costs, "train_seconds": _cost(made), "tries": [*_told(made, winner, task), *failed]}
    return replace(winner, entry=tries[0], costs=costs)


def best_of_sweep(
    tries: Sequence[Entry], swept: Swept, run: Callable[[Entry, End | None], Outcome], task: Task
) -> Outcome:
    """Run the try that a sweep found best on validation rows, the first of equals, from where it ended; at the price of both."""
    pairs = list(zip(tries, swept.tries, strict=True))
    scored = [(one.score, entry, one.end) for entry, one in pairs if one.score is not None]
    _, chosen, end = max(scored, key=lambda one: one[0]) if scored else (None, tries[0], None)
    winner = run(chosen, end)
    told = [
        {"learning_rate": entry.rate, "valid_score": winner.valid.score(task) if entry is chosen else one.score,
         "chosen": entry is chosen, **({"error": words("sweep_broke")} if one.score is None and entry is not chosen else {})}
        for entry, one in pairs
    ]  # fmt: skip
    counted = sum(step.seconds for step in end.steps) if end is not None else 0.0  # in the seconds of both
    seconds = float(winner.costs["train_seconds"]) - counted + swept.seconds
    costs = {**winner.costs, "train_seconds": seconds, **({"tries": told} if len(tries) > 1 else {})}
    return replace(winner, entry=tries[0], costs=costs)


def _cost(made: Sequence[Outcome]) -> float:
    return sum(float(one.costs["train_seconds"]) for one in made)


def _told(made: Sequence[Outcome], winner: Outcome, task: Task) -> Iterator[dict[str, Any]]:
    for one in made:
        yield {"learning_rate": one.entry.rate, "valid_score": one.valid.score(task), "chosen": one is winner}
