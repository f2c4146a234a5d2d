"""Bases that are not there or cannot be used, and methods, forms and templates that do not go with them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests import tiny
from tests.outcomes.desk import GOOD, Desk, Outcome

TRAIN = "train r.csv epochs=1"
UNLABELLED: dict[str, str | bytes] = {"r.csv": "text\ngood\nbad\n"}


def copied(folder: Path, name: str = "mine") -> Path:
    """A copy of the tiny base, to be spoilt."""
    return Path(shutil.copytree(folder / "bert", folder / name))


def without_config(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (copied(folder) / "config.json").unlink()


def without_tokenizer(folder: Path, patch: pytest.MonkeyPatch) -> None:
    for file in copied(folder).glob("token*"):
        file.unlink()


def with_pickle(folder: Path, patch: pytest.MonkeyPatch) -> None:
    weights = copied(folder) / "model.safetensors"
    torch.save(load_file(weights), weights.with_name("pytorch_model.bin"))
    weights.unlink()


def with_pointer(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (copied(folder) / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 99\n")


def with_broken_config(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (copied(folder) / "config.json").write_text("{")


def gpt2(folder: Path, patch: pytest.MonkeyPatch) -> None:
    tiny.save(folder / "gpt2", "gpt2")


def t5(folder: Path, patch: pytest.MonkeyPatch) -> None:
    tiny.save(folder / "t5", "t5")


def no_bf16(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """A machine whose processor has no bf16."""
    patch.setattr("joyul.engine.kernels._offered", lambda: ["fp32"])
    patch.setenv("JOYUL_CACHE", str(folder.parent / "kernels"))


def wrote_no_labels(folder: Path) -> None:
    """Zero-shot: a whole run folder, no split, nothing trained."""
    metrics = json.loads((folder / "runs/zero-shot-prompt/metrics.json").read_text())
    assert metrics["rows"] == {"train": 0, "valid": 0, "test": 0}
    assert not (folder / "runs/zero-shot-prompt/model").exists()


OUTCOMES = [
    Outcome(
        "unknown base",
        "refused",
        f"{TRAIN} base=bret",
        ("'bret' is no folder here", "Local bases: starter, bert, run.", "Did you mean 'bert'?"),
        status=1,
    ),
    Outcome(
        "unknown base by path",
        "refused",
        f"{TRAIN} base=./bret",
        ("there is no base './bret'.", "Did you mean 'bert'?"),
        status=1,
    ),
    Outcome(
        "hub base, network forbidden",
        "refused",
        f"{TRAIN} base=some-org/tiny-bert",
        (
            "'some-org/tiny-bert' is no folder here and could not be had from the hub (",
            "Without network, give a folder or base=starter.",
        ),
        status=1,
    ),
    Outcome(
        "base without config.json",
        "refused",
        f"{TRAIN} base=mine",
        ("mine is a folder without config.json: neither a model nor a run.",),
        status=1,
        given=without_config,
    ),
    Outcome(
        "base with a broken config.json",
        "refused",
        f"{TRAIN} base=mine",
        ("the model in mine cannot be used:", "not a valid JSON file"),
        status=1,
        given=with_broken_config,
    ),
    Outcome(
        "base without a tokenizer",
        "refused",
        f"{TRAIN} base=mine",
        ("mine holds no tokenizer (tokenizer.json).",),
        status=1,
        given=without_tokenizer,
    ),
    Outcome(
        "base with pickled weights only",
        "refused",
        f"{TRAIN} base=mine",
        ("mine holds no weights as .safetensors. Pickled ones (.bin, .pt) can run code when opened, so Joyul never opens them",),
        status=1,
        given=with_pickle,
    ),
    Outcome(
        "base that is a Git LFS pointer",
        "refused",
        f"{TRAIN} base=mine",
        ("the weights in mine cannot be read (", "a Git LFS pointer. Download it again."),
        status=1,
        given=with_pointer,
    ),
    Outcome("base that is a file", "refused", f"{TRAIN} base=r.csv", ("there is no base 'r.csv'.",), status=1),
    Outcome(
        "max_length beyond the base",
        "refused",
        f"{TRAIN} base=bert max_length=1000",
        ("max_length=1000, but bert reads at most 64 tokens.",),
        status=2,
    ),
    Outcome(
        "arithmetic that the machine has not",
        "read and said",
        f"{TRAIN} base=bert precision=bf16",
        ("Saved in runs/r-full",),
        given=no_bf16,
    ),
    Outcome(
        "method that does not fit the form",
        "refused",
        "train r.csv base=bert method=head form=similarity",
        ("method=head does not fit here (task classify): it moves the head, and the form similarity has none.",),
        status=1,
    ),
    Outcome(
        "form that does not fit the base",
        "refused",
        f"{TRAIN} base=gpt2 form=similarity",
        ("form=similarity does not fit gpt2: the form similarity compares mean states, which say little in a model that is no encoder (decoder).",),
        status=1,
        given=gpt2,
    ),
    Outcome(
        "architecture that no form fits",
        "refused",
        f"{TRAIN} base=t5",
        ("form=default does not fit t5: the form default puts a head on an encoder or a decoder;",),
        status=1,
        given=t5,
    ),
    Outcome(
        "labels without rows, method=full",
        "refused",
        "train labels=yes,no base=bert method=full",
        ("full learns from labelled rows, and there are none.", "or use method=prompt (zero-shot)."),
        status=1,
    ),
    Outcome(
        "labels without a target column, method=full",
        "refused",
        f"{TRAIN} labels=yes,no base=bert",
        ("full learns from labelled rows, and there are none. Name the target column with label=COLUMN,",),
        UNLABELLED,
        status=1,
    ),
    Outcome(
        "labels without rows, method=prompt",
        "read and said",
        "train labels=good,bad base=bert method=prompt",
        ("none of them moves", "Saved in runs/zero-shot-prompt"),
        then=wrote_no_labels,
    ),
    Outcome(
        "label given twice",
        "refused",
        "train labels=yes,no,yes base=bert method=prompt",
        ("labels= takes two or more different labels, none of them empty, but was given 'yes', 'no', 'yes'.",),
        status=2,
    ),
    Outcome(
        "one label given",
        "refused",
        "train labels=yes base=bert method=prompt",
        ("labels= takes two or more different labels",),
        status=2,
    ),
    Outcome("empty label given", "refused", "train labels=yes, base=bert method=prompt", ("but was given 'yes', ''.",), status=2),
    Outcome(
        "template without slot",
        "refused",
        f"{TRAIN} base=bert template='no slot'",
        ("template 'no slot' has no slot {text}.",),
        status=2,
    ),
    Outcome(
        "label template without slot",
        "refused",
        "train r.csv base=bert method=prompt template='no slot'",
        ("template 'no slot' has no slot {label}.",),
        status=2,
    ),
    Outcome(
        "template of a later stage without slot",
        "refused",
        "train r.csv base=bert method=full+prompt template='no slot'",
        ("template 'no slot' has no slot {text}.",),
        status=2,
        unsaid=("epoch 1",),
    ),
    Outcome(
        "template with an unknown slot",
        "refused",
        f"{TRAIN} base=bert template='{{texts}}'",
        ("template '{texts}' has the slot 'texts'; here there are: text, text_pair. Did you mean 'text'?",),
        status=2,
    ),
    Outcome(
        "template with a loose brace",
        "refused",
        f"{TRAIN} base=bert template='a {{text'",
        ("template 'a {text': a brace at character 3 opens or closes no slot. Write {{ for a plain brace.",),
        status=2,
    ),
    Outcome(
        "templates that nobody chooses among",
        "refused",
        f"""{TRAIN} base=bert 'template=["a {{text}}", "b {{text}}"]'""",
        ("2 templates were given, but no stage chooses among them: add the stage prompt, or give one.",),
        status=2,
    ),
    Outcome(
        "base that cannot be compared",
        "refused",
        "compare r.csv base=bret",
        ("'bret' is no folder here", "Did you mean 'bert'?"),
        {"r.csv": GOOD},
        status=1,
    ),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.name)
def test_outcome(desk: Desk, outcome: Outcome) -> None:
    desk.check(outcome)
