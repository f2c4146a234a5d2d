"""Layers, adapters, searched rates, saves, trackers, and the verbs export, adjust, watch and lr: asked for what they cannot do."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from joyul.exported import TOLERANCE
from joyul.state import Hold
from tests.outcomes.desk import GOOD, Desk, Outcome

TRAIN = "train r.csv base=bert precision=fp32 epochs=1 batch_size=8"
RECIPE = "data: r.csv\nmethod: full\nepochs: 2\n"


def refused(
    name: str, command: str, *said: str, status: int = 2, given: Any = lambda folder, patch: None, files: dict[str, str | bytes] | None = None
) -> Outcome:
    return Outcome(name, "refused", command, said, {"r.csv": GOOD, **(files or {})}, status, given=given)


def running(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """A run in progress, of this process, that reads no request."""
    (folder / "going").mkdir()
    (folder / "going/recipe.yaml").write_text(RECIPE, encoding="utf-8")
    hold = Hold(folder / "going")
    hold.take()
    hold.run()
    patch.setattr("joyul.adjusting.PATIENCE", 0.0)


def absent(module: str) -> Any:
    """Somebody has not installed it."""

    def given(folder: Path, patch: pytest.MonkeyPatch) -> None:
        really = importlib.util.find_spec
        patch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == module else really(name, *rest))
        patch.setitem(sys.modules, module, None)

    return given


def moved_data(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """A copy of the run whose rows are gone."""
    file = Path(shutil.copytree(folder / "run", folder / "gone")) / "recipe.yaml"
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join("data: nowhere.csv" if line.startswith("data:") else line for line in lines) + "\n", encoding="utf-8")


def exact(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Half precision has to be exact, which it is not."""
    patch.setitem(TOLERANCE, "fp16", 0.0)


def exported(folder: Path) -> None:
    kept = json.loads((folder / "out/parity.json").read_text(encoding="utf-8"))
    assert kept["rows"] == 24 and kept["largest_difference"] <= kept["tolerance"]


