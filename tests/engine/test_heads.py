"""Many heads at once: each comes out as alone, on every architecture with a head; and what breaks that."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from joyul.bases.anatomy import head_names, inner
from joyul.bases.load import load_model, open_base
from joyul.contracts import Example, ParameterGroup, Setting, Step
from joyul.engine import heads, loop
from joyul.engine.evaluate import validator
from joyul.engine.heads import Heads, Strand
from joyul.engine.loop import Plan
from joyul.engine.optimise import StackedAdamW
from joyul.engine.stack import Stack
from joyul.engine.store import Stores
from joyul.engine.trunk import frozen_trunk
from joyul.forms.default import Default
from joyul.notes import Notes
from joyul.tasks.classify import Classify
from tests import tiny

ARCHITECTURES = (  # a head of its own each; the first four by default
    "bert", "roberta", "distilbert", "gpt2", "electra", "deberta-v2", "llama", "xlm-roberta", "modernbert", "mistral", "qwen3", "opt",
    "gemma3",
)  # fmt: skip
RATES = (1e-3, 3e-2)
FOLDS = (slice(0, 11), slice(7, 20))  # of 11 and 13 rows: the last update of an epoch has fewer, and not of both as many


@pytest.fixture(autouse=True)
def _no_collections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every training looks through all objects once, those of the whole suite here."""
    monkeypatch.setattr(gc, "collect", lambda: 0)


