"""The loop against transformers' Trainer, and against itself cut in other ways."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import SequentialSampler
from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

from joyul.bases.load import load_model, open_base
from joyul.contracts import Batch, Row, Step
from joyul.engine.batches import order
from joyul.engine.loop import NonFiniteLoss, Plan, train
from joyul.forms.default import Default
from joyul.methods.full import Full
from tests import tiny

LABELS = ("no", "yes")


def model_of(base: str) -> nn.Module:
    return load_model(open_base(base), "AutoModelForSequenceClassification", LABELS, seed=0, dropout=0.0)


def steps_of(model: nn.Module, form: Default, rows: Sequence[Row], **settings: Any) -> list[Step]:
    plan = Plan(**{"epochs": 2, "learning_rate": 1e-3, "batch_size": 16, "seed": 3, **settings})
    return list(train(model, form, rows, Full().moves(model), plan))


class InOrder(Trainer):
    """Takes the rows as they lie, so that both sides see the same updates."""

    def _get_train_sampler(self, *arguments: Any) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)


@pytest.mark.parametrize("accumulation", [1, 4])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_losses_equal_those_of_the_trainer(
    base: str, form: Default, encoded: list[Row], tmp_path: Path, accumulation: int, schedule: str
) -> None:
    """One epoch of five updates of 16 rows: the same losses, gradient norms and weights (fp32, dropout 0)."""
    ours = model_of(base)
    mine = steps_of(ours, form, encoded, epochs=1, schedule=schedule)
    theirs = model_of(base)
    rows = [
        {**dict(encoded[index].tokens), "labels": encoded[index].target} for index in order(len(encoded), seed=3, epoch=0)
    ]
    arguments = TrainingArguments(
        output_dir=str(tmp_path), per_device_train_batch_size=16 // accumulation, gradient_accumulation_steps=accumulation,
        num_train_epochs=1, learning_rate=1e-3, weight_decay=0.01, warmup_steps=0.1, lr_scheduler_type=schedule, logging_steps=1,
        logging_nan_inf_filter=False, report_to=[], use_cpu=True, save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    trainer = InOrder(theirs, arguments, DataCollatorWithPadding(form.setting.tokenizer), rows)
    # with accumulation transformers 5.23 adds up the means of a classifier's micro-batches instead of averaging them, because
    # the model's forward takes **kwargs while its loss does not use num_items_in_batch: four times the loss and the gradient
    trainer.model_accepts_loss_kwargs = False
    trainer.train()
    logged = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert len(mine) == len(logged) == 5
    assert [step.learning_rate for step in mine] == pytest.approx([entry["learning_rate"] for entry in logged], rel=1e-6)
    # the Trainer rounds what it logs to four significant digits; its weights do not
    assert [step.loss for step in mine] == pytest.approx([entry["loss"] for entry in logged], rel=1e-3)
    for (name, value), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(value, other, atol=1e-5), name


@pytest.mark.parametrize("micro_batch", [1, 3, 16])
def test_micro_batches_leave_the_update_as_it_is(base: str, form: Default, encoded: list[Row], micro_batch: int) -> None:
    """Gradients in float64 of one update, cut and whole: equal to 1e-9."""
    gradients = []
    for most in (micro_batch, None):
        model = model_of(base).double()
        captured: dict[str, Tensor] = {}
        for name, parameter in model.named_parameters():
            parameter.register_post_accumulate_grad_hook(partial(_keep, captured, name))
        next(iter(train(model, Wide(form), encoded, Full().moves(model), Plan(1, 1e-3, 16, clip=1e9, micro_batch=most))))
        gradients.append(captured)
    cut, whole = gradients
    assert cut.keys() == whole.keys()
    for name, gradient in whole.items():
        assert torch.allclose(cut[name], gradient, rtol=0, atol=1e-9), name


def _keep(captured: dict[str, Tensor], name: str, parameter: Tensor) -> None:
    assert parameter.grad is not None
    captured[name] = parameter.grad.clone()


class Wide:
    """The same Form with losses in float64."""

    def __init__(self, form: Default) -> None:
        self.form = form

    def __getattr__(self, name: str) -> Any:
        return getattr(self.form, name)

    def losses(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        logits = model(**batch.inputs).logits
        return Doubled(nn.functional.cross_entropy(logits, batch.targets, reduction="none"))


class Doubled(Tensor):
    """A tensor that `float()` leaves in float64."""

    @staticmethod
    def __new__(cls, values: Tensor) -> Any:
        return values.as_subclass(cls)

    def float(self) -> Any:  # type: ignore[override]
        return self


def test_rows_weigh_what_they_should(base: str, form: Default, encoded: list[Row]) -> None:
    """The loss of an update is torch's own weighted mean."""
    weights = torch.tensor([1.0, 3.0])
    weighted = [Row(r.id, r.tokens, r.target, weight=float(weights[r.target])) for r in encoded[:16]]
    model = model_of(base)
    with torch.no_grad():
        batch = form.collate(weighted)
        expected = nn.functional.cross_entropy(model.eval()(**batch.inputs).logits, batch.targets, weight=weights)
    assert steps_of(model, form, weighted, epochs=1)[0].loss == pytest.approx(float(expected), abs=1e-6)


