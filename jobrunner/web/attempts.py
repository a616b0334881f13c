"""How often an address may try to log in."""

from __future__ import annotations

import threading
from collections import deque

from jobrunner import clock
from jobrunner.web.faults import TooMany

MOST, SPAN = 5, 60.0
_MOST_ADDRESSES = 10_000


class Attempts:
    """Counts failed logins: after five within a minute an address waits, whatever it brings."""

    def __init__(self) -> None:
        self._failed: dict[str, deque[float]] = {}
        self._guard = threading.Lock()

    def check(self, address: str) -> None:
        """Raises TooMany when the address has to wait."""
        with self._guard:
            failed = self._recent(address)
            if len(failed) >= MOST:
                wait = SPAN - (clock.monotonic() - failed[0])
                raise TooMany("Too many attempts to log in.", retry_after=max(1, int(wait) + 1))

    def failed(self, address: str) -> None:
        """Notes a failed attempt."""
        with self._guard:
            if len(self._failed) >= _MOST_ADDRESSES:
                self._failed = {
                    known: times for known in list(self._failed) if (times := self._recent(known))
                }
            if len(self._failed) < _MOST_ADDRESSES:
                self._failed.setdefault(address, deque(maxlen=MOST)).append(clock.monotonic())

    def _recent(self, address: str) -> deque[float]:
        times = self._failed.get(address, deque())
        while times and clock.monotonic() - times[0] >= SPAN:
            times.popleft()
        return times
