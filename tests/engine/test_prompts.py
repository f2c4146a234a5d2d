"""Many prompts at once: each comes out as alone, on every architecture; and what breaks that."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from joyul.bases.load import load_model, open_base
from joyul.contracts import Example, Form, ParameterGroup, Row, Setting, Step
from joyul.engine import loop, prompts
from joyul.engine.dropout import Masks
from joyul.engine.evaluate import validator
from joyul.engine.loop import Plan
from joyul.engine.mix import Mix, Portion
from joyul.engine.optimise import optimizer
from joyul.engine.per_row import PerRow
from joyul.engine.placement import placed
from joyul.engine.prompts import Prompts, Start
from joyul.forms.default import Default
from joyul.forms.tags import Tags
from joyul.methods import METHODS
from joyul.recipe.settings import RunSettings, StageSettings
from joyul.tasks.classify import Classify
from joyul.tasks.tag import Tag
from tests import tiny

ARCHITECTURES = ("bert", "gpt2", "distilbert", "llama", "roberta", "deberta-v2", "modernbert")
RATES = (1e-3, 3e-2)
FOLDS = (slice(0, 7), slice(4, 13))  # of 7 and 9 rows: updates end with fewer, and not of both at once


@pytest.fixture(autouse=True)
def _no_collections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every training looks through all objects once, those of the whole suite here."""
    monkeypatch.setattr(gc, "collect", lambda: 0)


class Case:
    """A tiny random model with a prompt in it and a head; two folds, each with a seed and a start of its own, at two rates."""

    def __init__(
        self, folder: Path, architecture: str = "bert", method: str = "soft_prompt", dropout: float = 0.3, double: bool = True,
        task: str = "classify", **settings: Any,
    ) -> None:  # fmt: skip
        tiny.save(folder, architecture, "AutoModel")
        files = open_base(str(folder))
        texts = [" ".join([text] * (1 + n % 3)) for n, text in enumerate(tiny.TEXTS)]
        tags = [["M" if word in ("good", "bad") else "O" for word in text.split()] for text in texts]
        learned: Any = Tag.learn(tags) if task == "tag" else Classify(("a", "b", "c"))
        self.form: Form = (Tags if task == "tag" else Default)(Setting(learned, files.tokenizer, files.architecture, 40))
        targets: Any = tags if task == "tag" else ["abc"[n % 3] for n in range(len(texts))]
        pairs = enumerate(zip(texts, targets, strict=True))
        self.rows = self.form.encode([Example(f"r:{n}", {"text": text}, target) for n, (text, target) in pairs])
        model = load_model(files, self.form.auto_class, learned.labels, seed=1, dropout=dropout, target=learned.target_type)
        with torch.no_grad():
            for parameter in model.parameters():  # a small random one hears nothing of its input
                parameter.mul_(3.0 if parameter.ndim > 1 else 1.0)
        given = StageSettings(**{"prompt_length": 3, "reparametrisation": "none", "prompt_init": "vocabulary", **settings})
        made: Any = METHODS[method](RunSettings(), given)
        torch.manual_seed(5)
        inserted = made.insert(model, self.form)
        self.model: nn.Module = inserted.double() if double else inserted
        self.groups: list[ParameterGroup] = list(made.moves(self.model))
        self.plan = Plan(epochs=2, learning_rate=0.0, batch_size=3, weight_decay=0.1, label_smoothing=0.1, clip=0.5)
        self.named = {name: one for group in self.groups for name, one in group.parameters.items()}
        torch.manual_seed(7)
        self.starts = [self.start(number, fold, rate) for number, fold in enumerate(FOLDS) for rate in RATES]

    def start(self, number: int, fold: slice, rate: float) -> Start:
        weights = {name: one.detach() + 0.05 * torch.randn_like(one) for name, one in self.named.items()}
        return Start(self.rows[fold], replace(self.plan, seed=3 + number, learning_rate=rate), weights)

    @property
    def held(self) -> list[Row]:
        return self.rows[13:]

    def alone(self, start: Start) -> tuple[dict[str, Tensor], list[Step]]:
        with torch.no_grad():
            for name, value in start.weights.items():
                self.named[name].copy_(value)
        check = validator(self.model, self.form, self.held)
        steps = list(loop.train(self.model, self.form, start.rows, self.groups, start.plan, check))
        return {name: one.detach().clone() for name, one in self.named.items()}, steps

    def at_once(self, starts: list[Start] | None = None) -> tuple[Prompts, list[list[Step]]]:
        made = prompts.at_once(self.model, self.form, self.groups, starts or self.starts)
        assert made is not None
        return made, trained(self, made)

    def apart(self) -> float:
        """How far the prompts come out from what each is alone."""
        return apart([self.alone(start) for start in self.starts], *self.at_once())


