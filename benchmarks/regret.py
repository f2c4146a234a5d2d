"""What following the recommendation costs, one command:

    python benchmarks/regret.py --data ../shared/data [--only trec] [--rows 400] [--methods lora,layers]

Six sets, two of them Korean. `joyul compare` sees training and validation rows only when it recommends; then the test rows are
halved at random 20 times. The method that is best on one half is what a look at the answers would have chosen; its score on the
other half minus that of the recommendation there is the regret, both ways. What was measured is kept in benchmarks/regret.json; a
set that is there already is not measured again unless it is named; with `--methods` these alone are, on the rows of the others.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any
from unittest import mock

import numpy as np
from scipy.stats import t
from write import fill, kept, stamp

import joyul
from joyul.bases.facts import WARN_UNKNOWN
from joyul.compare.baselines import NO_BASE
from joyul.compare.evidence import Evidence
from joyul.compare.nouns import Entry
from joyul.compare.progress import Progress, finished
from joyul.compare.recommend import recommended

NAME = "regret"
SETS = {  # file, what is read, label
    "sst2": ("sst2/train.csv", "text", "label"),
    "trec": ("trec/train.csv", "text", "label"),
    "banking77": ("banking77/train.csv", "text", "label"),
    "nsmc": ("nsmc/train.tsv", "document", "label"),
    "chatbot_ko": ("chatbot_ko/train.csv", "question", "label"),
    "pubmedqa": ("pubmedqa/train.jsonl", "question long_answer", "label"),
}
HALVINGS, TEST_ROWS = 20, 600
Hits = Mapping[str, np.ndarray]  # of each method: whether it is right, shape (rows,)


def sample(data: Path, name: str, rows: int, folder: Path) -> tuple[Path, Path]:
    """So many rows to learn from, and others to test on, drawn by a fixed seed; texts that occur once."""
    source, text, label = SETS[name]
    with open(data / source, encoding="utf-8", newline="") as file:
        tabs = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if source.endswith(".tsv") else {}
        body = [json.loads(line) for line in file] if source.endswith(".jsonl") else list(csv.DictReader(file, **tabs))
    return apart([(" ".join(row[column] or "" for column in text.split()), row[label]) for row in body], rows, folder)


def apart(pairs: Sequence[tuple[str, str]], rows: int, folder: Path) -> tuple[Path, Path]:
    """Files with so many pairs of text and label to learn from, and with others to test on, each text once."""
    once = list({text: (text, label) for text, label in pairs if text}.values())
    random.Random(0).shuffle(once)
    learned = once[: min(rows, len(once) * 2 // 3)]
    known = {label for _, label in learned}
    tested = [pair for pair in once[len(learned) :] if pair[1] in known][:TEST_ROWS]
    for name, part in (("train.csv", learned), ("test.csv", tested)):
        with open(folder / name, "w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows([("text", "label"), *part])
    return folder / "train.csv", folder / "test.csv"


def measure(data: Path, name: str, rows: int, methods: Sequence[str] | None) -> dict[str, Any]:
    """Of every method what it trained and which validation and test rows it answers rightly."""
    with tempfile.TemporaryDirectory() as place:
        found, answered = compared(*sample(data, name, rows, Path(place)), Path(place), methods)
    lines = {line["method"]: line for line in found.record["methods"]}
    cell = {
        "rows": found.record["rows"], "unknown": unknown(answered),
        "trainable": {method: lines[method]["trainable"] or 0 for method in answered}, **stamp(),
        "hits": {split: {method: told(right(one[split])) for method, one in answered.items()} for split in ("valid", "test")},
    }  # fmt: skip
    assert advice(cell) == found.record["verdict"]["name"], "the rule here is the one of the comparison"
    return beside(kept(NAME).get(name), cell) if methods else cell


def beside(before: dict[str, Any] | None, cell: dict[str, Any]) -> dict[str, Any]:
    """A cell with what is kept of the methods that were not measured again."""
    if before is None:
        return cell
    assert before["rows"] == cell["rows"], "the same rows"
    hits = {split: {**before["hits"][split], **cell["hits"][split]} for split in cell["hits"]}
    merged = {key: {**before[key], **cell[key]} for key in ("trainable", "scores") if key in cell}
    return {**cell, **merged, "hits": hits}


def advice(cell: dict[str, Any]) -> str:
    """What is recommended from the validation rows alone."""
    hits = cell["hits"]["valid"]
    rows = {method: heard(one) for method, one in hits.items()}
    entries = [Entry(method, NO_BASE if method == "tfidf" else "starter") for method in rows]
    found = [Evidence(entry, (1,), (float(one.mean()),), (one,)) for entry, one in zip(entries, rows.values(), strict=True)]
    trainable, unread = [cell["trainable"][method] for method in rows], ["starter"] if cell["unknown"] >= WARN_UNKNOWN else []
    return found[recommended(found, trainable, unread)[0]].entry.method


def unknown(answered: Mapping[str, Any]) -> float:
    """The share of the text's tokens that the base does not know."""
    return max(one["costs"]["unknown_tokens"] for one in answered.values())


