"""Learned prompts on every architecture: a row's answer depends on that row alone.

Alone, padded on either side, in another order, saved and loaded: within 1e-4 of the logits' spread, in each mandatory cell; and in
each cell the check is shown to fail where padding is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import joyul
from joyul.bases.load import load_model, open_base
from joyul.cli import main
from joyul.contracts import Example, Form, Row, Setting
from joyul.engine.placement import texts_end
from joyul.engine.unpad import unpadded
from joyul.errors import DoesNotFit, RunError, UsageError
from joyul.forms.default import Default
from joyul.forms.tags import Tags
from joyul.methods import METHODS
from joyul.methods.learned import LearnedStage
from joyul.recipe.settings import RunSettings, StageSettings
from joyul.tasks.classify import Classify
from joyul.tasks.regress import Regress
from joyul.tasks.tag import Tag
from tests import tiny
from tests.contract.parts import Continue, Generate, TextToText, to_the_left

LEARNED = ("soft_prompt", "p_tuning", "prefix")
ENCODERS = ("bert", "roberta", "distilbert", "deberta-v2", "modernbert")
DECODERS = ("gpt2", "llama", "qwen3", "gemma")
SEQ2SEQ = ("t5", "bart")
CELLS = (
    *((base, task, method) for base in ENCODERS for task in ("classify", "tag", "regress") for method in LEARNED[:2]),
    *((base, task, "prefix") for base in ("bert", "roberta") for task in ("classify", "tag", "regress")),
    *((base, task, method) for base in DECODERS for task in ("classify", "generate") for method in LEARNED),
    *((base, "generate", method) for base in SEQ2SEQ for method in LEARNED),
)
FURTHER = (
    *((base, "classify", "prefix") for base in ("distilbert", "modernbert")),  # transformers lets attention be exchanged there
    *((base, task, "soft_prompt after") for base in DECODERS for task in ("classify", "generate")),
)
SAMPLE = (("bart", "generate", "prefix"), ("bert", "tag", "prefix"), ("t5", "generate", "soft_prompt"))
SHARE = 1e-4  # of the spread of the outputs
LENGTH = 5


@cache
def folder(architecture: str, auto_class: str = "AutoModel") -> str:
    return tiny.save(Path(mkdtemp()) / architecture, architecture, auto_class)


def examples(task: str, count: int = 6) -> list[Example]:
    texts = [" ".join([text] * (1 + number % 3)) for number, text in enumerate(tiny.TEXTS[:count])]
    targets: dict[str, Callable[[str, int], Any]] = {
        "classify": lambda text, n: ("no", "yes")[n % 2], "regress": lambda text, n: float(n),
        "tag": lambda text, n: ["MARK" if word in ("good", "bad") else "O" for word in text.split()],
        "generate": lambda text, n: ("good film", "a dull plot")[n % 2],
    }  # fmt: skip
    return [Example(f"r:{n}", {"text": text}, targets[task](text, n)) for n, text in enumerate(texts)]


def form_of(architecture: str, task: str) -> Form:
    learned: dict[str, Any] = {
        "classify": lambda: Classify(("no", "yes")), "regress": lambda: Regress.learn([1.0, 2.0, 3.0]),
        "tag": lambda: Tag.learn([example.target for example in examples("tag")]), "generate": Generate,
    }  # fmt: skip
    shapes: dict[str, Any] = {"tag": Tags, "generate": TextToText if architecture in SEQ2SEQ else Continue}
    auto = "AutoModelForSeq2SeqLM" if architecture in SEQ2SEQ else "AutoModel"
    files = open_base(folder(architecture, auto))
    form: Form = shapes.get(task, Default)(Setting(learned[task](), files.tokenizer, files.architecture, 40))
    return form


def fresh(architecture: str, form: Form) -> nn.Module:
    """The base with weights three times as large: a small random one hears nothing of its input."""
    task = form.setting.task
    auto = "AutoModelForSeq2SeqLM" if architecture in SEQ2SEQ else "AutoModel"
    model = load_model(open_base(folder(architecture, auto)), form.auto_class, task.labels, seed=1, target=task.target_type)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(3.0)
    return model.eval()


def method_of(name: str, **settings: Any) -> LearnedStage:
    through = "residual" if name == "p_tuning" else "none"
    given = StageSettings(**{"prompt_length": LENGTH, "reparametrisation": through, "prompt_init": "labels", **settings})
    name, _, position = name.partition(" ")
    made = METHODS[name](RunSettings(), given.model_copy(update={"position": position or None}))
    assert isinstance(made, LearnedStage)
    return made


def stirred(model: nn.Module, method: LearnedStage) -> nn.Module:
    """Every moving number a little away from where it started, so that a prompt that does nothing shows."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for group in method.moves(model):
            for parameter in group.parameters.values():
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model.eval()


