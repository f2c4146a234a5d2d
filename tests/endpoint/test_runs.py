"""Whole runs on an endpoint: train, predict, eval, compare, resume; refusals before anything is sent; nothing paid twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import joyul
from joyul.artifact import load
from joyul.bases.source import RECIPE_FILE
from joyul.cli import main
from joyul.errors import BaseModelError, DoesNotFit, JoyulError, UsageError
from joyul.notes import Notes
from joyul.use import predict_texts
from tests import forks
from tests.conftest import BAD, GOOD, ROOT, write_csv
from tests.endpoint.server import MODEL, QUESTION, Reaction, Served, free_port

BASE = f"openai:{MODEL}"


@pytest.fixture
def told(served: Served) -> Served:
    """A server that knows which words are good."""
    served.positive = GOOD
    return served


@pytest.fixture
def few(tmp_path: Path) -> str:
    """24 rows."""
    rows = [(f"a {word} {thing}", label) for label, words in (("yes", GOOD), ("no", BAD)) for word in words[:4] for thing in ("film", "plot", "cast")]
    return write_csv(tmp_path / "few.csv", [("text", "label"), *rows])


def settings(served: Served, tmp_path: Path, **further: Any) -> dict[str, Any]:
    return {"base": BASE, "base_url": served.url, "method": "prompt", "out": str(tmp_path / "run"), **further}


def test_train_chooses_among_templates_and_the_result_serves(told: Served, few: str, tmp_path: Path) -> None:
    told.say = lambda text, label: label if text.startswith("Review:") else "yes"
    run = joyul.train(few, **settings(told, tmp_path, template=["{text}", "Review: {text}"], price="1,2", valid="0.25", test="0.25"))
    steps = [json.loads(line) for line in (run.folder / "steps.jsonl").read_text().splitlines()]
    assert [step["kind"] for step in steps] == ["search", "search"]
    assert [step["candidate"]["template"] for step in steps] == ["{text}", "Review: {text}"]
    assert steps[1]["score"] == 1.0 > steps[0]["score"]
    assert run.metrics["scores"]["test"]["accuracy"]["value"] == 1.0
    assert run.metrics["scores"]["test"]["auc"]["value"] == 1.0, "the server gives probabilities"
    spent = run.metrics["endpoint"]
    assert spent["requests"] == len(told.paid) and set(told.paid.values()) == {1}
    assert spent["cost"] == pytest.approx((spent["read"] + 2 * spent["written"]) / 1e6)
    asked = len(told.requests)
    opened = load(run.folder)
    assert [one.value for one in opened.predict(["a good film", "something dull"])] == ["yes", "no"]
    assert len(told.requests) == asked + 1, "the first text stood among the rows"
    assert joyul.evaluate(run.folder, data=few)["scores"]["accuracy"]["value"] == 1.0
    assert len(told.requests) == asked + 1
    spec = YAML(typ="safe").load((run.folder / "prompt.yaml").read_text(encoding="utf-8"))
    assert (spec["form"], spec["way"], spec["template"]) == ("instruct", "logprobs", "Review: {text}")
    assert told.url in (run.folder / RECIPE_FILE).read_text() and "answers of the endpoint" in (run.folder / "report.html").read_text()
    again = joyul.train(few, **settings(told, tmp_path, template="Review: {text}", base=str(run.folder), out=str(tmp_path / "again"), valid="0.25", test="0.25"))
    assert again.metrics["endpoint"]["requests"] == 0, "a run is a base, and its answers are kept"
    assert main(["predict", str(tmp_path / "again"), f"base_url=http://127.0.0.1:{free_port()}/v1", "some other film"]) == 1


def test_zero_shot_in_korean(served: Served, tmp_path: Path) -> None:
    served.positive = ("좋",)
    run = joyul.train(labels="부정,긍정", **settings(served, tmp_path))
    assert [one["messages"][-1]["content"] for one in served.requests] == [QUESTION], "nothing to ask yet"
    lines = predict_texts(load(run.folder), ["정말 좋았어요", "지루했다", ""], Notes())
    assert [line["prediction"] for line in lines] == ["긍정", "부정", None]
    assert "글을 읽고" in served.requests[-1]["messages"][0]["content"]


def test_words_of_labels_instruction_and_demonstrations(told: Served, tmp_path: Path) -> None:
    run = joyul.train(labels="0,1", label_words="0=bad|awful,1=good", instruction="Judge the film.", **settings(told, tmp_path))
    told.say = lambda text, label: "Awful!" if label == "bad" else label
    file = run.folder / "prompt.yaml"
    assert "instruction: |-\n  Judge the film.\n  Answer with one of these labels alone, exactly as it is written here:\n  {labels}" in file.read_text()
    shown = "demonstrations:\n- text: so fine\n  label: '1'\n- text: a dull plot\n  label: '0'\n"
    file.write_text(file.read_text() + shown)
    assert [one.value for one in load(run.folder).predict(["a good film", "a dull plot"])] == ["1", "0"]
    longer, shorter = sorted((one["messages"] for one in told.requests if one["messages"][-1]["content"] != QUESTION), key=len, reverse=True)
    assert [(one["role"], one["content"]) for one in longer[1:]] == [
        ("user", "so fine"), ("assistant", "good"), ("user", "a dull plot"), ("assistant", "bad"), ("user", "a good film"),
    ]  # fmt: skip
    assert len(shorter) == 4, "a demonstration is no demonstration of itself"
    assert longer[0]["content"].startswith("Judge the film.\n")
    file.write_text(file.read_text().replace("label: '1'", "label: '2'"))
    with pytest.raises(JoyulError, match="2"):
        load(run.folder)


def test_pairs_are_asked_together(told: Served, tmp_path: Path) -> None:
    rows = [(f"a {word} film", "it was liked", label) for label, words in (("yes", GOOD), ("no", BAD)) for word in words]
    told.positive = tuple(f"a {word} film" for word in GOOD)
    data = write_csv(tmp_path / "pairs.csv", [("premise", "hypothesis", "label"), *rows])
    run = joyul.train(data, **settings(told, tmp_path, template="Premise: {text}\nHypothesis: {text_pair}"))
    assert run.metrics["scores"]["valid"]["accuracy"]["value"] == 1.0
    texts = [text for text in told.rows() if "film" in text]
    assert any(text.startswith("Premise: a ") and text.endswith("\nHypothesis: it was liked") for text in texts)


REFUSED: Mapping[str, tuple[Mapping[str, Any], type[JoyulError], str]] = {
    "full": ({"method": "full"}, DoesNotFit, "no weights here"),
    "lora": ({"method": "lora"}, DoesNotFit, "no weights here"),
    "a chain": ({"method": "prompt+head"}, DoesNotFit, "method=head does not fit"),
    "another form": ({"form": "similarity"}, DoesNotFit, "form=similarity does not fit"),
    "a length": ({"max_length": 64}, UsageError, "max_length= has no meaning"),
    "a template without its slot": ({"template": "It was {label}."}, UsageError, "label"),
    "no model": ({"base": "openai:"}, UsageError, "names no model"),
    "no address": ({"base_url": "localhost:8000"}, UsageError, "not the address of a server"),
    "a password in it": ({"base_url": "https://me:secret@example.com/v1"}, UsageError, "holds a password"),
    "a base that is none": ({"base": "starter"}, UsageError, "base_url= is for a base behind an endpoint"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_before_any_row_is_sent(name: str, told: Served, few: str, tmp_path: Path) -> None:
    given, kind, reason = REFUSED[name]
    with pytest.raises(kind, match=reason):
        joyul.train(few, **settings(told, tmp_path) | given)
    assert set(told.rows()) == set()
    assert not (tmp_path / "run").exists()


def test_openai_itself_wants_a_key(few: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"api.openai.com wants a key. Set the environment variable OPENAI_API_KEY"):
        joyul.train(few, base="openai:gpt-4o-mini", method="prompt", out=str(tmp_path / "run"))


def test_an_endpoint_that_is_down_is_said_before_any_work(few: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    for verb in (["train", "method=prompt"], ["compare"]):
        assert main([*verb, f"data={few}", f"base={BASE}", f"base_url={url}", f"out={tmp_path / 'run'}"]) == 1
        said = capsys.readouterr().err
        assert f"nothing answers at {url}" in said and "tfidf" not in said
        assert not (tmp_path / "run").exists()


def test_a_wrong_path_and_a_wrong_model_say_what_is_there(told: Served, few: str, tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match=r"Did you mean base_url=.*/v1"):
        joyul.train(few, **settings(told, tmp_path, base_url=told.url.removesuffix("/v1")))
    with pytest.raises(BaseModelError, match="The model other does not exist"):
        joyul.train(few, **settings(told, tmp_path, base="openai:other"))


def test_compare_takes_it_beside_what_needs_no_weights(told: Served, few: str, tmp_path: Path) -> None:
    found = joyul.compare(few, base=BASE, base_url=told.url, template=["{text}", "Review: {text}"], valid="0.25", test="0.25", out=str(tmp_path / "compared"))
    lines = {line["method"]: line for line in found.record["methods"]}
    assert set(lines) == {"majority", "tfidf", "prompt"}
    assert lines["prompt"]["score"] == 1.0
    assert found.record["verdict"]["method"] == "prompt"
    assert [one.value for one in joyul.load(tmp_path / "compared/best").predict(["a good film"])] == ["yes"]
    asked = joyul.compare(few, base=BASE, base_url=told.url, methods="prompt,full", valid="0.25", test="0.25", out=str(tmp_path / "asked"))
    failed = next(line for line in asked.record["methods"] if line["method"] == "full")
    assert "no weights here" in failed["error"]


def test_compare_takes_it_beside_a_base_of_this_machine(told: Served, few: str, base: str, tmp_path: Path) -> None:
    further = {"methods": "prompt", "template": ["It was {label}.", "Review: {text}"], "valid": "0.25", "test": "none"}
    found = joyul.compare(few, base=f"{base},{BASE}", base_url=told.url, out=str(tmp_path / "compared"), **further)
    lines = {(line["method"], line["base"]): line for line in found.record["methods"]}
    assert lines["prompt", BASE]["error"] is None and lines["prompt", base]["error"] is None, lines
    assert lines["frozen", base]["error"] is None


def test_a_template_of_ones_own_is_the_one_that_is_asked(told: Served, few: str, tmp_path: Path) -> None:
    """Zero-shot and on rows: with nothing to choose among, nothing is paid for a choice."""
    zero = joyul.train(labels="no,yes", **settings(told, tmp_path, template="Review: {text}", out=str(tmp_path / "zero")))
    zero.load().predict(["a good film"])
    assert told.rows() == ["Review: a good film"]
    run = joyul.train(few, **settings(told, tmp_path, template="Opinion: {text}", valid="0.25", test="0.25"))
    assert run.load().form.spec()["template"] == "Opinion: {text}"
    assert len(told.rows()) - 1 == run.metrics["rows"]["valid"] + run.metrics["rows"]["test"]


def test_a_wide_search_shows_rows_where_it_is_asked_for(told: Served, few: str, tmp_path: Path) -> None:
    run = joyul.train(few, **settings(told, tmp_path, search="wide", valid="0.25", test="none"))
    tried = [line["candidate"] for line in run.metrics["search"][0]["tried"]]
    assert [(one.get("demonstrations"), one.get("nearest")) for one in tried] == [(None, None), (2, None), (4, None), (24, 4)]


def test_a_search_says_once_what_came_of_it(told: Served, few: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three wordings, one of them made anew for each fold: one line of answers, one of rows without any."""
    told.say = lambda text, label: None if "a dull" in text else label
    given = [f"{key}={value}" for key, value in settings(told, tmp_path, demonstrations=1, valid="0.25", test="none").items()]
    assert main(["train", few, *given]) == 0
    said = capsys.readouterr().err
    search = said[: said.index("wordings tried")]
    assert search.count("answered:") == search.count("have no answer (refused") == 1