OUTCOMES = [
    refused("more layers than there are", f"{TRAIN} method=layers top_layers=7", "top_layers=7, but bert has 2 layers", status=2),
    refused("no layer", f"{TRAIN} method=layers top_layers=0", "top_layers=0 cannot be used. Allowed: a whole number, at least 1"),
    refused("layers of full", f"{TRAIN} method=full top_layers=1", "no stage of full takes top_layers"),
    refused("decay above one", f"{TRAIN} method=layers layer_decay=1.5", "layer_decay=1.5 cannot be used."),
    refused("unknown unfreezing", f"{TRAIN} method=layers unfreeze=gradualy", "unfreeze=gradualy cannot be used.", "Did you mean 'gradual'?"),
    refused("rank of layers", f"{TRAIN} method=layers rank=4", "no stage of layers takes rank"),
    refused("rank that has no room", f"{TRAIN} method=lora rank=99", "rank=99 is more than", "has room for"),
    refused("rank of nothing", f"{TRAIN} method=lora rank=0", "rank=0 cannot be used."),
    refused("unknown target", f"{TRAIN} method=lora targets=quary", "'quary' ends the name of no module", "Did you mean 'query'?"),
    refused("dora beside another adapter", f"{TRAIN} method=loha dora=true", "no stage of loha takes dora"),
    refused("adapter that cannot be a stage", f"{TRAIN} method=bone", "Stages: full, layers, contrast, head, lora", status=2),
    refused("dropout of one", f"{TRAIN} method=lora lora_dropout=1", "lora_dropout=1 cannot be used."),
    refused("rate that is a word", f"{TRAIN} learning_rate=atuo", "learning_rate=atuo cannot be used.", "Did you mean 'auto'?"),
    refused("searched rate of a stage without one", "train r.csv base=bert method=prompt learning_rate=auto", "no stage of prompt takes learning_rate"),
    refused("saving every so often", f"{TRAIN} save_every=-3", "save_every=-3 cannot be used. Allowed: one of auto, epoch, none, a whole number"),
    refused("saving at a word", f"{TRAIN} save_every=epochs", "Did you mean 'epoch'?"),
    refused("unknown tracker", f"{TRAIN} report_to=tensorbord", "report_to=tensorbord cannot be used.", "Did you mean 'tensorboard'?"),
    refused("tracker that is not installed", f"{TRAIN} report_to=wandb", "pip install 'joyul[wandb]'", given=absent("wandb")),
    refused("checkpointing that is a word", f"{TRAIN} gradient_checkpointing=perhaps", "gradient_checkpointing=perhaps cannot be used."),
    refused("lr without data", "lr base=bert", "which rows?"),
    refused("lr with a rate out of range", "lr r.csv base=bert learning_rate=9", "outside the range of every stage"),
    refused("lr of a verb's setting", "lr r.csv base=bert methods=full", "methods is not a setting of `joyul lr`"),
    refused("export of nothing", "export", "joyul export RUN"),
    refused("export of what is no run", "export rnu", "rnu is not a run folder", "Did you mean 'run'?"),
    refused("export of a run that did not end", "export half", "half: this run did not end", status=1, files={"half/recipe.yaml": RECIPE}),
    refused("unknown format", "export run format=onxx out=out", "format=onxx cannot be used.", "Did you mean 'onnx'?"),
    refused("format of train", f"{TRAIN} format=onnx", "format is not a setting of `joyul train`"),
    refused("export into a folder in use", "export run out=o", "o already holds something.", files={"o/mine.txt": "x"}),
    refused("export without its rows", "export gone out=out", "no longer where they were", "data=FILE", given=moved_data),
    refused("graph without what makes it", "export run format=onnx out=out", "pip install 'joyul[onnx]'", given=absent("onnxscript")),
    refused("export that answers differently", "export run format=fp16 out=out", "it does not answer the same", "Nothing was written", status=1, given=exact),
    Outcome("export on other rows", "read and said", "export run data=r.csv out=out", ("out (model): the outputs of 24 rows differ by at most",), then=exported),
    refused("adjust of nothing", "adjust", "joyul adjust RUN"),
    refused("adjust of what is no run", "adjust rnu learning_rate=1e-5", "rnu is not a run folder", "Did you mean 'run'?"),
    refused("adjust of a run that has ended", "adjust run learning_rate=1e-5", "run: this run has ended.", "joyul train run out=FOLDER"),
    refused("adjust of a run that does not run", "adjust half learning_rate=1e-5", "half: this run does not run.", "joyul train half",
            files={"half/recipe.yaml": RECIPE}),
    refused("adjust of a comparison", "adjust all epochs=3", "gives every method the same rules", files={"all/compare.yaml": RECIPE}),
    refused("adjust without a change", "adjust going", "say what to change", given=running),
    refused("adjust to an unknown word", "adjust going stpo", "stpo is nothing that a run can be told", "Did you mean 'stop'?", given=running),
    refused("adjust of what stays", "adjust going batch_size=4", "batch_size is not a setting of `joyul adjust`", given=running),
    refused("adjust of an unknown setting", "adjust going learning_rat=1e-5", "Did you mean 'learning_rate'?", given=running),
    refused("adjust to a rate out of range", "adjust going learning_rate=5", "outside the range of every stage (full:", given=running),
    refused("adjust to a searched rate", "adjust going learning_rate=auto", "Give a number", given=running),
    Outcome("adjust that waits", "read and said", "adjust going epochs=3 save", ("epochs=3.0, save: the run in going reads it when",), given=running),
    refused("watch of nothing", "watch", "joyul watch RUN"),
    refused("watch of what is no run", "watch rnu", "rnu is not a run folder", "Did you mean 'run'?"),
    refused("watch with a setting", "watch run epochs=3", "epochs is not a setting of `joyul watch`"),
    Outcome("watch of a run that has ended", "read and said", "watch run", shown=("· ended",)),
]  # fmt: skip


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.name)
def test_outcome(outcome: Outcome, desk: Desk) -> None:
    desk.check(outcome)
