"""ONNX graphs of architecture x task: onnxruntime answers raw text as stock transformers does, for other shapes than it was traced at."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers

import joyul
from tests import tiny
from tests.test_exported import graph, stock

ARCHITECTURES = (
    "bert", "roberta", "xlm-roberta", "distilbert", "electra", "deberta-v2", "modernbert", "albert", "gpt2", "llama", "qwen3", "mistral", "gemma", "opt",
)  # fmt: skip
SEQUENCE, TOKENS = "AutoModelForSequenceClassification", "AutoModelForTokenClassification"
KINDS: dict[str, tuple[Callable[[str, str], dict[str, Any]], dict[str, Any], str]] = {
    "classify": (lambda text, label: {"text": text, "label": label}, {}, SEQUENCE),
    "lora": (lambda text, label: {"text": text, "label": label}, {"method": "lora"}, SEQUENCE),
    "several labels": (lambda text, label: {"text": text, "label": [label, "film"] if "film" in text else [label]}, {}, SEQUENCE),
    "pairs": (lambda text, label: {"a": text, "b": text[:9], "label": label}, {"text": "a", "pair": "b", "label": "label"}, SEQUENCE),
    "regress": (lambda text, label: {"text": text, "score": len(text) / 7}, {"label": "score", "task": "regress"}, SEQUENCE),
    "tag": (lambda text, label: {"text": text, "tags": ["B-X" if word == "good" else "O" for word in text.split()]}, {"label": "tags"}, TOKENS),
}
SHAPES = (["fine"], ["the good film", "a dull story and a bad plot", "fine"], ["the plot is good and the story well told " * 6, "bad"])
SAMPLE = {"deberta-v2": ["tag"], "gpt2": ["several labels"]}


def differences(architecture: str, some: list[str], rows: list[tuple[str, str]], folder: Path) -> dict[str, float]:
    """By kind the largest difference between onnxruntime and stock transformers, each from its own folder, over all shapes."""
    base, found = tiny.save(folder / "base", architecture), {}
    for kind in some:
        row, given, auto = KINDS[kind]
        data = folder / f"{kind}.jsonl"
        data.write_text("".join(json.dumps(row(*pair)) + "\n" for pair in rows), encoding="utf-8")
        run = joyul.train(
            data=str(data), base=base, epochs=1, learning_rate=5e-3, precision="fp32", batch_size=16, out=str(folder / kind), **given
        )
        made, plain = joyul.export(run.folder, folder / f"{kind}.onnx", "onnx"), joyul.export(run.folder, folder / f"{kind}.plain")
        assert made.difference <= 1e-4
        found[kind] = max(differing(made.folder, plain.folder, texts, kind, getattr(transformers, auto)) for texts in SHAPES)
    return found


def differing(made: Path, plain: Path, texts: list[str], kind: str, auto: Any) -> float:
    """Of tags those of the last row alone are compared, whose neighbours may be padding."""
    pairs = [text[:9] for text in texts] if kind == "pairs" else None
    ours, theirs = graph(made, texts, pairs), stock(plain, texts, auto, pairs)
    assert ours.shape == theirs.shape
    if kind == "tag":
        mask = transformers.AutoTokenizer.from_pretrained(plain)(texts, return_tensors="pt", padding=True)["attention_mask"].bool()
        ours, theirs = ours[mask], theirs[mask]
    return float((ours - theirs).abs().max())


def kinds(architecture: str) -> list[str]:
    """All of them, but for what transformers has no head for."""
    return [kind for kind in KINDS if (architecture, kind) != ("opt", "tag")]


@pytest.mark.parametrize(("architecture", "some"), SAMPLE.items())
def test_a_sample(architecture: str, some: list[str], rows: list[tuple[str, str]], tmp_path: Path) -> None:
    assert max(differences(architecture, some, rows, tmp_path).values()) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_kind_of_run(architecture: str, rows: list[tuple[str, str]], tmp_path: Path) -> None:
    found = differences(architecture, kinds(architecture), rows, tmp_path)
    assert found.keys() == set(kinds(architecture)) and max(found.values()) < 1e-4, found


def test_so_many_pairs_are_visited() -> None:
    assert sum(len(kinds(architecture)) for architecture in ARCHITECTURES) == 83