def test_what_chooses_nothing_is_not_asked(told: Served, few: str, tmp_path: Path) -> None:
    run = joyul.train(few, **settings(told, tmp_path, valid="0.25", test="0.25"))
    assert run.metrics["endpoint"]["requests"] - 1 == run.metrics["rows"]["valid"] + run.metrics["rows"]["test"]


def test_demonstrations_are_tried_where_they_are_asked_for(told: Served, few: str, tmp_path: Path) -> None:
    """The bare instruction, one of each label drawn, and the two most like each row: what is said before is what is asked."""
    run = joyul.train(few, **settings(told, tmp_path, demonstrations=1, valid="0.25", test="0.25"))
    tried = [line["candidate"] for line in run.metrics["search"][0]["tried"]]
    assert [(one.get("demonstrations"), one.get("nearest")) for one in tried] == [(None, None), (2, None), (18, 2)]
    rows = run.metrics["rows"]
    labelled = rows["train"] + rows["valid"]
    assert run.metrics["endpoint"]["requests"] <= 1 + 3 * labelled + rows["test"]
    near = [body["messages"] for body in told.requests if len(body["messages"]) == 6]
    assert near, "an instruction, two turns shown, the row"
    for messages in near:
        shown = [turn["content"] for turn in messages[1:-1] if turn["role"] == "user"]
        assert messages[-1]["content"] not in shown


