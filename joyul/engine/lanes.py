"""The rows of an update on several processor cores at once, a part of them on each.

One core after another inside each operation gains little where operations are small: they wait for each other a thousand times an
update. Here every core takes rows of its own through the whole model and back, and the gradients are added once. Which rows go
together depends on their lengths alone and sums are taken in the order of the lanes, so that a run repeats bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Protocol, TypeVar

import torch
from torch import nn

from joyul.contracts import Form, Row
from joyul.engine.batches import mixed
from joyul.engine.device import device, processes

LEAST = 128  # tokens of a lane: with fewer, what every lane does once weighs more than what they share
Done = TypeVar("Done")


class Long(Protocol):
    """What has so many tokens."""

    @property
    def length(self) -> int:
        """How many."""


Work = TypeVar("Work", bound=Long)


class Lanes:
    """As many threads as torch may use, for work that is cut by rows."""

    def __init__(self, count: int) -> None:
        self.threads = torch.get_num_threads()
        self._pool = ThreadPoolExecutor(count, "lane") if count > 1 else None
        self.count = count

    def deal(self, rows: Sequence[Work]) -> list[list[Work]]:
        """Rows for each lane, about the same number of tokens: the longest first, each to the lane with the fewest so far."""
        count = max(1, min(self.count, len(rows), sum(row.length for row in rows) // LEAST))
        lanes: list[list[Work]] = [[] for _ in range(count)]
        tokens = [0] * count
        for row in sorted(rows, key=lambda row: -row.length):
            lane = tokens.index(min(tokens))
            lanes[lane].append(row)
            tokens[lane] += row.length
        return lanes

    def each(self, work: Sequence[Callable[[], Done]]) -> list[Done]:
        """Do all of it at once, each on its share of the cores. Raises what the first of them raised, once all have ended."""
        assert self._pool is not None
        share = max(1, self.threads // len(work))

        def alone(task: Callable[[], Done]) -> Done:
            torch.set_num_threads(share)  # of this thread
            return task()

        futures: list[Future[Done]] = [self._pool.submit(alone, task) for task in work]
        wait(futures)
        return [future.result() for future in futures]

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()


@contextmanager
def lanes(model: nn.Module, form: Form, rows: Sequence[Row]) -> Iterator[Lanes]:
    """Lanes for training `model` on `rows`: as many as there are cores, or a single one where rows cannot go apart."""
    made = Lanes(torch.get_num_threads() if separable(model, form, rows) else 1)
    try:
        yield made
    finally:
        made.close()


def separable(model: nn.Module, form: Form, rows: Sequence[Row]) -> bool:
    """Whether threads may share the model: on one CPU, where no pass changes it or draws from torch's one stream of numbers."""
    if device().type != "cpu" or processes().num_processes > 1 or not rows:
        return False
    if any(getattr(module, "gradient_checkpointing", False) for module in model.modules()):
        return False  # what is computed twice begins at the state of that stream
    before, patched = torch.default_generator.get_state(), _patched(model)
    changed: list[bool] = []
    hook = model.register_forward_pre_hook(lambda *_: changed.append(_patched(model) != patched))
    modes = {module: module.training for module in model.modules()}
    model.train()
    try:
        with torch.no_grad():
            form.losses(model, form.collate(mixed(rows)))
    finally:
        hook.remove()
        for module, mode in modes.items():
            module.training = mode
    drawn = not torch.equal(before, torch.default_generator.get_state())
    torch.default_generator.set_state(before)
    return not drawn and not any(changed)


def _patched(model: nn.Module) -> list[object]:
    """What stands in for the `forward` of modules now."""
    return [vars(module).get("forward") for module in model.modules()]
