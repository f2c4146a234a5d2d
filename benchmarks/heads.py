"""Many heads over the same cached states against scikit-learn, one fit for each:

    python benchmarks/heads.py --data ../shared/data [--rows 2000] [--pairs 5]

5 folds of the first rows of SST-2, 20 learning rates, 10 epochs, the states of `starter` computed once for everyone. The peer is
`SGDClassifier(loss="log_loss")` at a constant rate, one fit for each fold and rate. Ours is `engine.heads`, twice: one linear
layer, which is the work the peer does, and what `head` trains on this base, a layer of width x width with one of two labels
behind it. That one takes some four hundred times the arithmetic and is trained for `--deep` epochs, beside it the training loop
of a run, one head. Processor seconds in turns; accuracy is that of the best rate of each fold on the rows left out.
What was measured is kept in benchmarks/heads.json.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import StratifiedKFold
from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput
from write import HERE, keep, kept, stamp, write

from joyul.contracts import Batch, Example, Form, ParameterGroup, Row, Setting
from joyul.engine import loop
from joyul.engine.heads import Heads, Strand, at_once
from joyul.engine.loop import Plan
from joyul.engine.store import Stores
from joyul.engine.trunk import frozen_trunk
from joyul.forms import readouts
from joyul.forms.rows import untokenised
from joyul.methods.chain import Data, enter
from joyul.notes import Notes
from joyul.recipe.resolve import from_words
from joyul.run import ready
from joyul.tasks.classify import Classify

NAME = "heads"
FOLDS, EPOCHS, BATCH = 5, 10, 32
RATES = [float(rate) for rate in np.logspace(-4, -1, 20)]


class Linear(nn.Module):
    """One linear layer over states, as a model of transformers answers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(width, 2)

    def forward(self, states: Tensor, attention_mask: Tensor) -> SequenceClassifierOutput:
        """Logits."""
        return SequenceClassifierOutput(logits=self.classifier(states))


