"""What a stage inserts, moves and saves (Method), and what moves together (ParameterGroup)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import nn

    from joyul.contracts.example import Row
    from joyul.contracts.form import Architecture, Form


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """Parameters that move at one rate. Names are those of `model.named_parameters()`."""

    name: str
    parameters: Mapping[str, nn.Parameter]
    rate_factor: float = 1.0  # times the stage's learning rate
    faster: Mapping[str, float] = field(default_factory=dict)  # and times this, for single ones


@runtime_checkable
class Method(Protocol):
    """One stage: what is inserted, what moves, what is saved, and what it fits. It may change the model, never the loop."""

    @property
    def name(self) -> str:
        """As it is typed, and the name of its folder under `stages/`."""

    @property
    def trains(self) -> bool:
        """Whether weights move, so that labelled rows are needed."""

    @property
    def self_contained(self) -> bool:
        """Whether `save` writes all that moved, so that the weights of the base need not be written again."""

    def why_not(self, form: Form, architecture: Architecture) -> str | None:
        """The reason this method cannot work with that form (and its task) on such a base, or None."""

    def forms(self, form: Form) -> Sequence[Form]:
        """Forms to choose from by score before any weight moves; empty when the form stays as it is."""

    def further(self, model: nn.Module, best: Form, done: int) -> Sequence[Form | Callable[..., Form]] | None:
        """What to try after `done` rounds; None ends the search. A function makes more of a Form with rows not scored."""

    def insert(self, model: nn.Module, form: Form | None = None) -> nn.Module:
        """The model with what is added, which may start from the words of `form`. Raises UsageError for what has no room."""

    def moves(self, model: nn.Module) -> Sequence[ParameterGroup]:
        """What moves of an inserted model; everything else is frozen and in evaluation mode. Empty when no weight moves."""

    def at(self, groups: Sequence[ParameterGroup], done: int, total: int) -> Sequence[ParameterGroup]:
        """Those of `groups` that move in the update behind `done` of `total`: pure, so that resuming needs no state."""

    def aim(self, model: nn.Module, form: Form) -> Form:
        """The Form whose loss is followed: `form`, unless the stage learns something else first; then nothing is validated."""

    def settle(self, model: nn.Module, form: Form, train: Sequence[Row], valid: Sequence[Row], seed: int) -> None:
        """What is computed once the weights stand still: a head in closed form, say."""

    def save(self, model: nn.Module, folder: Path) -> None:
        """Write what `insert` added and plain `model/` cannot hold; nothing when there is no such thing."""

    def load(self, model: nn.Module, folder: Path) -> nn.Module:
        """`insert` and fill from what `save` wrote."""

    def plain(self, model: nn.Module) -> nn.Module:
        """The model without what `insert` added (trained, where it moved); shares its tensors, and `model` stays as it is."""

    def merged(self, model: nn.Module) -> nn.Module | None:
        """The model that answers the same with nothing inserted; None where that cannot be. `model` itself is used up."""