def trained(case: Case, made: Prompts) -> list[list[Step]]:
    check, steps = validator(case.model, case.form, case.held), [[] for _ in made.all]  # type: ignore[var-annotated]

    def evaluate(prompt: Any) -> Any:
        made.show(prompt)
        return check()

    for prompt, step in made.train(evaluate):
        steps[prompt.number].append(step)
    return steps


def apart(alone: list[tuple[dict[str, Tensor], list[Step]]], made: Prompts, steps: list[list[Step]]) -> float:
    """The largest difference of a parameter as a share of its norm, and of a loss, rate, gradient norm or score as it is."""
    worst = 0.0
    for prompt, (weights, theirs) in zip(made.all, alone, strict=True):
        own = prompt.group.parameters
        worst = max([worst, *(float((value - own[name].detach()).norm() / value.norm()) for name, value in weights.items())])
        for one, other in zip(steps[prompt.number], theirs, strict=True):
            keys = ("loss", "learning_rate", "gradient_norm", "epoch")
            worst = max([worst, *(abs(getattr(one, key) - getattr(other, key)) for key in keys)])
            assert (one.rows, one.tokens, one.step, one.valid is None) == (other.rows, other.tokens, other.step, other.valid is None)
            worst = max([worst, *(abs((one.valid or {})[key] - value) for key, value in (other.valid or {}).items())])
    return worst


@pytest.mark.parametrize("architecture", [*ARCHITECTURES[:2], *(pytest.param(one, marks=pytest.mark.slow) for one in ARCHITECTURES[2:])])
def test_each_prompt_comes_out_as_alone(architecture: str, tmp_path: Path) -> None:
    assert Case(tmp_path, architecture).apart() < 1e-9


@pytest.mark.parametrize("method", ["prefix", pytest.param("p_tuning", marks=pytest.mark.slow)])
def test_so_do_prefixes_and_what_a_network_makes(method: str, tmp_path: Path) -> None:
    """Attention of a prefix drops out too: what each row would have lost by itself."""
    through = "residual" if method == "p_tuning" else "none"
    assert Case(tmp_path, method=method, reparametrisation=through).apart() < 1e-9


def test_in_fp32_and_for_tags(tmp_path: Path) -> None:
    assert Case(tmp_path / "one", double=False).apart() < 1e-5
    assert Case(tmp_path / "tags", task="tag").apart() < 1e-5, "its loss is one in fp32"


@pytest.mark.parametrize(("method", "architecture"), [("soft_prompt", "bert"), pytest.param("prefix", "gpt2", marks=pytest.mark.slow)])
def test_prompts_of_several_lengths(method: str, architecture: str, tmp_path: Path) -> None:
    """Where the model has the longest; a shorter one ends as in a model whose prompt is that short."""
    case = Case(tmp_path, architecture, method, dropout=0.0)
    starts = [replace(one, weights={name: shortened(name, value, n) for name, value in one.weights.items()}) for n, one in enumerate(case.starts)]
    made, steps = case.at_once(starts)
    alone = []
    for start in starts:
        for name, own in case.named.items():
            own.data = start.weights[name].clone()
        if method == "prefix":
            placed(case.model).before = next(len(value) for name, value in start.weights.items() if name.endswith("start"))
        alone.append(case.alone(start))
    assert len({value.shape for weights, _ in alone for name, value in weights.items() if name.endswith("start")}) == 2
    assert apart(alone, made, steps) < 1e-9


def shortened(name: str, value: Tensor, number: int) -> Tensor:
    """Vectors of every other prompt without the first."""
    return value[number % 2 :] if name.endswith("start") else value