@dataclass(frozen=True)
class Cached:
    """Rows whose states are in memory, by the position that is their id."""

    states: Tensor
    setting: Setting
    spliced: bool = True

    def collate(self, rows: list[Row]) -> Batch:
        """The states of the rows."""
        states = self.states[[int(row.id) for row in rows]]
        targets = torch.tensor([row.target for row in rows])
        return Batch(rows, {"states": states, "attention_mask": torch.ones(len(rows), 1)}, targets)

    def losses(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        """Cross-entropy of each row."""
        return readouts.losses(model(**batch.inputs).logits, batch.targets, self.setting.task, label_smoothing)


def examples(data: Path, count: int) -> list[Example]:
    with open(data / "sst2" / "train.csv", encoding="utf-8", newline="") as file:
        found = [(row["text"], row["label"]) for row in csv.DictReader(file)][:count]
    return [Example(f"train.csv:{number}", {"text": text}, label) for number, (text, label) in enumerate(found, start=1)]


def folds(targets: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(targets, targets))


def theirs(states: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Seconds of the processor, accuracy."""
    started, scores = time.process_time(), []
    for learned, left in folds(targets):
        fits = [
            SGDClassifier(loss="log_loss", learning_rate="constant", eta0=rate, max_iter=EPOCHS, tol=None, random_state=0)
            .fit(states[learned], targets[learned]) for rate in RATES
        ]  # fmt: skip
        scores.append((fits, left))
    seconds = time.process_time() - started
    return seconds, fmean(max(fit.score(states[left], targets[left]) for fit in fits) for fits, left in scores)


def ours(states: Tensor, targets: np.ndarray) -> tuple[float, float]:
    """The same work by `engine.heads`."""
    torch.manual_seed(0)
    model = Linear(states.shape[1])
    form: Any = Cached(states, untokenised(Classify(("0", "1"))))
    rows = [Row(str(place), {"input_ids": [0]}, int(target)) for place, target in enumerate(targets)]
    started = time.process_time()
    made = grid(model, form, [ParameterGroup("head", dict(model.named_parameters()))], rows, targets, EPOCHS)
    for _ in made.train(each=False):
        pass
    seconds, scores = time.process_time() - started, []
    for number, (_, left) in enumerate(folds(targets)):
        heads = [head.group.parameters for head in made.all if head.strand == number]
        answers = [(states[left] @ one["classifier.weight"].T + one["classifier.bias"]).argmax(1).numpy() for one in heads]
        scores.append(max(float((answer == targets[left]).mean()) for answer in answers))
    return seconds, fmean(scores)


def grid(
    model: nn.Module, form: Form, groups: list[ParameterGroup], rows: list[Row], targets: np.ndarray, epochs: float
) -> Heads:
    """A head for each fold and rate."""
    start = {name: one.detach().clone() for group in groups for name, one in group.parameters.items()}
    strands = [Strand([rows[place] for place in learned], 0, start) for learned, _ in folds(targets)]
    made = at_once(model, form, groups, strands, RATES, Plan(epochs, 0.0, BATCH, weight_decay=0.0))
    assert made is not None
    return made


def measured(data: Path, count: int, pairs: int, deep: float) -> dict[str, Any]:
    settings = {"data": str(data / "sst2" / "train.csv"), "method": "head", "test": "none", "valid": "none", "shots": 8}
    recipe = from_words("train", {**settings, "precision": "fp32"})
    tuned, methods, _, _ = ready(recipe, Notes())
    enter(tuned, methods[0], recipe.stages[0].settled, 1, 0)
    groups = list(methods[0].moves(tuned.model))
    rows = Data(examples(data, count)).rows("train", tuned.form, Notes())
    targets, stores = np.array([row.target for row in rows]), Stores()
    with frozen_trunk(tuned.model, tuned.form, groups, rows, [], "fp32", stores, Notes()) as (form, short, _):
        states = next(iter(stores.kept.values())).read([row.id for row in rows])
        turns = [(theirs(states.numpy(), targets), ours(states, targets)) for _ in range(pairs + 1)][1:]
        numbers = sum(one.numel() for group in groups for one in group.parameters.values())
        whole = {"numbers": numbers, "epochs": deep, **pooled(tuned.model, form, groups, list(short), targets, deep)}
    return {"peer": [one for one, _ in turns], "ours": [one for _, one in turns], "whole": whole, "rows": count, **stamp()}


def pooled(
    model: nn.Module, form: Form, groups: list[ParameterGroup], rows: list[Row], targets: np.ndarray, epochs: float
) -> dict[str, float]:
    """What `head` trains here: seconds of a head at once with all, and of one in the training loop of a run."""
    made = grid(model, form, groups, rows, targets, epochs)
    first = [rows[place] for place in folds(targets)[0][0]]
    plan = replace(Plan(epochs, RATES[0], BATCH), weight_decay=0.0)
    return {"at_once": each(made.train()), "alone": each(loop.train(model, form, first, groups, plan))}


def each(steps: Iterator[Any]) -> float:
    """Seconds of a Step behind the first, before which everything is made ready."""
    next(steps)
    started = time.process_time()
    count = sum(1 for _ in steps)
    return (time.process_time() - started) / count


def section(found: dict[str, Any]) -> list[str]:
    """The lines of benchmarks/README.md."""
    lines = ["## Many heads at once", "", "`python benchmarks/heads.py`; seconds of the processor.", ""]
    for cell in found.values():
        ratios = [peer[0] / mine[0] for peer, mine in zip(cell["peer"], cell["ours"], strict=True)]
        whole = cell["whole"]
        lines += [
            f"- {cell['date']}, {cell['rows']:,} rows of SST-2, {FOLDS} folds x {len(RATES)} learning rates of one linear layer, "
            f"{EPOCHS} epochs: {median(one[0] for one in cell['ours']):.2f} s,",
            f"  scikit-learn's `SGDClassifier` {median(one[0] for one in cell['peer']):.2f} s: **{median(ratios):.2f} times** "
            f"({min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} turns). Accuracy of the best rate of each",
            f"  fold on what it left out: {cell['ours'][0][1]:.3f}, scikit-learn {cell['peer'][0][1]:.3f}.",
            f"- The head that `head` trains on `starter` ({whole['numbers']:,} numbers, not 770), the same folds and rates: "
            f"{1000 * whole['at_once']:.2f} ms an update of a head",
            f"  at once with the others, {1000 * whole['alone']:.2f} ms in a run of its own "
            f"(**{whole['alone'] / whole['at_once']:.1f} times**).",
        ]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--deep", type=float, default=1.0)
    options = parser.parse_args()
    keep(NAME, str(options.rows), measured(options.data, options.rows, options.pairs, options.deep))
    print("\n".join(section(kept(NAME))), flush=True)
    write()


if __name__ == "__main__":
    main()
