"""`learning_rate=auto` and `joyul lr` on a tiny model: what is measured, that nothing else changes, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import joyul
from joyul.bases.load import load_model, open_base
from joyul.cli import main
from joyul.contracts import Batch, Row, Step
from joyul.engine.loop import Plan
from joyul.forms.default import Default
from joyul.methods.full import Full
from joyul.methods.rate import Budget, RateSearch, clearly_lower
from joyul.notes import Notes
from joyul.recipe.grammar import read_recipe
from tests.conftest import write_csv

LABELS = ("no", "yes")
FAST = {"epochs": 6, "batch_size": 16}


def search(base: str, form: Any, rows: Sequence[Row], valid: Sequence[Row], **changes: Any) -> tuple[RateSearch, list[Step], nn.Module]:
    model = load_model(open_base(base), "AutoModelForSequenceClassification", LABELS, seed=0)
    plan = replace(Plan(epochs=6, learning_rate=1e-3, batch_size=16, seed=3, first_step=5), **changes)
    found = RateSearch(model, form, rows, valid, Full().moves(model), plan, (1e-8, 1e-2), Notes())
    return found, list(found), model


def told(steps: Sequence[Step]) -> list[Step]:
    return [replace(step, seconds=0.0, memory=0) for step in steps]


def test_the_budget_by_hand() -> None:
    """5 % and 4 % of the run, within their limits; a probe's rate by the root of the ratio of updates."""
    assert Budget.of(1000) == Budget(1000, 50, 40) and Budget.of(1000).most == 250
    assert Budget.of(36) == Budget(36, 30, 20) and Budget.of(100_000).range == 60
    assert Budget.of(500).shrink == pytest.approx(0.2) and Budget.of(10).shrink == 1.0


def test_a_difference_has_to_be_larger_than_its_error() -> None:
    """Gains 1, 0, 2, 1: mean 1, standard error sqrt(2/3)/2 = 0.41. Gains 1, -1, 1, -0.9: mean 0.025, below its error."""
    assert clearly_lower([1, 2, 0, 1], [2, 2, 2, 2])
    assert not clearly_lower([1, 1, 1, 1], [2, 0, 2, 0.1])
    assert not clearly_lower([], [1.0]) and clearly_lower([1.0], [])


def test_the_weights_are_as_before_and_a_second_search_gives_the_same_steps(base: str, form: Default, encoded: list[Row]) -> None:
    found, steps, model = search(base, form, encoded[:60], encoded[60:])
    before = load_model(open_base(base), "AutoModelForSequenceClassification", LABELS, seed=0)
    for (name, value), other in zip(model.named_parameters(), before.parameters(), strict=True):
        assert torch.equal(value, other), name
    again, same, _ = search(base, form, encoded[:60], encoded[60:])
    assert told(steps) == told(same) and found.rate == again.rate
    assert [step.step for step in steps] == list(range(5, 5 + found.steps))
    assert {step.kind for step in steps} == {"range", "probe"}
    rates = [step.learning_rate for step in steps if step.kind == "range"]
    assert rates[0] == pytest.approx(1e-5) and rates[-1] == pytest.approx(1e-2 if len(rates) == 30 else rates[-1])
    probes = [step.candidate or {} for step in steps if step.kind == "probe"]
    assert probes[-1]["chosen"] == found.rate and 1e-8 <= found.rate <= 1e-2 and "chosen" not in probes[0]
    assert len(probes) <= 5 and all(probe["held_rows"] == 20 for probe in probes)


