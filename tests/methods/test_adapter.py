"""Adapters against stock PEFT: the same training, the same files, the same outputs, merged or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers
from torch import nn

import joyul
from joyul.bases.anatomy import inner, layer_list, twin
from joyul.bases.load import load_model, open_base
from joyul.contracts import Example, Row, Setting
from joyul.engine.batches import order
from joyul.engine.loop import Plan, train
from joyul.errors import DoesNotFit, RunError, UsageError
from joyul.forms.default import Default
from joyul.methods.adapter import PeftAdapter
from joyul.recipe.adapters import ADAPTERS, CONV1D_TOO, REFUSED
from joyul.recipe.settings import StageSettings
from joyul.tasks.classify import Classify
from tests import tiny
from tests.bases.test_anatomy import CLASSIFIERS, build, inputs

LABELS = ("no", "yes")
TEXTS = ["the good film", "a dull story and a bad plot"]


def adapter(name: str = "lora", **settings: Any) -> PeftAdapter:
    return PeftAdapter(name, StageSettings(**{"rank": 4, "lora_alpha": 8, **settings}))


def stirred(model: nn.Module, method: PeftAdapter) -> nn.Module:
    """Every moving number a little away from where it started, so that an adapter that does nothing shows."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for group in method.moves(model):
            for parameter in group.parameters.values():
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.02)
    return model.eval()


def logits(model: nn.Module, given: dict[str, torch.Tensor]) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(**given).logits
        return found


@pytest.mark.parametrize("architecture", [*CLASSIFIERS, "albert"])
@pytest.mark.parametrize("settings", [{}, {"dora": True}, {"rslora": True}])
def test_lora_saves_loads_and_merges_on_every_architecture(architecture: str, settings: dict[str, Any], tmp_path: Path) -> None:
    base, given, method = build(architecture), inputs(architecture), adapter(**settings)
    stock = build(architecture)
    model = method.insert(base)
    before = logits(stock, given)
    assert torch.allclose(logits(model.eval(), given), before, atol=1e-5), "it starts as the base"
    after = logits(stirred(model, method), given)
    assert not torch.allclose(after, before, atol=1e-3)
    method.save(model, tmp_path)
    theirs = peft.PeftModel.from_pretrained(stock, str(tmp_path)).eval()
    assert torch.allclose(logits(theirs, given), after, atol=1e-5), "stock PEFT reads it"
    assert torch.allclose(logits(method.load(build(architecture), tmp_path).eval(), given), after, atol=1e-5)
    plain = method.plain(model)
    assert torch.allclose(logits(model, given), after), "taking it off leaves the model alone"
    assert set(plain.state_dict()) == set(build(architecture).state_dict())
    merged = method.merged(model)
    assert merged is not None and type(merged) is type(base)
    assert torch.allclose(logits(merged.eval(), given), after, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in ADAPTERS if name != "lora"])
@pytest.mark.parametrize("architecture", ["bert", "roberta", "llama", "gpt2"])
def test_every_adapter_saves_loads_and_merges(name: str, architecture: str, tmp_path: Path) -> None:
    row = ADAPTERS[name]
    method = adapter(name, rank=min(4, row.usual_rank) if row.rank else None)
    base, given = build(architecture), inputs(architecture)
    if architecture == "gpt2" and name not in CONV1D_TOO:
        with pytest.raises(DoesNotFit, match=f"{name} cannot stand beside layers of the kind Conv1D, which gpt2"):
            method.insert(base)
        return
    model = method.insert(base)
    marked = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {name for group in method.moves(model) for name in group.parameters} == marked, "what PEFT itself would train"
    after = logits(stirred(model, method), given)
    assert not torch.allclose(after, logits(build(architecture), given), atol=1e-4)
    method.save(model, tmp_path)
    assert torch.allclose(logits(peft.PeftModel.from_pretrained(build(architecture), str(tmp_path)).eval(), given), after, atol=1e-5)
    merged = method.merged(model)
    assert merged is not None
    assert torch.allclose(logits(merged.eval(), given), after, atol=1e-4)


