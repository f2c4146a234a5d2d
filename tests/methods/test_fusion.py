"""Adapters and a learned prompt that move together: one artifact, gone on with bit by bit, used as one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

import joyul
from joyul.run import Run
from tests import tiny
from tests.conftest import BAD, FRAMES, GOOD, write_csv
from tests.forks import kept

SETTINGS: dict[str, Any] = {"base": "bert", "precision": "fp32", "epochs": 2, "batch_size": 16, "save_every": 1, "test": "none"}
TEXTS = ["the good film", "a dull story and a bad plot"]


@pytest.fixture
def desk(tmp_path: Path, rows: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small file and a tiny base that hears what it reads; commands are typed there."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "r.csv", [("text", "label"), *rows[:60]])
    tiny.save(tmp_path / "bert", initializer_range=0.3)
    return tmp_path


def answers(run: Run, one_by_one: bool = False) -> list[float]:
    opened = run.load()
    found = [opened.predict([text])[0] for text in TEXTS] if one_by_one else opened.predict(TEXTS)
    return [answer.score or 0.0 for answer in found]


def test_adapters_and_a_prompt_learn_together(desk: Path) -> None:
    joint = joyul.train("r.csv", method="lora+soft_prompt", joint="true", out="whole", **SETTINGS)
    apart = joyul.train("r.csv", method="lora", out="lora", **SETTINGS)
    adapters = [load_file(folder / "stages" / "01-lora" / "adapter_model.safetensors") for folder in (joint.folder, apart.folder)]
    moved = [not torch.equal(adapters[0][name], value) for name, value in adapters[1].items() if "lora_" in name]
    assert all(moved), "the adapters went on moving beside the prompt"
    assert (joint.folder / "stages" / "02-soft_prompt" / "adapter_model.safetensors").is_file()
    assert not (joint.folder / "model").exists(), "nothing of the base moved"
    assert answers(joint) == pytest.approx(answers(joint, one_by_one=True), abs=1e-5)
    interrupted("lora+soft_prompt", joint="true")
    assert kept(joyul.train(Path("run")).folder) == kept(joint.folder)
    assert same_files(Path("run"), joint.folder)


def interrupted(method: str, updates: int = 10, **settings: Any) -> None:
    """A run that is left in its second stage."""
    running = joyul.steps("r.csv", method=method, out="run", **{**SETTINGS, **settings})
    found = [next(running) for _ in range(updates)]
    running.close()
    assert found[-1].stage == 2


def same_files(one: Path, other: Path) -> bool:
    """Whether every tensor of every stage is the same, bit by bit."""
    files = sorted(path.relative_to(other) for path in other.glob("stages/*/*.safetensors"))
    assert files
    pairs = [(load_file(one / file), load_file(other / file)) for file in files]
    return all(a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a) for a, b in pairs)


@pytest.mark.parametrize("name", ["soft_prompt", "prefix"])
def test_the_hard_prompt_is_where_the_learned_one_starts(name: str, desk: Path) -> None:
    """The tokens of the template that won, then the labels' words; for a prefix the keys and values the base makes of them."""
    base = tiny.save(desk / "words", "bert", "AutoModelForMaskedLM", initializer_range=0.3)
    asked = {"template": ["{text} the film is {label}", "{text} a fine story {label}"], "label_words": ["no=bad|dull", "yes=good"]}
    given: dict[str, Any] = {**SETTINGS, **asked, "base": base, "epochs": 1, "learning_rate": 1e-5}  # hardly moves
    made = joyul.train("r.csv", method=f"prompt+{name}", prompt_length=5, out=name, **given)
    form = made.load().form
    chosen = {asked["template"][0]: "the film is bad good", asked["template"][1]: "a fine story bad good"}[form.spec()["template"]]
    words = form.setting.tokenizer(chosen, add_special_tokens=False, return_tensors="pt")["input_ids"]
    body = AutoModelForMaskedLM.from_pretrained(base).bert.eval()
    states = body.embeddings.word_embeddings(words)
    found = load_file(made.folder / "stages" / f"02-{name}" / "adapter_model.safetensors")["prompt_embeddings"]
    if name == "soft_prompt":
        assert torch.allclose(found, states[0], atol=1e-4)
        return
    first = body.encoder.layer[0].attention.self
    hidden = body.embeddings(inputs_embeds=states)
    assert torch.allclose(found[:, : tiny.WIDTH], first.key(hidden)[0], atol=1e-4)
    assert torch.allclose(found[:, tiny.WIDTH : 2 * tiny.WIDTH], first.value(hidden)[0], atol=1e-4)


def test_adapters_leave_the_network_of_a_prompt_alone(desk: Path) -> None:
    made = joyul.train("r.csv", method="p_tuning+lora", out="run", **SETTINGS)
    tensors = load_file(made.folder / "stages" / "02-lora" / "adapter_model.safetensors")
    assert tensors
    assert not any("learned_prompt" in name for name in tensors)
    assert answers(made) == pytest.approx(answers(made, one_by_one=True), abs=1e-5)


def lettered(folder: Path) -> str:
    """A small decoder that goes on with `good` or `bad` behind a row: a base from which adapters and prompts can learn."""
    place = tiny.save(folder, "llama", "AutoModelForCausalLM", initializer_range=0.1)
    model, words = AutoModelForCausalLM.from_pretrained(place), AutoTokenizer.from_pretrained(place)
    words.pad_token = words.eos_token
    said = {**dict.fromkeys(GOOD, "good"), **dict.fromkeys(BAD, "bad")}
    texts = [f"{frame.format(word, word)} {said[word]}" for frame in FRAMES for word in said]
    ids = words(texts, padding=True, return_tensors="pt")
    targets = ids["input_ids"].masked_fill(ids["attention_mask"] == 0, -100)
    adam = torch.optim.AdamW(model.parameters(), 1e-2)
    first = last = 0.0
    for _ in range(60):
        loss = model(**ids, labels=targets).loss
        loss.backward()
        adam.step()
        adam.zero_grad()
        first, last = first or loss.item(), loss.item()
    assert last < 0.5 * first, "it has learned to write"
    model.save_pretrained(place)
    return place


@pytest.mark.slow
@pytest.mark.parametrize(("joint", "position"), [("true", "before"), ("false", "before"), ("false", "after")])
def test_on_a_decoder_they_learn_are_gone_on_with_and_answer_as_one(joint: str, position: str, desk: Path) -> None:
    given = {
        **SETTINGS, "base": lettered(desk / "llama"), "joint": joint, "position": position, "epochs": "4+6", "batch_size": 8,
        "learning_rate": "1e-2+5e-2", "patience": "none", "save_every": 20,
    }  # fmt: skip
    whole = joyul.train("r.csv", method="lora+soft_prompt", out="whole", **given)
    steps = [json.loads(line) for line in (whole.folder / "steps.jsonl").read_text().splitlines()]
    losses = [step["loss"] for step in steps if step["stage"] == 2]
    assert sum(losses[-6:]) < 0.5 * sum(losses[:6]), "it learns"
    kinds = sorted(path.name for path in (whole.folder / "stages").iterdir())
    assert kinds == (["01-lora", "02-soft_prompt"] if joint == "true" else ["01-soft_prompt"]), "apart, adapters became weights"
    assert answers(whole) == pytest.approx(answers(whole, one_by_one=True), abs=1e-5)
    interrupted("lora+soft_prompt", updates=len(steps) - 10, **given)
    assert kept(joyul.train(Path("run")).folder) == kept(whole.folder)
    assert same_files(Path("run"), whole.folder)
