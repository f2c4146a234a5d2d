"""What a comparison shares between its runs, one command:

    python benchmarks/sharing.py --data ../shared/data [--draws 5]

`joyul compare` on SST-2 as its command does it: 16 labels a class of train.csv, dev.csv to test on, `starter`, both families,
four chains and the baselines. Then every run of a method once more, by a call of `joyul.train` with the recipe that stands in its
folder. Seconds of the processor within each run, from the opening of the base to the last score, so that others on the machine
count for little. What was measured is kept in benchmarks/sharing.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from write import keep, kept, stamp

import joyul
from joyul.compare import protocol
from joyul.compare.nouns import Outcome

NAME = "sharing"
METHODS = (
    "prompt", "head", "layers", "lora", "soft_prompt", "prefix", "full", "full+soft_prompt", "layers+prefix", "full+prompt",
    "prompt+full",
)  # fmt: skip
FROZEN = ("head", "layers", "prompt")  # what they keep frozen passes each row once
SHOTS = 16


def compared(data: Path, draws: int, out: Path) -> tuple[float, dict[str, list[float]]]:
    """Seconds of the whole comparison on the clock, and of the processor for each run of each method."""
    seconds: dict[str, list[float]] = defaultdict(list)
    perform = protocol.perform

    def timed(entry: Any, *rest: Any) -> Outcome:
        started = time.process_time()
        outcome = perform(entry, *rest)
        seconds[entry.name].append(time.process_time() - started)
        return outcome

    started = time.perf_counter()
    with mock.patch.object(protocol, "perform", timed):
        joyul.compare(data=data / "train.csv", test=data / "dev.csv", shots=SHOTS, draws=draws, methods=METHODS, out=out)
    return time.perf_counter() - started, seconds


def apart(done: Path, out: Path) -> tuple[float, float]:
    """Seconds of the same run by itself, and how far its accuracy on the test rows lies from that in the comparison."""
    started = time.process_time()
    run = joyul.train(done / "recipe.yaml", out=out)
    seconds = time.process_time() - started
    before = json.loads((done / "metrics.json").read_text(encoding="utf-8"))["scores"]["test"]["accuracy"]["value"]
    return seconds, abs(run.metrics["scores"]["test"]["accuracy"]["value"] - before)


def measure(data: Path, draws: int) -> dict[str, Any]:
    """The comparison first, then its runs one by one."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        whole, together = compared(data, draws, folder / "compared")
        alone: dict[str, list[float]] = {}
        apart_by = 0.0
        for method in METHODS:
            found = [
                apart(folder / "compared" / "methods" / method / f"draw-{number}-shots-{SHOTS}", folder / f"{method}-{number}")
                for number in range(1, draws + 1)
            ]
            alone[method] = [seconds for seconds, _ in found]
            apart_by = max([apart_by, *(gap for _, gap in found)])
            print(f"{method}: {sum(together[method]):.1f} s, apart {sum(alone[method]):.1f} s", flush=True)
    sums = {name: [sum(found[name]) for found in (together, alone)] for name in METHODS}
    baselines = sum(sum(found) for name, found in together.items() if name not in METHODS)
    return {
        "whole": whole, "sums": sums, "baselines": baselines, "gap": apart_by, "draws": draws, "threads": torch.get_num_threads(),
        **stamp(),
    }  # fmt: skip


def section(found: dict[str, Any]) -> list[str]:
    """The lines of benchmarks/README.md."""
    cell = found["sst2"]
    sums = cell["sums"]

    def ratio(names: Any) -> str:
        ours, alone = (sum(sums[name][place] for name in names) for place in (0, 1))
        return f"**{alone / ours:.1f} times** ({alone:.0f} s against {ours:.0f} s)"

    rows = [f"| {name} | {ours:.1f} | {alone:.1f} | {alone / ours:.1f} |" for name, (ours, alone) in sums.items()]
    return [
        "## What a comparison shares", "",
        f"`python benchmarks/sharing.py`, {cell['date']}, {cell['threads']} threads: `joyul compare` on SST-2, {SHOTS} labels a "
        f"class, {cell['draws']} draws,",
        f"{len(METHODS)} methods and the baselines took {cell['whole'] / 60:.1f} minutes, {cell['baselines']:.0f} s of them the "
        "baselines. The same runs by calls of `joyul.train`, each",
        f"with the recipe in its folder, took {ratio(sums)} as long, those of "
        f"{', '.join(f'`{name}`' for name in FROZEN)} {ratio(FROZEN)}.",
        f"Accuracy on the test rows differs by {cell['gap']:.4f} at most. Seconds of the processor, over all draws; methods",
        "that share nothing (`lora`, `full`) tell how even the machine was between the two:", "",
        "| method | compared | apart | times |", "|---|---|---|---|", *rows,
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--draws", type=int, default=5)
    options = parser.parse_args()
    keep(NAME, "sst2", measure(options.data / "sst2", options.draws))
    print("\n".join(section(kept(NAME))))


if __name__ == "__main__":
    main()
