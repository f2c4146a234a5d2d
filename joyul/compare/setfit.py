"""SetFit (Tunstall et al., 2022) as it comes, where it is installed: a peer on the same rows, whose answers alone are kept."""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from joyul.bases.load import open_base
from joyul.contracts import Example
from joyul.errors import DoesNotFit
from joyul.messages import words

if TYPE_CHECKING:
    from joyul.compare.baselines import Answer, Work

NAME = "setfit"
MOST_ROWS = 1000  # its pairs grow with the square of the rows


def installed() -> bool:
    """Whether there is a SetFit to compare with."""
    return find_spec(NAME) is not None


def setfit(work: Work) -> Answer:
    """Trained with its own defaults on the training rows. Raises DoesNotFit for what it has no pairs of."""
    reason = _why_not(work)
    if reason is not None:
        raise DoesNotFit("method_does_not_fit", method=NAME, task=work.task.name, reason=reason)
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    task, train = work.task, work.data.train
    targets = [task.encode(example.target, example.id) for example in train]
    rows = Dataset.from_dict({"text": [example.inputs["text"] for example in train], "label": targets})
    with tempfile.TemporaryDirectory() as folder, _quiet():
        model = SetFitModel.from_pretrained(str(open_base(work.recipe.run.base).source.path), local_files_only=True)
        plan = TrainingArguments(
            output_dir=folder, seed=work.recipe.run.seed, report_to="none", save_strategy="no", eval_strategy="no",
            show_progress_bar=False,
        )  # fmt: skip
        Trainer(model=model, args=plan, train_dataset=rows).train()

    def answer(examples: Sequence[Example]) -> list[Any]:
        with _quiet():
            said = model.predict([example.inputs["text"] for example in examples], show_progress_bar=False)
        return [task.decode(int(label)) for label in said]

    return answer


def _why_not(work: Work) -> str | None:
    if work.task.target_type != "label":
        return words("form_needs_label", form=NAME, task=work.task.name)
    if "text_pair" in work.gathered.columns.roles:
        return words("setfit_single")
    return words("setfit_many", rows=len(work.data.train), most=MOST_ROWS) if len(work.data.train) > MOST_ROWS else None


@contextmanager
def _quiet() -> Iterator[None]:
    """What it prints while it works stays out of our own messages."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