def test_training_equals_stock_peft_by_hand(base: str, rows: list[tuple[str, str]]) -> None:
    """Ten updates of 16 rows on the same batches, dropout 0: the same losses and the same weights."""
    files = open_base(base)
    form = Default(Setting(Classify(LABELS), files.tokenizer, files.architecture, 32))
    encoded = form.encode([Example(f"rows:{n}", {"text": text}, label) for n, (text, label) in enumerate(rows, 1)])
    method, plan = adapter(), Plan(2, 5e-3, 16, weight_decay=0.0, schedule="constant", warmup=0.0, clip=1e9, seed=3)
    ours = load_model(files, form.auto_class, LABELS, dropout=0.0)
    torch.manual_seed(7)
    ours = method.insert(ours)
    steps = list(train(ours, form, encoded, method.moves(ours), plan))
    stock = load_model(files, form.auto_class, LABELS, dropout=0.0)
    torch.manual_seed(7)
    config = peft.LoraConfig(
        r=4, lora_alpha=8, target_modules=["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"],
        exclude_modules=["bert.pooler.dense"], modules_to_save=["bert.pooler.dense", "classifier"], task_type="SEQ_CLS",
    )  # fmt: skip
    theirs = peft.get_peft_model(stock, config)
    losses = _by_hand(theirs, form, encoded, plan)
    assert [step.loss for step in steps] == pytest.approx(losses, rel=1e-4)
    assert steps[-1].loss < steps[0].loss  # type: ignore[operator]
    mine, other = dict(ours.named_parameters()), dict(theirs.named_parameters())
    for group in method.moves(ours):
        for name in group.parameters:
            assert torch.allclose(mine[name], other[name], atol=1e-4), name


def _by_hand(model: nn.Module, form: Default, rows: list[Row], plan: Plan) -> list[float]:
    moving = [parameter for parameter in model.parameters() if parameter.requires_grad]
    adam = torch.optim.AdamW(moving, lr=plan.learning_rate, weight_decay=0.0)
    losses = []
    for epoch in range(2):
        shuffled = order(len(rows), seed=plan.seed, epoch=epoch)
        for start in range(0, len(rows), 16):
            batch = form.collate([rows[index] for index in shuffled[start : start + 16]])
            loss = nn.functional.cross_entropy(model(**batch.inputs).logits, batch.targets)
            loss.backward()
            adam.step()
            adam.zero_grad()
            losses.append(loss.item())
    return losses


def test_top_layers_limits_where_adapters_stand() -> None:
    model = adapter(top_layers=1).insert(build("bert"))
    assert {name.split("encoder.layer.")[1][0] for name, _ in model.named_parameters() if ".lora_A." in name} == {"1"}


def test_targets_are_ends_of_names() -> None:
    model = adapter(targets=("query", "intermediate.dense")).insert(build("bert"))
    found = {name.partition(".lora_A.")[0].rpartition("layer.0.")[2] for name, _ in model.named_parameters() if "layer.0" in name and ".lora_A." in name}
    assert found == {"attention.self.query", "intermediate.dense"}


def test_a_language_model_keeps_its_head() -> None:
    method = adapter()
    model = method.insert(transformers.AutoModelForCausalLM.from_config(tiny.config("llama", 60)))
    assert [group.name for group in method.moves(model)] == ["lora"]
    assert not any("lm_head" in name and "lora" in name for name, _ in model.named_parameters())


def test_a_twin_shares_tensors_and_nothing_else() -> None:
    model = build("bert")
    double = twin(model)
    assert [*map(id, double.parameters())] == [*map(id, model.parameters())]
    assert not {id(module) for module in double.modules()} & {id(module) for module in model.modules()}


@pytest.mark.parametrize(
    ("name", "settings", "architecture", "words"),
    [
        ("lora", {"rank": 33}, "bert", r"rank=33 is more than bert\.encoder\.layer\.0\.attention\.self\.query has room for \(32"),
        ("lora", {"targets": ("quer",)}, "bert", "'quer' ends the name of no module.*Did you mean 'query'"),
        ("lora", {"targets": ("q_proj", "v_prj")}, "llama", "'v_prj' ends the name of no module.*Did you mean 'v_proj'"),
        ("lora", {"top_layers": 3}, "bert", "top_layers=3, but bert has 2 layers"),
        ("lora", {"top_layers": 1}, "albert", "albert computes the same layer again"),
        ("loha", {}, "gpt2", "loha cannot stand beside layers of the kind Conv1D"),
        ("gralora", {"rank": 3}, "bert", "gralora cannot be put into this model: .*r should be divisible"),
    ],
)  # fmt: skip
def test_what_has_no_room_is_said(name: str, settings: dict[str, Any], architecture: str, words: str) -> None:
    with pytest.raises(joyul.errors.JoyulError, match=words):
        adapter(name, **settings).insert(build(architecture))


@pytest.mark.parametrize("name", REFUSED)
def test_adapters_that_cannot_be_a_stage_are_refused_with_the_reason(name: str) -> None:
    with pytest.raises(UsageError, match=f"PEFT's {name} cannot be a stage: .* Those that can: lora, ia3"):
        joyul.train(data="x.csv", method=name)


def run(reviews: str, folder: str, out: Path, **settings: Any) -> joyul.Run:
    options = {"data": reviews, "base": folder, "epochs": 2, "learning_rate": 5e-3, "precision": "fp32", "batch_size": 16}
    return joyul.train(**{**options, **settings, "out": str(out)})


