"""How fast an endpoint is asked: so many requests a minute, not before it wants to be asked again, and stoppable at any time."""

from __future__ import annotations

import email.utils
import random
import threading
import time
from collections.abc import Mapping

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds before a request is sent again: doubled each time, drawn from the upper half


class Stopped(Exception):
    """The asking was given up while a request waited."""


class Pace:
    """Shared by the threads of one asking."""

    def __init__(self, per_minute: float | None) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._lock = threading.Lock()
        self._free = self._resumed = 0.0
        self._stopped = threading.Event()

    def turn(self) -> None:
        """Wait until a request may be sent. Raises Stopped."""
        with self._lock:
            mine = max(time.monotonic(), self._free)
            self._free = mine + self._gap
        while (left := max(mine, self._resumed) - time.monotonic()) > 0 or self._stopped.is_set():
            self.wait(left)

    def pause(self, seconds: float) -> None:
        """Nobody sends anything for so long."""
        with self._lock:
            self._resumed = max(self._resumed, time.monotonic() + seconds)

    def wait(self, seconds: float) -> None:
        """Wait alone. Raises Stopped."""
        if self._stopped.wait(max(0.0, seconds)):
            raise Stopped

    def stop(self) -> None:
        """Whoever waits, or will, stops."""
        self._stopped.set()


def backoff(attempt: int) -> float:
    """Seconds before attempt `attempt` + 1, counted from 1."""
    return float(min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: a number or a date (RFC 9110, 10.2.3); None where it does not say."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        said = headers.get("retry-after", "")
        if said.strip().replace(".", "", 1).isdigit():
            return float(said)
        return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - time.time()) if said else None
    except (ValueError, TypeError, OverflowError):
        return None
