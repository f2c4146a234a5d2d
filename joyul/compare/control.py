"""The control of a chain: its best part, trained for as long as the whole chain took.

Two stages take more time than one. What that time alone would have brought is the score of the better part with so many more
epochs (its schedule stretched over them, no early end). Only a chain that is recommended, and whose lead over each of its parts
is no accident, has one: no other could be called better. A control is reported and tested against, never shipped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from statistics import fmean

from joyul.compare.evidence import difference, evidence
from joyul.compare.nouns import Done, Entry, Outcome
from joyul.compare.recommend import recommended, unread_bases
from joyul.contracts import Task
from joyul.recipe import chains
from joyul.recipe.resolve import Recipe
from joyul.recipe.stages import STAGES
from joyul.resume import STEPS_FILE

CHANCE = 0.05


def control_of(done: Done, task: Task) -> Entry | None:
    """For a chain that is recommended and beats its parts: the part with the highest validation score among those that train."""
    shipped = [one for one in done.largest if one.folder is not None and one.entry not in done.failures]
    leader = _recommended(shipped, task)
    if leader is None or leader.baseline or "+" not in leader.method:
        return None
    parts = [part for part in chains.names(leader.method) if "epochs" in STAGES[part].takes]
    best = _leader([one for one in shipped if one.entry.method in parts and one.entry.base == leader.base], task)
    rivals = {one.entry for one in shipped if one.entry.base == leader.base and one.entry.method in chains.names(leader.method)}
    if best is None or not all(_beats(shipped, leader, rival, task) for rival in rivals):
        return None
    return Entry(best.method, best.base, best.shared, control=leader.method)


def _beats(outcomes: Sequence[Outcome], leader: Entry, rival: Entry, task: Task) -> bool:
    """Whether its lead over one of its parts is more than chance at 5 %; more comparisons can only ask for more."""
    first, second = (evidence([one for one in outcomes if one.entry == entry], "valid", task) for entry in (leader, rival))
    found = difference(first, second) if first and second else None
    return found is not None and found.mean > 0 and found.p <= CHANCE


def _recommended(outcomes: Sequence[Outcome], task: Task) -> Entry | None:
    made = [[one for one in outcomes if one.entry == entry] for entry in dict.fromkeys(outcome.entry for outcome in outcomes)]
    found = [evidence(mine, "valid", task) for mine in made]
    trainable = [max(one.costs.get("trainable") or 0 for one in mine) for mine in made]
    known = [(one, count) for one, count in zip(found, trainable, strict=True) if one is not None]
    if not known:
        return None
    best, _ = recommended([one for one, _ in known], [count for _, count in known], unread_bases(outcomes))
    return known[best][0].entry


def _leader(outcomes: Sequence[Outcome], task: Task) -> Entry | None:
    entries = dict.fromkeys(outcome.entry for outcome in outcomes)
    scores = {entry: fmean(one.valid.score(task) for one in outcomes if one.entry == entry) for entry in entries}
    return max(scores, key=lambda entry: scores[entry]) if scores else None


def stretched(recipe: Recipe, entry: Entry, outcomes: Sequence[Outcome]) -> None:
    """Give the recipe of a control the epochs that fill the chain's time. `outcomes` are those of its draw and seed."""
    mine = next(one for one in outcomes if one.entry.method == entry.method and one.entry.base == entry.base)
    chain = next(one for one in outcomes if one.entry.method == entry.control and one.entry.base == entry.base)
    epochs = math.ceil(_epochs(mine) * max(1.0, chain.costs["train_seconds"] / mine.costs["train_seconds"]))
    origin = f"control: {chain.entry.name}"
    recipe.stages[0].measured("epochs", float(epochs), origin)
    rate = next((one["learning_rate"] for one in mine.costs.get("tries") or () if one["chosen"]), None)
    if rate is not None:
        recipe.stages[0].measured("learning_rate", rate, origin)
    if "patience" in recipe.stages[0].info.takes:
        recipe.stages[0].measured("patience", "none", origin)


def _epochs(outcome: Outcome) -> float:
    """The epochs that a run went through."""
    assert outcome.folder is not None
    steps = [json.loads(line) for line in (outcome.folder / STEPS_FILE).read_text(encoding="utf-8").splitlines()]
    return float(max(step["epoch"] for step in steps if step["kind"] == "update"))
