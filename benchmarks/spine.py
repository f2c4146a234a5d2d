"""Accuracy of the first methods on real data, one command:

    python benchmarks/spine.py --data ../shared/data [--seeds 3] [--only sst2]

SST-2: `data=train.csv test=dev.csv`, base `starter`, all defaults, validation carved from train, seeds 0, 1, ...
banking77: `full` against TF-IDF with logistic regression on the same held-out tenth, row by row (paired), the same seeds.
The table in benchmarks/README.md is written by this command.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean, stdev
from typing import Any
from unittest import mock

from scipy.stats import t

from joyul import start
from joyul.compare.baselines import Work, tfidf
from joyul.data.gather import gather
from joyul.engine.device import describe
from joyul.methods.chain import Data
from joyul.notes import Notes
from joyul.recipe.resolve import from_words
from joyul.record import versions
from joyul.run import Run, finish, tune
from joyul.start import learn_task

HERE = Path(__file__).parent
Row = tuple[str, str, list[float], float]


def run(settings: dict[str, Any]) -> Run:
    """One training run in a folder that is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="joyul-bench-"))
    try:
        return finish(tune(from_words("train", {**settings, "out": folder / "run"}), Notes()))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sst2(data: Path, seeds: range) -> Iterator[Row]:
    for method in ("full", "head"):
        files = {"data": data / "sst2/train.csv", "test": data / "sst2/dev.csv"}
        runs = [run({**files, "method": method, "seed": seed}) for seed in seeds]
        seconds = mean(item.metrics["seconds"]["train"] for item in runs)
        yield f"SST-2, {method}", "accuracy", [score(item) for item in runs], seconds


def pooling(data: Path, seeds: range) -> Iterator[Row]:
    """What a frozen base's head reads: the same as SST-2, head, with the appended layer left out."""
    files = {"data": data / "sst2/train.csv", "test": data / "sst2/dev.csv"}
    with mock.patch.object(start, "can_pool", return_value=False):
        runs = [run({**files, "method": "head", "seed": seed}) for seed in seeds]
    seconds = mean(item.metrics["seconds"]["train"] for item in runs)
    yield "SST-2, head on [CLS] instead of the mean", "accuracy", [score(item) for item in runs], seconds


def banking77(data: Path, seeds: range) -> Iterator[Row]:
    full, plain, seconds = [], [], []
    for seed in seeds:
        recipe = from_words("train", {"data": data / "banking77/train.csv", "seed": seed, "out": tempfile.mkdtemp() + "/run"})
        gathered = gather(recipe.run, Notes())
        rows = Data(gathered.splits.train, gathered.splits.valid or ())
        made = finish(tune(recipe, Notes(), gathered, rows))
        folder = Path(tempfile.mkdtemp()) / "run"
        full.append(score(made))
        _, metrics, _ = tfidf(Work(recipe, gathered, rows, learn_task(recipe.run, gathered), folder, Notes()))
        plain.append(float(metrics["scores"]["test"]["accuracy"]["value"]))
        seconds.append(made.metrics["seconds"]["train"])
    yield "banking77, full", "accuracy", full, mean(seconds)
    yield "banking77, TF-IDF + logistic regression", "accuracy", plain, 0.0
    yield "banking77, full - TF-IDF (paired)", "difference", [a - b for a, b in zip(full, plain, strict=True)], 0.0


def score(made: Run) -> float:
    return float(made.metrics["scores"]["test"]["accuracy"]["value"])


SETS: dict[str, Callable[[Path, range], Iterator[Row]]] = {"sst2": sst2, "banking77": banking77, "pooling": pooling}


def line(row: Row) -> str:
    """A table line: the mean over seeds, its 95 % interval by Student's t, and each seed."""
    name, what, values, seconds = row
    half = float(t.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    each = ", ".join(f"{value:.4f}" for value in values)
    return f"| {name} | {what} | {mean(values):.4f} | ±{half:.4f} | {each} | {f'{seconds:.0f}' if seconds else ''} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=sorted(SETS))
    options = parser.parse_args()
    kept = HERE / "spine.json"
    lines: dict[str, list[str]] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for name in [options.only] if options.only else SETS:
        lines[name] = [line(row) for row in SETS[name](options.data, range(options.seeds))]
        print("\n".join(lines[name]), flush=True)
    kept.write_text(json.dumps(lines, indent=2) + "\n", encoding="utf-8")
    write(lines)


def write(lines: dict[str, list[str]]) -> None:
    """benchmarks/README.md, from what has been measured so far."""
    used = ", ".join(f"{package} {version}" for package, version in versions().items())
    head = [
        "# Measured", "", f"Written by `python benchmarks/spine.py` on {datetime.date.today()}: {describe()}; {used}.",
        "Base `starter`, default settings. Seconds are inside training.", "",
        "| work | score | mean over seeds | 95 % interval | each seed | seconds |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    rows = [row for rows in lines.values() for row in rows]
    (HERE / "README.md").write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
