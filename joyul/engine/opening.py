"""What opens every row is read once: an instruction and demonstrations before the text, where a model reads from left to right.

Keys and values of the opening are computed for one row and stand before those of every other, for each template of an ensemble.
Whether a model is that simple is not guessed from its name but tried on a few rows, as in `engine.unpad`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from os.path import commonprefix
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import DynamicCache, PreTrainedModel

from joyul.contracts import Batch, Row
from joyul.engine.device import device
from joyul.engine.known import filled, known

WORTH = 16  # tokens; a shorter opening is read with every row
TOLERANCE = 1e-4  # of the largest state: fp32 sums in another order
FITS: WeakKeyDictionary[nn.Module, dict[str, bool]] = WeakKeyDictionary()  # of each model, by how its attention is computed


def shared(rows: Iterable[Row]) -> list[int]:
    """The tokens that all rows begin with, short of the whole of any row; empty for a single row."""
    begun, count = list[int](), 0
    for count, row in enumerate(rows, start=1):
        ids = list(row.tokens.get("input_ids", ()))[:-1]
        begun = ids if count == 1 else list(commonprefix([begun, ids]))  # noqa: RUF071 - tokens are what it compares
        if not begun:
            break
    return begun if count > 1 else []


def _openings(rows: Sequence[Row]) -> list[list[int]]:
    """What opens the rows, of each template that they are asked with."""
    return [shared(row.parts[template] for row in rows) for template in range(len(rows[0].parts))] if rows else []


@contextmanager
def opened(model: nn.Module, rows: Sequence[Row], example: Batch | None) -> Iterator[int]:
    """While open, passes of `model` over `rows` read what they share once. Yields how many tokens that are (0: nothing is done).

    Without gradients only. `example` is a padded batch of some of the rows to try it on. States at the opening are zeros: they
    are not computed, so nobody may read them. Of several templates each has its opening; the shortest is what is yielded.
    """
    owner = _reader(model)
    openings = _openings(rows) if owner is not None else []
    least = min(map(len, openings), default=0)
    if owner is None or example is None or least < WORTH or not _fits(owner, openings[0], example):
        yield 0
        return
    with _patched(owner, openings):
        yield least


def _reader(model: nn.Module) -> PreTrainedModel | None:
    """The transformers model without its head, where nothing is wrapped around it and it may read from left to right."""
    if not isinstance(model, PreTrainedModel) or model.config.is_encoder_decoder:
        return None
    owner = model.base_model
    return owner if "past_key_values" in inspect.signature(owner.forward).parameters else None  # type: ignore[return-value]


def _fits(owner: PreTrainedModel, tokens: Sequence[int], example: Batch) -> bool:
    """Whether the model gives the same states behind the opening: tried once for each way of attention."""
    tried, kind = FITS.setdefault(owner, {}), str(owner.config._attn_implementation)
    if kind not in tried:
        tried[kind] = _same(owner, tokens, example)
    return tried[kind]


def _same(owner: PreTrainedModel, tokens: Sequence[int], example: Batch) -> bool:
    read = example.inputs["attention_mask"][:, len(tokens) :, None]
    try:
        plain = owner(**example.inputs).last_hidden_state[:, len(tokens) :] * read
        with _patched(owner, [tokens]):
            found = owner(**example.inputs).last_hidden_state[:, len(tokens) :] * read
    except (NotImplementedError, RuntimeError, TypeError, ValueError, LookupError, AttributeError):
        return False
    return plain.shape == found.shape and float((plain - found).abs().max()) <= TOLERANCE * float(plain.abs().max())


@contextmanager
def _patched(owner: PreTrainedModel, openings: Sequence[Sequence[int]]) -> Iterator[None]:
    before = owner.forward
    parameters = inspect.signature(before)
    kept = [_read(before, tokens) for tokens in sorted(openings, key=len, reverse=True)]

    def forward(*args: Any, **kwargs: Any) -> Any:
        given = parameters.bind(*args, **kwargs).arguments
        given |= given.pop("kwargs", {})
        read: Tensor | None = given.get("input_ids")
        found = None if read is None else next((one for one in kept if _opens(read, one[0])), None)
        if read is None or found is None or given.get("past_key_values") is not None:
            return before(*args, **kwargs)
        count = found[0].shape[1]
        output = before(**{**given, "input_ids": read[:, count:], "past_key_values": known(filled(found[1]))})
        output.last_hidden_state = functional.pad(output.last_hidden_state, (0, 0, count, 0))
        return output

    own = vars(owner).get("forward")
    owner.forward = forward
    try:
        yield
    finally:
        del owner.forward
        if own is not None:
            owner.forward = own


def _read(forward: Callable[..., Any], tokens: Sequence[int]) -> tuple[Tensor, DynamicCache]:
    """The tokens of one row, shape (1, tokens), and their keys and values."""
    ids, kept = torch.tensor([list(tokens)], device=device()), DynamicCache()  # whole, also where a layer would keep a window
    forward(input_ids=ids, attention_mask=torch.ones_like(ids), past_key_values=kept, use_cache=True)
    return ids, kept


def _opens(read: Tensor, ids: Tensor) -> bool:
    count = ids.shape[1]
    return read.shape[1] > count and bool((read[:, :count] == ids).all())
