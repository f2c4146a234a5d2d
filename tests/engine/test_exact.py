"""Every shortcut against the plain computation, on every text architecture: outputs and gradients in fp64, and what breaks them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from joyul.bases.anatomy import depths, inner, reading_layers
from joyul.bases.load import load_model, open_base
from joyul.contracts import Example, Form, ParameterGroup, Row, Setting
from joyul.engine import attention, layout, unpad
from joyul.engine.accumulate import Pieces, accumulate
from joyul.engine.evaluate import judge, predict
from joyul.engine.freeze import move_only
from joyul.engine.frozen import frozen_layers
from joyul.engine.store import Store, Stores
from joyul.engine.trunk import Trunk, frozen_trunk
from joyul.engine.unpad import unpadded
from joyul.engine.vocabulary import CompactEmbedding, compact_vocabulary
from joyul.forms.continuation import Continuation
from joyul.forms.default import Default
from joyul.forms.similarity import Similarity
from joyul.forms.tags import Tags
from joyul.forms.wording import Wording
from joyul.notes import Notes
from joyul.tasks.classify import Classify
from joyul.tasks.tag import Tag
from tests import tiny

LABELS = ("no", "yes")
LAYERS = 3
COUNTS = {"distilbert": "n_layers", "gpt2": "n_layer", "t5": "num_layers", "umt5": "num_layers", "bart": "encoder_layers"}
UNPADDED = (
    "bert", "roberta", "xlm-roberta", "electra", "distilbert", "modernbert", "gpt2", "llama", "mistral", "qwen3", "gemma", "gemma3",
    "opt", "clip",
)  # fmt: skip
HALVES = ("t5", "umt5", "bart")  # the half that reads the text is that of an encoder-decoder
SPLICED = (*UNPADDED, "deberta-v2", "deberta-v2-conv", "t5-encoder", *HALVES)
PADDED = {
    **dict.fromkeys(("deberta-v2", "deberta-v2-conv"), "attention of its own"),
    **dict.fromkeys(("t5-encoder",), "a term of attention of its own"), **dict.fromkeys(HALVES, "two stacks"),
    "albert": "one layer computed several times", "gemma3n": "states of four axes",
}  # fmt: skip
WHOLE = {"albert": "one layer computed several times", "gemma3n": "upper layers read the keys of lower ones"}
ARCHITECTURES = sorted({*SPLICED, *PADDED, *WHOLE})
TOLERANCE = 1e-9
# Norms that compute in fp32 whatever the model's precision.
LOOSER = dict.fromkeys(("gemma", "gemma3", "gemma3n", "t5", "t5-encoder", "umt5"), 1e-6)
CHANGES: dict[str, dict[str, Any]] = {
    "deberta-v2-conv": {"conv_kernel_size": 3, "conv_act": "gelu"}, "gemma3n": {"num_hidden_layers": 4},
    "bart": {"decoder_layers": 2},
}  # fmt: skip
WORDS = {"no": ("bad", "not good"), "yes": ("good", "not bad at all")}


class Case:
    """A tiny random model in fp64 with rows of lengths 3 to 20, under a Form that serves it."""

    def __init__(self, folder: Path, name: str) -> None:
        architecture = name.removesuffix("-conv").removesuffix("-encoder")
        loaded = "AutoModelForTokenClassification" if name == "t5-encoder" else "AutoModel"
        changes = {COUNTS.get(architecture, "num_hidden_layers"): LAYERS, **CHANGES.get(name, {})}
        tiny.save(folder, architecture, "AutoModelForCausalLM" if name == "gemma3n" else loaded, **changes)
        files = open_base(str(folder))
        self.name, self.form = name, form_of(name, files)
        texts = [" ".join(tiny.TEXTS[n % 16].split() * (1 + n % 3)) for n in range(24)]
        targets: list[Any] = [LABELS[n % 2] for n in range(24)]
        if isinstance(self.form, Tags):
            targets = [[LABELS[n % 2] for n in range(len(text.split()))] for text in texts]
        self.rows = self.form.encode([Example(f"r:{n}", {"text": text}, targets[n]) for n, text in enumerate(texts)])
        self.model = load_model(files, self.form.auto_class, LABELS, seed=1, dropout=0.0).double()
        with torch.no_grad():
            for parameter in self.model.parameters():
                if not parameter.any():  # biases, and what would leave parts of Gemma-3n out
                    parameter.normal_(std=0.1)
            if name == "gemma3n":  # zeros where there is padding have a length without a gradient
                self.model.get_input_embeddings().weight[0].normal_(std=0.1)  # type: ignore[operator, index]

    def groups(self, lowest: int) -> list[ParameterGroup]:
        """All parameters from this depth upwards (0: every one)."""
        known = depths(self.model) if lowest else {}
        return [ParameterGroup("g", {n: p for n, p in inner(self.model).named_parameters() if known.get(n, 0) >= lowest})]

    def gradients(self, groups: list[ParameterGroup], rows: list[Row], form: Any = None, most: int | None = None) -> dict[str, Tensor]:
        move_only(self.model, groups)
        self.model.train()
        accumulate(self.model, form or self.form, rows, Pieces(most))
        return {n: p.grad.clone() for n, p in self.model.named_parameters() if p.grad is not None}


def form_of(name: str, files: Any) -> Form:
    """A Form that reads a model of this kind."""
    setting = Setting(Classify(LABELS), files.tokenizer, files.architecture, 40)
    if name in (*HALVES, "gemma3n"):
        return Continuation(setting, Wording("{text} it is {label}", WORDS))
    if name == "t5-encoder":
        return Tags(replace(setting, task=Tag.learn([[*LABELS]])))
    return Similarity(setting, words_of=WORDS) if name == "clip" else Default(setting)


@pytest.fixture(params=ARCHITECTURES)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    return Case(tmp_path / "base", request.param)


@pytest.fixture
def bert(tmp_path: Path) -> Case:
    return Case(tmp_path / "base", "bert")


def distance(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    """The largest difference of a tensor, as a share of its norm (of the largest norm, for those that are zero but for rounding)."""
    assert first.keys() == second.keys()
    assert first
    first, second = ({name: value.detach() for name, value in some.items()} for some in (first, second))
    scale = max(float(value.norm()) for value in first.values())
    return max(float((first[n] - second[n]).norm()) / max(float(first[n].norm()), 1e-6 * scale) for n in first)


def test_layers_without_padding_give_the_same_gradients(case: Case) -> None:
    plain = case.gradients(case.groups(0), case.rows)
    with unpadded(case.model, case.form.collate(case.rows[:4]).inputs) as lean:
        assert lean is (case.name in UNPADDED) is (case.name not in PADDED)
        assert distance(plain, case.gradients(case.groups(0), case.rows)) < LOOSER.get(case.name, TOLERANCE)
    assert layout.Current.layout is None
    assert case.model.config._attn_implementation != attention.NAME


@pytest.mark.parametrize("name", ["bert", "llama", "clip"])
def test_the_comparison_notices_a_broken_layout(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The positive control: rows that attend to their neighbours are found out, and the model is left alone."""

    def one_block(lengths: list[int], longest: int, index: Tensor, padded_right: bool) -> list[layout.Block]:
        count = int(index.numel())
        return [layout.Block(0, 1, count, 0, count, torch.arange(count))]

    monkeypatch.setattr(layout, "_blocks", one_block)
    monkeypatch.setattr(attention, "_bias", lambda *arguments: None)
    case = Case(tmp_path, name)
    with unpadded(case.model, case.form.collate(case.rows[:4]).inputs) as lean:
        assert not lean


