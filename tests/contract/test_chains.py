"""Chains of prompts and fine-tuning through method x task x architecture: one artifact, gone on with bit by bit, used and handed on.

A chain with a head runs on every task, one through label words where the task has labels and the base has words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import joyul
from joyul.errors import DoesNotFit
from joyul.run import Run
from tests import tiny
from tests.conftest import BAD, GOOD, write_csv
from tests.forks import kept

ENCODERS = ("bert", "roberta", "distilbert", "deberta-v2", "modernbert")
DECODERS = ("gpt2", "llama", "qwen3", "gemma")
TASKS = ("classify", "tag", "regress")
WORDED = ("prompt+full", "prompt+soft_prompt", "prompt+prefix")
WRITERS = {
    **dict.fromkeys(ENCODERS, "AutoModelForMaskedLM"), **dict.fromkeys(DECODERS, "AutoModelForCausalLM"),
    **dict.fromkeys(("t5", "bart"), "AutoModelForSeq2SeqLM"),
}  # fmt: skip
CELLS = (
    *((base, task, chain) for base in ENCODERS for task in TASKS for chain in ("full+prompt", "full+soft_prompt", "lora+soft_prompt")),
    *((base, task, "layers+prefix") for base in ("bert", "roberta") for task in TASKS),
    *((base, "classify", chain) for base in DECODERS for chain in ("full+prompt", "full+soft_prompt", "lora+soft_prompt", "layers+prefix")),
    *((base, "classify", chain) for base in WRITERS for chain in WORDED if (base, chain) != ("deberta-v2", "prompt+prefix")),
)  # fmt: skip
JOINT = tuple((base, "classify", "lora+soft_prompt") for base in ("bert", "llama"))
SAMPLE = {
    ("roberta", "regress", "full+prompt"), ("modernbert", "tag", "full+soft_prompt"), ("gpt2", "classify", "layers+prefix"),
    ("bert", "classify", "prompt+full"), ("llama", "classify", "prompt+soft_prompt"), ("t5", "classify", "prompt+prefix"),
}  # fmt: skip
TEXTS = ["the good film", "a dull story and a bad plot told well"]
SETTINGS = {"precision": "fp32", "epochs": 1, "batch_size": 16, "save_every": 1, "test": "none"}
ASKED = {"template": "{text} the film is {label}", "label_words": ["no=bad|dull", "yes=good|fine"]}
FRAMED = {"template": ["{text} the film is good", "the film : {text}"]}
LEARNED = ("soft_prompt", "prefix")


def test_the_list_of_cells_is_whole() -> None:
    assert len(CELLS) == len(set(CELLS)) == 5 * 3 * 3 + 2 * 3 + 4 * 4 + (11 * 3 - 1) == 99
    assert set(CELLS) >= SAMPLE


def cells() -> Iterator[Any]:
    """All cells, joint ones behind them; by default a sample that has each chain and each kind of base."""
    for joint, listed in ((False, CELLS), (True, JOINT)):
        for cell in listed:
            slow = cell not in SAMPLE or joint
            name = "-".join(cell) + ("-joint" if joint else "")
            yield pytest.param(*cell, joint, id=name, marks=pytest.mark.slow if slow else ())


@pytest.fixture
def desk(tmp_path: Path, rows: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small file for each task; commands are typed there."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "classify.csv", [("text", "label"), *rows[:48]])
    numbers = [(text, str(len(text) / 10 + (label == "yes"))) for text, label in rows[:48]]
    write_csv(tmp_path / "regress.csv", [("text", "label"), *numbers])
    tagged = [{"tokens": text.split(), "tags": [_tag(word) for word in text.split()]} for text, _ in rows[:48]]
    (tmp_path / "tag.jsonl").write_text("".join(json.dumps(line) + "\n" for line in tagged), encoding="utf-8")
    return tmp_path


def _tag(word: str) -> str:
    return "MARK" if word in (*GOOD, *BAD) else "O"


def options(architecture: str, task: str, chain: str, joint: bool, folder: Path) -> dict[str, Any]:
    """What a person types for a cell."""
    worded = chain in WORDED
    louder = {} if architecture in ("t5", "bart") else {"initializer_range": 0.3}  # a base that hears what it reads
    base = tiny.save(folder / architecture, architecture, WRITERS[architecture] if worded else "AutoModel", **louder)
    templates = ASKED if worded else FRAMED if chain.endswith("prompt") and "_" not in chain and task != "tag" else {}
    together = {"joint": "true"} if joint else {}
    data = next(folder.glob(f"{task}.*"))
    return {**SETTINGS, **templates, **together, "data": str(data), "task": task, "base": base, "method": chain}


@pytest.mark.parametrize(("architecture", "task", "chain", "joint"), [*cells()])
def test_one_artifact(architecture: str, task: str, chain: str, joint: bool, desk: Path) -> None:
    given = options(architecture, task, chain, joint, desk)
    whole = joyul.train(**given, out="whole")
    assert whole.metrics["lineage"][-1]["method"] == chain
    interrupted(given)
    assert kept(joyul.train(Path("run")).folder) == kept(whole.folder), "gone on with bit by bit"
    opened = whole.load()
    together, apart = opened.predict(TEXTS), [opened.predict([text])[0] for text in TEXTS]
    if task == "regress":
        assert [answer.value for answer in together] == pytest.approx([answer.value for answer in apart], abs=1e-4)
    else:
        assert [answer.value for answer in together] == [answer.value for answer in apart]
    assert [answer.score for answer in together] == pytest.approx([answer.score for answer in apart], abs=1e-4)
    exported(whole, chain)


def interrupted(given: dict[str, Any]) -> None:
    """A run that is left in its last training stage, behind its first update."""
    running = joyul.steps(**given, out="run")
    last = 1 if given["method"].endswith("+prompt") else 2
    for step in running:
        if step.stage == last and step.kind == "update":
            break
    next(running)
    running.close()


def exported(run: Run, chain: str) -> None:
    """Folded into the weights where that can be; refused with the stages that cannot."""
    if chain.rpartition("+")[2] in LEARNED:
        with pytest.raises(DoesNotFit, match=chain.rpartition("+")[2]):
            joyul.export(run.folder, texts=TEXTS)
        return
    made = joyul.export(run.folder, texts=TEXTS)
    assert made.difference <= made.tolerance
    assert (made.folder / "prompt.yaml").read_text() == (run.folder / "prompt.yaml").read_text()