def test_the_same_plan_gives_the_same_bits(base: str, form: Default, encoded: list[Row]) -> None:
    """Dropout on; a third run with another seed differs."""
    results = []
    for seed in (3, 3, 4):
        model = load_model(open_base(base), "AutoModelForSequenceClassification", LABELS, seed=0)
        steps = steps_of(model, form, encoded, seed=seed)
        results.append(([step.loss for step in steps], [p.detach().clone() for p in model.parameters()]))
    (first, weights), (again, same), (other, _) = results
    assert first == again
    assert all(torch.equal(a, b) for a, b in zip(weights, same, strict=True))
    assert first != other


def test_updates_have_exactly_batch_size_rows_and_every_row_once(base: str, form: Default, encoded: list[Row]) -> None:
    seen: list[str] = []
    spy = Spy(form, seen)
    model = model_of(base)
    steps = list(train(model, spy, encoded[:70], Full().moves(model), Plan(2, 1e-3, 32)))
    assert [step.rows for step in steps] == [32, 32, 6, 32, 32, 6]
    assert sorted(seen[:70]) == sorted(row.id for row in encoded[:70])
    assert seen[:70] != seen[70:]


class Spy:
    def __init__(self, form: Default, seen: list[str]) -> None:
        self.form, self.seen = form, seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self.form, name)

    def losses(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        if torch.is_grad_enabled():  # what is tried before training is no update
            self.seen += [row.id for row in batch.rows]
        return self.form.losses(model, batch, label_smoothing)


def test_seconds_add_up_and_validation_closes_each_epoch(base: str, form: Default, encoded: list[Row]) -> None:
    model = model_of(base)
    calls: Iterator[int] = iter(range(100))
    steps = list(
        train(model, form, encoded, Full().moves(model), Plan(2.5, 1e-3, 32), lambda: {"accuracy": next(calls), "loss": 0.0})
    )
    assert [step.step for step in steps if step.valid] == [3, 6, 8]
    assert [step.valid["accuracy"] for step in steps if step.valid] == [0, 1, 2]
    assert all(step.seconds > 0 and step.memory > 0 for step in steps)


def test_a_loss_that_is_not_finite_names_the_row_and_moves_nothing(base: str, form: Default, encoded: list[Row]) -> None:
    model = model_of(base)
    before = [parameter.detach().clone() for parameter in model.parameters()]

    class Broken(Spy):
        def losses(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
            losses = self.form.losses(model, batch)
            poison = torch.tensor([float("nan") if row.id == "rows:7" else 1.0 for row in batch.rows])
            return losses * poison

    with pytest.raises(NonFiniteLoss, match=r"rows:7\b"):
        list(train(model, Broken(form, []), encoded, Full().moves(model), Plan(1, 1e-3, len(encoded))))
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_bf16_learns_the_same_within_its_precision(base: str, form: Default, encoded: list[Row]) -> None:
    exact = [step.loss for step in steps_of(model_of(base), form, encoded)]
    rounded = [step.loss for step in steps_of(model_of(base), form, encoded, precision="bf16")]
    assert rounded == pytest.approx(exact, rel=0.05)
    assert rounded != exact


def test_tiny_models_are_what_they_say() -> None:
    assert tiny.config("bert", 10).hidden_size == tiny.WIDTH


def test_what_another_trainer_chose_for_the_process_is_no_hindrance() -> None:
    """transformers' Trainer in bf16 leaves a state of accelerate behind that refuses another choice."""
    code = (
        "from accelerate import Accelerator; Accelerator(mixed_precision='bf16', cpu=True)\n"
        "from joyul.engine.device import describe; print(describe())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("cpu", "cuda", "mps"))
