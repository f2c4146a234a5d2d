"""What the first stages of a chain came to, kept for the chains that begin alike: a comparison trains nothing twice.

`full` and `full+soft_prompt` train the same thing first. Its Steps and weights are kept where it ends; the chain that comes later
counts them as if it had trained itself, seconds included. Taken is only what would come out the same to the bit: equal settings,
rows, tokens and weights to start from.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from joyul.contracts import Row, Step
from joyul.engine import device


@dataclass(frozen=True)
class End:
    """Where a stage ended: the Steps so far, the Forms chosen, the most memory taken, the weights (in an unnamed file).

    Weights that are not there stand in the model as they are.
    """

    steps: Sequence[Step]
    chosen: Sequence[dict[str, Any] | None]
    peak: int
    weights: IO[bytes]

    @torch.no_grad()
    def fill(self, model: nn.Module) -> None:
        """Put the weights into a model that has all that the stages inserted."""
        self.weights.seek(0)
        unknown = model.load_state_dict(load(self.weights.read()), strict=False).unexpected_keys
        assert not unknown, unknown


@dataclass
class Ends:
    """The ends of the first stages in `wanted` (their names), by what led there; their files lie in `folder`."""

    wanted: Collection[tuple[str, ...]] = ()
    folder: Path | None = None
    kept: dict[str, End] = field(default_factory=dict)

    def begin(self, methods: Sequence[str]) -> bool:
        """Whether stages of these names may share their first ones with other chains."""
        return any(tuple(methods[: len(names)]) == names for names in self.wanted)


@dataclass(frozen=True)
class Trail:
    """The stages of one run, by name, and what leads to the end of each, by `digests` (none: it shares nothing)."""

    ends: Ends
    methods: Sequence[str] = ()
    digests: Sequence[str] = ()

    def taken(self) -> End | None:
        """Where the most of its stages but the last have ended in another run."""
        known = [digest for digest in self.digests[:-1] if digest in self.ends.kept]
        return self.ends.kept[known[-1]] if known else None

    def keep(self, model: nn.Module, steps: Sequence[Step], chosen: Sequence[dict[str, Any] | None]) -> None:
        """Keep the end of the stage that has just ended, where it is wanted. Without room on the disk it is computed again."""
        done = len(chosen)
        if tuple(self.methods[:done]) not in self.ends.wanted or self.digests[done - 1] in self.ends.kept:
            return
        end = ended(steps, chosen, model.state_dict(), self.ends.folder)
        if end is not None:
            self.ends.kept[self.digests[done - 1]] = end


def ended(
    steps: Sequence[Step], chosen: Sequence[dict[str, Any] | None], weights: Mapping[str, Tensor], folder: Path | None
) -> End | None:
    """An End whose file lies in `folder`; None without room on the disk."""
    with suppress(OSError):
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the End
        file.write(save({name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}))
        return End(list(steps), list(chosen), device.peak(), file)
    return None


def digests(settings: Sequence[Mapping[str, Any]], grounds: Mapping[str, Any], rows: Iterable[Row]) -> Iterator[str]:
    """One a stage: of its settings, of those of the stages before, and of all they stand on."""
    digest = hashlib.sha256(repr(sorted(grounds.items())).encode())
    for row in rows:
        digest.update(repr((row.id, row.target, row.weight, sorted(row.tokens.items()))).encode())
    for stage in settings:
        digest.update(repr(sorted(stage.items())).encode())
        yield digest.hexdigest()