@pytest.mark.parametrize("height", [1, 2, 3])
def test_stored_states_give_the_same_gradients(case: Case, height: int) -> None:
    notes = Notes()
    if case.name == "albert":
        head = [ParameterGroup("head", dict(list(case.model.named_parameters())[-1:]))]
        assert frozen_layers(case.model, head) == 0
        with frozen_trunk(case.model, case.form, head, case.rows, [], "fp32", Stores(), notes) as (form, _, _):
            assert form is case.form and "same layer again and again" in notes.kept[0][1]
        return
    groups = case.groups(min(height, LAYERS - 1) + 1 if case.name == "clip" else height + 1)  # it has no head
    plain = case.gradients(groups, case.rows)
    if case.name in WHOLE:
        with frozen_trunk(case.model, case.form, groups, case.rows, [], "fp32", Stores(), notes) as (form, _, _):
            assert form is case.form and "differ" in notes.kept[0][1]
        return
    with frozen_trunk(case.model, case.form, groups, case.rows[:20], case.rows[20:], "fp32", Stores(), notes) as (form, rows, more):
        assert notes.kept
        assert form is not case.form
        with counted(case.model) as ran:
            spliced = case.gradients(groups, [*rows, *more], form)
        skipped = [case.name.startswith("t5"), *[False] * (height - 1)]  # the first layer makes what the others need
        assert case.name == "clip" or [count > 0 for count in ran] == skipped + [True] * (LAYERS - height), "a label is a prompt to it"
    limit = LOOSER.get(case.name, TOLERANCE)
    assert distance(plain, spliced) < limit
    assert distance(plain, case.gradients(groups, case.rows)) < limit  # everything is as it was


