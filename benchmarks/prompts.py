"""Learned prompts against the head alone on SST-2, defaults but for what is given:

    python benchmarks/prompts.py --data ../shared/data --methods head prefix soft_prompt -- epochs=2 prompt_length=8

Prints the validation and test accuracy, seconds of training and what moves. What follows `--` goes to the stages that take it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import mkdtemp

import joyul
from joyul.recipe.stages import STAGES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--methods", nargs="+", default=["head", "prefix", "soft_prompt"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("settings", nargs="*", help="key=value")
    options = parser.parse_args()
    given = dict(item.split("=", 1) for item in options.settings)
    folder, data = Path(mkdtemp()), options.data / "sst2"
    for method in options.methods:
        mine = {key: value for key, value in given.items() if key in STAGES[method].takes}
        for seed in range(options.seeds):
            out = folder / f"{method}-{seed}"
            fixed = {"data": data / "train.csv", "test": data / "dev.csv", "precision": "fp32", "save_every": "none"}
            metrics = joyul.train(method=method, seed=seed, out=out, **fixed, **mine).metrics
            scores = {split: f"{found['accuracy']['value']:.3f}" for split, found in metrics["scores"].items()}
            print(method, seed, scores, f"{metrics['seconds']['train']:.0f} s", f"{metrics['trainable']:,} move", flush=True)


if __name__ == "__main__":
    main()
