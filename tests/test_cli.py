"""The command line as a whole: help, one JSON object, recipes that give the same run again, other tools' spellings."""

from __future__ import annotations

import json
import re
import resource
import signal
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

import joyul
from joyul import cli
from joyul.cli import VERBS, main
from joyul.errors import UsageError
from joyul.recipe.adapters import ADAPTERS
from joyul.recipe.grammar import Given, parse
from joyul.recipe.resolve import Recipe, resolve
from joyul.recipe.settings import RUN_KEYS, STAGE_KEYS, keys_of

HEAVY = ("torch", "transformers", "datasets", "numpy", "sklearn", "pyarrow")
QUICK = 0.5  # seconds
SHORT = ["epochs=1", "batch_size=16"]


def typed(*arguments: str, verb: str = "train") -> Recipe:
    """The recipe of a command line."""
    return resolve(verb, parse(arguments).given)


@pytest.fixture
def small(tmp_path: Path, rows: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> str:
    """A few rows, in the folder where commands are typed."""
    monkeypatch.chdir(tmp_path)
    Path("r.csv").write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows[:40]), encoding="utf-8")
    return "r.csv"


# help


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("verb", VERBS)
def test_help_of_each_verb(verb: str, language: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help", f"lang={language}"]) == 0
    page = capsys.readouterr().out
    assert f"joyul {verb}" in page
    assert bool(re.search("[가-힣]", page)) == (language == "ko")
    assert all(re.search(rf"^{key}\b", page, re.MULTILINE) for key in keys_of(verb))


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_front_page(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    page = capsys.readouterr().out
    assert all(f"joyul {verb}" in page for verb in VERBS)


def test_help_of_a_verb_is_one_page(capsys: pytest.CaptureFixture[str]) -> None:
    pages = []
    for arguments in (["train", "--help"], ["help", "train"], ["train", "-h"]):
        main(arguments)
        pages.append(capsys.readouterr().out)
    assert len(set(pages)) == 1


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == joyul.__version__


@pytest.mark.parametrize(("number", "told"), [(signal.SIGINT, "joyul: stopped by you."), (signal.SIGTERM, "joyul: told to stop (SIGTERM).")])
def test_who_stopped_it(number: signal.Signals, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cli, "_run", lambda arguments: signal.raise_signal(number))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what runs in the background ignore it
    try:
        assert cli.main(["env"]) == 128 + number
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err.strip() == told


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["train", "--help", "lang=ko"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = f"import sys; from joyul.cli import main; main({arguments!r}); print('loaded', *(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded"


def test_help_is_quick() -> None:
    """Processor time, which is the wall time of a machine that does nothing else: other tests run beside this one."""
    seconds = []
    for _ in range(10):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "joyul", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert statistics.median(seconds) < QUICK, seconds


# one JSON object


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one object on stdout."""
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_json_of_what_needs_no_run(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["method"] for row in printed(["methods"], capsys)["methods"]] == ["full", "layers", "contrast", "head", *ADAPTERS, "soft_prompt", "p_tuning", "prefix", "prompt"]
    assert {"python", "torch", "device"} <= printed(["env"], capsys).keys()
    assert printed(["init", "classify"], capsys) == {"recipe": "recipe.yaml"}


def test_json_of_a_run(small: str, base: str, capsys: pytest.CaptureFixture[str]) -> None:
    run = printed(["train", small, f"base={base}", "out=run", *SHORT], capsys)
    assert run["folder"] == "run"
    assert 0 <= run["scores"]["test"]["accuracy"]["value"] <= 1
    assert [line["id"] for line in printed(["predict", "run", "good", "bad"], capsys)["predictions"]] == ["1", "2"]
    assert printed(["eval", "run", f"data={small}"], capsys)["rows"] == 40
    compared = printed(["compare", small, f"base={base}", "methods=prompt,head", "epochs=1"], capsys)
    assert compared["verdict"]["method"] in ("tfidf", "frozen", "prompt", "head")


# recipes


def test_init_is_read_back(small: str) -> None:
    assert main(["init", "classify"]) == 0
    recipe = resolve("train", [], recipe_file="recipe.yaml")
    assert (recipe.run.data, recipe.run.base, recipe.run.method, recipe.run.task) == (
        "reviews.csv",
        "starter",
        "full",
        "classify",
    )


def test_every_line_of_init_is_known(small: str) -> None:
    """Also those that are commented out, at their defaults."""
    assert main(["init", "classify"]) == 0
    keys = set(keys_of("train"))
    blocks = Path("recipe.yaml").read_text(encoding="utf-8").strip().split("\n\n")
    lasts = [block.splitlines()[-1].removeprefix("# ") for block in blocks]
    settings = [line for line in lasts if re.match(r"[a-z_]+:( |$)", line)]
    assert {line.partition(":")[0] for line in settings} == keys
    Path("whole.yaml").write_text("\n".join(settings), encoding="utf-8")
    whole, filled = (resolve("train", [], recipe_file=name) for name in ("whole.yaml", "recipe.yaml"))
    assert whole.run == filled.run


@pytest.mark.parametrize("settings", [["method=full"], ["method=head+full", "learning_rate=1e-3+1e-4", "dropout=0.1"]])
def test_recipe_of_a_run_gives_it_again(small: str, base: str, settings: list[str]) -> None:
    assert main(["train", small, f"base={base}", "seed=3", "out=one", *SHORT, *settings]) == 0
    assert main(["train", "one/recipe.yaml", "out=two"]) == 0
    assert main(["train", "one", "out=three"]) == 0  # a run folder means its recipe
    first = load_file("one/model/model.safetensors")
    for again in ("two", "three"):
        assert Path(again, "predictions.jsonl").read_bytes() == Path("one/predictions.jsonl").read_bytes()
        second = load_file(f"{again}/model/model.safetensors")
        assert first.keys() == second.keys()
        assert all((first[name] == second[name]).all() for name in first)
    plain = [re.sub(r" *#.*", "", Path(name, "recipe.yaml").read_text(encoding="utf-8")) for name in ("one", "two", "three")]
    assert len(set(plain)) == 1


def test_command_line_wins_over_recipe(small: str) -> None:
    Path("r.yaml").write_text("data: r.csv\nepochs: 3\nseed: 5\n", encoding="utf-8")
    recipe = resolve("train", [Given("epochs", "7")], recipe_file="r.yaml")
    assert (recipe.stages[0].settled.epochs, recipe.run.seed) == (7, 5)


def test_words_of_a_recipe_stay_words(small: str) -> None:
    """YAML 1.1 would read `no` as false, and 01 as 1."""
    Path("r.yaml").write_text("data: r.csv\nlabels: [no, yes, 01]\n", encoding="utf-8")
    assert resolve("train", [], recipe_file="r.yaml").run.labels == ("no", "yes", "01")


# other tools' spellings

ALIASED = {
    "model_name_or_path=m": ("base", "m"), "base_model=m": ("base", "m"), "pretrained_model_name_or_path=m": ("base", "m"),
    "train_file=a.csv": ("data", "a.csv"), "dataset=a.csv": ("data", "a.csv"), "validation_file=v.csv": ("valid", "v.csv"),
    "val_size=0.1": ("valid", "0.1"), "val_set_size=0.1": ("valid", "0.1"), "test_file=t.csv": ("test", "t.csv"),
    "cutoff_len=64": ("max_length", 64), "max_seq_length=64": ("max_length", 64), "--max-seq-length=64": ("max_length", 64),
    "output_dir=o": ("out", "o"), "finetuning_type=full": ("method", "full"), "text_column_name=t": ("text", "t"),
    "label_column_name=l": ("label", "l"), "mixed_precision=bf16": ("precision", "bf16"), "bf16=yes": ("precision", "bf16"),
    "bf16=no": ("precision", "fp32"), "fp32=true": ("precision", "fp32"), "random_state=3": ("seed", 3),
    "num_train_epochs=3": ("epochs", 3), "num_epochs=3": ("epochs", 3), "lr=1e-4": ("learning_rate", 1e-4),
    "lr_scheduler_type=cosine": ("schedule", "cosine"), "warmup_ratio=0.2": ("warmup", 0.2), "max_grad_norm=2": ("clip", 2),
    "label_smoothing_factor=0.1": ("label_smoothing", 0.1), "early_stopping_patience=2": ("patience", 2),
    "per_device_train_batch_size=8": ("batch_size", 8), "micro_batch_size=8": ("batch_size", 8),
    "per_device_train_batch_size=4": ("batch_size", 4), "full.num_train_epochs=3": ("epochs", 3),
}  # fmt: skip


@pytest.mark.parametrize("written", ALIASED)
def test_alias(written: str) -> None:
    key, value = ALIASED[written]
    recipe = typed(written)
    assert getattr(recipe.run if key in RUN_KEYS else recipe.stages[0].settled, key) == value


def test_batch_sizes_are_multiplied() -> None:
    assert typed("per_device_train_batch_size=8", "gradient_accumulation_steps=4").stages[0].settled.batch_size == 32
    assert typed("--micro-batch-size", "2", "--gradient-accumulation-steps", "4").stages[0].settled.batch_size == 8


@pytest.mark.parametrize("written", ["gradient_accumulation_steps=abc", "bf16=maybe", "per_device_train_batch_size=-1"])
def test_wrong_value_of_an_alias(written: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"{written} cannot be used.")):
        typed(written)


@pytest.mark.parametrize("written", [["batch_size=4", "per_device_train_batch_size=4"], ["precision=fp32", "bf16=yes"]])
def test_alias_beside_its_setting(written: list[str]) -> None:
    with pytest.raises(UsageError, match="given twice"):
        typed(*written)


def test_no_alias_hides_a_setting() -> None:
    from joyul.recipe.aliases import FACTORS, SWITCHES
    from joyul.recipe.settings import ALIASES, doc

    everything = [alias for key in (*RUN_KEYS, *STAGE_KEYS) for alias in doc(key).aliases]
    assert len(everything) == len(set(everything)) == len(ALIASES)
    assert not {*everything, *FACTORS, *SWITCHES} & {*RUN_KEYS, *STAGE_KEYS}


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("learning_rate=1e-3+1e-4", [1e-3, 1e-4]),
        ("clip=1e+1+2", [10, 2]),
        ("clip=1e+1", [10, 10]),
        ("class_weights=none+balanced", None),
    ],
)
def test_values_of_a_chain(written: str, found: list[float] | None) -> None:
    key = written.partition("=")[0]
    stages = typed("method=head+full", written).stages
    assert [getattr(stage.settled, key) for stage in stages] == (found or ["none", "balanced"])
