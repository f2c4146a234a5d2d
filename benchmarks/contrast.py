"""`contrast` against SetFit with its own defaults, one command:

    pip install -c constraints.txt '.[setfit]'
    python benchmarks/contrast.py --data ../shared/data [--only trec]

`joyul compare` on SST-2 and TREC: base `starter`, 16 labels a class (validation rows among them), five draws, the same for both.
What was measured is kept in benchmarks/contrast.json; a set that is there already is not measured again unless it is named.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

from write import keep, kept, stamp, write

import joyul

NAME = "contrast"
SETS = {"sst2": ("train.csv", "dev.csv"), "trec": ("train.csv", "test.csv")}
DRAWS, SHOTS = 5, 16


def measure(data: Path, name: str) -> dict[str, Any]:
    """Scores and seconds of every line of the table, and the paired difference of the two."""
    train, test = (data / name / file for file in SETS[name])
    with tempfile.TemporaryDirectory() as folder:
        found = joyul.compare(
            data=train, test=test, text="text", label="label", methods=["contrast"], draws=DRAWS, shots=SHOTS, out=f"{folder}/out"
        )
    rows = {row["method"]: row for row in found.record["methods"]}
    pairs = [pair for pair in found.record["differences"] if {pair["first"], pair["second"]} == {"contrast", "setfit"}]
    if not pairs:
        raise SystemExit(f"no SetFit to compare with: {rows.get('setfit', {}).get('error', 'it is not installed')}")
    sign = 1.0 if pairs[0]["first"] == "contrast" else -1.0
    return {
        "scores": {name: row["scores"] for name, row in rows.items()},
        "intervals": {name: row["interval"] for name, row in rows.items()},
        "seconds": {name: row["train_seconds"] for name, row in rows.items()},
        "difference": sign * pairs[0]["difference"], "interval": sorted(sign * end for end in pairs[0]["interval"]),
        "p": pairs[0]["p"], **stamp(),
    }  # fmt: skip


def section(found: dict[str, Any]) -> list[str]:
    """The lines of benchmarks/README.md."""
    lines = [
        "## `contrast` and SetFit", "",
        f"`python benchmarks/contrast.py`: `starter`, {SHOTS} labels a class of which some validate, {DRAWS} draws, the same for",
        "both; SetFit 1.2 with its own defaults. Accuracy on the test rows, mean over draws; seconds are inside training.",
        "The interval of the difference is over draws and rows, as in `joyul compare`.", "",
        "| set | `contrast` | SetFit | difference | 95 % interval | seconds | of SetFit | measured |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, cell in found.items():
        scores = " | ".join(f"{fmean(cell['scores'][key]):.4f}" for key in ("contrast", "setfit"))
        seconds = " | ".join(f"{cell['seconds'][key]:.0f}" for key in ("contrast", "setfit"))
        interval = " to ".join(f"{end:+.4f}" for end in cell["interval"])
        lines.append(f"| {name} | {scores} | {cell['difference']:+.4f} | {interval} | {seconds} | {cell['date']} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--only", choices=SETS)
    options = parser.parse_args()
    for name in [options.only] if options.only else [name for name in SETS if name not in kept(NAME)]:
        keep(NAME, name, measure(options.data, name))
        print("\n".join(section(kept(NAME))), flush=True)
    write()


if __name__ == "__main__":
    main()
