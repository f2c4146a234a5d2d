"""A prompt behind the text leaves the text as it is: its keys and values are computed once for each row, and kept.

No token sees what stands behind it where a model reads from left to right. So an update passes the vectors alone, and what is
answered behind them, over stored keys and values: it costs the prompt's length, not the text's. That the model answers the same
this way is tried on a few rows before it is used.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Cache, DynamicCache

from joyul.contracts import Batch, Form, ParameterGroup, Row
from joyul.engine.batches import TOKEN_BUDGET, cut, mixed
from joyul.engine.device import device
from joyul.engine.frozen import TOLERANCE, digest
from joyul.engine.known import filled, known
from joyul.engine.placement import Placement, entrance, placement
from joyul.engine.rows import Chosen, shortened
from joyul.engine.store import Held, Store, Stores
from joyul.notes import Notes


class _Pass(threading.local):
    """The batch collated last, of each thread its own."""

    batch: Batch | None = None


class Behind:
    """A Form of whose rows the last token of the text alone is passed: what comes before it is known."""

    def __init__(self, form: Form, texts: Texts) -> None:
        self._form, self._texts, self.spliced = form, texts, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._form, name)

    def collate(self, rows: Sequence[Row]) -> Batch:
        """As the Form itself, of shorter rows."""
        batch = self._texts.now.batch = self._form.collate([shortened(row, "last") for row in rows])
        return batch


class Texts:
    """Keys and values of the texts of one stage."""

    def __init__(self, model: nn.Module, place: Placement) -> None:
        self.model, self.place, self.door = model, place, entrance(model)
        self.held = Held()
        self.shapes: list[tuple[int, int, int]] = []  # of each layer: heads, size of a key, size of a value
        self.now = _Pass()

    @property
    def width(self) -> int:
        """Numbers of a token, over all layers."""
        return sum(heads * (key + value) for heads, key, value in self.shapes)

    @contextmanager
    def put_in(self) -> Iterator[None]:
        """While open, passes over the batch collated last go on from what is stored."""
        self.place.texts = self.of
        try:
            yield
        finally:
            self.place.texts = None

    def of(self, tokens: Tensor) -> tuple[Cache, Tensor] | None:
        """Keys and values of the texts whose last tokens open `tokens`, and which of them are real; None for another pass."""
        batch = self.now.batch
        if batch is None or len(tokens) % len(batch.rows) or not all(row.id in self.held for row in batch.rows):
            return None
        times = len(tokens) // len(batch.rows)  # one row may be answered in several ways
        if not torch.equal(batch.inputs["input_ids"].repeat_interleave(times, dim=0), tokens[:, :1]):
            return None
        texts = self._read([row.id for row in batch.rows])
        longest = max(map(len, texts))  # padded on the left: distances are what they are without padding
        padded = torch.stack([functional.pad(text, (0, 0, longest - len(text), 0)) for text in texts])
        real = torch.stack([torch.arange(longest) >= longest - len(text) for text in texts]).long()
        layers = self._layers(padded.to(tokens.device).repeat_interleave(times, dim=0))
        return known(layers), real.to(tokens.device).repeat_interleave(times, dim=0)

    def _read(self, ids: Sequence[str]) -> list[Tensor]:
        """What is stored of rows, shape (tokens, width) each."""
        return [self.held[row].read([row]) for row in ids]

    def _layers(self, line: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """(rows, length, width) to keys and values of each layer, shape (rows, heads, length, size)."""
        parts = torch.split(line, [heads * size for heads, *sizes in self.shapes for size in sizes], dim=-1)
        for (heads, *_), keys, values in zip(self.shapes, parts[::2], parts[1::2], strict=True):
            yield _headed(keys, heads), _headed(values, heads)

    def capture(self, form: Form, rows: Sequence[Row], store: Store, precision: str, notes: Notes) -> None:
        """Compute what `store` lacks, in pieces that depend on the rows alone; know where all of it is."""
        missing = Chosen(rows, [place for place, row in enumerate(rows) if row.id not in store])
        pieces = cut(missing, TOKEN_BUDGET[device().type])
        for piece in notes.track(pieces, "capturing", len(pieces)):
            with torch.no_grad(), torch.autocast(device().type, torch.bfloat16, enabled=precision == "bf16"):
                found = self._line(form.collate(piece))
            for row, line in zip(piece, found, strict=True):
                store.add(row.id, line[: row.length])
        self.held.add((row.id for row in rows), store)

    def _line(self, batch: Batch) -> Tensor:
        """Keys and values of a batch padded on the right, shape (rows, length, width)."""
        nn.Module.eval(self.door)
        mask, cache = batch.inputs["attention_mask"], DynamicCache()  # whole, also where a layer would keep a window of it
        positions = self.place.positions(mask, mask.shape[1])
        self.door.forward(**batch.inputs, **positions, past_key_values=cache, use_cache=True)  # without what is put in
        pairs = filled(cache)
        self.shapes = [(int(keys.shape[1]), int(keys.shape[3]), int(values.shape[3])) for keys, values in pairs]
        return torch.cat([part.transpose(1, 2).flatten(2) for pair in pairs for part in pair], dim=-1)


def _headed(line: Tensor, heads: int) -> Tensor:
    """(rows, length, heads * size) to (rows, heads, length, size)."""
    return line.view(*line.shape[:2], heads, -1).transpose(1, 2)


@contextmanager
def stored_texts(
    model: nn.Module, form: Form, groups: Sequence[ParameterGroup], train: Sequence[Row], valid: Sequence[Row],
    precision: str, stores: Stores, notes: Notes,
) -> Iterator[tuple[Form, Sequence[Row], Sequence[Row]]]:  # fmt: skip
    """While open, passes over `train` and `valid` read their texts from the store; yields the Form and the rows to pass instead.

    As `engine.trunk.frozen_trunk`. Nothing changes where a weight moves that the text is read with, where the model answers
    otherwise this way, or where the disk has no room.
    """
    place = placement(model)
    frozen = _frozen(model, groups)
    single = all(len(row.parts) == 1 for row in chain(train, valid))  # of several templates none can be told by its last token
    texts = Texts(model, place) if place is not None and place.behind and frozen and single else None
    if texts is None or not _answers(texts, form, mixed(train or valid)):
        yield form, train, valid
        return
    size = 4 * texts.width * sum(row.length for row in chain(train, valid))
    if not stores.has_room(size, notes):
        yield form, train, valid
        return
    key = digest(model, form, frozen)
    try:
        for rows, kind in ((train, precision), (valid, "fp32")):
            texts.capture(form, rows, stores.of((key, len(texts.shapes), kind, "keys")), kind, notes)
    except OSError as error:
        notes.warn("trunk_not_kept", folder=str(stores.place), reason=error.strerror or str(error))
        yield form, train, valid
        return
    notes.say("texts_stored", size=f"{size / 2**20:.0f}")
    with texts.put_in():
        yield Behind(form, texts), train, valid  # type: ignore[misc]


def _frozen(model: nn.Module, groups: Sequence[ParameterGroup]) -> dict[str, nn.Parameter]:
    """What texts are read with: all of the model without its head; empty where some of it moves."""
    place, door = placement(model), entrance(model)
    mine = {id(p) for p in place.parameters()} if place is not None else set()
    moving = {id(p) for group in groups for p in group.parameters.values()}
    read = {name: p for name, p in door.named_parameters() if id(p) not in mine}
    return {} if moving & set(map(id, read.values())) else read


def _answers(texts: Texts, form: Form, rows: Sequence[Row]) -> bool:
    """Whether the model says the same over stored keys and values, of each row on its own too."""
    model = texts.model
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            plain = form.losses(model, form.collate(rows))
            texts.capture(form, rows, Store(), "fp32", Notes())
            with texts.put_in():
                behind = Behind(form, texts)
                found = form.losses(model, behind.collate(rows))
                alone = torch.cat([form.losses(model, behind.collate([row])) for row in rows])
    except (NotImplementedError, RuntimeError, TypeError, ValueError, LookupError, AttributeError):
        return False
    finally:
        texts.held = Held()
        for module, mode in modes.items():
            module.training = mode
    return all(float((plain - other).abs().max()) <= TOLERANCE * float(plain.abs().max()) for other in (found, alone))
