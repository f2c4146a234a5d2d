"""Which method does best where rows are few, one command:

    python benchmarks/order.py --data ../shared/data [--only medquad] [--rows 400] [--methods lora,layers]

The recommendation prefers one method to another that the validation rows cannot tell from it (`joyul/compare/recommend.py`). What
it prefers is measured here, on sets that `benchmarks/regret.py` does not judge it by: the methods in the order of their mean test
scores over the sets that the base can read. A set that is in benchmarks/order.json is not measured again unless it is named; with
`--methods` these alone are, on the rows of the others.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from regret import apart, beside, compared, right, told, unknown
from write import fill, kept, stamp

from joyul.bases.facts import WARN_UNKNOWN

NAME = "order"
Pair = tuple[str, str]
LONGEST = 300  # characters of a text


def medquad(data: Path) -> Iterator[Pair]:
    """The beginning of a medical answer: what kind of question it answers (the ten most frequent)."""
    with open(data / "medquad/train.jsonl", encoding="utf-8") as file:
        body = [json.loads(line) for line in file]
    return _frequent(((row["answer"], row["qtype"]) for row in body), 10)


def shakespeare(data: Path) -> Iterator[Pair]:
    """A speech: who of the six that speak most says it."""
    parts = (data / "tinyshakespeare/train.txt").read_text(encoding="utf-8").split("\n\n")
    speeches = (part.partition(":\n")[::2] for part in parts if ":\n" in part)
    return _frequent(((said, speaker) for speaker, said in speeches if len(said) >= 60), 6)


def _log(system: str) -> Callable[[Path], Iterator[Pair]]:
    """A line of a log: the component that wrote it."""

    def rows(data: Path) -> Iterator[Pair]:
        with open(data / f"loghub2k/{system}/{system}_2k.log_structured_corrected.csv", encoding="utf-8", newline="") as file:
            yield from ((row["Content"], row["Component"]) for row in csv.DictReader(file))

    return rows


def korean_stories(data: Path) -> Iterator[Pair]:
    """A Korean paragraph: its author."""
    folder = data / "korean_stories"
    with open(folder / "index.csv", encoding="utf-8", newline="") as file:
        authors = {row["file"]: row["author"] for row in csv.DictReader(file)}
    for name, author in authors.items():
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        yield from ((line, author) for line in lines if len(line) >= 30)


def kornli(data: Path) -> Iterator[Pair]:
    """Two Korean sentences: what the second is to the first."""
    with open(data / "kornli/train_small.csv", encoding="utf-8", newline="") as file:
        yield from ((f"{row['sentence1']} / {row['sentence2']}", row["label"]) for row in csv.DictReader(file))


SETS = {
    "medquad": medquad, "shakespeare": shakespeare, "bgl": _log("BGL"), "healthapp": _log("HealthApp"),
    "korean_stories": korean_stories, "kornli": kornli,
}  # fmt: skip


def _frequent(pairs: Iterator[Pair], classes: int) -> Iterator[Pair]:
    """Those of the most frequent labels."""
    every = list(pairs)
    known = {label for label, _ in Counter(label for _, label in every).most_common(classes)}
    return (pair for pair in every if pair[1] in known)


def measure(data: Path, name: str, rows: int, methods: Sequence[str] | None) -> dict[str, Any]:
    """The test score of every method, and which rows each answers rightly."""
    pairs = [(" ".join(text.split())[:LONGEST], label) for text, label in SETS[name](data)]
    with tempfile.TemporaryDirectory() as place:
        found, answered = compared(*apart(pairs, rows, Path(place)), Path(place), methods)
    cell = {
        "rows": found.record["rows"], "unknown": unknown(answered),
        "scores": {method: float(right(one["test"]).mean()) for method, one in answered.items()},
        "hits": {split: {method: told(right(one[split])) for method, one in answered.items()} for split in ("valid", "test")},
        **stamp(),
    }  # fmt: skip
    return beside(kept(NAME).get(name), cell) if methods else cell


def order(cells: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The methods that every set has, best first, each with its mean score."""
    common = set.intersection(*(set(cell["scores"]) for cell in cells))
    means = {method: fmean(cell["scores"][method] for cell in cells) for method in common}
    return dict(sorted(means.items(), key=lambda pair: -pair[1]))


def parted(found: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The sets whose words the base knows, and those of which it does not know a good part."""
    cells = list(found.values())
    return [one for one in cells if one["unknown"] < WARN_UNKNOWN], [one for one in cells if one["unknown"] >= WARN_UNKNOWN]


def section(found: dict[str, Any]) -> list[str]:
    """The lines of benchmarks/README.md."""
    read, unread = parted(found)
    ranked = list(order(read or unread))
    lines = [
        "## Which method does best where rows are few", "",
        "`python benchmarks/order.py`: `starter`, one draw of 400 labelled rows, accuracy on others. The recommendation prefers",
        "methods in this order where the validation rows cannot tell them apart, and what needs no base where that does not know",
        "a good part of the words (`joyul/compare/recommend.py`).", "",
        f"| set | unknown | {' | '.join(ranked)} | measured |",
        f"|---|---|{'---|' * len(ranked)}---|",
    ]  # fmt: skip
    for name, cell in found.items():
        scores = " | ".join(f"{cell['scores'][method]:.3f}" for method in ranked)
        lines.append(f"| {name} | {cell['unknown']:.0%} | {scores} | {cell['date']} |")
    for name, cells in (("mean, read", read), ("mean, not read", unread)):
        if cells:
            means = order(cells)
            lines.append(f"| {name} | | {' | '.join(f'{means[method]:.3f}' for method in ranked)} | |")
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