@torch.no_grad()
def outputs(model: nn.Module, form: Form, rows: list[Row], left: bool = False, unmasked: bool = False) -> Tensor:
    """All that is read off each row, one line a row: logits (of real tokens), or the loss of a given answer.

    `left`: padded there; `unmasked`: the mask says that padding is text.
    """
    batch = form.collate(rows)
    inputs = to_the_left(batch.inputs) if left else batch.inputs
    real = inputs["attention_mask"].bool()
    if unmasked:
        inputs["attention_mask"] = torch.ones_like(inputs["attention_mask"])
    if form.setting.task.target_type == "text":
        return losses_as_given(model, form, rows, inputs) if left else form.losses(model, batch)[:, None]
    logits = model(**inputs).logits
    if logits.ndim == 2:
        return logits
    lines = [row[kept].flatten() for row, kept in zip(logits, real, strict=True)]
    return nn.utils.rnn.pad_sequence(lines, batch_first=True)


def losses_as_given(model: nn.Module, form: Form, rows: list[Row], inputs: dict[str, Tensor]) -> Tensor:
    """The loss of the answers behind texts that are padded as `inputs` says."""
    found = []
    for index, row in enumerate(rows):
        labels = torch.tensor([row.tokens["labels"]])
        ids, mask = inputs["input_ids"][index : index + 1], inputs["attention_mask"][index : index + 1]
        if form.setting.architecture == "encoder-decoder":
            logits = model(input_ids=ids, attention_mask=mask, labels=labels).logits
        else:
            given = torch.cat([mask, torch.ones_like(labels)], dim=1)
            with texts_end(model, mask.sum(dim=1)):
                logits = model(input_ids=torch.cat([ids, labels], dim=1), attention_mask=given).logits[:, ids.shape[1] - 1 : -1]
        found.append(nn.functional.cross_entropy(logits[0], labels[0], reduction="sum"))
    return torch.stack(found)[:, None]


def alone(model: nn.Module, form: Form, rows: list[Row]) -> Tensor:
    """Each row by itself, padded with zeros to equal lines."""
    return nn.utils.rnn.pad_sequence([outputs(model, form, [row])[0] for row in rows], batch_first=True)


def share(found: Tensor, other: Tensor) -> float:
    """The largest difference, as a share of the spread of `found`."""
    return float((found - other).abs().max() / (found.max() - found.min()))


def test_the_list_of_mandatory_cells_is_whole() -> None:
    assert len(CELLS) == len(set(CELLS)) == 5 * 3 * 2 + 2 * 3 + 4 * 2 * 3 + 2 * 3 == 66


def cells() -> Iterator[Any]:
    """All cells; by default a sample that has each architecture, task and method, for the rest takes a minute."""
    for number, cell in enumerate((*CELLS, *FURTHER)):
        slow = number % 4 != 0 and cell not in SAMPLE
        yield pytest.param(*cell, id="-".join(cell), marks=pytest.mark.slow if slow else ())