KILLED = """
import sys
from joyul.endpoint.address import address
from joyul.endpoint.asker import Asker, Terms
from joyul.notes import Notes
asker = Asker(address("openai:{model}", sys.argv[1]), Terms(concurrency=3), Notes())
asker.ask([{{"messages": [{{"role": "user", "content": f"row {{n}}"}}]}} for n in range(30)])
"""


def test_killed_while_it_asks_it_pays_no_answer_twice(served: Served) -> None:
    """SIGKILL with three requests on their way: what was answered before is on disk, whole."""
    held = threading.Event()
    stuck = threading.Semaphore(0)

    def fault(number: int, text: str) -> Reaction | None:
        if held.is_set() or len(served.paid) < 10:
            return None
        stuck.release()
        held.wait(20)
        return "drop"

    served.fault = fault
    command = [sys.executable, "-c", KILLED.format(model=MODEL), served.url]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    for _ in range(3):
        assert stuck.acquire(timeout=30)
    process.send_signal(signal.SIGKILL)
    process.wait()
    held.set()
    before = sum(served.paid.values())
    assert 10 <= before < 30
    assert subprocess.run(command, env=environment, check=True, capture_output=True).returncode == 0
    assert len(served.paid) == 30 and set(served.paid.values()) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_stopped_goes_on(number: signal.Signals, told: Served, few: str, tmp_path: Path) -> None:
    """The same command line, or the folder: no row is lost, none paid twice (but for what was on its way at a SIGKILL)."""
    told.slow = 0.05
    typed = ["train", f"data={few}", f"base={BASE}", f"base_url={told.url}", "method=prompt", 'template=["{text}", "Review: {text}"]', "concurrency=2", "out=run"]
    fork = forks.start(tmp_path, typed)
    ends = time.monotonic() + 60
    while len(told.paid) < 8 and time.monotonic() < ends:
        time.sleep(0.01)
    fork.send(number)
    assert fork.end() == (-number if number == signal.SIGKILL else 130), fork.text
    assert 8 <= len(told.paid) < 48
    if number == signal.SIGKILL:
        again = forks.start(tmp_path, typed)
        assert again.end() == 2 and "joyul train run  goes on with it" in again.text
    on = forks.start(tmp_path, ["train", "run"])
    assert on.end() == 0, on.text
    twice = sum(count - 1 for count in told.paid.values())
    assert twice <= (2 if number == signal.SIGKILL else 0)
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    assert metrics["scores"]["valid"]["accuracy"]["value"] == 1.0
