"""What Forms share: tokens of texts cut to length, and rows padded into a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from joyul.contracts import Architecture, Example, Row, Setting, Task


def untokenised(task: Task, architecture: Architecture = "encoder") -> Setting:
    """The Setting of a Form that reads no tokens."""
    return Setting(task, cast(Any, None), architecture, 0)


def tokenise(
    texts: Sequence[str], pairs: Sequence[str] | None, setting: Setting, offsets: bool = False
) -> list[tuple[dict[str, list[Any]], int, int]]:
    """For each text (and its pair): the model's inputs cut to `max_length`, tokens cut off, and unknown tokens.

    With `offsets` an entry `offset_mapping` says which characters each token covers.
    """
    if not texts:
        return []
    unknown = setting.tokenizer.unk_token_id
    rows = []
    for index, whole in enumerate(_encode(texts, pairs, setting, offsets)):
        inputs, length = whole, len(whole["input_ids"])
        if length > setting.max_length:
            inputs = _encode([texts[index]], [pairs[index]] if pairs else None, setting, offsets, truncation=True)[0]
        strange = 0 if unknown is None else sum(token == unknown for token in inputs["input_ids"])
        rows.append((inputs, length - len(inputs["input_ids"]), strange))
    return rows


def _encode(
    texts: Sequence[str], pairs: Sequence[str] | None, setting: Setting, offsets: bool, truncation: bool = False
) -> list[dict[str, list[Any]]]:
    encoded = setting.tokenizer(
        list(texts), list(pairs) if pairs else None, return_attention_mask=False, verbose=False,
        return_offsets_mapping=offsets,
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