def test_what_would_break_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompts that read their neighbour's vectors, move by its gradient or at its rate, or drop what it drops, do not pass.

    What the gradients show is found before anything is trained.
    """
    begun, seed, gradients = PerRow.__init__, prompts.dropout_seed, Prompts._pass

    def swapped(self: Any, model: Any, groups: Any, starts: Any) -> None:
        begun(self, model, groups, starts)
        owned = self._vectors
        self._vectors = lambda place, own: lambda: owned(place, own)().flip(0)

    def exchanged(self: Any, portions: Any, precision: str) -> Any:
        found = gradients(self, portions, precision)
        return dict(zip(found, [*found.values()][::-1], strict=True))

    breaks: dict[str, tuple[Any, str, Any]] = {
        "vectors": (PerRow, "__init__", swapped),
        "gradients": (Prompts, "_pass", exchanged),
        "dropout": (prompts, "dropout_seed", lambda plan, done, lane: seed(replace(plan, seed=0), done, lane)),
        "rates": (prompts, "optimizer", lambda groups, rate, decay: optimizer(groups, RATES[0] + RATES[1] - rate, decay)),
    }
    case = Case(tmp_path)
    alike = [replace(start, rows=case.rows[:7]) for start in case.starts]  # as many rows each, or the exchange would be seen
    alone = [case.alone(start) for start in alike]
    assert apart(alone, *case.at_once(alike)) < 1e-9
    for name, broken in breaks.items():
        with monkeypatch.context() as patch:
            patch.setattr(*broken)
            found = prompts.at_once(case.model, case.form, case.groups, alike)
            assert (found is None) == (name in ("vectors", "gradients")), name
            patch.setattr(Prompts, "agree", lambda self: True)
            assert apart(alone, *case.at_once(alike)) > 1e-4, name


def test_where_prompts_are_trained_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one is alone, where an update fills a pass, where activations are computed twice, where a part of a layer moves."""
    case = Case(tmp_path)

    def possible(groups: Any = case.groups, starts: Any = case.starts, **changes: Any) -> bool:
        changed = [replace(start, plan=replace(start.plan, **changes)) for start in starts]
        return prompts.at_once(case.model, case.form, groups, changed) is not None

    assert possible() and not possible(starts=case.starts[:1]) and not possible(batch_size=64)
    part = [replace(case.groups[1], parameters=dict(list(case.groups[1].parameters.items())[:1]))]
    assert not possible([case.groups[0], *part])
    monkeypatch.setattr(case.model, "gradient_checkpointing", True, raising=False)
    assert not possible()


def test_a_loss_that_is_no_number_ends_one_prompt_alone(tmp_path: Path) -> None:
    case = Case(tmp_path)
    made = prompts.at_once(case.model, case.form, case.groups, case.starts)
    assert made is not None
    with torch.no_grad():
        next(iter(made.all[1].group.parameters.values())).fill_(float("nan"))
    steps = trained(case, made)
    assert made.broken == {made.all[1]} and [len(found) for found in steps] == [6, 0, 6, 6]
    assert all(bool(one.isfinite().all()) for prompt in made.all if prompt.number != 1 for one in prompt.group.parameters.values())


def test_out_of_memory_each_goes_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass over rows of several finds no memory: what is trained stays the same."""
    case = Case(tmp_path)
    really, refused = Prompts._pass, []

    def full(self: Any, portions: Any, precision: str) -> Any:
        if len(portions) > 1 and made is not None:
            refused.append(len(portions))
            raise MemoryError
        return really(self, portions, precision)

    made: Prompts | None = None
    monkeypatch.setattr(Prompts, "_pass", full)
    made = prompts.at_once(case.model, case.form, case.groups, case.starts)
    assert made is not None and apart([case.alone(start) for start in case.starts], made, trained(case, made)) < 1e-9
    assert refused == [4]


def test_a_prompt_for_each_row_answers(tmp_path: Path) -> None:
    """Rows of one batch under the prompt and the head of each: the answers of each alone."""
    case = Case(tmp_path)
    own = PerRow(case.model, case.groups, [start.weights for start in case.starts])
    portions = [Portion(number, case.rows[number::4], Masks(), 1.0) for number in range(4)]
    case.model.eval()
    with torch.no_grad(), own.standing():
        mix = Mix(portions)
        batch = case.form.collate(mix.rows)
        with own.over(mix):
            found = mix.parts(case.model(**batch.inputs).logits)
        for portion, logits in zip(portions, found, strict=True):
            own.show(portion.candidate)
            alone = case.model(**case.form.collate(portion.rows).inputs).logits
            assert torch.allclose(logits, alone, atol=1e-9)
            assert torch.allclose(logits, found[0][: len(logits)], atol=1e-3) == (portion.candidate == 0), "they answer differently"
