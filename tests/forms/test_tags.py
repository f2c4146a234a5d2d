"""Tags: alignment by hand, losses and answers against plain transformers, and back to words and characters."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional
from transformers import AutoModelForTokenClassification, PreTrainedTokenizerFast

from joyul.bases.load import load_model, open_base
from joyul.contracts import Example, Setting
from joyul.errors import DataError, UsageError
from joyul.forms.align import Tagged, align, pieces
from joyul.forms.tags import IGNORED, Tags
from joyul.tasks.tag import Tag
from tests import tiny

TASK = Tag(("B-X", "I-X", "O"))


def test_words_take_the_tag_of_their_first_token() -> None:
    """[CLS] play ##ing the ##n [SEP]; the offsets are those of "playing then"."""
    found = align(("playing", "then"), [(0, 0), (0, 4), (4, 7), (8, 11), (11, 12), (0, 0)])
    assert (found.places, found.reach) == ((1, 3), ((0, 1), (1, 2)))


def test_offsets_that_hold_the_space_before_the_word() -> None:
    assert align(("a", "", "bc"), [(0, 1), (1, 2), (2, 5)]).reach == ((0, 1), (2, 3)), "a word of no letters has no token"


def test_tokens_reach_several_characters() -> None:
    """강남 | 역 | 에서, a token of each; then bytes: three tokens for one character."""
    found = align("강남역 에서", [(0, 2), (2, 3), (4, 6)])
    assert (found.places, found.reach) == ((0, 1, 2), ((0, 2), (2, 3), (4, 6)))
    assert align("강a", [(0, 1), (0, 1), (0, 1), (1, 2)]).places == (0, 3)


def answer(task: Tag, text: str, reach: list[tuple[int, int]], tags: list[str], cut: bool = False) -> list[str | None]:
    indices = [task.labels.index(tag) for tag in tags]
    found: list[str | None] = task.answer(Tagged(pieces(text, task.unit), reach, indices, [0.9] * len(tags), cut)).value
    return found


def test_characters_go_on_with_their_token() -> None:
    task = Tag(("B-X", "I-X", "O"), "characters")
    assert answer(task, "강남역 에", [(0, 2), (2, 3), (4, 5)], ["B-X", "I-X", "O"]) == ["B-X", "I-X", "I-X", "O", "O"]
    assert answer(task, "a b c", [(0, 1), (2, 3), (4, 5)], ["B-X", "I-X", "B-X"]) == ["B-X", "I-X", "I-X", "O", "B-X"], "a space inside"
    assert answer(task, "ab c", [(0, 1)], ["B-X"], cut=True) == ["B-X", None, None, None], "what was cut off has no tag"
    ends = Tag(("B-X", "E-X", "I-X", "O", "S-X"), "characters")
    assert answer(ends, "abcd e", [(0, 3), (3, 4), (5, 6)], ["B-X", "E-X", "S-X"]) == ["B-X", "I-X", "I-X", "E-X", "O", "S-X"]
    assert answer(ends, "abc", [(0, 3)], ["S-X"]) == ["B-X", "I-X", "E-X"]
    assert answer(Tag(("D", "N")), "the dog", [(0, 1), (1, 2)], ["D", "N"]) == ["D", "N"]


def test_entities_have_places_text_and_score() -> None:
    task = Tag(("B-X", "I-X", "O"), "characters")
    found = task.answer(Tagged("강남역 안", ((0, 2), (2, 3), (4, 5)), (0, 1, 2), (0.9, 0.7, 0.8)))
    assert found.entities == [{"type": "X", "start": 0, "end": 3, "text": "강남역", "score": pytest.approx(0.8)}]
    assert found.score == 0.7
    words = TASK.answer(Tagged(("to", "new", "york"), ((0, 1), (1, 2), (2, 3)), (2, 0, 1), (1.0, 0.9, 0.9)))
    assert [(e["start"], e["end"], e["text"]) for e in words.entities or ()] == [(1, 3, "new york")]


