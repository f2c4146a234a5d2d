"""Accuracy of the first methods on real data, each row of the table by itself:

    python benchmarks/spine.py --data ../shared/data                         # all that is not measured yet
    python benchmarks/spine.py --data ../shared/data --only trec --seed 1    # one row, one seed (again, where it is there)
    python benchmarks/spine.py --list

Base `starter`, all defaults. SST-2: `data=train.csv test=dev.csv`, validation carved from train. banking77 (a tenth held out,
another one each seed), trec (official test) and pubmedqa (five folds, a seed is a fold; the question and, as its pair, what the
abstract concludes, or the abstract without its conclusion: "reasoning-free" and "reasoning-required" in Jin et al., 2019): `full`
against TF-IDF with logistic regression on the same rows. Three seeds where there are no folds. What was measured is kept row by
row in benchmarks/spine.json, from which benchmarks/write.py makes the table in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean, stdev
from typing import Any
from unittest import mock

import numpy as np
from scipy.stats import t
from write import write

from joyul import start
from joyul.compare.baselines import NO_BASE, Work, tfidf
from joyul.compare.draws import draws, gather_pool
from joyul.compare.evidence import Evidence, difference
from joyul.compare.nouns import Entry
from joyul.data.gather import Gathered, gather
from joyul.engine.device import describe
from joyul.engine.evaluate import Evaluation
from joyul.learn import learn_task
from joyul.methods.chain import Data
from joyul.notes import Notes
from joyul.recipe.resolve import Recipe, from_words
from joyul.record import versions
from joyul.run import finish, tune

HERE = Path(__file__).parent
KEPT, TABLE = HERE / "spine.json", HERE / "README.md"
SEEDS, FOLDS = 3, 5
BESIDE = "TF-IDF + logistic regression", "full - TF-IDF (paired)"
Cell = dict[str, Any]  # one row with one seed: `score`, `seconds`, `date`; beside TF-IDF its score `plain`, and the hits of both
Measure = Callable[[Path, int], Cell]


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="joyul-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sst2(**settings: Any) -> Measure:
    def measure(data: Path, seed: int) -> Cell:
        files = {"data": data / "sst2/train.csv", "test": data / "sst2/dev.csv"}
        with scratch() as folder:
            made = finish(tune(from_words("train", {**files, **settings, "seed": seed, "out": folder / "run"}), Notes()))
        return {"score": accuracy(made.metrics), "seconds": made.metrics["seconds"]["train"]}

    return measure


def pooling(data: Path, seed: int) -> Cell:
    """What a frozen base's head reads: the same as SST-2, head, with the appended layer left out."""
    with mock.patch.object(start, "can_pool", return_value=False):
        return sst2(method="head")(data, seed)


def banking77(data: Path, seed: int) -> Cell:
    return paired("train", {"data": data / "banking77/train.csv", "seed": seed}, gathered)


def trec(data: Path, seed: int) -> Cell:
    files = {"data": data / "trec/train.csv", "test": data / "trec/test.csv"}
    return paired("train", {**files, "text": "text", "label": "label", "seed": seed}, gathered)


def pubmedqa(pair: str) -> Measure:
    """Fold number `seed`, counted from 0, with the column `pair` beside the question."""

    def measure(data: Path, seed: int) -> Cell:
        columns = {"text": "question", "pair": pair, "label": "label"}
        words = {"data": data / "pubmedqa/train.jsonl", **columns, "folds": FOLDS, "methods": "full"}

        def fold(recipe: Recipe) -> Gathered:
            return list(draws(gather_pool(recipe.run, Notes()), recipe.run, Notes()))[seed].gathered

        return paired("compare", words, fold)

    return measure


def gathered(recipe: Recipe) -> Gathered:
    return gather(recipe.run, Notes())


def paired(verb: str, settings: Mapping[str, Any], rows_of: Callable[[Recipe], Gathered]) -> Cell:
    """`full` and TF-IDF with logistic regression, learned from and tested on the same rows."""
    with scratch() as folder:
        recipe = from_words(verb, {**settings, "out": folder / "run"}).with_method("full")
        found = rows_of(recipe)
        rows = Data(found.splits.train, found.splits.valid or ())
        _, plain, said = tfidf(Work(recipe, found, rows, learn_task(recipe.run, found), folder / "tfidf", Notes()))
        made = finish(tune(recipe, Notes(), found, rows))
    return {
        "score": accuracy(made.metrics), "plain": accuracy(plain), "seconds": made.metrics["seconds"]["train"],
        "hits": hits(made.evaluations["test"]), "plain_hits": hits(said["test"]), "trained": len(rows.train) + len(rows.valid),
    }  # fmt: skip


def accuracy(metrics: Mapping[str, Any]) -> float:
    return float(metrics["scores"]["test"]["accuracy"]["value"])


def hits(found: Evaluation) -> str:
    """A 1 for each row that is right, in the order of the rows."""
    pairs = zip(found.targets, found.predictions, strict=True)
    return "".join(str(int(target == prediction.value)) for target, prediction in pairs)


