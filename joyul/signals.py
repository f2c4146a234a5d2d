"""Stopping in good order: the first Ctrl-C, SIGTERM or SIGHUP lets an update end and be saved, the second leaves at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
HEARD = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupted(KeyboardInterrupt):
    """Somebody asked the process to stop. `at_once`: asked twice, so that nothing more is saved."""

    def __init__(self, number: int, at_once: bool = False) -> None:
        self.number, self.at_once = number, at_once
        super().__init__(signal.Signals(number).name)

    @property
    def exit_code(self) -> int:
        """As a shell reports it: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
        return 128 + self.number


class _Listener:
    """The process has one set of handlers, so there is one of these. `patient`: whether a signal waits for its moment."""

    def __init__(self) -> None:
        self.asked: int | None = None
        self.patient = False
        self.listening = False

    def hear(self, number: int, frame: FrameType | None) -> None:
        if self.asked is not None:
            raise Interrupted(number, at_once=True)
        self.asked = number
        if not self.patient:
            raise Interrupted(number)


_listener = _Listener()


@contextmanager
def listening() -> Iterator[None]:
    """Turn the signals into `Interrupted`. Inside another `listening`, and outside the main thread, it changes nothing."""
    if _listener.listening or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in HEARD}
    _listener.asked, _listener.listening = None, True
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # nohup asked for that
            signal.signal(number, _listener.hear)
    try:
        yield
    finally:
        _listener.asked, _listener.listening = None, False
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


@contextmanager
def _patience(patient: bool) -> Iterator[None]:
    before, _listener.patient = _listener.patient, patient
    try:
        yield
    finally:
        _listener.patient = before


def whole(items: Iterator[Item]) -> Iterator[Item]:
    """Pass `items` through; a signal waits until the next of them is made. Ask `stop_if_asked` between them."""
    while True:
        with _patience(True):
            try:
                item = next(items)
            except StopIteration:
                return
        yield item


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A signal waits for the end of the block. Ask `stop_if_asked` behind it."""
    with _patience(True):
        yield


def interruptible(action: Callable[[], Result]) -> Callable[[], Result]:
    """The same action, which a signal breaks off even where others have to wait."""

    def wrapped() -> Result:
        stop_if_asked()
        with _patience(False):
            return action()

    return wrapped


def stop_if_asked() -> None:
    """Raise Interrupted where a signal has come and waits."""
    if _listener.asked is not None:
        raise Interrupted(_listener.asked)


def asked() -> Any:
    """The number of the signal that waits, or None."""
    return _listener.asked
