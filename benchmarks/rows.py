"""Whether a row costs the same among two thousand and among two hundred thousand:

    python benchmarks/rows.py --data ../shared/data [--sizes 2000 20000 200000] [--turns 3]

Reviews of SST-2, again and again with a number behind them, so that no row is another's duplicate; half a percent of them are
written badly (no text, no label). They are read, checked, split and tokenised (with the tokenizer of `starter`), the states of a
tiny random BERT are computed once, and its head is trained for one epoch and judged on the validation rows: what `joyul train
method=head epochs=1` does before it reports, on a base so small that rows are what counts. Processor time in one thread, less
what a turn of 300 rows takes in the same process (half a second, most of it the garbage collector's). Memory is the most that is
resident above what is after loading and two such turns, mapped files apart: their pages are the system's to take back. Every
turn is a process of its own. What was measured is kept in benchmarks/rows.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from write import HERE, keep, kept, stamp, write

from joyul.notes import Notes

NAME = "rows"
SIZES = (2_000, 20_000, 200_000)
FIRST = 300  # rows of the turns after which everything is loaded
PARTS = ("reading", "tokenising", "capturing", "training")
KINDS = ("own", "resident")  # memory of the process itself, and with mapped files
SPOILT = 200  # every so many rows one is written badly
Item = TypeVar("Item")


class Clock(Notes):
    """Processor seconds of what is tracked by a name."""

    def __init__(self) -> None:
        super().__init__()
        self.spent: dict[str, float] = {}

    def track(self, items: Iterable[Item], key: str, total: int | None = None) -> Iterator[Item]:
        """Pass `items` through."""
        started = time.process_time()
        yield from items
        self.spent[key] = self.spent.get(key, 0.0) + time.process_time() - started


class Peak:
    """The most bytes resident while open: of the process itself, and with mapped files."""

    def __init__(self) -> None:
        self.own = self.whole = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            whole, mapped = resident()
            self.whole, self.own = max(self.whole, whole), max(self.own, whole - mapped)


def resident() -> tuple[int, int]:
    """Bytes resident, and those of them that are mapped files."""
    _, whole, mapped, *_ = Path("/proc/self/statm").read_text().split()
    page = os.sysconf("SC_PAGE_SIZE")
    return int(whole) * page, int(mapped) * page


def write_rows(file: Path, data: Path, count: int) -> None:
    with open(data / "sst2" / "train.csv", encoding="utf-8", newline="") as source:
        reviews = [(row["text"], row["label"]) for row in csv.DictReader(source)]
    with open(file, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("text", "label"))
        for number, (text, label) in enumerate(islice(cycle(reviews), count), start=1):
            spoilt = number % SPOILT == 0
            writer.writerow(("" if spoilt and number % 2 else f"{text} {number}", "" if spoilt and not number % 2 else label))


def tiny_base(folder: Path) -> str:
    """A random BERT, 32 wide and two layers deep, that reads as `starter` does."""
    import transformers

    from joyul.bases.load import open_base

    words = open_base("starter").tokenizer
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    transformers.BertModel(transformers.BertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder)
    words.save_pretrained(folder)
    return str(folder)


def turn(file: Path, base: str) -> dict[str, float]:
    """Seconds of the processor for each part of the way from the file to a head that was trained for an epoch."""
    from joyul.data.gather import gather
    from joyul.learn import learn_task
    from joyul.methods.chain import Data, stage
    from joyul.recipe.resolve import from_words
    from joyul.start import build_methods, open_tuned, report_text

    notes = Clock()
    recipe = from_words("train", {"data": str(file), "base": base, "method": "head", "epochs": 1, "precision": "fp32", "seed": 0})
    started = time.process_time()
    gathered = gather(recipe.run, notes)
    task = learn_task(recipe.run, gathered)
    read = time.process_time() - started
    data = Data(gathered.splits.train, gathered.splits.valid or ())
    methods = build_methods(recipe, data)
    tuned = open_tuned(recipe.run, methods, task, notes)
    started = time.process_time()
    report_text(recipe.run, tuned, data, gathered, notes)
    encoded = time.process_time() - started
    started = time.process_time()
    for _ in stage(tuned, methods[0], recipe.stages[0].settled, data, notes=notes, seed=0):
        pass
    trained = time.process_time() - started - notes.spent["capturing"]
    return dict(zip(PARTS, (read, encoded, notes.spent["capturing"], trained), strict=True))


def one(data: Path, count: int) -> dict[str, float]:
    """One turn of so many rows in this process."""
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        base, first, file = tiny_base(Path(folder) / "base"), Path(folder) / "first.csv", Path(folder) / "rows.csv"
        write_rows(first, data, FIRST)
        write_rows(file, data, count)
        turn(first, base)
        few = turn(first, base)
        whole, mapped = resident()
        with Peak() as peak:
            spent = turn(file, base)
    more = {part: spent[part] - few[part] for part in PARTS}
    return {**more, "few": sum(few.values()), "own": peak.own - whole + mapped, "resident": peak.whole - whole}


def measured(data: Path, count: int, turns: int) -> dict[str, Any]:
    asked = [sys.executable, __file__, "--data", str(data), "--one", str(count)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    answers = [subprocess.run(asked, env=environment, check=True, capture_output=True, text=True).stdout for _ in range(turns)]
    return {"rows": count, "turns": [json.loads(answer.splitlines()[-1]) for answer in answers], **stamp()}


def micros(cell: dict[str, Any], *parts: str) -> float:
    """Millionths of a second a row more: the median over the turns."""
    return 1e6 * median(sum(turn[part] for part in parts) for turn in cell["turns"]) / float(cell["rows"] - FIRST)


def taken(cell: dict[str, Any], kind: str) -> float:
    """Bytes above what was there after loading: the median over the turns."""
    return float(median(turn[kind] for turn in cell["turns"]))


def section(found: dict[str, Any]) -> list[str]:
    """The lines of benchmarks/README.md."""
    cells = sorted(found.values(), key=lambda cell: cell["rows"])
    lines = [
        "## What a row costs among many", "",
        "`python benchmarks/rows.py`: SST-2 again and again, no row twice, through all of `method=head epochs=1` on a tiny",
        "random base; processor time a row more in one thread, states of frozen layers apart. Memory above that after loading.",
        "",
        "| rows | read, checked, split | tokenised | head, an epoch | in all | states, once | memory | mapped too | measured |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for cell in cells:
        columns = [f"{micros(cell, part):.0f} µs" for part in ("reading", "tokenising", "training")]
        columns += [f"**{micros(cell, 'reading', 'tokenising', 'training'):.0f} µs**", f"{micros(cell, 'capturing'):.0f} µs"]
        columns += [f"{taken(cell, kind) / 2**20:.0f} MB" for kind in KINDS]
        lines.append(f"| {cell['rows']:,} | {' | '.join(columns)} | {cell['date']} |")
    few, many = cells[0], cells[-1]
    if few is not many:
        own, whole = ((taken(many, kind) - taken(few, kind)) / (many["rows"] - few["rows"]) for kind in KINDS)
        lines += ["", f"From the first line to the last a row takes {own:.0f} bytes, with the files that are mapped {whole:.0f}."]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--one", type=int, help="so many rows in this process; the others start it")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.data, options.one)))
        return
    for count in options.sizes:
        keep(NAME, str(count), measured(options.data, count, options.turns))
        print("\n".join(section(kept(NAME))), flush=True)
    write()


if __name__ == "__main__":
    main()
