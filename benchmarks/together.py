"""Eight learned prompts at once against one after the other: processor seconds of an update of all eight, by rows of an update.

    python benchmarks/together.py --data ../shared/data [--turns 5] [--updates 12] [--rows-of-update 2]

`soft_prompt` with its settings on `starter`, the first rows of SST-2: four seeds at two rates. At once is `engine.prompts`, apart
the training loop of a run, eight times. A turn trains all eight both ways from the same start for `--updates` updates, of which
the first is not counted; the largest distance between the prompts and heads that come out is told in shares of their length. Once
in fp32 and once in the arithmetic that this machine does fastest. What was measured is kept in benchmarks/together.json.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, median
from typing import Any

from heads import examples
from torch import Tensor
from write import HERE, keep, kept, stamp, write

from joyul.bases.anatomy import width
from joyul.contracts import ParameterGroup, Row
from joyul.engine import loop
from joyul.engine.average import put
from joyul.engine.kernels import fastest
from joyul.engine.loop import Plan
from joyul.engine.prompts import Prompts, Start, small
from joyul.methods.chain import Data, enter, settled
from joyul.notes import Notes
from joyul.recipe.resolve import from_words
from joyul.run import ready

NAME = "together"
BATCHES = (2, 4, 8, 16)
SEEDS, RATES = (0, 1, 2, 3), (1e-2, 3e-3)


class Bench:
    """`starter` with a prompt in it, its rows, and where every turn begins."""

    def __init__(self, data: Path, count: int) -> None:
        settings = {"method": "soft_prompt", "test": "none", "valid": "none", "shots": 8, "precision": "fp32"}
        recipe = from_words("train", {"data": str(data / "sst2" / "train.csv"), **settings})
        tuned, methods, _, _ = ready(recipe, Notes())
        self.settings = recipe.stages[0].settled
        enter(tuned, methods[0], self.settings, 1, 0)
        self.model, self.form = tuned.model, tuned.form
        self.groups: list[ParameterGroup] = list(methods[0].moves(tuned.model))
        self.named = {name: one for group in self.groups for name, one in group.parameters.items()}
        self.start = {name: one.detach().clone() for name, one in self.named.items()}
        self.rows: list[Row] = Data(examples(data, count)).rows("train", self.form, Notes())

    def starts(self, batch: int, updates: int, precision: str) -> list[Start]:
        """One for each seed and rate: so many updates."""
        given = {**settled(self.settings), "batch_size": batch, "epochs": updates * batch / len(self.rows), "warmup": 0.0}
        plans = [Plan(**{**given, "learning_rate": rate}, precision=precision, seed=seed) for seed in SEEDS for rate in RATES]
        return [Start(self.rows, plan, self.start) for plan in plans]

    def at_once(self, starts: list[Start]) -> tuple[float, list[dict[str, Tensor]]]:
        """Seconds of an update of all, and what they come to."""
        made = Prompts(self.model, self.form, self.groups, starts)
        seconds = timed((step for _, step in made.train()), len(starts))
        return seconds, [{name: one.detach().clone() for name, one in prompt.group.parameters.items()} for prompt in made.all]

    def apart(self, starts: list[Start]) -> tuple[float, list[dict[str, Tensor]]]:
        """The same, one after the other."""
        seconds, found = 0.0, []
        for start in starts:
            put(start.weights, self.named)
            seconds += timed(loop.train(self.model, self.form, start.rows, self.groups, start.plan), 1)
            found.append({name: one.detach().clone() for name, one in self.named.items()})
        return seconds, found


def timed(steps: Iterator[Any], each: int) -> float:
    """Seconds of `each` Steps, the first so many not counted: before them everything is made ready."""
    for _ in range(each):
        next(steps)
    started = time.process_time()
    count = sum(1 for _ in steps)
    return (time.process_time() - started) / count * each


def distance(found: list[dict[str, Tensor]], alone: list[dict[str, Tensor]]) -> float:
    """The largest between two tensors of one name, in shares of the length of the second."""
    pairs = [(one[name], other[name]) for one, other in zip(found, alone, strict=True) for name in one]
    return max(float((one - other).norm() / other.norm()) for one, other in pairs)


def measured(bench: Bench, batch: int, precision: str, turns: int, updates: int) -> dict[str, Any]:
    """All turns of one size; the first warms up."""
    starts = bench.starts(batch, updates, precision)
    found: dict[str, list[float]] = {"at_once": [], "apart": [], "distance": []}
    for turn in range(turns + 1):
        (once, mine), (each, theirs) = bench.at_once(starts), bench.apart(starts)
        if turn:
            for name, value in (("at_once", once), ("apart", each), ("distance", distance(mine, theirs))):
                found[name].append(value)
    tokens = fmean(row.length for row in bench.rows)
    return {**found, "batch": batch, "precision": precision, "updates": updates, "used": small(bench.rows, batch),
            "vectors": bench.settings.prompt_length, "tokens": tokens, **stamp()}  # fmt: skip


def section(found: dict[str, Any]) -> list[str]:
    """The lines of benchmarks/README.md."""
    one = next(iter(found.values()))
    lines = [
        "## Eight prompts at once", "", "`python benchmarks/together.py`; seconds of the processor, an update of all eight.", "",
        f"`soft_prompt` on `starter`, {one['vectors']} vectors before {one['tokens']:.0f} tokens of SST-2 on average, four seeds",
        f"at two rates, {one['device']}. A comparison uses it in fp32, where the updates of two fit into one pass.", "",
        "| rows of an update | arithmetic | at once | apart | at once costs as much as | turns | used | largest distance |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for cell in sorted(found.values(), key=lambda cell: (cell["precision"] != "fp32", cell["batch"])):
        shares = [8 * once / each for once, each in zip(cell["at_once"], cell["apart"], strict=True)]
        once, each = (1000 * median(cell[name]) for name in ("at_once", "apart"))
        lines.append(
            f"| {cell['batch']} | {cell['precision']} | {once:.0f} ms | {each:.0f} ms | **{median(shares):.1f} apart** "
            f"({min(shares):.1f} to {max(shares):.1f}) | {len(shares)} of {cell['updates']} updates "
            f"| {'yes' if cell['used'] and cell['precision'] == 'fp32' else 'no'} | {max(cell['distance']):.0e} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--updates", type=int, default=12)
    parser.add_argument("--rows-of-update", type=int, choices=BATCHES, nargs="*", default=BATCHES)
    options = parser.parse_args()
    bench = Bench(options.data, options.rows)
    for precision in dict.fromkeys(("fp32", fastest(width(bench.model)))):
        for batch in options.rows_of_update:
            cell = measured(bench, batch, precision, options.turns, options.updates)
            keep(NAME, f"{batch}, {precision}", cell)
    print("\n".join(section(kept(NAME))), flush=True)
    write()


if __name__ == "__main__":
    main()
