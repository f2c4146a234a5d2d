"""Seconds of one full update of 32 rows, by arithmetic and by the budget of padded tokens computed at once:

    python benchmarks/steps.py --data ../shared/data

The order is interleaved, so that a noisy machine disturbs all alike; medians of `--updates` updates are printed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from joyul.bases.load import load_model, open_base
from joyul.contracts import Setting, Step
from joyul.data.examples import Examples
from joyul.data.read import read
from joyul.engine import loop
from joyul.engine.device import describe, device
from joyul.engine.kernels import rates
from joyul.forms.default import Default
from joyul.methods.full import Full
from joyul.notes import Notes
from joyul.tasks.classify import Classify

BUDGETS = (512, 1024, 2048, 4096)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--updates", type=int, default=12)
    options = parser.parse_args()
    table = read(str(options.data / "sst2" / "train.csv"), notes=Notes())["train"]
    files = open_base("starter")
    task = Classify(("0", "1"))
    form = Default(Setting(task, files.tokenizer, files.architecture, 256))
    rows = form.encode(Examples(table, {"text": "text", "target": "label"})[:2000])
    print(describe(), {name: f"{rate / 1e9:.0f} G operations/s" for name, rate in rates(files.width).items()})
    runs = {}
    for precision in rates(files.width):
        for budget in BUDGETS:
            model = load_model(files, form.auto_class, task.labels)
            plan = loop.Plan(1, 1e-4, 32, precision=precision)
            runs[precision, budget] = loop.train(model, form, rows, Full().moves(model), plan)
    seconds: dict[tuple[str, int], list[float]] = {key: [] for key in runs}
    for _ in range(options.updates + 2):
        for (precision, budget), steps in runs.items():
            loop.TOKEN_BUDGET[device().type] = budget
            seconds[precision, budget].append(timed(steps))
    for (precision, budget), found in seconds.items():
        print(f"{precision}  budget {budget:5d}  {median(found[2:]):.3f} s an update")


def timed(steps: Iterator[Step]) -> float:
    """Seconds of the next update, without the time its generator was waiting."""
    started = time.perf_counter()
    next(steps)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
