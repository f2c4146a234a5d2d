"""Cloze and continuation against plain transformers, one row and one word at a time, and against cases worked by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import transformers
from torch import Tensor

from joyul.bases.load import load_model, open_base
from joyul.contracts import Example, Setting
from joyul.engine.evaluate import predict
from joyul.errors import UsageError
from joyul.forms import FORMS
from joyul.forms.cloze import Cloze
from joyul.forms.continuation import Continuation
from joyul.forms.label_words import Masks, Trie
from joyul.forms.prompted import Prompted
from joyul.forms.wording import Wording
from joyul.tasks.classify import Classify
from tests import tiny

TEXTS = ["a fine story told well", "bad", "the cast is bad and the plot is dull and a waste of time"]
AUTO = {"bert": "AutoModelForMaskedLM", "roberta": "AutoModelForMaskedLM", "deberta-v2": "AutoModelForMaskedLM",
        "modernbert": "AutoModelForMaskedLM", "distilbert": "AutoModelForMaskedLM",
        "gpt2": "AutoModelForCausalLM", "llama": "AutoModelForCausalLM", "qwen3": "AutoModelForCausalLM", "opt": "AutoModelForCausalLM",
        "t5": "AutoModelForSeq2SeqLM", "bart": "AutoModelForSeq2SeqLM"}  # fmt: skip
ONE = {"bad": ("bad", "poor"), "good": ("good",)}
SEVERAL = {"bad": ("not good", "not bad at all", "bad"), "good": ("not fine", "bad film")}


def asked(folder: str, architecture: str, wording: Wording) -> Prompted:
    files = open_base(folder)
    kind = Cloze if "Masked" in AUTO[architecture] else Continuation
    return kind(Setting(Classify(("bad", "good")), files.tokenizer, files.architecture, 60), wording)


def wording(architecture: str, words: dict[str, tuple[str, ...]]) -> Wording:
    shown = ({"text": "i liked the story", "label": "good"},)
    end = " at the ending" if "Masked" in AUTO[architecture] else ""
    return Wording("{text} it is {label}" + end, words, "is the film fine", shown, {"good": 0.25})


def plainly(folder: str, architecture: str, form: Prompted, text: str) -> Tensor:
    """Log probabilities of the labels: each word scored by itself, over the whole vocabulary, without padding."""
    model = getattr(transformers, AUTO[architecture]).from_pretrained(folder).eval()
    tokenizer, words = form.setting.tokenizer, {label: form.wording.of(label) for label in ("bad", "good")}
    prompt = f"is the film fine\n\ni liked the story it is {words['good'][0]}"
    pieces = {word: tokenizer(word, add_special_tokens=False)["input_ids"] for found in words.values() for word in found}
    if architecture in ("t5", "bart"):
        read = [tokenizer(f"{prompt}\n\n{text} it is")["input_ids"]]
        scores = _branches(pieces, tokenizer.eos_token_id, lambda done: model(
            input_ids=torch.tensor(read), decoder_input_ids=torch.tensor([[model.config.decoder_start_token_id, *done]])
        ).logits[0, -1])  # fmt: skip
    elif "Masked" in AUTO[architecture]:
        gaps = max(map(len, pieces.values()))
        prompt = prompt + " at the ending"
        ids = tokenizer(f"{prompt}\n\n{text} it is {tokenizer.mask_token * gaps} at the ending", return_tensors="pt")
        at = (ids["input_ids"][0] == tokenizer.mask_token_id).nonzero()[:, 0]
        sure = model(**ids).logits[0, at].log_softmax(-1)
        scores = {word: sure[range(len(found)), found].mean() for word, found in pieces.items()}
    else:
        first = tokenizer(f"{prompt}\n\n{text} it is")["input_ids"][:-1]  # without [SEP]
        scores = _branches(pieces, tokenizer.eos_token_id, lambda done: model(input_ids=torch.tensor([[*first, *done]])).logits[0, -1])
    mean = torch.stack([torch.stack([scores[word].exp() for word in found]).mean().log() for found in words.values()])
    return (mean + torch.tensor([0.0, 0.25])).log_softmax(-1)


def _branches(pieces, end, after):  # type: ignore[no-untyped-def]
    """Of each word: token by token, the probability among the tokens that some word has there (an end where one word ends)."""
    scores = {}
    for word, tokens in pieces.items():
        total = torch.tensor(0.0)
        for done in range(len(tokens) + 1):
            alike = [found for found in pieces.values() if found[:done] == tokens[:done]]
            allowed = sorted({found[done] if len(found) > done else end for found in alike})
            taken = tokens[done] if done < len(tokens) else end
            if len(allowed) > 1:
                total = total + after(tokens[:done])[allowed].log_softmax(-1)[allowed.index(taken)]
        scores[word] = total
    return scores


@pytest.mark.parametrize("words", [ONE, SEVERAL], ids=["one", "several"])
@pytest.mark.parametrize("architecture", list(AUTO))
def test_label_words_equal_plain_transformers(architecture: str, words: dict[str, tuple[str, ...]], tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "base", architecture, AUTO[architecture], initializer_range=0.3)
    form = asked(folder, architecture, wording(architecture, words))
    model = load_model(open_base(folder), form.auto_class, ("bad", "good")).eval()
    rows = form.encode([Example(str(n), {"text": text}, "good") for n, text in enumerate(TEXTS)])
    with torch.no_grad():
        expected = torch.stack([plainly(folder, architecture, form, text) for text in TEXTS])
        losses = form.losses(model, form.collate(rows))
    answers = predict(model, form, rows)
    found = torch.tensor([[answer.scores["bad"], answer.scores["good"]] for answer in answers if answer.scores])
    assert torch.allclose(losses, -expected[:, 1], atol=1e-5)
    assert torch.allclose(found, expected.exp(), atol=1e-5)
    assert float(expected.std(dim=0)[0]) > 1e-4, "the texts tell nothing apart: the test could not fail"


def test_gradients_reach_the_output_rows_that_are_read(tmp_path: Path) -> None:
    """The loss and its gradient are those of the whole vocabulary."""
    folder = tiny.save(tmp_path / "base", "gpt2", "AutoModelForCausalLM", tie_word_embeddings=False)
    form = asked(folder, "gpt2", Wording("{text} it is {label}", ONE))
    model = load_model(open_base(folder), form.auto_class, ("bad", "good")).eval()
    batch = form.collate(form.encode([Example("1", {"text": TEXTS[0]}, "good")]))
    form.losses(model, batch).sum().backward()
    few = {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}
    model.zero_grad()
    logits = model(**batch.inputs).logits[0, -1]
    bad, poor, good = (form.setting.tokenizer.convert_tokens_to_ids(word) for word in ("bad", "poor", "good"))
    both = torch.stack([logits[[bad, poor]].logsumexp(0) - math.log(2), logits[good]])
    torch.nn.functional.cross_entropy(both[None], torch.tensor([1])).backward()
    for name, value in model.named_parameters():
        assert torch.allclose(few[name], value.grad, atol=1e-6), name


def test_a_trie_by_hand() -> None:
    """`a b`, `a c` and `d`: (1, 2), (1, 3), (4,). Two nodes; one path behind the prompt reads both."""
    trie = Trie((((1, 2), (4,)), ((1, 3),)), end=9)
    assert trie.nodes == [((), (1, 4)), ((1,), (2, 3))]
    assert (trie.tokens, trie.paths, trie.places()) == ((1, 2, 3, 4), [(1,)], [(0, 0), (0, 1)])
    logits = torch.log(torch.tensor([[[3.0, 5.0, 5.0, 1.0], [7.0, 1.0, 4.0, 7.0]]]))  # 1 against 4: 3/4; 2 against 3: 1/5
    found = trie.scores(logits).exp()
    assert torch.allclose(found, torch.tensor([[(3 / 4 * 1 / 5 + 1 / 4) / 2, 3 / 4 * 4 / 5]]))
    assert Trie((((1,),), ((1, 2),)), end=9).nodes == [((1,), (2, 9))], "one word goes on from the other: it may also end"


def test_masks_by_hand() -> None:
    masks = Masks((((1,),), ((2, 1),)))
    assert (masks.count, masks.tokens) == (2, (1, 2))
    logits = torch.tensor([[[0.5, 1.5], [2.0, 1.0]]])
    found = masks.scores(logits, torch.tensor([[1.0, 3.0]]))
    assert torch.allclose(found, torch.tensor([[0.5 - 1.0, ((1.5 - 1.0) + (2.0 - 3.0)) / 2]]))


@pytest.mark.parametrize(("architecture", "wrong"), [
    *((name, ("continuation",)) for name in ("bert", "roberta")), *((name, ("cloze", "similarity")) for name in ("gpt2", "llama", "qwen3")),
    *((name, ("cloze", "similarity", "default")) for name in ("t5", "bart")),
])  # fmt: skip
def test_forms_refuse_what_they_do_not_fit(architecture: str, wrong: tuple[str, ...], tmp_path: Path) -> None:
    kind = open_base(tiny.save(tmp_path / "base", architecture, AUTO[architecture])).architecture
    refused = {name: FORMS[name].why_not(Classify(("a", "b")), kind) for name in FORMS if name not in ("tags", "instruct")}
    assert {name for name, reason in refused.items() if reason} == set(wrong)


@pytest.mark.parametrize(("said", "match"), [
    (Wording("{text} it is {label}", {"bad": ("bad",), "good": ("marvellous",)}), "'marvellous' of the label 'good' is not in the vocabulary"),
    (Wording("{text} it is {label}", {"bad": ("good",), "good": ("good",)}), "the same word"),
    (Wording("{text} it is {label}", {"bad": ("Good",), "good": ("good",)}), "the same tokens"),
    (Wording("{text} it is {label}", ONE, "the film is good and bad " * 12), "prompt alone takes"),
])  # fmt: skip
@pytest.mark.parametrize("architecture", ["bert", "gpt2"])
def test_bad_prompts_are_refused_before_any_row(architecture: str, said: Wording, match: str, tmp_path: Path) -> None:
    form = asked(tiny.save(tmp_path / "base", architecture, AUTO[architecture]), architecture, said)
    with pytest.raises(UsageError, match=match):
        form.encode(())


def test_templates_that_cannot_be_asked(tmp_path: Path) -> None:
    form = asked(tiny.save(tmp_path / "base", "gpt2", "AutoModelForCausalLM"), "gpt2", Wording())
    with pytest.raises(UsageError, match=r"no slot \{text\}"):
        form.with_template("it is {label}")
    with pytest.raises(UsageError, match=r"no slot \{label\}"):
        form.with_template("{text} it is")
    with pytest.raises(UsageError, match="twice"):
        form.with_template("{label} {text} {label}")
    with pytest.raises(UsageError, match="the answer comes last"):
        form.with_template("{label} is {text}").encode(())
    with pytest.raises(UsageError, match=r"no slot \{text_pair\}"):
        form.encode([Example("1", {"text": "a", "text_pair": "b"})])


@pytest.mark.parametrize("architecture", ["bert", "gpt2"])
def test_the_text_is_cut_and_not_the_prompt(architecture: str, tmp_path: Path) -> None:
    form = asked(tiny.save(tmp_path / "base", architecture, AUTO[architecture]), architecture, Wording("{text} the ending was {label}", ONE))
    row = form.encode([Example("1", {"text": "a film about a dog and a cat " * 20})])[0]
    words = form.setting.tokenizer.convert_ids_to_tokens(row.tokens["input_ids"])
    end = ["ending", "was", "[MASK]", "[SEP]"] if architecture == "bert" else ["ending", "was"]
    assert row.length == 60
    assert row.cut == 8 * 20 + 2 + len(end) - 60
    assert words[-len(end) :] == end


def test_a_mask_in_the_text_is_not_the_gap(tmp_path: Path) -> None:
    form = asked(tiny.save(tmp_path / "base", "bert", "AutoModelForMaskedLM"), "bert", Wording("{text} is {label} ? {text_pair}", ONE))
    row = form.encode([Example("1", {"text": "a [MASK] film", "text_pair": "[MASK] [MASK]"})])[0]
    assert row.aside == 5, "[CLS] a [MASK] film is"


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    form = asked(tiny.save(tmp_path / "base", "gpt2", "AutoModelForCausalLM"), "gpt2", wording("gpt2", SEVERAL))
    assert type(form).restore(form.spec(), form.setting).spec() == form.spec()
    edited = {"template": "{text} so it is {label}", "words": {"good": "fine"}}
    assert type(form).restore(edited, form.setting).wording.of("good") == ("fine",)
    with pytest.raises(UsageError, match=r"speaks of a label 'god'.*Did you mean 'good'"):
        type(form).restore({**edited, "words": {"god": ["fine"]}}, form.setting)
