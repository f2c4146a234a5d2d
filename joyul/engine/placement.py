"""Learned vectors in front of the text or behind it, for whoever asks the model: outside, only the positions of the text exist.

Inside, a row is `[pad][prompt][text]` (or `[prompt][text][pad]`: padding stays on the side it came from) with explicit
positions, counted over what is real. The vectors are put in before the model embeds and taken out before anything reads its
states: the pooler finds [CLS] first, a tagger one state a token, a decoder's head the last token of the text. With a cache the
prompt stands in the cache alone. The decoder behind an encoder reads the prompt's states too, as PEFT's does; that encoder's
padding goes to the right, for BART counts positions by place. A prefix has no place here, only its positions: the text is read as
if it stood behind it.

Behind the text (`[text][prompt]`, then what is answered) the last vector speaks for the row: its state is seen wherever one of
the text is looked for. No token of the text sees the vectors then, so that its keys and values may be known beforehand.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache, PreTrainedModel

from joyul.bases.anatomy import architecture, inner
from joyul.engine.learned import PASS, Inserted, Learned, scattered, taken

NAME = "learned_prompt"
Texts = Callable[[Tensor], tuple[Cache, Tensor] | None]


class _Pass(threading.local):
    """What is remembered of the pass that runs now, of each thread its own."""

    places: Tensor | None = None  # of the states that are seen outside among those of the model; None: all, as they stand
    lengths: Tensor | None = None  # tokens of each row's text
    said: Tensor | None = None  # the same, from outside; None: a row is all text

    def __deepcopy__(self, memo: dict[int, Any]) -> _Pass:
        return _Pass()


class Placement(Inserted):
    """A part of `entrance(model)`: the vectors (None: none), and how many positions a prefix takes.

    `behind`: they stand behind the text; `texts` then gives, for the tokens of a pass, keys and values of its texts and which of
    them are real, where they are known.
    """

    def __init__(self, entrance: nn.Module, reader: nn.Module | None, first_position: int, first_read: bool) -> None:
        super().__init__()
        self.vectors: Learned | None = None
        self.before = 0
        self.behind = False
        self.texts: Texts | None = None
        self._first_position = first_position
        self._accepts = frozenset(inspect.signature(entrance.forward).parameters)
        self._crossed = reader is not None
        self._first_read = first_read  # by the head, which knows nothing of padding
        self._now = _Pass()
        self._handles = [
            entrance.register_forward_pre_hook(self._enter, with_kwargs=True),
            entrance.register_forward_hook(self._leave),
        ]
        if isinstance(pooler := getattr(entrance, "pooler", None), nn.Module):
            self._handles.append(pooler.register_forward_pre_hook(self._pool))
        if reader is not None:
            self._handles.append(reader.register_forward_pre_hook(self._read, with_kwargs=True))

    def remove(self) -> None:
        """Leave the model."""
        for handle in self._handles:
            handle.remove()

    @property
    def count(self) -> int:
        """Vectors beside the text."""
        return 0 if self.vectors is None else self.vectors.count

    @contextmanager
    def texts_end(self, lengths: Tensor) -> Iterator[None]:
        """While open, the texts of a pass are so many tokens long, shape (rows,); what stands behind them is answered."""
        self._now.said = lengths[:, None]
        try:
            yield
        finally:
            self._now.said = None

    def positions(self, mask: Tensor, length: int) -> dict[str, Tensor]:
        """The positions of the last `length` places, counted over what is real, where the model is told them."""
        if "position_ids" not in self._accepts:
            return {}
        counted = (mask.long().cumsum(dim=1) - 1).clamp(min=0)[:, -length:]
        before = PASS.counts if self.before and PASS.counts is not None else self.before
        return {"position_ids": counted + self._first_position + before}

    def _enter(self, entrance: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[()], dict[str, Any]]:
        given = {**_named(entrance, args), **kwargs}
        tokens = given.get("input_ids") if given.get("input_ids") is not None else given.get("inputs_embeds")
        assert tokens is not None
        cache = given.get("past_key_values")
        seen = int(cache.get_seq_length()) if cache is not None else 0
        mask = given.get("attention_mask")
        if mask is None:
            mask = tokens.new_ones(len(tokens), max(0, seen - self.count) + tokens.shape[1], dtype=torch.long)
        assert mask.ndim == 2, "learned prompts need the mask of the text, not one made for a compiled cache"
        if not seen:
            self._now.lengths = mask.sum(dim=1, keepdim=True) if self._now.said is None else self._now.said
        known = self.texts(tokens) if self.texts is not None else None
        if known is not None:
            return (), self._gone_on(entrance, given, mask, *known)
        self._now.places = None if self._crossed or seen else self._seen_outside(mask)
        if (self.count or self._crossed) and not seen:
            given = self._with_prompt(entrance, given, mask)
            mask = given["attention_mask"]
        elif self.count:
            mask = self._widened(mask)
            given["attention_mask"] = mask
        return (), given | self.positions(mask, tokens.shape[1] + (self.count if not seen else 0))

    def _gone_on(self, entrance: nn.Module, given: dict[str, Any], mask: Tensor, known: Cache, real: Tensor) -> dict[str, Any]:
        """The vectors and what is answered behind texts that are known; of those the last token alone was given."""
        assert self.vectors is not None
        ids = given.pop("input_ids")
        answered = entrance.get_input_embeddings()(ids[:, 1:])  # type: ignore[operator]
        states = torch.cat([self.vectors().to(answered.dtype).expand(len(ids), -1, -1), answered], dim=1)
        mask = torch.cat([real, mask.new_ones(len(ids), self.count), mask[:, 1:]], dim=1)
        self._now.places = torch.arange(self.count - 1, states.shape[1], device=ids.device).expand(len(ids), -1)
        given |= {"inputs_embeds": states, "attention_mask": mask, "past_key_values": known}
        return given | self.positions(mask, states.shape[1])

    def _with_prompt(self, entrance: nn.Module, given: dict[str, Any], mask: Tensor) -> dict[str, Any]:
        """The same inputs with the vectors put in before each row's first real token, or behind the last of its text."""
        states = given.pop("inputs_embeds", None)
        ids = given.pop("input_ids", None)
        if states is None:
            states = entrance.get_input_embeddings()(ids)  # type: ignore[operator]
        sources, _ = self._order(mask)
        if self.vectors is not None:
            states = torch.cat([self.vectors().to(states.dtype).expand(len(states), -1, -1), states], dim=1)
        given["inputs_embeds"] = _placed(states, sources)
        given["attention_mask"] = self._widened(mask)
        types = given.get("token_type_ids")
        if types is not None:
            given["token_type_ids"] = _placed(torch.cat([types.new_zeros(len(types), self.count), types], dim=1), sources)
        return given

    def _order(self, mask: Tensor) -> tuple[Tensor | None, Tensor]:
        """Of each position, its source in prompt + text (None: just that order); of each token of the text, its position."""
        count, length = self.count, mask.shape[1]
        first, begin = mask.long().argmax(dim=1, keepdim=True), self._begin(mask)
        tokens = torch.arange(length, device=mask.device).expand(len(mask), -1)
        if not bool(begin.any()):
            return None, tokens + count
        places = count + (tokens - first) % length if self._crossed else tokens + count * (tokens >= begin)
        prompt = torch.arange(count, device=mask.device) + (0 if self._crossed else begin)
        where = torch.cat([prompt.expand(len(mask), -1), places], dim=1)
        return where.argsort(dim=1), places

    def _begin(self, mask: Tensor) -> Tensor:
        """The place of each row that its prompt pushes back, shape (rows, 1)."""
        first = mask.long().argmax(dim=1, keepdim=True)
        return first + self._now.lengths if self.behind and self._now.lengths is not None else first

    def _seen_outside(self, mask: Tensor) -> Tensor | None:
        """Where the text's states are; its first token's in front, where a head reads it. None: all of them, as they stand."""
        sources, places = self._order(mask)
        if self.behind and self.count:
            begin = self._begin(mask)
            return torch.where(places < begin, begin + self.count - 1, places)
        if self._first_read and sources is not None:
            length = mask.shape[1]
            return places.gather(1, (torch.arange(length, device=mask.device) + mask.long().argmax(dim=1, keepdim=True)) % length)
        return places if self.count else None

    def _widened(self, mask: Tensor) -> Tensor:
        """The mask of what the model reads: the prompt is real."""
        prompt, real = mask.new_ones(len(mask), self.count), taken(self.count)
        prompt = prompt if real is None else prompt * real
        return _placed(torch.cat([prompt, mask], dim=1), self._order(mask)[0])

    def _leave(self, entrance: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        if self._now.places is None:
            return output
        if isinstance(output, tuple):
            return (self._text(output[0]), *output[1:])
        output.last_hidden_state = self._text(output.last_hidden_state)
        return output

    def _pool(self, pooler: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        return None if self._now.places is None else (self._text(args[0]), *args[1:])

    def _text(self, states: Tensor) -> Tensor:
        """The states of the text alone."""
        assert self._now.places is not None
        return scattered(states, self._now.places)

    def _read(self, reader: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[()], dict[str, Any]]:
        """The decoder's mask over the encoder's states has the prompt in it."""
        given = {**_named(reader, args), **kwargs}
        mask = given.get("encoder_attention_mask")
        if mask is not None:
            given["encoder_attention_mask"] = self._widened(mask)
        return (), given


def _named(module: nn.Module, args: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(inspect.signature(module.forward).parameters, args, strict=False)) if args else {}


def _placed(joined: Tensor, sources: Tensor | None) -> Tensor:
    return joined if sources is None else scattered(joined, sources)


def entrance(model: nn.Module) -> PreTrainedModel:
    """The part of a model that takes the tokens of the text: its body, or its encoder."""
    base = inner(model)
    found = base.get_encoder() if base.config.is_encoder_decoder else base.base_model
    assert isinstance(found, PreTrainedModel)
    return found


def placement(model: nn.Module) -> Placement | None:
    """The Placement in a model, where there is one."""
    found = getattr(entrance(model), NAME, None)
    return found if isinstance(found, Placement) else None


def placed(model: nn.Module) -> Placement:
    """The same; a new one where there is none."""
    found = placement(model)
    if found is None:
        base, door = inner(model), entrance(model)
        reader = base.get_decoder() if base.config.is_encoder_decoder else None  # type: ignore[no-untyped-call]
        found = Placement(door, reader, first_position(base), _first_read(base))
        door.add_module(NAME, found)
    return found


def behind(model: nn.Module) -> bool:
    """Whether learned vectors stand behind the text."""
    found = placement(model)
    return found is not None and found.behind


def texts_end(model: nn.Module, lengths: Tensor) -> AbstractContextManager[None]:
    """While open, the texts of a pass over `model` are so many tokens long: a prompt behind them precedes what is answered."""
    found = placement(model)
    return nullcontext() if found is None else found.texts_end(lengths)


def unplaced(model: nn.Module) -> None:
    """Take the Placement away when nothing needs it any more."""
    found = placement(model)
    if found is not None and found.vectors is None and not found.before:
        found.remove()
        delattr(entrance(model), NAME)


def _first_read(base: PreTrainedModel) -> bool:
    """Whether a head takes the first state of a row for the whole: that of an encoder, unless it takes the mean."""
    one = type(base).__name__.endswith("SequenceClassification") and getattr(base.config, "classifier_pooling", "cls") == "cls"
    return one and architecture(base.config) == "encoder"


def first_position(base: PreTrainedModel) -> int:
    """The number of a row's first position: behind the padding's for RoBERTa and its kin, else 0."""
    door = entrance(base)
    embeddings = getattr(door, "embeddings", None)
    counts = hasattr(embeddings, "create_position_ids_from_input_ids")
    counts = counts or hasattr(inspect.getmodule(type(door)), "create_position_ids_from_input_ids")
    return int(getattr(embeddings, "padding_idx", 0)) + 1 if counts else 0
