"""What a comparison is made of: the draws of the labelled rows, the lines of the table, and what each run answered."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from joyul.contracts import Prediction, Task

if TYPE_CHECKING:
    from joyul.data.gather import Gathered
    from joyul.methods.sweep import Tried

Size = int | None  # labelled rows a class; None: all of them
Part = Literal["valid", "test"]
PLAIN = ("majority", "lexicon")  # baselines that ignore the text: they are reported, never tested


@dataclass(frozen=True)
class Draw:
    """One draw of the labelled rows (or one fold) at one size, numbered from 1. `seed` chose its rows."""

    number: int
    seed: int
    size: Size
    gathered: Gathered

    @property
    def name(self) -> str:
        """As folders are called: `draw-2`, `draw-2-shots-16`."""
        return f"draw-{self.number}" + (f"-shots-{self.size}" if self.size else "")


@dataclass(frozen=True)
class Entry:
    """A line of the table: a method on a base. `shared`: whether other bases stand in the table too.

    `control` is the chain whose time the method was given, `rate` the learning rate that is tried instead of the usual one.
    """

    method: str
    base: str
    shared: bool = False
    baseline: bool = False
    control: str | None = None
    rate: float | None = None

    @property
    def name(self) -> str:
        """How it is called: the method, its base where there are several, and whose time it had."""
        own = f"{self.method} ({Path(self.base).name})" if self.shared else self.method
        own = f"{own} [as long as {self.control}]" if self.control else own
        return own if self.rate is None else f"{own} at {self.rate:g}"

    @property
    def folder(self) -> str:
        """Where its runs lie under methods/."""
        plain = f"{self.base}-{self.method}" if self.shared else self.method
        plain = f"{plain}-as-long-as-{self.control}" if self.control else plain
        return re.sub(r"[^\w.+-]+", "-", plain if self.rate is None else f"{plain}-at-{self.rate:g}").strip("-.")


@dataclass(frozen=True)
class Answers:
    """Rows of one split, what was right and what was said. `groups` say which rows belong together, where that is known."""

    ids: tuple[str, ...]
    targets: tuple[Any, ...]
    predictions: tuple[Prediction, ...]
    groups: tuple[Hashable, ...] | None = None

    @property
    def values(self) -> list[Any]:
        """The predictions as the metrics take them."""
        return [prediction.value for prediction in self.predictions]

    def score(self, task: Task) -> float:
        """The task's one number."""
        return task.metrics(self.targets, self.values)[task.metric]


@dataclass(frozen=True)
class Outcome:
    """What one run came to. `costs` are those of metrics.json."""

    entry: Entry
    draw: Draw
    seed: int
    valid: Answers
    test: Answers | None
    costs: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None


@dataclass(frozen=True)
class Swept:
    """What the tries of one seed come to, and the seed's share of the seconds."""

    tries: Sequence[Tried]
    seconds: float


@dataclass
class Done:
    """All that was done: outcomes at every size, the draws that count, and why an entry has none."""

    draws: Sequence[Draw]
    outcomes: list[Outcome] = field(default_factory=list)
    failures: dict[Entry, str] = field(default_factory=dict)

    @property
    def largest(self) -> Sequence[Outcome]:
        """The outcomes that decide: those of the largest size."""
        return [outcome for outcome in self.outcomes if outcome.draw.size == self.draws[0].size]

    @property
    def part(self) -> Part:
        """The rows that scores are reported on."""
        return "test" if self.draws[0].gathered.splits.test else "valid"
