"""A prompt behind the text over stored keys and values, against transformers on the whole sequence: fp64 to 1e-9, and what breaks it."""

from __future__ import annotations

import json
from functools import partial, partialmethod
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import joyul
from joyul.bases.anatomy import layer_list
from joyul.bases.load import load_model, open_base
from joyul.contracts import Example, Form, Row, Setting
from joyul.engine.accumulate import Pieces, accumulate
from joyul.engine.evaluate import predict
from joyul.engine.freeze import move_only
from joyul.engine.placement import behind, entrance, placement
from joyul.engine.store import Stores
from joyul.engine.texts import Texts, stored_texts
from joyul.errors import DoesNotFit
from joyul.forms.continuation import Continuation
from joyul.forms.default import Default
from joyul.forms.wording import Phrase, Wording
from joyul.methods.adapter import PeftAdapter
from joyul.methods.soft_prompt import SoftPrompt
from joyul.notes import Notes
from joyul.recipe.settings import StageSettings
from joyul.tasks.classify import Classify
from tests import tiny
from tests.conftest import write_csv
from tests.forks import kept

LENGTH = 4
SETTINGS = StageSettings(prompt_length=LENGTH, position="after", prompt_init="random")
WORDS = {"no": ("bad film", "bad plot", "dull"), "yes": ("good film", "good cast", "fine")}
TOLERANCE = 1e-9
LOOSER = {"gemma": 1e-6, "gemma3": 1e-6}  # its norms compute in fp32 whatever the model's precision


class Case:
    """A tiny decoder in fp64 that hears what it reads, a prompt behind its text, and rows of lengths 5 to 24."""

    def __init__(self, folder: Path, architecture: str, worded: bool = False) -> None:
        tiny.save(folder, architecture, "AutoModelForCausalLM" if worded else "AutoModel")
        files = open_base(str(folder))
        setting = Setting(Classify(("no", "yes")), files.tokenizer, files.architecture, 40)
        wording = Wording("{text} the film is {label}", words=WORDS)
        self.form: Form = Continuation(setting, wording) if worded else Default(setting)
        texts = [" ".join(tiny.TEXTS[n].split() * (1 + n % 3)) for n in range(12)]
        self.examples = [Example(f"r:{n}", {"text": text}, ("no", "yes")[n % 2]) for n, text in enumerate(texts)]
        self.rows = self.form.encode(self.examples)
        model = load_model(files, self.form.auto_class, ("no", "yes"), seed=1, dropout=0.0).double()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(3.0 if parameter.ndim > 1 else 1.0)
        self.method = SoftPrompt("soft_prompt", SETTINGS)
        self.model = self.method.insert(model, self.form).double().eval()
        self.groups = self.method.moves(self.model)

    def gradients(self, form: Form, most: int | None = None) -> dict[str, Tensor]:
        move_only(self.model, self.groups)
        accumulate(self.model, form, self.rows, Pieces(most))
        moving = {name: p for group in self.groups for name, p in group.parameters.items()}
        return {name: p.grad.clone() for name, p in moving.items() if p.grad is not None}

    def stored(self, stores: Stores | None = None) -> Any:
        return stored_texts(self.model, self.form, self.groups, self.rows, [], "fp32", stores or Stores(), Notes())

    def by_hand(self) -> dict[str, Tensor]:
        """Each row by itself through transformers alone: `[text][prompt]`, the head on the last state."""
        place = placement(self.model)
        assert place is not None and place.vectors is not None
        vectors, plain = place.vectors.start, self.method.plain(self.model)
        move_only(self.model, self.groups)
        plain.score.weight.requires_grad_()  # type: ignore[union-attr, operator]
        losses = []
        for row in self.rows:
            words = plain.get_input_embeddings()(torch.tensor([row.tokens["input_ids"]]))  # type: ignore[operator]
            states = entrance(plain)(inputs_embeds=torch.cat([words, vectors[None]], dim=1)).last_hidden_state
            losses.append(functional.cross_entropy(plain.score(states[:, -1]).float(), torch.tensor([row.target])))  # type: ignore[operator]
        torch.stack(losses).mean().backward()
        return {"score.weight": plain.score.weight.grad, "start": vectors.grad}  # type: ignore[union-attr, dict-item]


