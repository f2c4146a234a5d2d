"""`learning_rate=auto` against a six-point grid, one command:

    python benchmarks/learning_rate.py --data ../shared/data [--rows 600] [--only sst2] [--methods full,head] [--seeds 1]

For each data set and method: the stage with `auto`, then with each rate of the grid (the usual rate times 10^-1 to 10^1.5, half a
power apart), on the same rows. The grid's best is picked by the test score, which favours the grid. `auto` has to come within one
standard error (of a share of the test rows) of it. Every run is kept in benchmarks/learning_rate.json and not repeated.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from write import keep, kept, write

from joyul.notes import Notes
from joyul.recipe.resolve import from_words
from joyul.recipe.stages import STAGES, Sizes
from joyul.run import finish, tune

NAME = "learning_rate"
WIDTH = 384  # of starter
SETS = {  # file, text, label
    "sst2": ("sst2/train.csv", "text", "label"),
    "trec": ("trec/train.csv", "text", "label"),
    "banking77": ("banking77/train.csv", "text", "label"),
    "chatbot_ko": ("chatbot_ko/train.csv", "question", "label"),
}
METHODS = "full,head,lora"
GRID = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5)  # powers of ten about the usual rate
TEST = 0.4  # share of the rows that scores the runs: a small standard error makes the bar high


def sample(data: Path, name: str, rows: int, seed: int, folder: Path) -> Path:
    """So many rows of a set as text and label, drawn by the seed; all of them where there are no more."""
    source, text, label = SETS[name]
    with open(data / source, encoding="utf-8", newline="") as file:
        body = list(csv.DictReader(file))
    drawn = random.Random(seed).sample(body, min(rows, len(body)))
    with open(folder / "rows.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((row[text], row[label]) for row in drawn)])
    return folder / "rows.csv"


def run(data: Path, method: str, rate: object, seed: int) -> dict[str, Any]:
    """One run, its folder removed: test score and rows, the rate, and what was spent on finding it."""
    folder = Path(tempfile.mkdtemp(prefix="joyul-bench-"))
    words = {"data": data, "method": method, "learning_rate": rate, "test": TEST, "seed": seed, "out": folder / "run"}
    recipe = from_words("train", words)
    try:
        made = finish(tune(recipe, Notes()))
        steps = [json.loads(line) for line in (folder / "run/steps.jsonl").read_text(encoding="utf-8").splitlines()]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    metric = made.metrics["metric"]
    searching = [step for step in steps if step["kind"] in ("range", "probe")]
    return {
        "score": made.metrics["scores"]["test"][metric]["value"], "rows": made.metrics["rows"]["test"],
        "rate": recipe.stages[0].values["learning_rate"], "updates": sum(step["kind"] == "update" for step in steps),
        "search_seconds": sum(step["seconds"] for step in searching), "seconds": sum(step["seconds"] for step in steps),
    }  # fmt: skip


def rates(method: str) -> list[Any]:
    """`auto`, and the grid about the usual rate of a method."""
    usual = STAGES[method].defaults(Sizes(WIDTH, 1000), {})["learning_rate"].value
    return ["auto", *(float(f"{usual * 10**power:.3g}") for power in GRID)]


def section(found: Mapping[str, Any]) -> list[str]:
    """The lines of benchmarks/README.md: every set, method and seed whose grid is whole."""
    lines = [
        "## `learning_rate=auto` against a grid", "",
        "`python benchmarks/learning_rate.py`: `starter`, 600 rows of each set, 40 % of them test. `auto` against the best of",
        "six rates, which is picked by the test score; one s.e.: standard error of the best score, a share of the test rows.", "",
        "| set, rows, method, seed | auto's rate | auto | best rate | best of grid | one s.e. | within | search of run | grid |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for begin in dict.fromkeys(key.rpartition(" ")[0] for key in found):
        tried = [found.get(f"{begin} {rate}") for rate in rates(begin.split()[2])]
        if all(tried):
            lines.append(line(begin, *tried))
    return lines


def line(name: str, auto: dict[str, Any], *grid: dict[str, Any]) -> str:
    """Of the table: whether auto stands within one standard error of the grid's best."""
    best = max(grid, key=lambda one: one["score"])
    error = math.sqrt(best["score"] * (1 - best["score"]) / best["rows"])
    each = ", ".join(f"{one['rate']:g}: {one['score']:.3f}" for one in grid)
    spent = auto["search_seconds"] / (auto["seconds"] - auto["search_seconds"])
    verdict = "yes" if auto["score"] >= best["score"] - error else "no"
    return (
        f"| {name} | {auto['rate']:g} | {auto['score']:.3f} | {best['rate']:g} | {best['score']:.3f} | "
        f"{error:.3f} | {verdict} | {spent:.0%} | {each} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--only", choices=sorted(SETS))
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    pairs = [(method, rate) for method in options.methods.split(",") for rate in rates(method)]
    for name in [options.only] if options.only else SETS:
        for seed in range(options.seeds):
            with tempfile.TemporaryDirectory() as folder:
                data = sample(options.data, name, options.rows, seed, Path(folder))
                for method, rate in pairs:
                    key = f"{name} {options.rows} {method} seed {seed} {rate}"
                    if key not in kept(NAME):
                        keep(NAME, key, run(data, method, rate, seed))
                        print("\n".join(section(kept(NAME))), flush=True)
    write()


if __name__ == "__main__":
    main()