@contextmanager
def counted(model: nn.Module) -> Iterator[list[int]]:
    """How often each layer ran."""
    ran = [0] * LAYERS
    with ExitStack() as stack:
        for number, layer in enumerate(reading_layers(model)):
            part = next(module for name, module in layer.named_modules() if isinstance(module, nn.Linear) or "Conv1D" in type(module).__name__)

            def count(*_: Any, place: int = number) -> None:
                ran[place] += 1

            stack.callback(part.register_forward_hook(count).remove)
        yield ran


@pytest.mark.parametrize("name", ["bert", "deberta-v2-conv", "llama", "t5", "t5-encoder", "umt5", "clip"])
def test_a_trunk_that_answers_otherwise_is_not_used(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """States of another token; and in T5 layers that are not told how far apart tokens stand."""
    case, whole = Case(tmp_path, name), Store.read
    groups = case.groups(2)

    def used() -> bool:
        notes = Notes()
        with frozen_trunk(case.model, case.form, groups, case.rows, (), "fp32", Stores(), notes) as (form, _, _):
            assert (form is case.form) is (len(notes.kept) == 1 and "differ" in notes.kept[0][1])
            return form is not case.form

    assert used()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "read", lambda store, rows: whole(store, rows).roll(1, 0))
        assert not used()
    monkeypatch.setattr(Trunk, "_beside", lambda trunk, *_, **__: tuple(None for _ in trunk._returned or ()))
    assert used() is not name.startswith("t5")


def test_states_are_computed_again_when_a_frozen_weight_changes(bert: Case) -> None:
    stores, groups = Stores(), bert.groups(3)
    for _ in range(2):
        with frozen_trunk(bert.model, bert.form, groups, bert.rows, (), "fp32", stores, Notes()):
            assert len(stores.kept) == 1
    with torch.no_grad():
        next(bert.model.parameters()).add_(0.1)
    with frozen_trunk(bert.model, bert.form, groups, bert.rows, (), "fp32", stores, Notes()):
        assert len(stores.kept) == 2


def test_a_head_that_reads_one_token_keeps_one_token(bert: Case) -> None:
    stores = Stores()
    with frozen_trunk(bert.model, bert.form, bert.groups(LAYERS + 1), bert.rows, (), "fp32", stores, Notes()) as (_, rows, _):
        assert {row.length for row in rows} == {1}
    (store,) = stores.kept.values()
    assert store.bytes == len(bert.rows) * tiny.WIDTH * 8


def test_micro_batches_of_every_size_give_the_same_gradient(bert: Case) -> None:
    plain = bert.gradients(bert.groups(0), bert.rows)
    sizes = range(1, len(bert.rows) + 1)
    far = [distance(plain, bert.gradients(bert.groups(0), bert.rows, most=most)) for most in sizes]
    assert len(far) == 24 and max(far) < TOLERANCE


@pytest.mark.parametrize("where", ["forward", "backward"])
def test_out_of_memory_splits_the_update_and_keeps_its_sum(bert: Case, where: str) -> None:
    plain = bert.gradients(bert.groups(0), bert.rows)
    bert.model.zero_grad()
    failures = [RuntimeError("DefaultCPUAllocator: can't allocate memory"), torch.OutOfMemoryError("full"), MemoryError()]

    def fail(*_: Any) -> None:
        if failures:
            raise failures.pop()

    part = bert.model.bert.encoder.layer[0]  # in backward the layers above it have their gradients already
    handle = part.register_forward_hook(fail) if where == "forward" else part.register_full_backward_hook(fail)
    pieces = Pieces()
    accumulate(bert.model, bert.form, bert.rows, pieces)
    handle.remove()
    assert not failures
    assert pieces.most == 3  # 24, 12, 6, 3
    assert distance(plain, {n: p.grad for n, p in bert.model.named_parameters() if p.grad is not None}) < TOLERANCE


