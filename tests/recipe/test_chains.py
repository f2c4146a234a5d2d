"""The grammar: command lines, recipes, chains, values, aliases."""

from __future__ import annotations

from pathlib import Path

import pytest

from joyul.errors import UsageError
from joyul.recipe import chains
from joyul.recipe.grammar import Given, parse, read_recipe
from joyul.recipe.resolve import from_words, resolve
from joyul.recipe.settings import ALIASES, RUN_KEYS, STAGE_KEYS
from joyul.recipe.stages import STAGES, Sizes, StageInfo
from joyul.recipe.values import allowed


def built(method: str, **values: str) -> list[dict[str, object]]:
    given = [(Given(key.replace("__", "."), value), "you") for key, value in values.items()]
    return [stage.values for stage in chains.build(method, given)]


@pytest.fixture
def soft(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage with a range of its own, as learned prompts will have."""
    info = StageInfo("vectors", "벡터", ("learning_rate", "epochs"), {"learning_rate": (1e-3, 10.0), "epochs": (0, 1000)})
    monkeypatch.setitem(STAGES, "soft_prompt", info)


def test_command_lines() -> None:
    call = parse(["train", "x.csv", "epochs=3", "--max-length", "64", "--json", "text=a=b", "--", "k=v", "--json"])
    assert call.positionals == ["train", "x.csv", "k=v", "--json"]
    assert [(item.key, item.value) for item in call.given] == [("epochs", "3"), ("max_length", "64"), ("text", "a=b")]
    assert call.flags == {"json"}
    with pytest.raises(UsageError, match="needs a value"):
        parse(["train", "--epochs"])


@pytest.mark.usefixtures("soft")
def test_values_of_a_chain() -> None:
    assert built("full+soft_prompt", learning_rate="5e-5+3e-2", epochs="3+20") == [
        {"learning_rate": 5e-5, "epochs": 3.0}, {"learning_rate": 3e-2, "epochs": 20.0},
    ]  # fmt: skip
    assert built("full+soft_prompt", epochs="2") == [{"epochs": 2.0}, {"epochs": 2.0}], "one value for every stage"
    assert built("full+soft_prompt", learning_rate="3e-2") == [{}, {"learning_rate": 3e-2}], "full's range has no room for it"
    assert built("full+prompt+soft_prompt", learning_rate="5e-5+3e-2")[1] == {}, "prompt takes no rate"
    assert built("full+soft_prompt", soft_prompt__learning_rate="0.1") == [{}, {"learning_rate": 0.1}]
    assert built("full", learning_rate="1e-5") == built("full", learning_rate="1E-05") == [{"learning_rate": 1e-5}]


@pytest.mark.usefixtures("soft")
@pytest.mark.parametrize(
    ("method", "values", "words"),
    [
        ("full+soft_prompt", {"epochs": "1+2+3"}, r"3 values, but 2 stages .* full\+soft_prompt"),
        ("full", {"learning_rate": "5"}, r"outside the range of every stage \(full: 1e-08"),
        ("prompt", {"epochs": "3"}, "no stage of prompt takes epochs"),
        ("full", {"head__epochs": "3"}, r"no stage 'head' in this chain \(full\)"),
        ("full+head+full", {"full__epochs": "3"}, "does not say which full"),
        ("full", {"schedule": "linaer"}, "one of linear, cosine, .*constant. Did you mean 'linear'"),
        ("full", {"epochs": "abc"}, "epochs=abc cannot be used. Allowed: a number, above 0"),
        ("ful", {}, "no stage 'ful'.*Did you mean 'full'"),
    ],
)
def test_what_does_not_match_is_shown(method: str, values: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        built(method, **values)


def test_a_recipe_keeps_text_as_text(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("labels: [no, '01', yes]\nlearning_rate: 3e-4\nseed: 07\nout:\nlabel: no\n", encoding="utf-8")
    assert [(item.key, item.value, item.where) for item in read_recipe(path)] == [
        ("labels", ["no", "01", "yes"], "r.yaml, line 1"), ("learning_rate", "3e-4", "r.yaml, line 2"),
        ("seed", "07", "r.yaml, line 3"), ("label", "no", "r.yaml, line 5"),
    ]  # fmt: skip
    recipe = resolve("train", [Given("seed", "9")], str(path))
    assert (recipe.run.labels, recipe.run.label, recipe.run.seed) == (("no", "01", "yes"), "no", 9)
    assert recipe.origins["seed"] == "you"
    assert recipe.origins["labels"] == "recipe file"


def test_defaults_depend_on_method_and_width_and_say_so() -> None:
    rates = {}
    for width in (128, 384, 768, 1024, 4096):
        recipe = from_words("train", {"data": "x.csv"})
        settled = recipe.stages[0].settle(Sizes(width, rows=5000))
        rates[width] = settled.learning_rate
        assert recipe.stages[0].origins["learning_rate"] == f"default: at width {width}"
    assert list(rates.values()) == sorted(rates.values(), reverse=True)
    assert rates[768] == pytest.approx(3e-5 / 2**0.5, rel=0.02)  # half of the 16 rows an update, on a set of this size
    large = from_words("train", {"data": "x.csv"}).stages[0].settle(Sizes(768, rows=50_000))
    assert (large.learning_rate, large.batch_size) == (3e-5, 16)
    head = from_words("train", {"data": "x.csv", "method": "head"})
    assert (head.stages[0].settle(Sizes(384, 5000)).learning_rate or 0) > rates[384]
    small = from_words("train", {"data": "x.csv"}).stages[0].settle(Sizes(384, rows=100))
    assert small.patience == "none", "the few epochs of a small set run to their end"
    asked = from_words("train", {"data": "x.csv", "epochs": 100}).stages[0].settle(Sizes(384, rows=100))
    assert asked.patience == 3, "who asks for many epochs is stopped"
    assert (small.epochs or 0) > 3


def test_a_settled_recipe_reads_back_the_same(tmp_path: Path) -> None:
    recipe = from_words("train", {"data": "x.csv", "method": "full+head", "template": "a {text}, b", "labels": ["no", "1"], "full__clip": 2})
    for stage in recipe.stages:
        stage.settle(Sizes(384, 5000))
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe.as_yaml(), encoding="utf-8")
    again = resolve("train", [], str(path))
    assert again.run == recipe.run
    assert [stage.values for stage in again.stages] == [stage.values for stage in recipe.stages]


def test_other_tools_spellings() -> None:
    recipe = from_words("train", {
        "train_file": "x.csv", "model_name_or_path": "starter", "num_train_epochs": 2, "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 8, "bf16": True, "cutoff_len": 64, "lr_scheduler_type": "cosine", "output_dir": "o",
        "max_grad_norm": 0.5, "finetuning_type": "head", "val_size": 0.2,
    })  # fmt: skip
    run, stage = recipe.run, recipe.stages[0]
    assert (run.data, run.base, run.max_length, run.out, run.precision, run.valid) == ("x.csv", "starter", 64, "o", "bf16", "0.2")
    assert stage.method == "head"
    assert stage.values == {"epochs": 2.0, "batch_size": 32, "schedule": "cosine", "clip": 0.5}


def test_every_setting_has_words_and_bounds() -> None:
    """No alias hides a setting, and what is allowed can be said for each."""
    assert not set(ALIASES) & {*RUN_KEYS, *STAGE_KEYS}
    assert all(allowed(key) for key in (*RUN_KEYS, *STAGE_KEYS))
    assert len({*RUN_KEYS, *STAGE_KEYS}) == len(RUN_KEYS) + len(STAGE_KEYS)