class Seen:
    """A Form that tells which rows were computed."""

    def __init__(self, form: Default) -> None:
        self.form, self.ids = form, set[str]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.form, name)

    def collate(self, rows: Sequence[Row]) -> Batch:
        self.ids |= {row.id for row in rows}
        return self.form.collate(rows)

    def losses(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        return self.form.losses(model, batch, label_smoothing)


def test_without_validation_rows_a_fifth_of_the_training_rows_judges(base: str, form: Default, encoded: list[Row]) -> None:
    found, steps, _ = search(base, form, encoded[:50], [])
    assert [step.candidate["held_rows"] for step in steps if step.candidate] == [10] * sum(s.kind == "probe" for s in steps)
    assert any("set aside" in text for _, text in found.notes.kept)


def test_a_rate_at_which_training_breaks_is_never_chosen(base: str, form: Default, encoded: list[Row]) -> None:
    """The losses are no numbers once the weights have moved far: as after an overflow."""
    start = load_model(open_base(base), "AutoModelForSequenceClassification", LABELS, seed=0)
    weight = start.get_parameter("classifier.weight").detach().clone()

    class Breaks(Seen):
        def losses(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
            far = (model.get_parameter("classifier.weight") - weight).abs().max() > 0.004
            return self.form.losses(model, batch, label_smoothing) * (math.nan if far else 1.0)

    found, steps, model = search(base, Breaks(form), encoded[:60], encoded[60:])
    assert sum(step.kind == "range" for step in steps) < 30  # it ended where training broke
    assert found.rate < 1e-3
    json.dumps([step.candidate for step in steps], allow_nan=False)
    broken = found._probe(encoded[:60], encoded[60:], 1e-2, Budget.of(24))
    assert broken.loss == math.inf and broken.score is None
    start.load_state_dict(model.state_dict())  # what a broken probe did is taken back too
    assert torch.equal(start.get_parameter("classifier.weight"), weight)


def train(base: str, data: str, out: Path, **settings: Any) -> joyul.Run:
    return joyul.train(data=data, base=base, out=str(out), precision="fp32", **{**FAST, **settings})


def recipe(folder: Path) -> dict[str, Any]:
    return {item.key: item.value for item in read_recipe(folder / "recipe.yaml")}


def test_a_run_records_the_rate_and_its_recipe_gives_the_same_weights(base: str, reviews: str, tmp_path: Path) -> None:
    run = train(base, reviews, tmp_path / "a", method="full", learning_rate="auto")
    text = (run.folder / "recipe.yaml").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("learning_rate"))
    assert "measured: range test" in line and float(recipe(run.folder)["learning_rate"]) > 0
    again = joyul.train(**{**recipe(run.folder), "out": str(tmp_path / "b")})
    one, other = (load_file(folder / "model/model.safetensors") for folder in (run.folder, again.folder))
    assert all(torch.equal(one[name], other[name]) for name in one)
    report = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "How the learning rate was found" in report and "Short validated runs" in report
    assert "How the learning rate" not in (again.folder / "report.html").read_text(encoding="utf-8")
    seconds = sum(json.loads(line)["seconds"] for line in (run.folder / "steps.jsonl").read_text().splitlines())
    assert seconds == pytest.approx(run.metrics["seconds"]["train"], rel=0.1)


@pytest.mark.parametrize("stop_at", ["range", "update"])
def test_a_run_that_was_stopped_goes_on_to_the_same_steps_and_weights(base: str, reviews: str, tmp_path: Path, stop_at: str) -> None:
    """Left in the middle of the search, which begins again, and in the middle of what follows, which does not search again."""
    whole = train(base, reviews, tmp_path / "whole", method="full", learning_rate="auto")
    words = {**FAST, "data": reviews, "base": base, "precision": "fp32", "method": "full", "learning_rate": "auto"}
    running = joyul.steps(**words, out=str(tmp_path / "left"))
    seen = 0
    for step in running:
        seen += step.kind == stop_at
        if seen == 7:
            break
    running.close()
    run = joyul.train(tmp_path / "left")
    one, other = (load_file(folder / "model/model.safetensors") for folder in (whole.folder, run.folder))
    assert all(torch.equal(one[name], other[name]) for name in one)
    lines = [[json.loads(line) for line in (folder / "steps.jsonl").read_text().splitlines()] for folder in (whole.folder, run.folder)]
    one, other = ([{key: line[key] for key in line if key not in ("seconds", "memory")} for line in each] for each in lines)
    assert one == other
    assert recipe(run.folder)["learning_rate"] == recipe(whole.folder)["learning_rate"] != "auto"


def test_test_rows_are_never_read_by_a_search(base: str, reviews: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[str] = set()
    collate = Default.collate
    monkeypatch.setattr(Default, "collate", lambda self, rows: (seen.update(row.id for row in rows), collate(self, rows))[1])
    joyul.learning_rate(data=reviews, base=base, out=str(tmp_path / "lr.html"), **FAST)
    before = set(seen)
    run = train(base, reviews, tmp_path / "run", method="full")
    tested = {json.loads(line)["id"] for line in (run.folder / "predictions.jsonl").read_text().splitlines()}
    assert tested and before and not tested & before


def test_in_a_chain_only_the_stage_that_asks_is_measured(base: str, reviews: str, tmp_path: Path) -> None:
    run = train(base, reviews, tmp_path / "c", method="head+full", learning_rate="1e-2+auto")
    kinds = [(json.loads(line)["stage"], json.loads(line)["kind"]) for line in (run.folder / "steps.jsonl").read_text().splitlines()]
    assert {stage for stage, kind in kinds if kind in ("range", "probe")} == {2}
    head, full = recipe(run.folder)["learning_rate"].split("+", 1) if "+" in recipe(run.folder)["learning_rate"] else ("", "")
    assert float(head) == 0.01 and float(full) > 0
    assert [json.loads(line)["step"] for line in (run.folder / "steps.jsonl").read_text().splitlines()] == list(range(1, len(kinds) + 1))


def test_too_few_rows_keep_the_default_and_say_so(base: str, tmp_path: Path) -> None:
    files = {}
    for name, word in (("data", "film"), ("valid", "story"), ("test", "plot")):
        rows = [(f"{kind} {word} {n}", label) for n in range(4) for kind, label in (("good", "yes"), ("bad", "no"))]
        files[name] = write_csv(tmp_path / f"{name}.csv", [("text", "label"), *rows])
    run = joyul.train(**files, base=base, out=str(tmp_path / "few"), precision="fp32", learning_rate="auto", allow_unknown=True, **FAST)
    assert "too few to measure" in (run.folder / "recipe.yaml").read_text(encoding="utf-8")
    words = [f"{name}={file}" for name, file in files.items()]
    assert main(["lr", *words, f"base={base}", f"out={tmp_path / 'x.html'}", "allow_unknown=true"]) == 2


def test_the_verb_writes_a_page_and_names_the_next_command(base: str, reviews: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["lr", reviews, f"base={base}", "epochs=6", "batch_size=16"]
    assert main([*words, f"out={tmp_path / 'lr.html'}", "learning_rate=1e-4"]) == 0
    shown = capsys.readouterr()
    assert "joyul train ... learning_rate=" in shown.out and "is not used" in shown.err
    page = (tmp_path / "lr.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 3 and "http" not in page.replace("http-equiv", "")
    assert main([*words, f"out={tmp_path / 'second.html'}", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["learning_rate"] == found["probes"][-1]["chosen"] and found["range"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["method=head+full"], "one stage"), (["method=prompt", "template=It was {label}."], "moves no weight"), (["methd=full"], "method"),
        (["learning_rate=automatic"], "auto"), (["learning_rate=0"], "1e-08"), (["out=."], "already"), (["full.learning_rate=5"], "1e-08"),
        (["no-such.csv", "x.csv"], "one word too many"), (["method=fool"], "full"), (["schedule=cosin"], "cosine"),
        (["method=prompt", "learning_rate=auto"], "learning_rate"), (["learning_rate=auto+auto"], "learning_rate"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused_before_any_work(
    words: list[str], said: str, base: str, reviews: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lr", reviews, f"base={base}", *words]) == 2
    assert said in capsys.readouterr().err
