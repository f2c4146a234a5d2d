"""What a server does wrong, over real sockets: sent again or reported by row, no row lost, none paid twice."""

from __future__ import annotations

import email.utils
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from joyul.bases.hosted import Hosted
from joyul.contracts import Example, Prediction
from joyul.endpoint import asker, client
from joyul.endpoint.address import Address
from joyul.endpoint.pace import retry_after
from joyul.engine.evaluate import predict
from joyul.errors import BaseModelError, JoyulError, RunError, UsageError
from joyul.forms.instruct import Instruct
from joyul.forms.rows import untokenised
from joyul.messages import use_language
from joyul.tasks.classify import Classify
from tests.endpoint.conftest import hosted
from tests.endpoint.server import LIKELY, MODEL, Reaction, Served, free_port

TEXTS = [f"a {word} film, take {take}" for take in range(6) for word in ("good", "bad")]
WANTED = ["yes", "no"] * 6
QUOTA = json.dumps({"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}).encode()
ERROR = json.dumps({"error": {"message": "the engine is on fire"}}).encode()


def form(way: str = "logprobs", **changes: object) -> Instruct:
    return Instruct(untokenised(Classify(("no", "yes")), "hosted"), way=way, **changes)  # type: ignore[arg-type]


def answers(model: Hosted, asked: Instruct, texts: list[str] = TEXTS) -> list[Prediction]:
    rows = asked.encode([Example(f"r.csv:{number}", {"text": text}) for number, text in enumerate(texts, start=1)])
    return predict(model, asked, rows, model.notes)


def said(model: Hosted) -> str:
    return "\n".join(text for _, text in model.notes.kept)


def once(reaction: Reaction) -> Callable[[int, str], Reaction | None]:
    """The first time any text is asked, this happens."""
    return lambda number, text: reaction if number == 1 else None


def impatient(monkeypatch: pytest.MonkeyPatch, served: Served) -> None:
    """Answers that will not come are waited for briefly, all others as long as usual: no clock decides which is which."""
    plain, tries = client.connect, Counter[bytes]()

    def hurried(request: httpx2.Request) -> None:
        tries[request.content] += 1
        if request.method == "POST" and served.fault(tries[request.content], request.content.decode()) == "hang":
            request.extensions["timeout"] = {**request.extensions["timeout"], "read": 0.1}

    def connect(address: Address, timeout: float) -> httpx2.Client:
        made = plain(address, timeout)
        made.event_hooks = {"request": [hurried]}
        return made

    monkeypatch.setattr(client, "connect", connect)


MENDED = {
    "429": (429, {"Retry-After": "0"}, b"{}"),
    "429 without a time": (429, {}, b"slow down"),
    "500": (500, {}, ERROR),
    "503 that says when": (503, {"Retry-After": "0.01"}, b""),
    "time-out": "hang",
    "cut stream": "cut",
    "closed": "drop",
    "malformed JSON": (200, {}, b'{"choices": [{"message": {"content": "ye'),
    "JSON that is no answer": (200, {}, b'{"choices": []}'),
    "a probability that is none": (200, {}, b'{"choices": [{"message": {"content": "yes"}, "logprobs": {"content": [{"token": "yes", "logprob": NaN}]}}]}'),
}


@pytest.mark.parametrize("name", MENDED)
def test_a_fault_that_passes_costs_no_row_and_no_second_answer(name: str, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.fault = once(MENDED[name])
    impatient(monkeypatch, served)
    model = hosted(served, concurrency=12)
    found = answers(model, form())
    assert [one.value for one in found] == WANTED
    assert [one.score for one in found] == pytest.approx([LIKELY] * len(TEXTS))
    assert set(served.tries.values()) == {2}, "every row failed once"
    assert set(served.paid.values()) == {1}
    asked = len(served.requests)
    assert [one.value for one in answers(hosted(served), form())] == WANTED
    assert len(served.requests) == asked, "kept answers are not asked again"


LASTING = {
    "500": ((500, {}, ERROR), "the engine is on fire"), "time-out": ("hang", "no answer within 60 seconds"),
    "cut stream": ("cut", "broke off"), "malformed JSON": ((200, {}, b"<html>"), "no answer: '<html>'"),
    "a row too long": ((400, {}, b'{"error": {"message": "maximum context length is 8192"}}'), "maximum context length"),
}  # fmt: skip


@pytest.mark.parametrize("name", LASTING)
def test_a_fault_that_stays_is_reported_by_row(name: str, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    reaction, reason = LASTING[name]
    served.fault = lambda number, text: reaction if "take 3" in text else None
    impatient(monkeypatch, served)
    model = hosted(served)
    found = answers(model, form())
    lost = [place for place, text in enumerate(TEXTS) if "take 3" in text]
    assert [one.value for one in found] == [None if place in lost else want for place, want in enumerate(WANTED)]
    assert all(reason in (found[place].reason or "") for place in lost)
    assert f"2 rows have no answer ({found[lost[0]].reason}): r.csv:7, r.csv:8" in said(model)
    assert set(served.paid.values()) == {1}
    served.fault = lambda number, text: None
    asked = len(served.requests)
    assert [one.value for one in answers(hosted(served), form())] == WANTED
    assert len(served.requests) == asked + 2, "only what has no answer is asked again"


def test_retry_after_is_waited_for_by_everybody(served: Served) -> None:
    served.fault = lambda number, text: (429, {"Retry-After": "0.4"}, b"") if text == TEXTS[0] and number == 1 else None
    model = hosted(served, concurrency=1)
    answers(model, form())
    first, second = served.times[:2]
    assert second - first >= 0.4
    assert [one["messages"][-1]["content"] for one in served.requests[:2]] == [TEXTS[0], TEXTS[0]]


def test_retry_after_is_a_number_or_a_date() -> None:
    assert retry_after({"retry-after": "7"}) == 7
    assert retry_after({"retry-after-ms": "250", "retry-after": "9"}) == 0.25
    assert retry_after({"retry-after": email.utils.formatdate(time.time() + 30, usegmt=True)}) == pytest.approx(30, abs=2)
    assert retry_after({"retry-after": email.utils.formatdate(time.time() - 30, usegmt=True)}) == 0
    assert retry_after({"retry-after": "soon"}) is None
    assert retry_after({}) is None


def test_a_server_that_is_busy_for_too_long_stops_the_run(served: Served) -> None:
    served.fault = lambda number, text: (429, {"Retry-After": "7200"}, ERROR)
    with pytest.raises(RunError, match="asked again in 7200 seconds"):
        answers(hosted(served), form())


def test_a_server_that_stays_broken_is_not_asked_for_every_row(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asker, "FAILURES", 4)
    served.fault = lambda number, text: (500, {}, ERROR)
    with pytest.raises(RunError, match=r"no answer 4 times running.*on fire"):
        answers(hosted(served, concurrency=2), form(), TEXTS)
    assert len(served.tries) < len(TEXTS)


def test_rows_that_are_too_long_do_not_stop_the_others(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asker, "FAILURES", 3)
    served.fault = lambda number, text: LASTING["a row too long"][0] if "bad" in text else None
    found = answers(hosted(served), form())
    assert [one.value for one in found] == ["yes", None] * 6


def test_a_quota_that_is_used_up_stops_at_once_and_keeps_what_was_answered(served: Served) -> None:
    served.fault = lambda number, text: (429, {}, QUOTA) if "take 4" in text else None
    with pytest.raises(RunError, match=r"its quota used up \(You exceeded"):
        answers(hosted(served, concurrency=1), form())
    served.fault = lambda number, text: None
    answers(hosted(served), form())
    assert set(served.paid.values()) == {1}


def test_refusals_and_answers_that_are_no_label(served: Served) -> None:
    def say(text: str, label: str) -> str | None:
        if "take 1" in text:
            return None
        if "take 2" in text:
            return "a marvellous film"
        return label

    served.say = say
    model = hosted(served)
    found = answers(model, form())
    assert [found[place].value for place in (2, 3)] == [None, None]
    assert found[2].reason == "refused: 'I cannot help with that'"
    again = [one for one in served.requests if len(one["messages"]) > 2]
    assert len(again) == 2, "a wrong label is asked about once more, a refusal is not"
    assert again[0]["messages"][-2] == {"role": "assistant", "content": "a marvellous film"}
    assert [found[place].value for place in (4, 5)] == ["no", "no"], "the second question holds no word of the first"
    assert "2 rows have no answer (refused" in said(model)
    served.say = lambda text, label: "a marvellous film"
    stubborn = answers(hosted(served), form(instruction="One of these:\n{labels}"))
    assert {one.reason for one in stubborn} == {"no label: 'a marvellous film'"}
    assert set(served.paid.values()) == {1}


@pytest.mark.parametrize("way", ["logprobs", "logprobs_5", "schema", "schema_alone", "text", "text_alone"])
def test_every_way_of_asking(way: str, served: Served) -> None:
    served.logprobs, served.schema, served.plain = way.startswith("logprobs"), way.startswith("schema"), not way.endswith("alone")
    if way == "logprobs_5":
        served.fault = lambda number, text: None
    model = hosted(served)
    assert model.way() == ("logprobs" if way == "logprobs_5" else way)
    found = answers(model, form(way))
    assert [one.value for one in found] == WANTED
    probable = pytest.approx([LIKELY] * len(TEXTS)) if way.startswith("logprobs") else [None] * len(TEXTS)
    assert [one.score for one in found] == probable
    asked = len(served.requests)
    assert hosted(served).way() == ("logprobs" if way == "logprobs_5" else way)
    assert len([one for one in served.requests[asked:] if served.paid[json.dumps(one, sort_keys=True, ensure_ascii=False)]]) == 0


def test_equal_rows_are_asked_once_and_never_more_at_a_time_than_allowed(served: Served) -> None:
    together = threading.Barrier(3, timeout=60)  # an answer waits until three are asked for

    def wait(number: int, text: str) -> None:
        together.wait()

    served.fault = wait
    model = hosted(served, concurrency=3)
    found = answers(model, form(), TEXTS * 3)
    assert [one.value for one in found] == WANTED * 3
    assert len(served.requests) == len(TEXTS)
    assert served.busiest == 3
    assert model.spent() == {"requests": 12, "kept": 24, "failed": 0, "read": model.spent()["read"], "written": 12, "cost": None}


def test_a_rate_limit_holds(served: Served) -> None:
    started = time.monotonic()
    answers(hosted(served, rate_limit=1200), form())
    assert served.times[-1] - started >= 11 * 60 / 1200


def test_what_it_takes_is_said_before_and_after(served: Served) -> None:
    model = hosted(served, price=(1000.0, 2000.0))
    answers(model, form())
    estimate, spent = [text for _, text in model.notes.kept if "tokens" in text]
    assert f"{MODEL} at" in estimate
    assert "about 12 requests" in estimate
    counted = sum(sum(len(message["content"]) for message in one["messages"]) // 4 for one in served.requests)
    assert f"{counted:,} tokens read, 12 written, costing about {(counted * 1000 + 12 * 2000) / 1e6:.2g}" in spent
    guessed = int(estimate.partition("requests, ")[2].partition(" ")[0].replace(",", ""))
    assert counted < guessed < 1.5 * counted


def test_rows_that_leave_the_machine_are_announced(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(model := hosted(served), form())
    assert "leave" not in said(model)
    monkeypatch.setattr("joyul.endpoint.address.Address.local", False)
    served.fault = lambda number, text: None
    answers(model := hosted(served), form(template="Review: {text}"))
    assert f"the texts of about 12 rows leave this machine for {model.asker.address.host}." in said(model)


def test_a_server_that_is_down_is_one_error(served: Served) -> None:
    served.url = f"http://127.0.0.1:{free_port()}/v1"
    with pytest.raises(BaseModelError, match=r"nothing answers at http://127.0.0.1"):
        answers(hosted(served), form())
    with pytest.raises(BaseModelError, match="Is the server running"):
        hosted(served).way()


def test_a_server_that_goes_down_keeps_what_it_answered(served: Served, tmp_path: Path) -> None:
    answers(hosted(served), form(), TEXTS[:5])
    before, served.url = served.url, f"http://127.0.0.1:{free_port()}/v1"
    with pytest.raises(JoyulError):
        answers(hosted(served), form())
    served.url = before
    answers(hosted(served), form())
    assert sum(served.paid.values()) == len(TEXTS)


def test_keys_come_from_the_environment_and_go_nowhere_else(served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    served.key = "sk-secret"
    with pytest.raises(UsageError, match=r"refuses the key.*JOYUL_API_KEY"):
        answers(hosted(served), form())
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with pytest.raises(UsageError, match="refuses the key"):
        answers(hosted(served), form())
    assert not served.headers, "the list of models was refused, and no row was sent"
    served.key = None
    answers(hosted(served), form(), TEXTS[:1])
    assert [headers.get("authorization") for headers in served.headers] == [None], "OpenAI's key is not for other hosts"
    served.key = "sk-secret"
    monkeypatch.setenv("OPENAI_BASE_URL", served.url)
    answers(hosted(served), form())
    assert served.headers[-1]["authorization"] == "Bearer sk-secret"
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setenv("JOYUL_API_KEY", "sk-secret")
    answers(model := hosted(served), form(template="Review: {text}"))
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert written
    assert "sk-secret" not in written + said(model)
    assert "good film" not in written, "what was asked is not kept"


def test_a_token_without_any_probability_is_kept_like_others(served: Served) -> None:
    tokens = b'{"token": "yes", "logprob": -0.1, "top_logprobs": [{"token": "no", "logprob": -Infinity}]}'
    body = b'{"choices": [{"message": {"content": "yes"}, "logprobs": {"content": [' + tokens + b"]}}]}"
    served.fault = lambda number, text: (200, {}, body)
    assert [one.score for one in answers(hosted(served), form(), TEXTS[:2])] == [1.0, 1.0]
    served.fault = lambda number, text: (500, {}, ERROR)
    assert [one.score for one in answers(hosted(served), form(), TEXTS[:2])] == [1.0, 1.0], "from the cache"


def test_threads_speak_the_language_in_use(served: Served) -> None:
    served.fault = lambda number, text: (400, {}, ERROR) if text == TEXTS[0] else (429, {}, QUOTA) if text == TEXTS[1] else "cut"
    use_language("ko")
    try:
        assert "5번 시도함" in (answers(hosted(served), form(), TEXTS[2:3])[0].reason or "")
        with pytest.raises(RunError, match="한도가 다했습니다"):
            answers(hosted(served), form(), TEXTS[:2])
    finally:
        use_language(None)


def test_attempts_are_few(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ATTEMPTS", 3)
    served.fault = lambda number, text: (500, {}, ERROR) if text == TEXTS[0] else None
    found = answers(hosted(served), form())
    assert found[0].reason == "500: the engine is on fire; tried 3 times"
    assert max(served.tries.values()) == 3


def test_threads_that_share_the_cache_leave_whole_files(served: Served, tmp_path: Path) -> None:
    answers(hosted(served, concurrency=12), form(), TEXTS * 2)
    files = list((tmp_path / "cache/answers").rglob("*"))
    kept = [path for path in files if path.is_file()]
    assert len(kept) == len(TEXTS)
    assert all(path.suffix == ".json" and json.loads(path.read_text())["model"] == MODEL for path in kept)
    kept[0].write_text('{"choices"')  # torn by another hand
    answers(hosted(served), form())
    assert sorted(served.paid.values())[-2:] == [1, 2], "what cannot be read is asked again"