def scores(folder: Path) -> list[list[float]]:
    return [[*answer.scores.values()] for answer in joyul.load(folder).predict(TEXTS)]  # type: ignore[union-attr]


def test_a_run_keeps_the_adapter_alone_and_stock_peft_answers_the_same(base: str, reviews: str, tmp_path: Path) -> None:
    made = run(reviews, base, tmp_path / "run", method="lora")
    folder = made.folder / "stages" / "01-lora"
    assert not (made.folder / "model").exists() and not made.metrics["plain_loadable"]
    assert {"adapter_config.json", "adapter_model.safetensors"} <= {path.name for path in folder.iterdir()}
    assert json.loads((folder / "adapter_config.json").read_text())["task_type"] == "SEQ_CLS"
    words = transformers.AutoTokenizer.from_pretrained(base)
    stock = peft.PeftModel.from_pretrained(transformers.AutoModelForSequenceClassification.from_pretrained(base), str(folder)).eval()
    theirs = logits(stock, words(TEXTS, return_tensors="pt", padding=True)).softmax(-1)
    assert torch.allclose(torch.tensor(scores(made.folder)), theirs, atol=1e-4)
    assert made.metrics["trainable"] == sum(p.numel() for p in PeftAdapter("lora").moves(made.load().tuned.model)[0].parameters.values()) + 32 * 32 + 32 + 66


@pytest.mark.parametrize("chain", ["full+lora", "lora+head", "lora+full", "layers+lora", "head+lora", "lora+prompt", "lora+ia3"])
def test_chains_answer_the_same_when_opened_again(chain: str, base: str, reviews: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {} if "ia3" not in chain else {"learning_rate": "5e-3+5e-2"}
    if chain == "lora+prompt":
        options["template"] = ["i say {text}"]
    made = run(reviews, base, tmp_path / "run", method=chain, epochs=1, **options)
    last = chain.rpartition("+")[2]
    adapters = sorted(path.name for path in (made.folder / "stages").glob("*"))
    assert bool(adapters) == (last in ("lora", "ia3", "prompt")), "an adapter is folded into the weights before the next stage"
    assert (made.folder / "model").exists() == (chain != "lora+prompt")
    assert made.metrics["plain_loadable"] == (not adapters)
    rows = [json.loads(line) for line in (made.folder / "predictions.jsonl").read_text().splitlines()]
    texts = {f"reviews.csv:{n}": line.split(",")[0] for n, line in enumerate(Path(reviews).read_text().splitlines()[1:], 1)}
    again = joyul.load(made.folder).predict([texts[row["id"]] for row in rows])
    assert [answer.score for answer in again] == pytest.approx([row["score"] for row in rows], abs=1e-5)


def test_a_run_with_an_adapter_is_a_base(base: str, reviews: str, tmp_path: Path) -> None:
    first = run(reviews, base, tmp_path / "first", method="lora")
    second = run(reviews, str(first.folder), tmp_path / "second", method="head", learning_rate=1e-6, epochs=0.2)
    assert [step["method"] for step in second.metrics["lineage"]] == ["lora", "head"]
    assert torch.allclose(torch.tensor(scores(second.folder)), torch.tensor(scores(first.folder)), atol=1e-3), "it starts where lora ended"
    third = run(reviews, str(first.folder), tmp_path / "third", method="prompt", epochs=None, learning_rate=None, batch_size=None)
    assert torch.allclose(torch.tensor(scores(third.folder)), torch.tensor(scores(first.folder)), atol=1e-6)
    other = Path(reviews).with_name("other.csv")
    other.write_text(Path(reviews).read_text().replace(",yes", ",agree").replace(",no", ",object"), encoding="utf-8")
    fourth = run(str(other), str(first.folder), tmp_path / "fourth", method="head", learning_rate=1e-6, epochs=0.2)
    folded, started = (inner(joyul.load(made.folder).tuned.model) for made in (second, fourth))
    for a, b in zip(layer_list(folded), layer_list(started), strict=True):
        assert all(torch.allclose(x, y, atol=1e-6) for x, y in zip(a.parameters(), b.parameters(), strict=True)), "lora's weights under a new head"


def test_a_stage_folder_without_weights_is_refused(base: str, reviews: str, tmp_path: Path) -> None:
    made = run(reviews, base, tmp_path / "run", method="lora", epochs=0.2)
    weights = made.folder / "stages" / "01-lora" / "adapter_model.safetensors"
    weights.rename(weights.with_name("adapter_model.bin"))
    with pytest.raises(RunError, match="there are no adapter weights"):
        joyul.load(made.folder)
