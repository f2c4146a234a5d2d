"""Prompts cut to what the base can read: the text of the row is cut, never the words around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from joyul.contracts import Example, Row, Setting
from joyul.errors import UsageError
from joyul.forms import rows as shared
from joyul.forms.wording import INPUTS

Encode = Callable[[Sequence[Mapping[str, Any]]], list[dict[str, list[int]]]]


def fitted(examples: Sequence[Example], encode: Encode, setting: Setting, behind: int = 0) -> list[Row]:
    """One Row an Example; `encode` makes the tokens of prompts, `behind` counts what is read after them.

    Raises UsageError where there is no room for any text.
    """
    room = setting.max_length - behind
    check_room(encode, setting, room, examples[0].inputs if examples else {"text": ""})
    rows = []
    encoded = encode([example.inputs for example in examples]) if examples else []  # tokenizers refuse an empty list
    for example, tokens in zip(examples, encoded, strict=True):
        short = tokens if _length(tokens) <= room else _cut(example.inputs, tokens, encode, setting, room)
        unknown = sum(token == setting.tokenizer.unk_token_id for token in short["input_ids"])
        rows.append(shared.row(example, setting, short, _length(tokens) - _length(short), unknown))
    return rows


def check_room(encode: Encode, setting: Setting, room: int, inputs: Mapping[str, Any]) -> None:
    """Raise UsageError where the prompt alone fills the room."""
    needed = _length(encode([dict.fromkeys(inputs, "")])[0])
    if needed >= room:
        raise UsageError("prompt_too_long", found=str(needed), limit=room)


def _length(tokens: Mapping[str, Sequence[int]]) -> int:
    return len(tokens["input_ids"])


def _cut(
    inputs: Mapping[str, Any], tokens: dict[str, list[int]], encode: Encode, setting: Setting, room: int
) -> dict[str, list[int]]:
    """The tokens with the ends of the texts left out, the longest text first."""
    kept = dict(inputs)
    while (over := _length(tokens) - room) > 0:
        if not any(kept[name] for name in INPUTS if name in kept):  # demonstrations of its own that take it all
            raise UsageError("prompt_too_long", found=str(_length(tokens)), limit=room)
        name = max((name for name in INPUTS if name in kept), key=lambda name: len(kept[name]))
        kept[name] = _shortened(kept[name], over, setting.tokenizer)
        tokens = encode([kept])[0]
    return tokens


def _shortened(text: str, over: int, tokenizer: PreTrainedTokenizerBase) -> str:
    """The text without its last `over` tokens, at least one character shorter."""
    if not tokenizer.is_fast:
        ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        left = str(tokenizer.decode(ids[: max(0, len(ids) - over)]))
    else:
        ends = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)["offset_mapping"]
        left = text[: ends[-over - 1][1]] if len(ends) > over else ""
    return left if len(left) < len(text) else text[:-1]
