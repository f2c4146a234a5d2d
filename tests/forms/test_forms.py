"""Forms against plain transformers and against cases worked by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch.nn import functional
from transformers import AutoModel, AutoModelForSequenceClassification, PreTrainedTokenizerFast

from joyul.bases.load import load_model, open_base
from joyul.contracts import Example, Setting
from joyul.engine.evaluate import predict
from joyul.errors import UsageError
from joyul.forms.default import Default
from joyul.forms.similarity import Similarity
from joyul.forms.template import check, fill, slots
from joyul.learn import report_words
from joyul.notes import Notes
from joyul.tasks.classify import Classify
from tests import tiny


def setting(folder: str, max_length: int = 32) -> Setting:
    files = open_base(folder)
    return Setting(Classify(("bad", "good")), files.tokenizer, files.architecture, max_length)


def test_default_equals_plain_transformers(base: str) -> None:
    form = Default(setting(base))
    model = load_model(open_base(base), form.auto_class, ("bad", "good")).eval()
    plain = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2).eval()
    plain.load_state_dict(model.state_dict())
    texts = ["a good film", "the plot is dull and bad from the start"]
    rows = form.encode([Example(str(n), {"text": text}, "good") for n, text in enumerate(texts)])
    batch = form.collate(rows)
    with torch.no_grad():
        logits = plain(**form.setting.tokenizer(texts, return_tensors="pt", padding=True)).logits
        losses = form.losses(model, batch, label_smoothing=0.1)
        answers = form.reader(model)(batch)
    expected = functional.cross_entropy(logits, torch.tensor([1, 1]), reduction="none", label_smoothing=0.1)
    assert torch.allclose(losses, expected, atol=1e-6)
    assert [answer.scores["good"] for answer in answers if answer.scores] == pytest.approx(logits.softmax(-1)[:, 1].tolist(), abs=1e-6)


@pytest.mark.parametrize("architecture", ["bert", "roberta", "gpt2", "llama", "qwen3"])
def test_a_head_with_a_template_equals_plain_transformers(architecture: str, tmp_path: Path) -> None:
    """One row at a time, the words around the text put in by hand; rows in one padded batch here."""
    base = tiny.save(tmp_path, architecture, initializer_range=0.3)
    form = Default(setting(base), "the film : {text} and that was it")
    model = load_model(open_base(base), form.auto_class, ("bad", "good"), seed=1).eval()
    plain = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2, pad_token_id=form.setting.tokenizer.pad_token_id).eval()
    plain.load_state_dict(model.state_dict())
    texts = ["a good film", "the plot is dull and bad from the start", "bad"]
    with torch.no_grad():
        logits = [plain(**form.setting.tokenizer(f"the film : {text} and that was it", return_tensors="pt")).logits[0] for text in texts]
    found = predict(model, form, form.encode([Example(str(n), {"text": text}) for n, text in enumerate(texts)]))
    expected = torch.stack(logits).softmax(-1)
    assert torch.allclose(torch.tensor([[one.scores["bad"], one.scores["good"]] for one in found if one.scores]), expected, atol=1e-5)
    assert float(expected.std(dim=0)[0]) > 1e-4, "the texts tell nothing apart: the test could not fail"


def test_a_bias_moves_the_scores_of_labels(base: str) -> None:
    """As somebody writes it into prompt.yaml: every value arrives as text."""
    form, model = Default(setting(base)), load_model(open_base(base), "AutoModelForSequenceClassification", ("bad", "good")).eval()
    moved = Default.restore({"template": "{text}", "bias": {"good": "1.5"}}, form.setting)
    batch = form.collate(form.encode([Example("r:1", {"text": "a good film"}, "good")]))
    with torch.no_grad():
        before, after = form.reader(model)(batch)[0].scores or {}, moved.reader(model)(batch)[0].scores or {}
        losses = form.losses(model, batch), moved.losses(model, batch)
    odds = {name: scores["good"] / scores["bad"] for name, scores in (("before", before), ("after", after))}
    assert odds["after"] == pytest.approx(odds["before"] * math.exp(1.5), rel=1e-4)
    assert float(losses[1]) == pytest.approx(-math.log(after["good"]), abs=1e-5) != pytest.approx(float(losses[0]), abs=1e-3)
    assert (form.why_not_plain, moved.why_not_plain) == (None, "prompt.yaml moves the scores of labels (bias), which stock transformers does not")
    assert Default.restore(moved.spec(), form.setting) == moved
    with pytest.raises(UsageError, match="label 'god'"):
        Default.restore({"template": "{text}", "bias": {"god": "1"}}, form.setting)


def test_pairs_go_in_as_pairs_and_templates_around_the_text(base: str) -> None:
    form = Default(setting(base))
    pair = Example("1", {"text": "a good film", "text_pair": "the plot is dull"})
    words = form.setting.tokenizer
    assert form.encode([pair])[0].tokens["input_ids"] == words("a good film", "the plot is dull")["input_ids"]
    assert 1 in form.encode([pair])[0].tokens["token_type_ids"]
    wrapped = form.with_template("the cast is {text}")
    assert wrapped.encode([pair])[0].tokens["input_ids"] == words("the cast is a good film", "the plot is dull")["input_ids"]
    joined = form.with_template("{text} and {text_pair}")
    assert joined.encode([pair])[0].tokens["input_ids"] == words("a good film and the plot is dull")["input_ids"]


def test_cut_and_unknown_tokens_are_counted(base: str) -> None:
    row = Default(setting(base, max_length=6)).encode([Example("1", {"text": "the film zzz was yyy and good to watch"})])[0]
    assert (row.length, row.cut) == (6, 5)
    assert row.unknown == 1, "of the four words that are left"


@pytest.mark.parametrize("architecture", ["bert", "roberta"])
def test_similarity_by_hand(architecture: str, tmp_path: Path) -> None:
    """Mean over real tokens, at length 1, times 20: computed one text at a time, without padding."""
    base = tiny.save(tmp_path, architecture, initializer_range=0.3)
    form = Similarity(setting(base), templates=("the film is {label}",), words_of={"bad": ("dull",)})
    assert form.prompts() == [["the film is dull"], ["the film is good"]]
    model = AutoModel.from_pretrained(base).eval()

    def embed(text: str) -> torch.Tensor:
        states = model(**form.setting.tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        return functional.normalize(states.mean(0), dim=0)

    texts = ["a fine story told well", "bad"]
    rows = form.encode([Example(str(n), {"text": text}, "good") for n, text in enumerate(texts)])
    with torch.no_grad():
        expected = torch.stack([20 * torch.stack([embed(text) @ embed(prompt) for prompt, in form.prompts()]) for text in texts])
        answers = form.reader(model)(form.collate(rows))
        losses = form.losses(model, form.collate(rows))
    assert torch.allclose(losses, functional.cross_entropy(expected, torch.tensor([1, 1]), reduction="none"), atol=1e-4)
    found = [[answer.scores["bad"], answer.scores["good"]] for answer in answers if answer.scores]
    assert torch.allclose(torch.tensor(found), expected.softmax(-1), atol=1e-5)


def test_forms_are_restored_from_what_they_write(base: str) -> None:
    for form in (Default(setting(base), "{text} is it"), Similarity(setting(base), ("a {label} film", "{label}"), {"bad": ("dull", "poor")}, {"good": 0.5})):
        assert type(form).restore(form.spec(), form.setting).spec() == form.spec()


def test_forms_say_what_they_do_not_fit(tmp_path: Path) -> None:
    gpt2 = open_base(tiny.save(tmp_path / "g", "gpt2")).architecture
    task = Classify(("a", "b"))
    assert Default.why_not(task, gpt2) is None
    assert "decoder" in (Similarity.why_not(task, gpt2) or "")
    assert "encoder-decoder" in (Default.why_not(task, "encoder-decoder") or "")


def test_templates() -> None:
    assert slots("{{no}} {text} and {label}") == ["text", "label"]
    assert fill("{{no}} {text}!", {"text": "{label} {{x}}"}) == "{no} {label} {{x}}!", "text that fills a slot stays text"
    for broken in ("{text", "text}", "{}", "{te xt}"):
        with pytest.raises(UsageError, match="brace"):
            slots(broken)
    with pytest.raises(UsageError, match="Did you mean 'text'"):
        check("{txet}", "text", ("text", "text_pair"))
    with pytest.raises(UsageError, match=r"has no slot \{text\}"):
        check("nothing", "text", ("text",))


def test_equal_label_prompts_are_refused(base: str) -> None:
    with pytest.raises(UsageError, match="same word"):
        Similarity(setting(base), words_of={"bad": ("good",)}).prompts()


def test_label_words_that_are_read_by_parts_are_told() -> None:
    """A tokenizer of bytes that was trained on English: three tokens a syllable of Hangul."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator([*tiny.TEXTS] * 9, trainers.BpeTrainer(initial_alphabet=alphabet, show_progress=False))
    said = {}
    for labels in (("긍정", "부정"), ("bad", "good")):
        words = PreTrainedTokenizerFast(tokenizer_object=core, name_or_path="english")
        notes = Notes()
        report_words(Similarity(Setting(Classify(labels), words, "encoder", 32)), True, notes)
        said[labels] = [text for level, text in notes.kept if level == "warn"]
    assert said["bad", "good"] == []
    assert said["긍정", "부정"][0].startswith("english reads the label words by parts of letters, if at all (긍정, 부정)")
