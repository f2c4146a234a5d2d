"""What a finished model answers on the validation and the test rows, and what a row costs.

The runs of a comparison answer the same test rows. As far as the lowest layers are still those of the base, the states that
leave them are the same for all of these runs: computed by the first (`engine.trunk`), taken from the store by the others. What a
row costs is timed without that, for whoever uses a result has no such store.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from transformers import PreTrainedModel

from joyul.bases.facts import report_cut
from joyul.contracts import Example, ParameterGroup, Row
from joyul.engine.evaluate import Evaluation, evaluate
from joyul.engine.frozen import frozen_layers
from joyul.engine.trunk import frozen_trunk
from joyul.methods.chain import Data, Tuned, encode
from joyul.notes import Notes

TIMED = 64  # test rows that tell what a row costs, where the others' states are shared


@dataclass
class _Pace:
    seconds: float = 0.0
    rows: int = 0

    @contextmanager
    def over(self, rows: Sequence[object]) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds, self.rows = self.seconds + time.perf_counter() - started, self.rows + len(rows)

    @property
    def each(self) -> float:
        return self.seconds / self.rows


def answers(
    tuned: Tuned, data: Data, test: Sequence[Example], most: int | None, notes: Notes
) -> tuple[dict[str, Evaluation], float | None]:  # fmt: skip
    """Validation, then the test rows: read here, once. And the seconds a row takes, tokenising included.

    `most`: rows computed at once.
    """
    encoding, predicting = _Pace(), _Pace()
    rows: dict[str, Sequence[Row]] = {}
    for name, examples in (("valid", data.valid), ("test", test)):
        if examples:
            with encoding.over(examples):
                rows[name] = encode(tuned.form, examples, notes)
    tested = rows.get("test", ())
    report_cut(tested, tuned.form.setting.max_length, notes)
    moved = _moved(tuned) if tested and data.tested is not None else None
    found = {}
    for name, some in (rows if moved is None else {**rows, "test": tested[:TIMED]}).items():
        with predicting.over(some):
            found[name] = evaluate(tuned.model, tuned.form, some, notes, most)
    if moved is not None and data.tested is not None:
        with frozen_trunk(tuned.model, tuned.form, [moved], (), tested, "fp32", data.tested, notes) as (form, _, spliced):
            found["test"] = evaluate(tuned.model, form, spliced, notes, most)
    return found, encoding.each + predicting.each if found else None


def _moved(tuned: Tuned) -> ParameterGroup | None:
    """All that moved, where layers lie below it; None where none do, or where it was merged into the layers."""
    if not any(isinstance(module, PreTrainedModel) for module in tuned.model.modules()):
        return None
    named = {name: parameter for name, parameter in tuned.model.named_parameters() if name in tuned.trainable}
    moved = ParameterGroup("moved", named)
    return moved if len(named) == len(tuned.trainable) and frozen_layers(tuned.model, [moved]) else None