ROWS: dict[str, tuple[str, Measure, int]] = {  # what the table calls it, how it is measured, and with how many seeds
    "sst2-full": ("SST-2, full", sst2(method="full"), SEEDS),
    "sst2-layers": ("SST-2, layers top_layers=2", sst2(method="layers", top_layers=2), SEEDS),
    "sst2-lora": ("SST-2, lora", sst2(method="lora"), SEEDS),
    "sst2-head": ("SST-2, head", sst2(method="head"), SEEDS),
    "sst2-pooling": ("SST-2, head on [CLS] instead of the mean", pooling, SEEDS),
    "banking77": ("banking77, full", banking77, SEEDS),
    "trec": ("trec, full", trec, SEEDS),
    "pubmedqa": ("pubmedqa, full (five folds; question and conclusion)", pubmedqa("long_answer"), FOLDS),
    "pubmedqa-abstract": ("pubmedqa, full (five folds; question and abstract)", pubmedqa("context"), FOLDS),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--only", choices=sorted(ROWS))
    parser.add_argument("--seed", type=int)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{name}: {text}, seeds 0 to {count - 1}" for name, (text, _, count) in ROWS.items()))
        return
    for name in [options.only] if options.only else ROWS:
        for seed in [options.seed] if options.seed is not None else range(ROWS[name][2]):
            if options.only or str(seed) not in kept().get(name, {}):
                cell = {**ROWS[name][1](options.data, seed), "date": str(datetime.date.today())}
                keep(name, seed, cell)
                print("\n".join(lines(name, {str(seed): cell})), flush=True)


def kept() -> dict[str, dict[str, Cell]]:
    found: dict[str, dict[str, Cell]] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    return found


def keep(name: str, seed: int, cell: Cell) -> None:
    """Read again before it is written: another row may have been measured meanwhile."""
    found = kept()
    found[name] = dict(sorted({**found.get(name, {}), str(seed): cell}.items()))
    KEPT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    write()


def lines(name: str, cells: Mapping[str, Cell]) -> list[str]:
    """The table lines of a row: one, or `full`, TF-IDF and their paired difference."""
    text, scores = ROWS[name][0], [cell["score"] for cell in cells.values()]
    seconds, date = fmean(cell["seconds"] for cell in cells.values()), max(cell["date"] for cell in cells.values())
    made = [line(text, scores, by_seed(scores), f"{seconds:.0f}", date)]
    if any("plain" in cell for cell in cells.values()):
        plain = [cell["plain"] for cell in cells.values()]
        each = [a - b for a, b in zip(scores, plain, strict=True)]
        plain_text, both = (text.replace(", full", f", {name}") for name in BESIDE)
        made.append(line(plain_text, plain, by_seed(plain), "", date))
        made.append(line(both, each, against_tfidf(name, cells), "", date))
    return made


def line(text: str, values: list[float], interval: str, seconds: str, date: str) -> str:
    each = ", ".join(f"{value:.4f}" for value in values)
    return f"| {text} | {fmean(values):.4f} | {interval} | {each} | {seconds} | {date} |"


def by_seed(values: list[float]) -> str:
    """The 95 % interval of the mean over seeds, by Student's t."""
    if len(values) < 2:
        return ""
    half = float(t.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return f"{fmean(values) - half:.4f} to {fmean(values) + half:.4f}"


def against_tfidf(name: str, cells: Mapping[str, Cell]) -> str:
    """The 95 % interval of the difference, as `joyul compare` computes it from the same rows: over seeds and test rows."""
    overlap = fmean(len(cell["hits"]) / cell["trained"] for cell in cells.values()) if name.startswith("pubmedqa") else 0.0

    def evidence(method: str, score: str, key: str) -> Evidence:
        values = tuple(np.array([float(hit) for hit in cell[key]]) for cell in cells.values())
        scores = tuple(cell[score] for cell in cells.values())
        return Evidence(Entry(method, NO_BASE), tuple(map(int, cells)), scores, values, name == "trec", overlap)

    found = difference(evidence("full", "score", "hits"), evidence("tfidf", "plain", "plain_hits"))
    return f"{found.interval[0]:.4f} to {found.interval[1]:.4f} (p = {found.p:.2g})" if found is not None else ""


def section(found: Mapping[str, Mapping[str, Cell]]) -> list[str]:
    """The lines of benchmarks/README.md, from what has been measured so far."""
    used = ", ".join(f"{package} {version}" for package, version in versions().items())
    head = [
        "## Single methods", "", f"`python benchmarks/spine.py`, table of {datetime.date.today()}: {describe()}; {used}.",
        "Base `starter`, default settings. Accuracy; seconds are inside training. An interval is over the seeds (Student's t);",
        "that of a paired difference is over seeds and test rows, as in `joyul compare`. `layers` and `lora` were",
        "measured while they still read [CLS] (LOG.md).", "",
        "| work | mean over seeds | 95 % interval | each seed | seconds | measured |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    return [*head, *(row for name in ROWS if name in found for row in lines(name, found[name]))]


if __name__ == "__main__":
    main()