def byte_level(folder: Path, architecture: str) -> str:
    """A base whose tokenizer works on bytes, as those of RoBERTa and GPT-2 do: a word is several tokens, a space part of one."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>", "<pad>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    core.train_from_iterator(tiny.TEXTS, trainer)
    words = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", pad_token="<pad>", eos_token="</s>", model_max_length=64,
        model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip
    tiny.save(folder, architecture, vocab_size=len(words), pad_token_id=1, bos_token_id=0, eos_token_id=2)
    words.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("architecture", ["bert", "roberta", "gpt2"])
def test_losses_and_answers_equal_plain_transformers(architecture: str, tmp_path: Path) -> None:
    """The tokenizer's own word_ids say which token is a word's first; losses and arg-max are transformers'."""
    folder = tiny.save(tmp_path / "b") if architecture == "bert" else byte_level(tmp_path / "b", architecture)
    files = open_base(folder)
    form = Tags(Setting(TASK, files.tokenizer, files.architecture, 64))
    model = load_model(files, form.auto_class, TASK.labels).eval()
    texts = ["a good story about bad dogs", "the zzz film"]
    targets = [["O", "B-X", "I-X", "O", "O", "B-X"], ["O", "B-X", "O"]]
    rows = form.encode([Example(str(n), {"text": t.split()}, tags) for n, (t, tags) in enumerate(zip(texts, targets, strict=True))])
    encoded = files.tokenizer(texts, return_tensors="pt", padding=True, return_offsets_mapping=True)
    offsets = encoded.pop("offset_mapping").tolist()
    labels = torch.full(encoded["input_ids"].shape, IGNORED)
    for index, text in enumerate(texts):
        starts = [sum(len(word) + 1 for word in text.split()[:n]) for n in range(len(text.split()))]
        for n, start in enumerate(starts):  # the first token that holds the word's first letter
            place = next(p for p, (a, b) in enumerate(offsets[index]) if a <= start < b)
            labels[index, place] = TASK.labels.index(targets[index][n])
    plain = AutoModelForTokenClassification.from_pretrained(folder, num_labels=3).eval()
    plain.load_state_dict(model.state_dict())
    with torch.no_grad():
        output = plain(**encoded, labels=labels)
        losses = form.losses(model, form.collate(rows))
        smooth = form.losses(model, form.collate(rows), label_smoothing=0.1)
        answers = form.reader(model)(form.collate(rows))
    assert [row.units for row in rows] == [6, 3]
    assert (losses.sum() / 9).item() == pytest.approx(output.loss.item(), abs=1e-6), "the mean over words"
    expected = functional.cross_entropy(output.logits.mT, labels, ignore_index=IGNORED, label_smoothing=0.1)
    assert (smooth.sum() / 9).item() == pytest.approx(expected.item(), abs=1e-6)
    best = output.logits.argmax(-1)
    assert [a.value for a in answers] == [
        [TASK.labels[best[i, p]] for p in range(labels.shape[1]) if labels[i, p] != IGNORED] for i in range(2)
    ]


def test_what_is_cut_has_no_tag(base: str) -> None:
    files = open_base(base)
    form = Tags(Setting(TASK, files.tokenizer, files.architecture, 5))
    model = load_model(files, form.auto_class, TASK.labels).eval()
    rows = form.encode([Example("1", {"text": "a good film and a dog"}, ["O"] * 6)])
    assert (rows[0].units, rows[0].cut) == (3, 3)
    with torch.no_grad():
        found = form.reader(model)(form.collate(rows))[0].value
    assert [tag is None for tag in found] == [False] * 3 + [True] * 3


def test_refusals(base: str) -> None:
    files = open_base(base)
    form = Tags(Setting(TASK, files.tokenizer, "encoder", 16))
    with pytest.raises(UsageError, match="nothing can be put around it"):
        form.with_template("see {text}")
    assert "encoder-decoder" in (Tags.why_not(TASK, "encoder-decoder") or "")
    with pytest.raises(DataError, match=r"tag 2 is 'B-Y', which is not one of .*Did you mean 'B-X'"):
        TASK.encode(["O", "B-Y"], "r.jsonl, row 3")


def test_the_unit_is_told_by_the_rows() -> None:
    characters = [Example("1", {"text": "ab c"}, ["O"] * 4), Example("2", {"text": "d"}, ["O"])]
    assert TASK.for_rows(characters).unit == "characters"
    assert TASK.for_rows([Example("1", {"text": "ab c"}, ["O"] * 2)]).unit == "words"
    assert TASK.for_rows([Example("1", {"text": ["ab", "c"]}, ["O"] * 4)]).unit == "words"
