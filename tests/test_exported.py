"""Exports, opened by stock software on raw text: the same outputs as the run; nothing is written where they differ."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import onnxruntime
import peft
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

import joyul
from joyul import exported, verbs
from joyul.cli import main
from joyul.errors import DoesNotFit, JoyulError, RunError, UsageError
from joyul.recipe.grammar import parse
from tests.conftest import write_csv

TEXTS = ["the good film", "a dull story and a bad plot", "fine", "not good at all and not well made and dull"]


@pytest.fixture(scope="module")
def runs(base: str, rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of each kind; `moved` is `full` whose data is gone."""
    folder = tmp_path_factory.mktemp("runs")
    reviews = write_csv(folder / "reviews.csv", [("text", "label"), *rows])
    pairs = write_csv(folder / "pairs.csv", [("a", "b", "label"), *((text, text[:9], label) for text, label in rows)])
    tags = folder / "tags.jsonl"
    words = [{"text": text, "tags": ["B-X" if word in ("good", "bad") else "O" for word in text.split()]} for text, _ in rows]
    tags.write_text("".join(json.dumps(row) + "\n" for row in words), encoding="utf-8")
    fast: dict[str, Any] = {"base": base, "epochs": 1, "learning_rate": 5e-3, "precision": "fp32", "batch_size": 16}
    kinds: dict[str, dict[str, Any]] = {
        "full": {"data": reviews}, "lora": {"data": reviews, "method": "lora", "lora_dropout": 0.1},
        "pair": {"data": pairs, "text": "a", "pair": "b", "label": "label"}, "tag": {"data": str(tags), "label": "tags"},
    }  # fmt: skip
    return {kind: joyul.train(**fast, **given, out=str(folder / kind)).folder for kind, given in kinds.items()}


def stock(folder: Path, texts: list[str], auto: Any = AutoModelForSequenceClassification, pairs: list[str] | None = None) -> torch.Tensor:
    words = AutoTokenizer.from_pretrained(folder)(texts, pairs, return_tensors="pt", padding=True, truncation=True)
    with torch.no_grad():
        found: torch.Tensor = auto.from_pretrained(folder).eval()(**words).logits
    return found.float()


def graph(folder: Path, texts: list[str], pairs: list[str] | None = None) -> torch.Tensor:
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    words = AutoTokenizer.from_pretrained(folder)(texts, pairs, return_tensors="np", padding=True)
    return torch.from_numpy(session.run(None, {item.name: words[item.name] for item in session.get_inputs()})[0])


def own(run: Path) -> torch.Tensor:
    """The log-probabilities of the run itself."""
    return torch.tensor([[*answer.scores.values()] for answer in joyul.load(run).predict(TEXTS)]).log()  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["full", "lora"])
@pytest.mark.parametrize(("format", "near"), [("model", 1e-4), ("fp16", 1e-2), ("bf16", 1e-1)])
def test_stock_transformers_answers_the_same(kind: str, format: Any, near: float, runs: dict[str, Path], tmp_path: Path) -> None:
    made = joyul.export(runs[kind], tmp_path / "out", format)
    theirs = stock(made.folder, TEXTS)
    assert torch.allclose(theirs.log_softmax(-1), own(runs[kind]), atol=near)
    assert made.rows == 64 and made.difference <= made.tolerance
    kept = json.loads((made.folder / "parity.json").read_text())
    assert (kept["largest_difference"], kept["rows"], kept["format"]) == (made.difference, 64, format)
    weights = (made.folder / "model.safetensors").stat().st_size
    assert not list(made.folder.glob("adapter*")), "folded in"
    assert (weights < 0.6 * 4 * joyul.load(runs[kind]).tuned.model.num_parameters()) == (format != "model")


def test_a_merged_lora_equals_its_adapter_in_stock_peft(base: str, runs: dict[str, Path], tmp_path: Path) -> None:
    folder = joyul.export(runs["lora"], tmp_path / "out").folder
    words = AutoTokenizer.from_pretrained(base)(TEXTS, return_tensors="pt", padding=True)
    plain = AutoModelForSequenceClassification.from_pretrained(base)
    with torch.no_grad():
        theirs = peft.PeftModel.from_pretrained(plain, str(runs["lora"] / "stages/01-lora")).eval()(**words).logits
    assert torch.allclose(stock(folder, TEXTS), theirs, atol=1e-5)


