"""Many requests at once: each asked once, the answers kept as they come, what it takes said first and what it took afterwards."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from joyul.endpoint.address import Address
from joyul.endpoint.answers import Answers
from joyul.endpoint.client import Client
from joyul.endpoint.pace import Pace, Stopped
from joyul.endpoint.reply import Failure, Reply, parse
from joyul.errors import RunError, nearest
from joyul.files import check_writable
from joyul.messages import words
from joyul.notes import Notes

FAILURES = 10  # answers missing one after the other: then the server is broken, not a row
GRACE = 10.0  # seconds for answers on their way, paid already, when the asking is broken off
BYTES_A_TOKEN = 4.0  # UTF-8; English text has about 4, Korean text 3 to 5
FRAME = 4  # tokens around a message
WRITTEN = 8  # tokens of a label as an answer, about
MILLION = 1_000_000

Request = Mapping[str, Any]


@dataclass(frozen=True)
class Terms:
    """How an endpoint is asked: at most so many requests at a time and a minute, how long each may take (seconds), and what a
    million tokens read and written cost."""

    concurrency: int = 8
    rate_limit: float | None = None
    timeout: float = 60.0
    price: tuple[float, float] | None = None

    def cost(self, read: float, written: float) -> float | None:
        """In the money of `price`; None where nobody said."""
        return None if self.price is None else (read * self.price[0] + written * self.price[1]) / MILLION


@dataclass
class Spent:
    """What was asked so far: requests sent with an answer, answers that were kept already, requests without an answer, tokens as
    the server counted them."""

    requests: int = 0
    kept: int = 0
    failed: int = 0
    read: int = 0
    written: int = 0


class Asker:
    """Asks one model; what it tells goes to `notes`."""

    def __init__(self, address: Address, terms: Terms, notes: Notes) -> None:
        self.address, self.terms, self.notes, self.spent = address, terms, notes, Spent()
        self._answers = Answers(address)
        self._reached = self._announced = self._withheld = False
        self._unanswered: dict[str, dict[str, None]] = {}  # by the reason, the rows that stay without an answer

    def reach(self) -> None:
        """Make sure that something answers there. Raises BaseModelError, UsageError."""
        if self._reached:
            return
        client = Client(self.address, self.terms.timeout, Pace(None))
        try:
            listed = client.models()
        finally:
            client.close()
        if listed and not any(name in (self.address.model, f"{self.address.model}:latest") for name in listed):
            near = nearest(self.address.model, listed) or listed[0]
            self.notes.warn("endpoint_not_listed", model=self.address.model, host=self.address.host, near=near)
        self._reached = True

    def announce(self, requests: Sequence[Request], further: int = 0) -> None:
        """Say what asking these takes, and about as much for `further` ones like them; warn that rows leave the machine."""
        keyed = {self._answers.key(request): request for request in requests}
        missing = {key: request for key, request in keyed.items() if self._answers.get(key) is None}
        sizes = [_size(request) for request in missing.values()]
        more = further if missing or not requests else 0
        count = len(missing) + more
        read = sum(sizes) / BYTES_A_TOKEN * (count / max(1, len(missing)))
        self._announced = True
        if not count:
            return
        kept = len(requests) - len(missing)
        said = {"count": count, "tokens": f"{read:,.0f}", "model": self.address.model}
        said |= {"kept": words("endpoint_kept", kept=kept) if kept else ""}
        self.notes.say("endpoint_estimate", host=self.address.host, price=self._priced(read, count * WRITTEN), **said)
        if not self.address.local:
            self.notes.warn("rows_leave", count=count, host=self.address.host)

    def ask(self, requests: Sequence[Request], quiet: bool = False) -> list[Reply | Failure]:
        """The reply to each, in order; equal requests are asked once.

        `quiet`: nothing is said of it. Raises JoyulError where the endpoint cannot be asked; what was answered is kept.
        """
        keys = [self._answers.key(request) for request in requests]
        found: dict[str, Reply | Failure] = {key: reply for key in keys if (reply := self._answers.get(key)) is not None}
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in found}
        self.spent.kept += len(keys) - len(missing)
        if missing:
            if not (quiet or self._announced):
                self.announce(requests)
            self.reach()
            check_writable(self._answers.folder)
            before = Spent(**vars(self.spent))
            found |= self.notes.track(self._fetch(missing), "asking", len(missing))
            if not (quiet or self._withheld):
                self._report(before)
        return [found[key] for key in keys]

    def _fetch(self, requests: Mapping[str, Request]) -> Iterator[tuple[str, Reply | Failure]]:
        """(key, reply) as they come. Threads that nobody waits for do not hold up the end of the process."""
        pace = Pace(self.terms.rate_limit)
        client = Client(self.address, self.terms.timeout, pace)
        waiting = deque(requests.items())
        done: queue.SimpleQueue[tuple[str, Reply | Failure | Exception]] = queue.SimpleQueue()
        work = (self._work, client, waiting, done)
        count = min(self.terms.concurrency, len(requests))
        threads = [threading.Thread(target=copy_context().run, args=work, daemon=True) for _ in range(count)]  # in one language
        for thread in threads:
            thread.start()
        failures = 0
        try:
            for _ in requests:
                key, found = done.get()
                if isinstance(found, Exception):
                    raise found
                broken = isinstance(found, Failure) and not found.rejected  # a row too long is its own fault
                failures = failures + 1 if broken else 0
                if isinstance(found, Failure) and failures >= FAILURES:
                    raise RunError("endpoint_failing", host=self.address.host, count=failures, reason=found.reason)
                self._count(found)
                yield key, found
        finally:
            waiting.clear()
            pace.stop()
            for thread in threads:
                thread.join(GRACE)
            client.close()

    def _work(self, client: Client, waiting: deque[tuple[str, Request]], done: Any) -> None:
        """One thread: an answer is on disk before anybody hears of it."""
        while waiting:
            try:
                key, request = waiting.popleft()
            except IndexError:  # another thread was quicker
                return
            try:
                found = client.complete(request)
                if not isinstance(found, Failure):
                    self._answers.put(key, found)
                done.put((key, found if isinstance(found, Failure) else parse(found)))
            except Stopped:
                return
            except Exception as error:  # noqa: BLE001 - raised again where the answers are read
                done.put((key, error))
                return

    def _count(self, found: Reply | Failure) -> None:
        if isinstance(found, Failure):
            self.spent.failed += 1
            return
        self.spent.requests += 1
        self.spent.read += found.read
        self.spent.written += found.written

    @contextmanager
    def reported_once(self) -> Iterator[None]:
        """While open, many are asked for; what they came to is said at the end."""
        before, self._withheld = Spent(**vars(self.spent)), True
        try:
            yield
        finally:
            self._withheld = False
            self._tell()
            if (self.spent.requests, self.spent.failed) != (before.requests, before.failed):
                self._report(before)

    def unanswered(self, reason: str, rows: Sequence[str]) -> None:
        """Tell which rows stay without an answer, and why."""
        self._unanswered.setdefault(reason, {}).update(dict.fromkeys(rows))
        if not self._withheld:
            self._tell()

    def _tell(self) -> None:
        found, self._unanswered = self._unanswered, {}
        for reason, rows in found.items():
            self.notes.rows("rows_unanswered", rows, reason=reason)

    def _report(self, before: Spent) -> None:
        spent = {name: value - getattr(before, name) for name, value in vars(self.spent).items()}
        tokens = {"read": f"{spent['read']:,}", "written": f"{spent['written']:,}"}
        price = self._priced(spent["read"], spent["written"])
        self.notes.say("endpoint_spent", count=spent["requests"], failed=spent["failed"], price=price, **tokens)

    def _priced(self, read: float, written: float) -> str:
        cost = self.terms.cost(read, written)
        return "" if cost is None else words("endpoint_cost", cost=_money(cost))


def _money(amount: float) -> str:
    """Two places, or the two digits that count of less than 1."""
    return f"{amount:,.2f}" if amount >= 1 else f"{float(f'{amount:.2g}'):.12f}".rstrip("0").rstrip(".")


def _size(request: Request) -> float:
    """Bytes to read, the frame of each message among them."""
    return float(sum(len(message["content"].encode()) + FRAME * BYTES_A_TOKEN for message in request["messages"]))