def distance(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    """The largest difference of any gradient, as a share of its length."""
    named = {name: next(value for key, value in second.items() if key.endswith(name)) for name in first}
    return max(float((first[name] - named[name]).norm() / first[name].norm()) for name in first)


@pytest.mark.parametrize("architecture", [*tiny.DECODERS, "gemma3"])
def test_the_vectors_alone_are_passed_and_nothing_else_changes(architecture: str, tmp_path: Path) -> None:
    case, tolerance = Case(tmp_path, architecture), LOOSER.get(architecture, TOLERANCE)
    expected = case.by_hand()
    assert distance(expected, case.gradients(case.form)) < tolerance, "the whole sequence"
    answers = predict(case.model, case.form, case.rows)
    passed: list[int] = []
    layer_list(case.model)[0].register_forward_pre_hook(lambda layer, args, kwargs: passed.append(_length(args, kwargs)), with_kwargs=True)
    with case.stored() as (form, rows, _):
        passed.clear()
        assert distance(expected, case.gradients(form)) < tolerance
        assert distance(expected, case.gradients(form, most=5)) < tolerance, "in pieces"
        found = predict(case.model, form, rows)
    assert set(passed) == {LENGTH}, "the text is not passed again"
    assert [one.value for one in found] == [one.value for one in answers]
    assert [one.score for one in found] == pytest.approx([one.score for one in answers], abs=tolerance)


def _length(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    states: Tensor = args[0] if args else kwargs["hidden_states"]
    return states.shape[1]


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_words_of_several_tokens_are_answered_behind_the_prompt(architecture: str, tmp_path: Path) -> None:
    case = Case(tmp_path, architecture, worded=True)
    assert len(case.form.trie.paths) > 1  # type: ignore[attr-defined]
    expected = case.gradients(case.form)
    with case.stored() as (form, _, _):
        assert form is not case.form
        assert distance(expected, case.gradients(form)) < TOLERANCE


def test_texts_of_several_templates_are_read_anew(tmp_path: Path) -> None:
    """Nothing is stored; the loss is that of the mean of single templates, each with the prompt behind its text."""
    case = Case(tmp_path, "llama", worded=True)
    said = (Phrase("{text} the film is {label}", WORDS), Phrase("is {text} a film that was {label}", WORDS))
    single, logs = case.form, []
    for phrase in said:
        case.form = single.worded(single.wording.saying([phrase]))  # type: ignore[attr-defined]
        with torch.no_grad():
            scores = [case.form.scores(case.model, case.form.collate([row])) for row in case.form.encode(case.examples)]  # type: ignore[attr-defined]
        logs.append(torch.cat(scores))
    case.form = single.worded(single.wording.saying(said))  # type: ignore[attr-defined]
    case.rows, stores = case.form.encode(case.examples), Stores()
    with case.stored(stores) as (form, rows, _):
        assert form is case.form and not stores.kept
        losses = form.losses(case.model, form.collate(rows))
    expected = functional.cross_entropy(torch.stack(logs).mean(dim=0).float(), torch.tensor([row.target for row in rows]), reduction="none")
    assert torch.allclose(losses, expected, atol=1e-6)
    assert float((logs[0].softmax(-1) - logs[1].softmax(-1)).abs().max()) > 1e-3, "the templates say the same: the test could not fail"


def test_the_comparison_notices_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Padding that is read, and texts of another model: the first is found by the check before it is used."""
    case, stores = Case(tmp_path, "llama"), Stores()
    expected, right, place = case.gradients(case.form), Texts.of, placement(case.model)
    with case.stored(stores) as (form, _, _):
        place.texts = partial(_unmasked, place.texts)  # type: ignore[union-attr, arg-type]
        assert distance(expected, case.gradients(form)) > 1e-3
    monkeypatch.setattr(Texts, "of", partialmethod(_unmasked_of, right))
    with case.stored(stores) as (form, _, _):
        assert form is case.form, "what answers otherwise is not used"
    monkeypatch.setattr(Texts, "of", right)
    with torch.no_grad():
        case.model.model.layers[0].self_attn.k_proj.weight.mul_(1.5)  # type: ignore[union-attr, index]
    with case.stored(stores) as (form, _, _):
        assert len(stores.kept) == 2, "other weights, other keys and values"
        assert distance(case.gradients(case.form), case.gradients(form)) < TOLERANCE


def _unmasked(right: Any, tokens: Tensor) -> Any:
    found = right(tokens)
    return found and (found[0], torch.ones_like(found[1]))


def _unmasked_of(texts: Texts, right: Any, tokens: Tensor) -> Any:
    return _unmasked(partial(right, texts), tokens)


def test_where_the_text_is_read_with_what_moves_nothing_is_stored(tmp_path: Path) -> None:
    tiny.save(tmp_path, "llama")
    files = open_base(str(tmp_path))
    form = Default(Setting(Classify(("no", "yes")), files.tokenizer, files.architecture, 40))
    lora, prompt = PeftAdapter("lora", StageSettings(rank=2, targets=("all-linear",))), SoftPrompt("soft_prompt", SETTINGS)
    model: nn.Module = load_model(files, form.auto_class, ("no", "yes"), seed=1)
    model = prompt.insert(lora.insert(model, form), form)
    rows: list[Row] = form.encode([Example("r:1", {"text": "good film"}, "yes"), Example("r:2", {"text": "a dull plot"}, "no")])
    for groups, stored in (([*prompt.moves(model)], True), ([*prompt.moves(model), *lora.moves(model)], False)):
        with stored_texts(model, form, groups, rows, [], "fp32", Stores(), Notes()) as (found, _, _):
            assert (found is not form) is stored


def test_a_run_learns_is_gone_on_with_and_is_used(tmp_path: Path, rows: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "r.csv", [("text", "label"), *rows[:60]])
    tiny.save(tmp_path / "llama", "llama", initializer_range=0.3)
    given: dict[str, Any] = {
        "base": "llama", "method": "soft_prompt", "position": "after", "precision": "fp32", "epochs": 6, "batch_size": 16,
        "learning_rate": 0.03, "save_every": 1, "test": "none",
    }  # fmt: skip
    whole = joyul.train("r.csv", out="whole", **given)
    losses = [json.loads(line)["loss"] for line in (whole.folder / "steps.jsonl").read_text().splitlines()]
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3]), "it learns"
    running = joyul.steps("r.csv", out="run", **given)
    for _ in range(7):
        next(running)
    running.close()
    assert kept(joyul.train(Path("run")).folder) == kept(whole.folder)
    texts, opened = ["the good film", "a dull story and a bad plot told well"], whole.load()
    assert '"position": "after"' in (whole.folder / "stages" / "01-soft_prompt" / "stage.json").read_text()
    assert not (whole.folder / "stages" / "01-soft_prompt" / "adapter_config.json").exists(), "stock PEFT knows no such place"
    apart = [opened.predict([text])[0].score for text in texts]
    assert [answer.score for answer in opened.predict(texts)] == pytest.approx(apart, abs=1e-5)
    assert behind(opened.tuned.model)


@pytest.mark.parametrize(("architecture", "task", "said"), [("bert", "classify", "causal"), ("llama", "tag", "every token")])
def test_where_it_means_nothing_it_is_refused(architecture: str, task: str, said: str, tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    line = '{"tokens": ["good", "film"], "tags": ["A", "O"]}\n' if task == "tag" else '{"text": "good film", "label": "%s"}\n'
    data.write_text("".join(line % ("yes", "no")[n % 2] if "%s" in line else line for n in range(30)), encoding="utf-8")
    base = tiny.save(tmp_path / "base", architecture)
    with pytest.raises(DoesNotFit, match=said):
        joyul.train(str(data), base=base, task=task, method="soft_prompt", position="after", out=str(tmp_path / "run"))
