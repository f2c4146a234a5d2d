"""How many outcomes the tables of this folder visit."""

from __future__ import annotations

import importlib
import pkgutil

from tests import outcomes
from tests.outcomes import test_flags, test_targets
from tests.outcomes.desk import Outcome


def visited() -> list[Outcome]:
    modules = [importlib.import_module(f"tests.outcomes.{module.name}") for module in pkgutil.iter_modules(outcomes.__path__)]
    return [outcome for module in modules for outcome in getattr(module, "OUTCOMES", ())]


def test_there_are_enough() -> None:
    found = visited()
    assert len({outcome.name for outcome in found}) == len(found) >= 35
    assert {outcome.kind for outcome in found} == {"read and said", "mended and listed", "refused"}


def test_there_are_forty_for_the_later_tasks_and_flags() -> None:
    """Bad input alone: what is read as it stands does not count."""
    assert sum(outcome.kind == "refused" for outcome in (*test_targets.OUTCOMES, *test_flags.OUTCOMES)) >= 40


def test_each_says_something() -> None:
    assert not [outcome.name for outcome in visited() if not outcome.said and not outcome.shown]
