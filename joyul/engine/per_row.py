"""Modules in the place of those that move, one for each of several candidates: a row goes through its candidate's own.

Whatever does not move is shared, so that the rows of all candidates make one batch: Lester et al. (2021, section 6) answer so
with many prompts, here they learn. As they share nothing that moves, the gradient of each is that of its own rows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from joyul.contracts import ParameterGroup
from joyul.engine.device import device
from joyul.engine.dropout import MASKS
from joyul.engine.learned import PASS, Learned
from joyul.engine.mix import Mix


class _Pass(threading.local):
    """The pass that runs now, of each thread its own: the mix of its rows; None: all are those of the candidate that is shown."""

    mix: Mix | None = None


class PerRow:
    """A copy of whatever moves for each of `starts`, the weights by name that a candidate begins with.

    `groups` are each candidate's own parameters, under the names of the model's. Learned vectors may be fewer than the model's.
    """

    def __init__(
        self, model: nn.Module, groups: Sequence[ParameterGroup], starts: Sequence[Mapping[str, Tensor]]
    ) -> None:
        self._owners = owners(model, groups)
        self._copies = [[deepcopy(owner) for owner in self._owners] for _ in starts]  # of each candidate
        self.groups = [self._filled(groups, number, start) for number, start in enumerate(starts)]
        self._most = next((owner.count for owner in self._owners if isinstance(owner, Learned)), None)
        self._lengths = [next((part.count for part in own if isinstance(part, Learned)), 0) for own in self._copies]
        self.shown = 0
        self._now = _Pass()

    def _filled(self, groups: Sequence[ParameterGroup], number: int, start: Mapping[str, Tensor]) -> list[ParameterGroup]:
        places = {id(own): (place, name) for place, owner in enumerate(self._owners) for name, own in owner.named_parameters()}
        found = []
        for group in groups:
            named = {}
            for name, parameter in group.parameters.items():
                place, path = places[id(parameter)]
                named[name] = self._copies[number][place].get_parameter(path)
                named[name].data = start[name].detach().clone().to(parameter)
                named[name].requires_grad_()
            found.append(replace(group, parameters=named))
        return found

    @contextmanager
    def standing(self) -> Iterator[None]:
        """While open, the model answers as the candidate that is `shown`, or within `over` as several."""
        for place, owner in enumerate(self._owners):
            owner.forward = self._vectors(place, owner) if isinstance(owner, Learned) else self._states(place)
        self.show(self.shown)
        try:
            yield
        finally:
            PASS.counts = None
            for owner in self._owners:
                del owner.forward

    @contextmanager
    def over(self, mix: Mix) -> Iterator[None]:
        """While open, a pass of this thread is one over the rows of `mix`, and drops out what each portion would by itself."""
        before = PASS.counts
        self._now.mix, PASS.counts = mix, self._counts(mix)
        try:
            with MASKS.drawn_by(mix):
                yield
        finally:
            self._now.mix, PASS.counts = None, before

    def show(self, candidate: int) -> None:
        """Let the model answer as this one."""
        self.shown = candidate
        PASS.counts = self._counts(None)

    def _counts(self, mix: Mix | None) -> Tensor | None:
        """How many vectors each row has, shape (rows or 1, 1); None where all have as many as the model."""
        if self._most is None:
            return None
        candidates = [self.shown] if mix is None else mix.candidates
        counts = [self._lengths[number] for number in candidates]
        if all(count == self._most for count in counts):
            return None
        found = torch.tensor(counts, device=device())
        return found[:, None] if mix is None else found[mix.owners][:, None]

    @property
    def layers(self) -> nn.Module:
        """All copies as one module."""
        return nn.ModuleList(layer for own in self._copies for layer in own)

    def _vectors(self, place: int, own: Learned) -> Callable[[], Tensor]:
        """Learned vectors, shape (count, width), or those of each row in the places of `own`, shape (rows, count, width)."""

        def forward() -> Tensor:
            mix = self._now.mix
            made = [self._copies[number][place]() for number in ([self.shown] if mix is None else mix.candidates)]
            even = [functional.pad(one, (0, 0, own.count - len(one), 0)) for one in made]  # `learned.taken` says which are real
            return even[0] if mix is None else torch.stack(even).index_select(0, mix.owners)

        return forward

    def _states(self, place: int) -> Callable[[Tensor], Tensor]:
        def forward(states: Tensor) -> Tensor:
            mix = self._now.mix
            if mix is None:
                own: Tensor = self._copies[self.shown][place](states)
                return own
            parts = zip(mix.candidates, mix.parts(states), strict=True)
            return mix.whole([self._copies[number][place](part) for number, part in parts])

        return forward


def separate(model: nn.Module, groups: Sequence[ParameterGroup]) -> bool:
    """Whether all that moves belongs to learned vectors, or to layers of which it is the whole."""
    found = owners(model, groups)
    theirs = sorted(id(parameter) for owner in found for parameter in owner.parameters())
    plain = all(isinstance(owner, Learned) or not list(owner.children()) for owner in found)
    free = not any("forward" in vars(owner) for owner in found)
    return free and plain and theirs == sorted(id(one) for group in groups for one in group.parameters.values())


def owners(model: nn.Module, groups: Sequence[ParameterGroup]) -> list[nn.Module]:
    """The modules whose own parameters move; learned vectors with the network they pass."""
    moving = {id(parameter) for group in groups for parameter in group.parameters.values()}
    learned = [module for module in model.modules() if isinstance(module, Learned)]
    inside = {part for module in learned for part in module.modules()}
    layers = [module for module in model.modules() if module not in inside]
    found = [module for module in layers if any(id(one) in moving for one in module.parameters(recurse=False))]
    return [*(module for module in learned if any(id(one) in moving for one in module.parameters())), *found]