def heard(text: str) -> np.ndarray:
    """What was told."""
    return np.array([hit == "1" for hit in text], dtype=float)


def compared(
    train: Path, test: Path, place: Path, methods: Sequence[str] | None = None
) -> tuple[joyul.Comparison, dict[str, Any]]:
    """A comparison in `place`, and what each method that can be shipped answered to validation and test rows."""
    given = {"methods": list(methods)} if methods else {}
    with mock.patch.object(Progress, "end"):  # what every method answered stays there
        found = joyul.compare(data=train, test=test, out=place / "out", allow_unknown=True, duplicates="keep", **given)
    answered = {key.partition(", ")[0]: outcome for key, outcome in finished(place / "out").items()}
    return found, {name: one for name, one in answered.items() if name not in ("majority", "setfit") and "[" not in name}


def right(answers: Mapping[str, Any]) -> np.ndarray:
    """1 for each row that is answered rightly, else 0."""
    pairs = zip(answers["targets"], answers["predictions"], strict=True)
    return np.array([target == said["value"] for target, said in pairs], dtype=float)


def told(hits: np.ndarray) -> str:
    """In a form that is kept: other rules of recommending can be tried on it."""
    return "".join(str(int(hit)) for hit in hits)


def regrets(hits: Hits, recommended: str) -> list[float]:
    """For each halving and each of its halves: best there, scored on the other half, minus the recommendation there."""
    rows, draw, found = len(hits[recommended]), np.random.default_rng(0), []
    for _ in range(HALVINGS):
        order = draw.permutation(rows)
        for seen, unseen in ((order[: rows // 2], order[rows // 2 :]), (order[rows // 2 :], order[: rows // 2])):
            best = max(hits, key=lambda method: (hits[method][seen].mean(), method == recommended))
            found.append(float(hits[best][unseen].mean() - hits[recommended][unseen].mean()))
    return found


def section(found: dict[str, Any]) -> list[str]:
    """The lines of benchmarks/README.md."""
    cells = [({method: heard(one) for method, one in cell["hits"]["test"].items()}, advice(cell)) for cell in found.values()]
    means = [fmean(regrets(hits, said)) for hits, said in cells]
    lines = [
        "## Regret of the recommendation", "",
        f"`python benchmarks/regret.py`: `starter`, one draw; {HALVINGS} halvings of the test rows. Regret: the score of the",
        "method that is best on the other half minus that of the recommendation, which has seen no test row.", "",
        "| set | recommended | its score | best | its score | methods | labelled rows | regret | measured |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for (name, cell), (hits, said), mean in zip(found.items(), cells, means, strict=True):
        best, labelled = max(hits, key=lambda method: hits[method].mean()), cell["rows"]["train"] + cell["rows"]["valid"]
        scores = f"{said} | {hits[said].mean():.4f} | {best} | {hits[best].mean():.4f}"
        lines.append(f"| {name} | {scores} | {len(hits)} | {labelled} | {mean:+.4f} | {cell['date']} |")
    if len(means) > 1:
        half = float(t.ppf(0.975, len(means) - 1)) * stdev(means) / len(means) ** 0.5
        low, high = fmean(means) - half, fmean(means) + half
        lines += ["", f"Mean over {len(means)} sets {fmean(means):+.4f}, 95 % interval {low:+.4f} to {high:+.4f}."]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--only", choices=SETS)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--methods", help="separated by commas (default: every method that fits); of every set that is kept")
    options = parser.parse_args()
    methods = options.methods.split(",") if options.methods else None
    for only in [options.only] if options.only or not methods else kept(NAME):
        fill(NAME, SETS, only, lambda name: measure(options.data, name, options.rows, methods))


if __name__ == "__main__":
    main()
