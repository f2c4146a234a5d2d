"""What is frozen is computed once: the states that enter the lowest moving layer are kept for each row.

Below that layer nothing changes during a stage and nothing is dropped out, so every later epoch starts from the stored states:
the layers below pass their input through, and the stored states are put in its place before the lowest moving layer. Where only
a head moves and reads one token of a row, that token alone is kept and the head is all that runs. Which layers those are follows
from the parameters that move; that the splice answers like the whole model is tried on a few rows before it is used.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from joyul.bases.anatomy import depths, inner, reading_layers, width
from joyul.contracts import Batch, Form, ParameterGroup, Row
from joyul.engine.batches import TOKEN_BUDGET, cut, mixed
from joyul.engine.device import device
from joyul.engine.frozen import TOLERANCE, digest, frozen_layers, why_unknown
from joyul.engine.layout import Current
from joyul.engine.rows import TOKENS, Chosen, packed, shortened
from joyul.engine.store import Held, Read, Store, Stores
from joyul.engine.unpad import outputs, owner_of, unpadded
from joyul.notes import Notes


class _Pass(threading.local):
    """The pass that runs now, of each thread its own: the batch collated last, and whether the pass is over it.

    `beside`: what the lowest layer returned beside its states.
    """

    batch: Batch | None = None
    spliced = False
    beside: tuple[Any, ...] = ()


class _Captured(Exception):
    def __init__(self, states: Tensor) -> None:
        self.states = states


class Spliced:
    """A Form whose batches the trunk knows: what it collates is what the stored states are put in for."""

    def __init__(self, form: Form, trunk: Trunk) -> None:
        self._form, self._trunk, self.spliced = form, trunk, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._form, name)

    def collate(self, rows: Sequence[Row]) -> Batch:
        """As the Form itself."""
        batch = self._trunk.now.batch = self._form.collate(rows)
        return batch


class Trunk:
    """The frozen layers of one stage: layers 0 to `height` - 1 are skipped where the states of a row are in `store`."""

    def __init__(self, model: nn.Module, height: int) -> None:
        self.base = inner(model)
        self.layers = reading_layers(self.base)
        self.owner = owner_of(self.base, self.layers)
        self.height = height
        self.held = Held()
        self.now = _Pass()
        self._returned: tuple[Any, ...] | None = None  # what a layer returns beside its states; None: it returns them alone

    @contextmanager
    def spliced(self) -> Iterator[None]:
        """While open, a pass over the batch collated last starts from the stored states."""
        skipped = self.layers[: self.height]
        for number, layer in enumerate(skipped):
            layer.forward = self._passing(layer, number)
        hooks = [self.owner.register_forward_pre_hook(self._begin, with_kwargs=True)]
        if self.height < len(self.layers):
            hooks.append(self.layers[self.height].register_forward_pre_hook(self._put_in, with_kwargs=True))
        try:
            yield
        finally:
            for layer in skipped:
                del layer.forward
            for hook in hooks:
                hook.remove()

    def _begin(self, owner: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A pass is spliced when it is over the collated batch itself (label prompts, for one, are not)."""
        given = kwargs.get("input_ids", args[0] if args else None)
        batch = self.now.batch
        mine = batch is not None and given is batch.inputs.get("input_ids")
        self.now.spliced = batch is not None and mine and all(row.id in self.held for row in batch.rows)

    def _passing(self, layer: nn.Module, number: int):  # type: ignore[no-untyped-def]
        plain = layer.forward
        last = number == len(self.layers) - 1

        def forward(*args: Any, **kwargs: Any) -> Any:
            if not self.now.spliced:
                return plain(*args, **kwargs)
            if number == 0 and self._returned is not None:
                self.now.beside = self._beside(plain, *args, **kwargs)
            states = self._states() if last else (args[0] if args else kwargs["hidden_states"])
            return states if self._returned is None else (states, *self.now.beside)

        return forward

    def _beside(self, plain: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """What layers hand on beside their states (T5: its bias of positions): where it is anything, the lowest layer runs."""
        if all(part is None for part in self._returned or ()):
            return self._returned or ()
        with torch.no_grad():
            return tuple(plain(*args, **kwargs)[1:])

    def _put_in(self, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any] | None:
        if not self.now.spliced:
            return None
        if args:
            return (self._states(), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": self._states()}

    def _states(self) -> Tensor:
        """The stored states of the batch: one line where layers see no padding, else padded with zeros on the right."""
        assert self.now.batch is not None
        rows = self.now.batch.rows
        ids = [row.id for row in rows]
        line = self.held[ids[0]].read(ids).to(device())
        if Current.layout is not None:
            return Current.layout.filled(line)
        lengths = [row.length for row in rows]
        return nn.utils.rnn.pad_sequence(list(torch.split(line, lengths)), batch_first=True)

    def _note_returned(self, layer: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        self._returned = tuple(part is not None or None for part in output[1:]) if isinstance(output, tuple) else None

    def answer(self, model: nn.Module, batch: Batch) -> Tensor:
        """What the whole model says of a batch; of one in two halves, the half that reads it."""
        return outputs((self.owner if self.base.config.is_encoder_decoder else model)(**batch.inputs), batch.inputs)

    def capture(self, form: Form, rows: Sequence[Row], store: Store, precision: str, read: Read, notes: Notes) -> None:
        """Compute the states of the rows that `store` lacks, in pieces that depend on the rows alone; know where all are."""
        missing = Chosen(rows, [place for place, row in enumerate(rows) if row.id not in store])
        pieces = cut(missing, TOKEN_BUDGET[device().type])
        for piece in notes.track(pieces, "capturing", len(pieces)):
            batch = form.collate(piece)
            with torch.no_grad(), torch.autocast(device().type, torch.bfloat16, enabled=precision == "bf16"):
                states = self._entering(batch)
            for row, found in zip(piece, states, strict=True):
                store.add(row.id, found[TOKENS[read]])
        self.held.add((row.id for row in rows), store)

    def _entering(self, batch: Batch) -> Sequence[Tensor]:
        """What enters the lowest moving layer, for each row without its padding: shape (tokens, width) each."""
        nn.Module.eval(self.base)
        if self.height < len(self.layers):
            hook = self.layers[self.height].register_forward_pre_hook(_carry_out_input, with_kwargs=True)
        else:
            hook = self.layers[-1].register_forward_hook(_carry_out_output, prepend=True)
        shape = self.layers[0].register_forward_hook(self._note_returned, prepend=True)
        try:
            self.owner(**batch.inputs)
        except _Captured as captured:
            states = captured.states
        finally:
            hook.remove()
            shape.remove()
        lengths = [row.length for row in batch.rows]
        if Current.layout is not None:
            return torch.split(states[0, : sum(lengths)], lengths)
        return [row[:length] for row, length in zip(states, lengths, strict=True)]


def _carry_out_input(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    raise _Captured(args[0] if args else kwargs["hidden_states"])


def _carry_out_output(layer: nn.Module, args: tuple[Any, ...], output: Any) -> None:
    raise _Captured(output[0] if isinstance(output, tuple) else output)


@contextmanager
def frozen_trunk(
    model: nn.Module, form: Form, groups: Sequence[ParameterGroup], train: Sequence[Row], valid: Sequence[Row],
    precision: str, stores: Stores, notes: Notes,
) -> Iterator[tuple[Form, Sequence[Row], Sequence[Row]]]:  # fmt: skip
    """While open, passes over `train` and `valid` skip what is frozen; yields the Form and the rows to pass instead.

    States of `train` are computed in `precision`, those of `valid` in fp32, as evaluation is. Nothing changes where a part below
    the layers moves, where the model does not answer the same when spliced, or where the disk has no room.
    """
    trunk = _trunk(model, groups, notes)
    read = _read(model, form, trunk, mixed(train or valid)) if trunk else None
    if trunk is not None and read is None:
        notes.say("trunk_differs")
    if trunk is None or read is None or not _captured(trunk, form, train, valid, precision, read, stores, notes):
        yield form, train, valid
        return
    with trunk.spliced():
        short = [rows if read == "all" else packed(shortened(row, read) for row in rows) for rows in (train, valid)]
        yield Spliced(form, trunk), short[0], short[1]  # type: ignore[misc]


def _trunk(model: nn.Module, groups: Sequence[ParameterGroup], notes: Notes) -> Trunk | None:
    """Where layers are frozen below all that moves. Said, where a head alone moves and layers cannot be told apart."""
    height, reason = frozen_layers(model, groups), why_unknown(model, groups)
    if reason is not None:
        notes.say("trunk_unknown", reason=reason)
    return Trunk(model, height) if height else None


def _read(model: nn.Module, form: Form, trunk: Trunk, rows: Sequence[Row]) -> Read | None:
    """Which tokens of the states have to be kept for the same answers on `rows`; None when not even all of them do."""
    tried: tuple[Read, ...] = ("all",)
    if trunk.height == len(trunk.layers) and len({row.length for row in rows}) > 1:
        tried = ("first", "last", "all")
    spliced = Spliced(form, trunk)
    batch = form.collate(rows)
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with unpadded(model, batch.inputs), torch.no_grad():
        plain = trunk.answer(model, batch)
        try:
            return next((read for read in tried if _answers(model, trunk, spliced, rows, read, plain)), None)
        finally:
            trunk.held = Held()
            for module, mode in modes.items():
                module.training = mode


def _answers(model: nn.Module, trunk: Trunk, form: Spliced, rows: Sequence[Row], read: Read, plain: Tensor) -> bool:
    """Whether the model says the same from stored states."""
    trunk.held = Held()
    try:
        trunk.capture(form, rows, Store(), "fp32", read, Notes())  # type: ignore[arg-type]
        with trunk.spliced():
            found = trunk.answer(model, form.collate([shortened(row, read) for row in rows]))
    except (RuntimeError, TypeError, ValueError, LookupError, AttributeError):
        return False
    return found.shape == plain.shape and float((found - plain).abs().max()) <= TOLERANCE * float(plain.abs().max())


def _captured(
    trunk: Trunk, form: Form, train: Sequence[Row], valid: Sequence[Row], precision: str, read: Read, stores: Stores, notes: Notes
) -> bool:  # fmt: skip
    """Fill the stores; False where the disk has no room for them."""
    tokens = sum(row.length if read == "all" else 1 for row in chain(train, valid))
    size = 4 * tokens * width(trunk.base)
    if not stores.has_room(size, notes):
        return False
    known = depths(trunk.base)
    frozen = digest(trunk.base, form, {name: p for name, p in trunk.base.named_parameters() if known[name] <= trunk.height})
    try:
        with unpadded(trunk.base, form.collate(mixed(train or valid)).inputs):
            for rows, kind in ((train, precision), (valid, "fp32")):
                trunk.capture(form, rows, stores.of((frozen, trunk.height, kind, read)), kind, read, notes)
    except OSError as error:
        notes.warn("trunk_not_kept", folder=str(stores.place), reason=error.strerror or str(error))
        return False
    if train:  # said once, not again when the result answers test rows
        notes.say("trunk", layers=trunk.height, of=len(trunk.layers), size=f"{size / 2**20:.0f}")
    return True
