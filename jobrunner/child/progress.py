"""How far a job is: the latest state, sent often enough and not more often."""

from __future__ import annotations

import math
import os
import threading
from _thread import start_new_thread
from typing import Any, SupportsFloat

from jobrunner import clock
from jobrunner.child import plain
from jobrunner.child.lines import Sink

INTERVAL = 0.1
_IDLE_ROUNDS = 20
_TEXT_BYTES = 255


class Progress:
    """Sends at most about ten progress frames a second; the latest state is never held back for more than 0.2 s.

    Safe in threads and after a fork.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._percent: float | None = None
        self._text: str | None = None
        self._current: int | float | None = None
        self._total: int | float | None = None
        self._changed = False
        self._sent_at = -math.inf
        self._begin_here()

    def _begin_here(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._ticking = False

    def _here(self) -> threading.Lock:
        # A forked copy has no ticking thread, and a lock that may never be released.
        if self._process != os.getpid():
            self._begin_here()
        return self._lock

    def update(
        self,
        percent: SupportsFloat | None = None,
        text: object = None,
        current: SupportsFloat | None = None,
        total: SupportsFloat | None = None,
    ) -> None:
        """Changes what is given and leaves the rest.

        ``percent`` is clamped to 0 … 100; when it is absent it follows from current and total.
        Raises ValueError for NaN, and for a current or total that is not finite.
        """
        share = _percent(percent)
        done, everything = _amount(current, "current"), _amount(total, "total")
        words = None if text is None else plain.cut(plain.as_text(text), _TEXT_BYTES)
        with self._here():
            self._current = self._current if done is None else done
            self._total = self._total if everything is None else everything
            self._text = self._text if words is None else words
            self._follow(share, done is not None or everything is not None)

    def advance(self, count: SupportsFloat = 1) -> None:
        """Adds ``count`` to current. Raises ValueError when it is not finite."""
        more = _amount(count, "n")
        with self._here():
            self._current = (self._current or 0) + (more or 0)
            self._follow(None, True)

    def flush(self) -> None:
        """Sends the latest state if it has not been sent."""
        if self._changed:
            with self._here():
                self._send_if_changed()

    def _follow(self, share: float | None, moved: bool) -> None:
        if share is not None:
            self._percent = share
        elif moved and self._current is not None and self._total is not None:
            self._percent = _percent(100 * self._current / self._total) if self._total > 0 else 100.0
        self._changed = True
        if clock.monotonic() - self._sent_at >= INTERVAL:
            self._send_if_changed()
        elif not self._ticking:
            self._ticking = True
            # Not a threading.Thread: a handler that joins all threads would wait for it.
            start_new_thread(self._tick, ())

    def _tick(self) -> None:
        idle = 0
        pause = INTERVAL
        while idle < _IDLE_ROUNDS:
            clock.sleep(pause)
            with self._lock:
                pause = INTERVAL
                early = self._sent_at + INTERVAL - clock.monotonic()
                if self._changed and early > 0:
                    pause = early
                    continue
                idle = 0 if self._changed else idle + 1
                self._send_if_changed()
                if idle >= _IDLE_ROUNDS:
                    self._ticking = False

    def _send_if_changed(self) -> None:
        if not self._changed:
            return
        self._changed = False
        self._sent_at = clock.monotonic()
        frame: dict[str, Any] = {"kind": "progress", "percent": self._percent, "text": self._text}
        self._sink.send(frame | {"current": self._current, "total": self._total})


def _percent(value: SupportsFloat | None) -> float | None:
    if value is None:
        return None
    number = float(value)
    if math.isnan(number):
        raise ValueError("percent is NaN")
    return round(min(100.0, max(0.0, number)), 2)


def _amount(value: SupportsFloat | None, name: str) -> int | float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} is not a finite number")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
