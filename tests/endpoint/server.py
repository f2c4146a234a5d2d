"""A server on this machine that speaks the OpenAI protocol: real sockets, scripted faults, and a record of all that came in.

It answers by the words of a text: the last label where it holds one of `positive`, else the first, 0.9 against 0.1. A fault is a
function from the request's number (counted from 1, for that text) to what happens instead, or None.
"""

from __future__ import annotations

import json
import math
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "tiny-chat"
LIKELY = 0.9
Reaction = tuple[int, Mapping[str, str], bytes] | str  # status, headers, body; or `cut`, `hang`, `drop`
Fault = Callable[[int, str], Reaction | None]


@dataclass
class Served:
    """What the server can, what it does wrong, and what it saw."""

    logprobs: bool = True
    schema: bool = True
    plain: bool = True  # temperature and max_tokens are taken
    key: str | None = None
    positive: tuple[str, ...] = ("good",)
    fault: Fault = lambda number, text: None
    say: Callable[[str, str], str | None] = lambda text, label: label  # what is said instead of the label; None: a refusal
    slow: float = 0.0  # seconds an answer takes
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    paid: Counter[str] = field(default_factory=Counter)  # whole answers by request
    tries: Counter[str] = field(default_factory=Counter)
    at_once: int = 0
    busiest: int = 0
    times: list[float] = field(default_factory=list)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rows(self) -> list[str]:
        """The last message of every request that holds a row."""
        return [found for request in self.requests if (found := request["messages"][-1]["content"]) != QUESTION]

    def of_rows(self) -> dict[str, int]:
        """Whole answers by request, the question of abilities left out."""
        return {asked: count for asked, count in self.paid.items() if QUESTION not in asked}


QUESTION = "Answer with the word yes and nothing else."


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Served

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        if not self._allowed():
            return
        if self.path != "/v1/models":
            self._send(404, {}, b"404 page not found")
            return
        self._send(200, {}, json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}).encode())

    def do_POST(self) -> None:
        served = self.served
        if self.path != "/v1/chat/completions":
            self.rfile.read(int(self.headers["Content-Length"]))
            self._send(404, {}, b"404 page not found")
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = json.loads(body)
        asked, text = json.dumps(request, sort_keys=True, ensure_ascii=False), request["messages"][-1]["content"]
        with served.lock:
            served.requests.append(request)
            served.headers.append({name.lower(): value for name, value in self.headers.items()})
            served.times.append(time.monotonic())
            served.tries[asked] += 1
            number = served.tries[asked]
            served.at_once += 1
            served.busiest = max(served.busiest, served.at_once)
        try:
            if self._allowed():
                self._answer(request, text, asked, number)
        finally:
            with served.lock:
                served.at_once -= 1

    def _answer(self, request: dict[str, Any], text: str, asked: str, number: int) -> None:
        served = self.served
        reaction = served.fault(number, text) if text != QUESTION else None
        if reaction is None:
            reaction = (200, {}, json.dumps(completion(served, request, text)).encode()) if not (why := refused(served, request)) \
                else (400, {}, json.dumps({"error": {"message": why, "type": "invalid_request_error"}}).encode())  # fmt: skip
            time.sleep(served.slow)
            if reaction[0] == 200:
                with served.lock:
                    served.paid[asked] += 1
        if reaction == "hang":
            self.connection.recv(1)  # until the other side has had enough
            self.close_connection = True
        elif reaction == "drop":
            self.close_connection = True
        elif reaction == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"choices": [{"mess')
            self.close_connection = True
        else:
            assert not isinstance(reaction, str)
            self._send(*reaction)

    def _allowed(self) -> bool:
        if self.served.key is None or self.headers.get("Authorization") == f"Bearer {self.served.key}":
            return True
        self._send(401, {}, json.dumps({"error": {"message": "Incorrect API key provided"}}).encode())
        return False

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def refused(served: Served, request: Mapping[str, Any]) -> str | None:
    """Why a server of this kind does not take the request."""
    if request["model"] != MODEL:
        return f"The model {request['model']} does not exist"
    if "logprobs" in request and not served.logprobs:
        return "logprobs is not supported"
    if "response_format" in request and not served.schema:
        return "response_format is not supported"
    return "Unsupported parameter: max_tokens" if "temperature" in request and not served.plain else None


def completion(served: Served, request: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A chat completion as the protocol has it."""
    first, second = labels(request)
    label = first if text == QUESTION or any(word in text for word in served.positive) else second
    said = served.say(text, label)
    if said is not None and "response_format" in request:
        said = json.dumps({"label": said}, ensure_ascii=False)
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
    choice["message"] = {"role": "assistant", "content": said, "refusal": "I cannot help with that" if said is None else None}
    if "logprobs" in request and said is not None:
        other = second if label == first else first
        choice["logprobs"] = {"content": [token(said, {said: LIKELY if said in (label, other) else 0.97, other: 0.1 if said == label else 0.01})]}
    read = sum(len(message["content"]) for message in request["messages"]) // 4
    usage = {"prompt_tokens": read, "completion_tokens": 1, "total_tokens": read + 1}
    return {"id": "x", "object": "chat.completion", "model": MODEL, "choices": [choice], "usage": usage}


def labels(request: Mapping[str, Any]) -> tuple[str, str]:
    """The two labels of the instruction, or yes and no."""
    opening = request["messages"][0]["content"]
    found = [line[2:] for line in opening.splitlines() if line.startswith("- ")]
    return (found[-1], found[0]) if len(found) >= 2 else ("yes", "no")


def token(said: str, likely: Mapping[str, float]) -> dict[str, Any]:
    """A token with the likeliest ones in its place."""
    one = [{"token": word, "logprob": math.log(share), "bytes": list(word.encode())} for word, share in likely.items()]
    return {**one[0], "token": said, "bytes": list(said.encode()), "top_logprobs": one}


@contextmanager
def serving(served: Served | None = None) -> Iterator[Served]:
    """The server on a free port, while the block lasts."""
    served = served or Served()
    handler = type("Handler", (_Handler,), {"served": served})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