def test_onnxruntime_answers_the_same_for_any_number_of_rows_and_tokens(runs: dict[str, Path], tmp_path: Path) -> None:
    assert main(["export", str(runs["lora"]), "format=onnx", f"out={tmp_path / 'lora'}", "--", *TEXTS]) == 0
    assert torch.allclose(graph(tmp_path / "lora", TEXTS).log_softmax(-1), own(runs["lora"]), atol=1e-4)
    assert torch.allclose(graph(tmp_path / "lora", TEXTS[2:3]).log_softmax(-1), own(runs["lora"])[2:3], atol=1e-4)
    assert not list((tmp_path / "lora").glob("*.data")), "one file"


@pytest.mark.slow
def test_onnxruntime_reads_pairs(runs: dict[str, Path], tmp_path: Path) -> None:
    made = joyul.export(runs["pair"], tmp_path / "pair", "onnx")
    joyul.export(runs["pair"], tmp_path / "plain")
    theirs = stock(tmp_path / "plain", TEXTS, pairs=TEXTS[::-1])
    assert torch.allclose(graph(made.folder, TEXTS, TEXTS[::-1]), theirs, atol=1e-4) and made.difference < 1e-4


def test_tags_are_compared_where_they_are_read(runs: dict[str, Path]) -> None:
    made = joyul.export(runs["tag"])
    assert made.folder == runs["tag"] / "export" / "model" and made.difference < 1e-5
    assert stock(made.folder, TEXTS, AutoModelForTokenClassification).shape[-1] == 2


def test_the_command_prints_the_largest_difference(runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(runs["full"]), f"out={tmp_path / 'out'}", "format=fp16", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rows"] == 64 and 0 < found["largest_difference"] <= found["tolerance"] and found["format"] == "fp16"


def test_what_plain_transformers_would_leave_out_is_said(base: str, reviews: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["method=prompt", "form=similarity", 'template=["it is {label}"]', f"out={tmp_path / 'run'}"]
    assert main(["train", reviews, f"base={base}", *words]) == 0
    assert main(["export", str(tmp_path / "run"), f"out={tmp_path / 'out'}"]) == 0
    assert "answers are read by the form similarity in prompt.yaml" in " ".join(capsys.readouterr().err.split())
    assert (tmp_path / "out/prompt.yaml").read_text() == (tmp_path / "run/prompt.yaml").read_text()


def test_a_difference_too_large_writes_nothing(runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(exported.TOLERANCE, "bf16", 1e-9)
    with pytest.raises(RunError, match=r"as bf16 it does not answer the same: the outputs differ by up to .* Nothing was written"):
        joyul.export(runs["full"], tmp_path / "out", "bf16")
    assert not any(tmp_path.iterdir())


def test_a_model_that_cannot_be_traced_is_refused(runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(*arguments: Any, **options: Any) -> None:
        raise torch.onnx.errors.OnnxExporterError("it branches on what it reads\nand so on")

    monkeypatch.setattr(torch.onnx, "export", give_up)
    with pytest.raises(DoesNotFit, match=r"no ONNX graph of such a model: it branches on what it reads\. format=model .* Nothing was written"):
        joyul.export(runs["full"], tmp_path / "out", "onnx", TEXTS[:1])
    assert not any(tmp_path.iterdir())


def test_what_cannot_be_exported_is_refused(runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusal(*words: str) -> str:
        with pytest.raises(JoyulError) as caught:
            verbs.export(parse(list(words)))
        return str(caught.value)

    run = str(runs["full"])
    assert "Did you mean 'onnx'" in refusal(run, "format=onxx")
    assert "joyul export RUN" in refusal("format=onnx")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").touch()
    assert "taken" in refusal(run, f"out={tmp_path / 'taken'}") and (tmp_path / "taken/file").exists()
    assert "data=FILE" in refusal(run, "format=fp16", "--", " ")
    assert "pair" in refusal(str(runs["pair"]), "--", "one text")
    moved = runs["full"].parent / "reviews.csv"
    moved.rename(tmp_path / "elsewhere.csv")
    try:
        assert "no longer where they were" in refusal(run)
        assert main(["export", run, f"data={tmp_path / 'elsewhere.csv'}", f"out={tmp_path / 'out'}"]) == 0
    finally:
        (tmp_path / "elsewhere.csv").rename(moved)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UsageError, match=r"pip install 'joyul\[onnx\]'"):
        joyul.export(run, tmp_path / "graph", "onnx")


def test_counted_words_are_no_transformers_model(base: str, reviews: str, tmp_path: Path) -> None:
    joyul.compare(data=reviews, base=base, methods=["head"], epochs=0.1, out=str(tmp_path / "c"), seed=1)
    best = next((tmp_path / "c/methods").glob("tfidf*"))
    with pytest.raises(UsageError, match="no transformers model"):
        joyul.export(next(path.parent for path in best.rglob("recipe.yaml")))
