"""What Forms share: tokens of texts cut to length, rows padded into a batch, label losses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from joyul.contracts import Batch, Example, Prediction, Row, Setting
from joyul.engine.device import to_device


def tokenise(texts: Sequence[str], pairs: Sequence[str] | None, setting: Setting) -> list[tuple[dict[str, list[int]], int, int]]:
    """For each text (and its pair): the model's inputs cut to `max_length`, tokens cut off, and unknown tokens."""
    if not texts:
        return []
    unknown = setting.tokenizer.unk_token_id
    rows = []
    for index, whole in enumerate(_encode(texts, pairs, setting)):
        inputs, length = whole, len(whole["input_ids"])
        if length > setting.max_length:
            inputs = _encode([texts[index]], [pairs[index]] if pairs else None, setting, truncation=True)[0]
        strange = 0 if unknown is None else sum(token == unknown for token in inputs["input_ids"])
        rows.append((inputs, length - len(inputs["input_ids"]), strange))
    return rows


def _encode(
    texts: Sequence[str], pairs: Sequence[str] | None, setting: Setting, truncation: bool = False
) -> list[dict[str, list[int]]]:
    encoded = setting.tokenizer(
        list(texts), list(pairs) if pairs else None, return_attention_mask=False, verbose=False,
        truncation=truncation, max_length=setting.max_length if truncation else None,
    )  # fmt: skip
    return [{name: values[index] for name, values in encoded.items()} for index in range(len(texts))]


def row(example: Example, setting: Setting, inputs: Mapping[str, Sequence[int]], cut: int, unknown: int) -> Row:
    """A Row with the target encoded, where there is one."""
    target = None if example.target is None else setting.task.encode(example.target, example.id)
    return Row(example.id, inputs, target, cut=cut, unknown=unknown)


def pad(rows: Sequence[Row], setting: Setting, fills: Mapping[str, int] | None = None) -> dict[str, Tensor]:
    """Inputs of shape (rows, longest row), padded on the right, with `attention_mask`."""
    special = {"input_ids": setting.tokenizer.pad_token_id, **(fills or {})}
    longest = max(row.length for row in rows)
    inputs = {}
    for name in rows[0].tokens:
        filler = special.get(name, 0)
        inputs[name] = torch.tensor([[*r.tokens[name], *[filler] * (longest - len(r.tokens[name]))] for r in rows])
    lengths = torch.tensor([len(r.tokens["input_ids"]) for r in rows])
    inputs["attention_mask"] = (torch.arange(longest) < lengths[:, None]).long()
    return inputs


def label_batch(rows: Sequence[Row], setting: Setting) -> Batch:
    """A batch whose targets are class indices, shape (rows,)."""
    has_targets = all(r.target is not None for r in rows)
    return to_device(Batch(rows, pad(rows, setting), torch.tensor([r.target for r in rows]) if has_targets else None))


def label_losses(logits: Tensor, targets: Tensor | None, label_smoothing: float) -> Tensor:
    """Cross-entropy of each row in float32, shape (rows,)."""
    assert targets is not None, "rows without targets have no loss"
    return functional.cross_entropy(logits.float(), targets, reduction="none", label_smoothing=label_smoothing)


def label_predictions(logits: Tensor, labels: Sequence[str], most_listed: int = 20) -> list[Prediction]:
    """The likeliest label of each row with its probability; all probabilities where there are few labels.

    A row whose probabilities are no numbers has no answer.
    """
    probabilities = logits.float().softmax(dim=-1).cpu()
    best = probabilities.argmax(dim=-1).tolist()
    listed = len(labels) <= most_listed
    rows: list[list[Any]] = probabilities.tolist()
    return [
        Prediction(labels[top], values[top], dict(zip(labels, values, strict=True)) if listed else None)
        if math.isfinite(values[top])
        else Prediction(None)
        for top, values in zip(best, rows, strict=True)
    ]