class Case:
    """A tiny random model under a head with dropout, its frozen layers computed once; two folds, each with a seed of its own."""

    def __init__(self, folder: Path, architecture: str = "bert", double: bool = True, many: bool = False) -> None:
        tiny.save(folder, architecture, "AutoModel")
        files = open_base(str(folder))
        labels: Any = [["a"], ["b", "c"], ["a", "c"]] if many else ["a", "b", "c"]
        task = Classify.learn([*labels])
        self.form = Default(Setting(task, files.tokenizer, files.architecture, 40))
        rows = self.form.encode([Example(f"r:{n}", {"text": tiny.TEXTS[n % 16]}, labels[n % 3]) for n in range(24)])
        if architecture in (*tiny.DECODERS, "gemma3"):  # their last token is padding to them, and then not the one they read
            rows = [replace(row, tokens={name: values[:-1] for name, values in row.tokens.items()}) for row in rows]
        self.rows = rows
        model = load_model(files, self.form.auto_class, task.labels, seed=1, dropout=0.3, target=task.target_type)
        self.model: Any = model.double() if double else model
        named = dict(inner(self.model).named_parameters())
        self.groups = [ParameterGroup("head", {name: named[name] for name in head_names(inner(self.model))})]
        self.plan = Plan(epochs=2, learning_rate=0.0, batch_size=4, weight_decay=0.1, label_smoothing=0.1, clip=0.05)
        self.start = {name: one.detach().clone() for name, one in self.groups[0].parameters.items()}
        torch.manual_seed(7)
        self.starts = [{name: one + 0.05 * torch.randn_like(one) for name, one in self.start.items()} for _ in FOLDS]

    @contextmanager
    def spliced(self) -> Iterator[tuple[Any, list[Strand], Any]]:
        with frozen_trunk(self.model, self.form, self.groups, self.rows, self.rows, "fp32", Stores(), Notes()) as (form, rows, held):
            yield form, [Strand(rows[fold], 3 + n, start) for n, (fold, start) in enumerate(zip(FOLDS, self.starts, strict=True))], held

    def put(self, start: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, value in start.items():
                self.groups[0].parameters[name].copy_(value)

    def alone(self, form: Any, strand: Strand, rate: float, held: Any) -> tuple[dict[str, Tensor], list[Step]]:
        self.put(dict(strand.start))
        plan = replace(self.plan, learning_rate=rate, seed=strand.seed)
        check = validator(self.model, form, held)
        steps = list(loop.train(self.model, form, strand.rows, self.groups, plan, check))
        return {name: one.detach().clone() for name, one in self.groups[0].parameters.items()}, steps

    def at_once(self, form: Any, strands: list[Strand], held: Any, broken: Callable[[], None] = lambda: None) -> tuple[Heads, dict[Any, list[Step]]]:
        self.put(self.start)
        made = heads.at_once(self.model, form, self.groups, strands, RATES, self.plan)
        assert made is not None
        broken()
        check, steps = validator(self.model, form, held), {head: [] for head in made.all}  # type: ignore[var-annotated]

        def evaluate(head: Any) -> Any:
            made.show(head)
            return check()

        for head, step in made.train(evaluate):
            steps[head].append(step)
        return made, steps

    def each(self, form: Any, strands: list[Strand], held: Any) -> list[tuple[dict[str, Tensor], list[Step]]]:
        return [self.alone(form, strand, rate, held) for strand in strands for rate in RATES]

    def apart(self) -> float:
        """How far the heads come out from what each is alone."""
        with self.spliced() as (form, strands, held):
            return apart(self.each(form, strands, held), *self.at_once(form, strands, held))


def apart(alone: list[tuple[dict[str, Tensor], list[Step]]], made: Heads, steps: dict[Any, list[Step]]) -> float:
    """The largest difference of a parameter as a share of its norm, and of a loss, rate, gradient norm or score as it is."""
    worst = 0.0
    for head, (weights, theirs) in zip(made.all, alone, strict=True):
        worst = max([worst, *(float((value - head.group.parameters[name]).norm() / value.norm()) for name, value in weights.items())])
        for one, other in zip(steps[head], theirs, strict=True):
            keys = ("loss", "learning_rate", "gradient_norm", "epoch")
            worst = max([worst, *(abs(getattr(one, key) - getattr(other, key)) for key in keys)])
            assert (one.rows, one.tokens, one.step, one.valid is None) == (other.rows, other.tokens, other.step, other.valid is None)
            worst = max([worst, *(abs((one.valid or {})[key] - value) for key, value in (other.valid or {}).items())])
    return worst


@pytest.mark.parametrize("architecture", [*ARCHITECTURES[:4], *(pytest.param(one, marks=pytest.mark.slow) for one in ARCHITECTURES[4:])])
def test_each_head_comes_out_as_alone(architecture: str, tmp_path: Path) -> None:
    assert Case(tmp_path, architecture).apart() < 1e-9


def test_in_fp32_and_with_many_labels(tmp_path: Path) -> None:
    assert Case(tmp_path / "one", double=False).apart() < 1e-5
    assert Case(tmp_path / "many", many=True).apart() < 1e-5, "a loss over many labels is one in fp32"


def test_what_would_break_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that reads its neighbour's rows, moves at its rate, drops what it drops, or is clipped as it is, does not pass."""
    step, laid_out, seed = StackedAdamW.step, heads.laid_out, heads.dropout_seed
    breaks: dict[str, tuple[Any, str, Any]] = {
        "rows": (heads, "laid_out", lambda form, stack, rows, *rest: laid_out(form, stack, rows[::-1], *rest)),
        "rate": (StackedAdamW, "step", lambda self, rates, shares: step(self, rates.flip(0), shares)),
        "clipping": (StackedAdamW, "step", lambda self, rates, shares: step(self, rates, shares.flip(0))),
        "dropout": (heads, "dropout_seed", lambda plan, done, lane: seed(replace(plan, seed=0), done, lane)),
    }
    case = Case(tmp_path)
    with case.spliced() as (form, strands, held):
        alike = [replace(strand, rows=[*strand.rows][:11]) for strand in strands]  # as many rows each, or the exchange would be seen
        alone = case.each(form, alike, held)
        assert apart(alone, *case.at_once(form, alike, held)) < 1e-9
        for name, broken in breaks.items():
            with monkeypatch.context() as patch:
                assert apart(alone, *case.at_once(form, alike, held, partial(patch.setattr, *broken))) > 1e-4, name


def test_where_heads_are_trained_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where rows are cut within an update, and where the stack does not answer like its heads."""
    case = Case(tmp_path)
    with case.spliced() as (form, strands, _):

        def possible(**changes: Any) -> bool:
            plan = replace(case.plan, **changes)
            return heads.at_once(case.model, form, case.groups, strands, RATES, plan) is not None

        assert possible() and possible(micro_batch=4) and not possible(micro_batch=2) and not possible(batch_size=256)
        assert heads.at_once(case.model, case.form, case.groups, strands, RATES, case.plan) is None, "the whole model is read"
        linear = Stack._linear
        monkeypatch.setattr(Stack, "_linear", lambda self, layer, names: lambda x: linear(self, layer, names)(x.flip(0)))
        assert not possible()
