"""Which epoch of a training to keep, when few validation rows choose: rules compared on the same trainings.

    python benchmarks/epochs.py trec                    # 30 labels a class, five draws of `full`, base `starter`
    python benchmarks/epochs.py sst2 --patience 99      # 100 labels a class, each training to its planned end

After each epoch the validation rows and the first 500 test rows are scored. A rule sees validation alone; the table shows the
test accuracy of the epoch it keeps: `highest` score (the lower loss among equals), lowest `loss`, `last`, `latest` within one
standard error of the highest (what Joyul does), and `best`, the highest test accuracy of the draw, which no rule can see.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any
from unittest import mock

from joyul.compare.draws import draws, gather_pool
from joyul.contracts import Step
from joyul.engine.best import kept
from joyul.engine.evaluate import evaluate, validator
from joyul.methods import chain
from joyul.notes import Notes
from joyul.recipe.resolve import from_words
from joyul.run import tune

SETS = {
    "trec": {"text": "text", "label": "label", "shots": 30, "test": "trec/test.csv"},
    "sst2": {"shots": 100, "test": "sst2/dev.csv"},
}
DRAWS, TESTED = 5, 500
Looked = tuple[Step, float]  # an evaluated Step, and the test accuracy then
Rule = Callable[[Sequence[Step]], Step]
RULES: dict[str, Rule] = {
    "highest": lambda steps: max(steps, key=lambda step: (step.valid["accuracy"], -step.valid["loss"])),
    "loss": lambda steps: min(steps, key=lambda step: step.valid["loss"]),
    "last": lambda steps: steps[-1],
    "latest": lambda steps: kept(steps, "accuracy"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=sorted(SETS))
    parser.add_argument("--method", default="full")
    parser.add_argument("--patience", type=int)
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--data", type=Path, default=Path(__file__).parent.parent.parent / "shared" / "data")
    options = parser.parse_args()
    settings: dict[str, Any] = {**SETS[options.set], "draws": DRAWS, "methods": options.method}
    settings |= {"patience": options.patience, "epochs": options.epochs}
    settings = {name: value for name, value in settings.items() if value is not None}
    settings |= {"data": options.data / options.set / "train.csv", "test": options.data / settings["test"]}
    found: dict[str, list[float]] = {}
    for draw in range(DRAWS):
        looked = trained(settings, options.method, draw)
        steps, tested = [step for step, _ in looked], [score for _, score in looked]
        scores = {name: tested[steps.index(rule(steps))] for name, rule in RULES.items()} | {"best": max(tested)}
        print(f"draw {draw}, {len(steps)} epochs:", *(f"{name} {score:.3f}" for name, score in scores.items()), flush=True)
        for name, score in scores.items():
            found.setdefault(name, []).append(score)
    print("mean:", *(f"{name} {fmean(scores):.4f}" for name, scores in found.items()))


def trained(settings: dict[str, Any], method: str, number: int) -> list[Looked]:
    """One training, looked at after every epoch."""
    with tempfile.TemporaryDirectory(prefix="joyul-bench-") as folder:
        recipe = from_words("compare", {**settings, "out": Path(folder) / "run"}).with_method(method)
        drawn = list(draws(gather_pool(recipe.run, Notes()), recipe.run, Notes()))[number].gathered
        tested = (drawn.splits.test or ())[:TESTED]
        scores: list[float] = []

        def looking(model: Any, form: Any, rows: Any, most: int | None = None) -> Callable[[], dict[str, float]]:
            check, test = validator(model, form, rows, most), form.encode(tested)

            def look() -> dict[str, float]:
                scores.append(evaluate(model, form, test).metrics["accuracy"])
                return check()

            return look

        with mock.patch.object(chain, "validator", looking):
            steps = [step for step in tune(recipe, Notes(), drawn) if step.valid is not None]
        return list(zip(steps, scores, strict=True))


if __name__ == "__main__":
    main()