def test_a_scoring_without_memory_goes_on_in_smaller_pieces(bert: Case) -> None:
    """Pieces of 24 and 12 rows fail, those of six are computed; one that fails alone is an error."""
    asked: list[int] = []

    def fail(module: Any, given: Any, named: dict[str, Any]) -> None:
        asked.append(len(named["input_ids"]))
        if asked[-1] > most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    def scored() -> tuple[list[Any], float]:
        return predict(bert.model, bert.form, bert.rows), judge(bert.model, bert.form, bert.rows)[1]

    most = len(bert.rows)
    expected = scored()
    handle = bert.model.register_forward_pre_hook(fail, with_kwargs=True)
    most = 6
    found = scored()
    assert [one.value for one in found[0]] == [one.value for one in expected[0]]
    assert found[1] == pytest.approx(expected[1], rel=1e-6)
    assert [size for size in asked if size <= 6] == [6] * 12 and max(asked) == 24  # the second asks for twice, and passes once
    most = 0
    with pytest.raises(RuntimeError, match="allocate"):
        scored()
    handle.remove()


def test_a_row_that_does_not_fit_is_named(bert: Case) -> None:
    from joyul.errors import RunError

    def fail(*_: Any) -> None:
        raise MemoryError

    bert.model.bert.register_forward_hook(fail)
    with pytest.raises(RunError, match=r"r:\d+"):
        accumulate(bert.model, bert.form, bert.rows, Pieces())
    bert.model.bert._forward_hooks.clear()
    bert.model.bert.register_forward_hook(lambda *_: (_ for _ in ()).throw(RuntimeError("another error")))
    with pytest.raises(RuntimeError, match="another error"):
        accumulate(bert.model, bert.form, bert.rows, Pieces())


def test_a_compact_vocabulary_trains_to_the_same_table(bert: Case) -> None:
    """Ten updates of AdamW with decay: rows that occur, rows that do not, and the padding row."""
    import copy

    rows = bert.rows[:6]  # few words
    tables = []
    for compact in (False, True):
        model = copy.deepcopy(bert.model)
        groups: Any = [ParameterGroup("all", dict(model.named_parameters()))]
        with compact_vocabulary(model, bert.form, groups, rows if compact else bert.rows) as moving:
            assert isinstance(model.get_input_embeddings(), CompactEmbedding) is compact
            move_only(model, moving)
            adam = torch.optim.AdamW([p for group in moving for p in group.parameters.values()], lr=1e-2, weight_decay=0.1)
            for _ in range(10):
                accumulate(model, bert.form, rows, Pieces())
                adam.step()
                adam.zero_grad()
            outside = bert.form.collate(bert.rows[6:12]).inputs  # words that never occurred in training
            with torch.no_grad():
                answers = model(**outside).logits
        assert torch.equal(answers, model(**outside).logits) or not compact
        tables.append({**dict(model.named_parameters()), "answers": answers})
    assert distance(*tables) < TOLERANCE
    assert not torch.equal(tables[0]["bert.embeddings.word_embeddings.weight"], bert.model.get_input_embeddings().weight)


def test_a_shared_table_is_not_compacted(tmp_path: Path) -> None:
    """GPT-2's table is its output layer too: every row of it has a gradient."""
    tiny.save(tmp_path / "base", "gpt2", "AutoModelForCausalLM")
    model: Any = load_model(open_base(str(tmp_path / "base")), "AutoModelForCausalLM")
    groups = [ParameterGroup("all", dict(model.named_parameters()))]
    with compact_vocabulary(model, Any, groups, [Row("r:1", {"input_ids": [5, 6]})]) as moving:  # type: ignore[arg-type]
        assert moving is groups


def test_the_answer_about_a_model_is_kept(bert: Case) -> None:
    example = bert.form.collate(bert.rows[:4]).inputs
    with unpadded(bert.model, example) as lean:
        assert lean
        with unpadded(bert.model) as again:  # inside, as evaluation does
            assert again
        assert layout.Current.owner is not None
    assert unpad.FITS[inner(bert.model)] is True
