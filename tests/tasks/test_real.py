"""Real sets end to end on a tiny random base whose tokenizer is trained here: 200 rows are learned by heart.

A wrong alignment, target or loss could not be: what a row says is then not what the model is taught.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

import joyul
from joyul.contracts import Row
from joyul.data.gather import gather
from joyul.forms.align import Tagged
from joyul.notes import Notes
from joyul.recipe.settings import RunSettings

ROWS = 200
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def korean_base(folder: Path, texts: Iterable[str]) -> str:
    """A random BERT of width 64, with word pieces trained on the texts."""
    core = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    core.normalizer = normalizers.NFC()
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=3000, special_tokens=SPECIAL, show_progress=False))
    ends = [(name, core.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    words = PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", mask_token="[MASK]",
        model_max_length=256, model_input_names=["input_ids", "attention_mask", "token_type_ids"],
    )  # fmt: skip
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=128,
        max_position_embeddings=256, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, pad_token_id=0,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return str(folder)


def csv_rows(source: Path, target: Path) -> list[str]:
    """The first rows of a csv file, copied; their texts."""
    with open(source, encoding="utf-8", newline="") as file:
        rows = [row for _, row in zip(range(ROWS + 1), csv.reader(file), strict=False)]
    with open(target, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return [cell for row in rows[1:] for cell in row[:2]]


def json_rows(source: Path, target: Path) -> list[str]:
    """The first rows of a jsonl file, copied; their texts."""
    lines = source.read_text(encoding="utf-8").splitlines()[:ROWS]
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [json.loads(line)["text"] for line in lines]


Copy = Callable[[Path, Path], list[str]]
SETS: list[tuple[str, str, Copy, dict[str, Any], str, str]] = [
    ("korsts/train.csv", "regress", csv_rows, {"epochs": 60, "bounds": "0,5"}, "spearman", "r2"),
    ("kornli/train_small.csv", "classify", csv_rows, {"epochs": 60}, "accuracy", "macro_f1"),
    ("klue_ner/train.jsonl", "tag", json_rows, {"epochs": 50}, "entity_f1", "accuracy"),
]


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(("file", "task", "copy", "settings", "score", "other"), SETS, ids=[item[0] for item in SETS])
def test_a_tiny_base_learns_200_rows_by_heart(
    file: str, task: str, copy: Copy, settings: dict[str, Any], score: str, other: str, shared: Path, tmp_path: Path
) -> None:
    """Read, found, trained, saved, opened by stock transformers, predicted and scored; the training score is nearly 1."""
    data = tmp_path / f"rows{Path(file).suffix}"
    base = korean_base(tmp_path / "base", copy(shared / file, data))
    again = [str(shutil.copy(data, tmp_path / f"{name}{data.suffix}")) for name in ("valid", "test")]  # of one file it is refused
    made = joyul.train(
        data=str(data), base=base, valid=again[0], test=again[1], learning_rate=2e-3, batch_size=16,
        patience=100, precision="fp32", out=str(tmp_path / "run"), **settings,
    )  # fmt: skip
    found = {name: score["value"] for name, score in made.metrics["scores"]["test"].items()}
    assert made.metrics["task"] == task
    print(file, {name: round(value, 4) for name, value in found.items()}, round(made.metrics["seconds"]["train"], 1), "s")
    opened = made.load()
    rows = opened.form.encode(list(seen(data)))
    best = reachable(opened.form.setting.task, rows) if task == "tag" else 1.0
    assert found[score] > 0.98 * best and found[other] > 0.95
    evaluated = joyul.evaluate(made.folder, data=str(data))
    assert evaluated["scores"][score]["value"] == pytest.approx(found[score], abs=1e-6)
    auto = transformers.AutoModelForTokenClassification if task == "tag" else transformers.AutoModelForSequenceClassification
    stock, words = auto.from_pretrained(made.folder / "model").eval(), AutoTokenizer.from_pretrained(made.folder / "model")
    ours = opened.tuned.model.eval()
    for row in rows[:8]:
        inputs = {name: torch.tensor([values]) for name, values in row.tokens.items()}
        with torch.no_grad():
            assert torch.allclose(stock(**inputs).logits, ours(**inputs).logits, atol=1e-6)
    assert words.model_max_length <= 256


def reachable(task: Any, rows: Sequence[Row]) -> float:
    """Entity F1 of the gold tags themselves, read through these tokens: entities that end inside a token cannot be told."""
    gold = [task.decode(row.target) for row in rows]
    told = [[row.target[first] for first, _ in row.aside.reach] for row in rows]
    read = [
        task.answer(Tagged(row.aside.pieces, row.aside.reach, tags, [1.0] * len(tags))) for row, tags in zip(rows, told, strict=True)
    ]
    return float(task.metrics(gold, [answer.value for answer in read])["entity_f1"])


def seen(data: Path) -> Iterable[Any]:
    """The rows of a file as the run saw them."""
    return gather(RunSettings(data=str(data), valid="none", test="none"), Notes()).splits.train