@pytest.mark.parametrize(("architecture", "task", "name"), [*cells()])
def test_a_row_is_answered_by_itself(architecture: str, task: str, name: str, tmp_path: Path) -> None:
    form, method = form_of(architecture, task), method_of(name)
    rows = form.encode(examples(task))
    bare = outputs(fresh(architecture, form), form, rows)
    torch.manual_seed(0)
    model = stirred(method.insert(fresh(architecture, form), form), method)
    expected = alone(model, form, rows)
    assert share(expected, bare) > 100 * SHARE, "the prompt is read"
    assert share(expected, outputs(model, form, rows)) < SHARE, "padded on the right"
    assert share(expected, outputs(model, form, rows, left=True)) < SHARE, "padded on the left"
    assert share(expected, outputs(model, form, rows[::-1]).flip(0)) < SHARE, "in another order"
    if task != "generate":
        with unpadded(model, form.collate(rows).inputs) as lean:
            assert lean is (architecture != "deberta-v2")
            assert share(expected, outputs(model, form, rows)) < SHARE, "without padding in the layers"
    method.save(model, tmp_path)
    loaded = method_of(name).load(fresh(architecture, form), tmp_path)
    assert share(expected, outputs(loaded.eval(), form, rows)) < SHARE, "saved and loaded"
    if task == "generate":
        one_by_one = [form.reader(model)(form.collate([row]))[0].value for row in rows]
        assert [found.value for found in form.reader(model)(form.collate(rows))] == one_by_one, "decoded greedily"
    plain = method.plain(model)
    assert [*plain.state_dict()] == [*fresh(architecture, form).state_dict()]
    assert share(expected, outputs(model, form, rows)) < SHARE, "taking it off leaves the model alone"
    assert share(expected, outputs(model, form, rows, left=True, unmasked=True)) > 10 * SHARE, "the control: padding that is read shows"


def test_prompts_of_another_base_or_size_are_refused(tmp_path: Path) -> None:
    form, method = form_of("bert", "classify"), method_of("soft_prompt")
    method.save(method.insert(fresh("bert", form), form), tmp_path)
    with pytest.raises(RunError, match="another base"):
        method.load(load_model(open_base(folder("bert")), form.auto_class, ("no", "yes")), tmp_path)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"no")
    with pytest.raises(RunError, match="cannot be read"):
        method.load(fresh("bert", form), tmp_path)
    with pytest.raises(DoesNotFit, match="attention in a way of its own"):
        method_of("prefix").insert(fresh("deberta-v2", form_of("deberta-v2", "classify")))
    with pytest.raises(UsageError, match="leaves 10 for the text"):
        method_of("soft_prompt", prompt_length=70).insert(fresh("bert", form), form)


@pytest.mark.parametrize("name", LEARNED)
def test_a_run_learns_and_is_opened_again(name: str, reviews: str, tmp_path: Path) -> None:
    base = tiny.save(tmp_path / "base", initializer_range=0.3)  # one that hears what it reads
    made = joyul.train(
        data=reviews, base=base, method=name, learning_rate=0.03, epochs=10, patience=10, prompt_length=4, out=str(tmp_path / "run")
    )
    losses = [json.loads(line)["loss"] for line in (made.folder / "steps.jsonl").read_text().splitlines()]
    assert sum(losses[-4:]) < 0.75 * sum(losses[:4]), "it learns"
    assert not made.metrics["plain_loadable"]
    assert not (made.folder / "model").exists(), "the base's weights did not move"
    texts = ["the good film", "a dull story and a bad plot"]
    opened = made.load()
    assert [round(answer.score or 0, 5) for answer in opened.predict(texts)] == [
        round((opened.predict([text])[0].score or 0), 5) for text in texts
    ]
    on = joyul.train(data=reviews, base=str(made.folder), method=name, epochs=1, out=str(tmp_path / "on"))
    assert [item["method"] for item in on.metrics["lineage"]] == [name, name]


@pytest.mark.parametrize("task", ["tag", "regress"])
@pytest.mark.parametrize("name", ["soft_prompt", "prefix"])
def test_tags_and_numbers_from_the_command_line(task: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, data, run = tiny.save(tmp_path / "base"), tmp_path / "rows.jsonl", tmp_path / "run"
    lines = [{"tokens": str(one.inputs["text"]).split(), "tags": one.target} if task == "tag" else {"text": one.inputs["text"], "label": one.target}
             for one in examples(task, 16) * 2]  # fmt: skip
    data.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    given = [f"base={base}", f"task={task}", f"method={name}", "epochs=1", "prompt_length=4", f"out={run}"]
    assert main(["train", str(data), *given]) == 0, capsys.readouterr().err
    capsys.readouterr()
    assert main(["predict", str(run), "a good film", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert "prediction" in json.dumps(answer)
