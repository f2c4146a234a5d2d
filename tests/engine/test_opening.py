"""An opening that is read once gives the answers of every row read by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from joyul.bases.anatomy import layer_list
from joyul.bases.load import load_model, open_base
from joyul.contracts import Example, Form, Row, Setting
from joyul.engine import opening
from joyul.engine.batches import cut
from joyul.engine.evaluate import judge, predict
from joyul.forms.continuation import Continuation
from joyul.forms.default import Default
from joyul.forms.wording import Phrase, Wording
from joyul.tasks.classify import Classify
from tests import tiny

LABELS = ("bad", "good")
WORDS = {"bad": ("bad", "not good"), "good": ("good", "not bad at all")}  # several tokens: several passes behind each prompt
SAID = "is the film good or is the film bad and is the story well told or is the plot dull"
CASES = [
    ("gpt2", {}), ("llama", {}), ("qwen3", {}), ("opt", {}), ("gemma", {}), ("gemma3", {}),
    ("mistral", {"sliding_window": 8}),  # shorter than the opening: its last tokens alone are seen
]  # fmt: skip


def by_itself(model: torch.nn.Module, form: Form, rows: list[Row]) -> torch.Tensor:
    """Probabilities row by row, nothing before it: a single row shares nothing."""
    return torch.tensor([list((predict(model, form, [row])[0].scores or {}).values()) for row in rows])


@pytest.mark.parametrize(("architecture", "changes"), CASES, ids=[name for name, _ in CASES])
def test_shared_openings_equal_rows_by_themselves(architecture: str, changes: dict[str, int], tmp_path: Path) -> None:
    files = open_base(tiny.save(tmp_path / "base", architecture, "AutoModelForCausalLM", initializer_range=0.3, **changes))
    setting = Setting(Classify(LABELS), files.tokenizer, files.architecture, 64)
    form = Continuation(setting, Wording("{text} it is {label}", WORDS, SAID))
    model = load_model(files, form.auto_class, LABELS).eval()
    rows = form.encode([Example(str(n), {"text": text}, "good") for n, text in enumerate(tiny.TEXTS)])
    found = torch.tensor([list((answer.scores or {}).values()) for answer in predict(model, form, rows)])
    assert list(opening.FITS[model.base_model].values()) == [True], "it was not shared: the test could not fail"
    expected = by_itself(model, form, rows)
    assert torch.allclose(found, expected, atol=1e-5)
    assert judge(model, form, rows)[1] == pytest.approx(float(-expected[:, 1].log().mean()), abs=1e-5)
    assert "forward" not in vars(model.base_model), "put back"


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_every_template_of_an_ensemble_has_its_opening(architecture: str, tmp_path: Path) -> None:
    """A demonstration in the words of each template: the openings differ, and none is read with the rows."""
    files = open_base(tiny.save(tmp_path / "base", architecture, "AutoModelForCausalLM", initializer_range=0.3))
    said = (Phrase("{text} it is {label}", WORDS), Phrase("the film : {text} and the plot was {label}", WORDS))
    wording = Wording(instruction=SAID, demonstrations=({"text": "i liked the story", "label": "good"},)).saying(said)
    form = Continuation(Setting(Classify(LABELS), files.tokenizer, files.architecture, 64), wording)
    model = load_model(files, form.auto_class, LABELS).eval()
    rows = form.encode([Example(str(n), {"text": text}) for n, text in enumerate(tiny.TEXTS)])
    expected, read = by_itself(model, form, rows), []
    layer_list(model)[0].register_forward_pre_hook(lambda layer, args, kwargs: read.append(_read(args, kwargs)), with_kwargs=True)
    found = torch.tensor([list((answer.scores or {}).values()) for answer in predict(model, form, rows)])
    assert torch.allclose(found, expected, atol=1e-5)
    shortest, whole = min(row.length for row in rows), {length for count, length in read if count == 1}
    assert len(whole) >= 2, "the opening of each"
    assert all(length < shortest for count, length in read if count > 8), "rows without what opens them"


def _read(args: tuple[torch.Tensor, ...], kwargs: dict[str, torch.Tensor]) -> tuple[int, int]:
    """Rows and tokens of a pass."""
    states = args[0] if args else kwargs["hidden_states"]
    return states.shape[0], states.shape[1]


@pytest.mark.parametrize("architecture", ["gpt2", "gemma3"])
def test_an_opening_that_is_read_otherwise_is_not_shared(
    architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The positive control: the opening's keys and values one token further."""
    files = open_base(tiny.save(tmp_path / "base", architecture, "AutoModelForCausalLM", initializer_range=0.3))
    setting = Setting(Classify(LABELS), files.tokenizer, files.architecture, 64)
    form = Continuation(setting, Wording("{text} it is {label}", WORDS, SAID))
    model = load_model(files, form.auto_class, LABELS).eval()
    rows = form.encode([Example(str(n), {"text": text}, "good") for n, text in enumerate(tiny.TEXTS)])
    whole = opening.filled
    monkeypatch.setattr(opening, "filled", lambda cache: [(keys.roll(1, 2), values) for keys, values in whole(cache)])
    expected = by_itself(model, form, rows)
    found = torch.tensor([list((answer.scores or {}).values()) for answer in predict(model, form, rows)])
    assert list(opening.FITS[model.base_model].values()) == [False]
    assert torch.allclose(found, expected, atol=1e-5)


def test_heads_of_decoders_share_a_template_too(tmp_path: Path) -> None:
    files = open_base(tiny.save(tmp_path / "base", "llama", initializer_range=0.3))
    form = Default(Setting(Classify(LABELS), files.tokenizer, files.architecture, 64), SAID + " {text}")
    model = load_model(files, form.auto_class, LABELS).eval()
    rows = form.encode([Example(str(n), {"text": text}) for n, text in enumerate(tiny.TEXTS)])
    found = torch.tensor([list((answer.scores or {}).values()) for answer in predict(model, form, rows)])
    assert opening.FITS[model.base_model]
    assert torch.allclose(found, by_itself(model, form, rows), atol=1e-5)


def test_a_model_that_reads_both_ways_shares_nothing(base: str) -> None:
    files = open_base(base)
    form = Default(Setting(Classify(LABELS), files.tokenizer, files.architecture, 64), SAID + " {text}")
    model = load_model(files, form.auto_class, LABELS).eval()
    rows = form.encode([Example(str(n), {"text": text}) for n, text in enumerate(tiny.TEXTS)])
    with torch.no_grad(), opening.opened(model, rows, form.collate(rows[:4])) as known:
        assert known == 0


def test_what_rows_share() -> None:
    rows = [Row(str(n), {"input_ids": ids}) for n, ids in enumerate([[1, 2, 3, 4], [1, 2, 3], [1, 2, 3, 5, 6]])]
    assert opening.shared(rows) == [1, 2], "something of every row is left to read"
    assert opening.shared(rows[:1]) == opening.shared([]) == []
    assert opening.shared([*rows, Row("x", {"input_ids": [2, 2, 3]})]) == []
    assert [len(piece) for piece in cut(rows, 4)] == [1, 1, 1]
    assert [len(piece) for piece in cut(rows, 4, known=2)] == [2, 1], "what is known costs nothing"
