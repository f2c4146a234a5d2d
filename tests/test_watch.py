"""The live view of runs, from recorded folders."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from joyul import watch as live
from joyul.cli import main
from joyul.errors import UsageError
from joyul.state import Hold
from joyul.watch import Followed, state, view, watch


def step(number: int, **changes: Any) -> dict[str, Any]:
    line = {"step": number, "stage": 1, "method": "full", "kind": "update", "rows": 16, "tokens": 160, "seconds": 0.5, "memory": 1,
            "loss": 1 / number, "epoch": number / 10, "learning_rate": 1e-4}  # fmt: skip
    return {**line, **changes}


def recorded(folder: Path, steps: list[dict[str, Any]], ended: bool = False) -> Path:
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text("data: a.csv\nmethod: full\nepochs: 4\n", encoding="utf-8")
    (folder / "steps.jsonl").write_text("".join(json.dumps(line) + "\n" for line in steps), encoding="utf-8")
    if ended:
        (folder / "metrics.json").write_text("{}", encoding="utf-8")
    return folder


@contextmanager
def running(folder: Path) -> Iterator[Path]:
    """A process that writes the folder."""
    with Hold(folder) as hold:
        hold.take()
        hold.run()
        yield folder


def shown(*folders: Path) -> str:
    runs = [Followed(folder) for folder in folders]
    for run in runs:
        run.look()
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(view(runs))
    return console.export_text()


def test_a_running_run_shows_where_it_stands(tmp_path: Path) -> None:
    """20 updates of 16 rows at half a second: 32 rows a second, and 2 epochs = 20 updates = 10 s left."""
    steps = [step(n) for n in range(1, 20)] + [step(20, valid={"accuracy": 0.75, "loss": 0.4})]
    with running(recorded(tmp_path / "x", steps)) as folder:
        text = shown(folder)
    for part in ("running", "full", "update 20", "epoch 2.00 / 4", "loss 0.05", "learning rate 0.0001", "32 rows/s", "10 s left",
                 "accuracy 0.75, loss 0.4"):  # fmt: skip
        assert part in text
    assert any("\u2801" <= letter <= "\u28ff" for letter in text)


def test_epochs_that_were_changed_count(tmp_path: Path) -> None:
    """Half as many updates are left."""
    with running(recorded(tmp_path / "x", [step(n) for n in range(1, 20)] + [step(20, adjusted={"epochs": 3.0})])) as folder:
        text = shown(folder)
    assert "epoch 2.00 / 3" in text and "5 s left" in text


def test_a_run_that_was_killed_or_failed_says_so(tmp_path: Path) -> None:
    killed, failed = recorded(tmp_path / "killed", [step(1)]), recorded(tmp_path / "failed", [step(1)])
    (killed / "state.json").write_text(json.dumps({"state": "running", "host": "elsewhere", "pid": 1, "born": 0.0}))
    with pytest.raises(ValueError, match="broken"), running(failed):
        raise ValueError("broken")
    assert [one["state"] for one in state([str(killed), str(failed)])] == ["interrupted", "failed"]
    text = shown(killed, failed)
    assert "interrupted; joyul train goes on with it" in text and "failed · failed" in text.replace(str(tmp_path) + "/", "")


def test_an_ended_run_a_run_without_a_step_and_both_at_once(tmp_path: Path) -> None:
    done = recorded(tmp_path / "done", [step(1), step(2)], ended=True)
    new = recorded(tmp_path / "new", [])
    (new / "steps.jsonl").unlink()
    text = shown(done, new)
    assert "· ended" in text and "not one step yet" in text and " left" not in text


def test_lines_are_read_once_whole_and_anew_after_a_new_start(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "x", [step(1)])
    run = Followed(folder)
    run.look()
    with open(folder / "steps.jsonl", "a", encoding="utf-8") as file:
        text = json.dumps(step(2)) + "\n"
        file.write(text[:20])
        file.flush()
        run.look()
        assert [line["step"] for line in run.steps] == [1]  # half a line waits
        file.write(text[20:] + "not json\n[1]\n" + json.dumps(step(3)) + "\n")
    run.look()
    run.look()
    assert [line["step"] for line in run.steps] == [1, 2, 3]
    (folder / "steps.jsonl").write_text(json.dumps(step(1)) + "\n", encoding="utf-8")
    run.look()
    assert [line["step"] for line in run.steps] == [1]


def test_a_comparison_shows_its_methods(tmp_path: Path) -> None:
    recorded(tmp_path / "c/methods/full", [step(1)], ended=True)
    with running(recorded(tmp_path / "c/methods/head", [step(1, method="head")])):
        found = state([str(tmp_path / "c")])
    assert [(Path(one["folder"]).name, one["state"]) for one in found] == [("full", "ended"), ("head", "running")]


def test_it_ends_with_the_last_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = recorded(tmp_path / "x", [step(1)])
    monkeypatch.setattr(live, "EVERY", 0.01)
    monkeypatch.setattr(live, "results", Console(force_terminal=True, file=open("/dev/null", "w")))  # noqa: SIM115
    watching = threading.Thread(target=watch, args=([str(folder)],))
    with running(folder):
        watching.start()
        time.sleep(0.1)
        assert watching.is_alive()
    watching.join(timeout=10)
    assert not watching.is_alive()


def test_what_is_no_run_is_refused_with_what_is_near(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded(tmp_path / "reviews", [step(1)])
    with pytest.raises(UsageError, match="reviews"):
        watch([str(tmp_path / "review")])
    assert main(["watch"]) == 2
    assert main(["watch", str(tmp_path / "reviews"), "epochs=3"]) == 2
    assert main(["watch", str(tmp_path / "reviews")]) == 0  # no terminal: once
    assert "update 1" in capsys.readouterr().out
    assert main(["watch", str(tmp_path / "reviews"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["step"]["step"] == 1


def test_where_there_is_no_run_none_is_listed() -> None:
    assert str(UsageError("not_a_run", found="a", allowed=())) == "a is not a run folder (no recipe.yaml). Runs here: –."
