"""Lines on their way from the pipes to the ledger: bounded, shared by two threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from itertools import islice

from jobrunner import clock
from jobrunner.store.logs import Line

PER_LINE = 150
HIGH_WATER = 8 * 1024 * 1024
LOW_WATER = 4 * 1024 * 1024


class Spool:
    """A queue of lines of at most ``most`` bytes, the cost of keeping a line in memory included.

    What does not fit is dropped and counted; the first line that fits again is preceded by a warning
    that says how much is missing there. Several spools may share a ``guard``, to be waited for together.
    """

    def __init__(self, most: int, guard: threading.Condition | None = None) -> None:
        self.bytes = 0
        self.dropped_lines = 0
        self.since: float | None = None
        self.urgent = False
        self._most = most
        self._lines: deque[Line] = deque()
        self._sizes: deque[tuple[int, int]] = deque()
        self._missing = [0, 0]
        self._guard = guard or threading.Condition()

    def put(self, lines: Sequence[Line], size: int, *, urgent: bool = False, essential: bool = False) -> None:
        """Queues lines whose messages have ``size`` bytes together; essential ones are never dropped."""
        if not lines:
            return
        cost = size + PER_LINE * len(lines)
        with self._guard:
            if self.bytes + cost > self._most and not essential:
                self._missing[0] += len(lines)
                self._missing[1] += size
                self.dropped_lines += len(lines)
                return
            self._say_what_is_missing(lines[0].at)
            self._add(lines, cost)
            self.urgent = self.urgent or urgent
            if self.since is None:
                self.since = clock.monotonic()
            self._guard.notify()

    def say_what_is_missing(self, at: str) -> None:
        """Queues the warning about dropped lines, if any were dropped since the last one."""
        with self._guard:
            self._say_what_is_missing(at)

    def peek(self, most: int) -> list[Line]:
        """Returns the oldest lines, at most ``most``; they stay queued until ``forget``."""
        with self._guard:
            self.urgent = False
            return list(islice(self._lines, most))

    def rest(self) -> None:
        """Says that whatever ``touch`` announced is stored."""
        with self._guard:
            self.urgent = False
            self.since = clock.monotonic() if self._lines else None

    def forget(self, count: int) -> None:
        """Lets go of the oldest ``count`` lines: they are stored."""
        with self._guard:
            for _ in range(count):
                self._lines.popleft()
            self._forget_sizes(count)
            self.since = clock.monotonic() if self._lines else None

    def touch(self) -> None:
        """Says that there is something else to store, within the same time as a line."""
        with self._guard:
            if self.since is None:
                self.since = clock.monotonic()
                self._guard.notify()

    def wake(self) -> None:
        """Ends a ``wait`` that is going on."""
        with self._guard:
            self.urgent = True
            self._guard.notify()

    def wait(self, seconds: float, enough: int, hold: float) -> None:
        """Waits up to ``seconds``, or until something is urgent, ``enough`` lines are queued, or one is ``hold`` old."""
        deadline = clock.monotonic() + seconds
        with self._guard:
            while not self.urgent and len(self._lines) < enough:
                until = deadline if self.since is None else min(deadline, self.since + hold)
                left = until - clock.monotonic()
                if left <= 0:
                    return
                self._guard.wait(left)

    def due_at(self, enough: int, hold: float) -> float | None:
        """Returns when to store, by the monotonic clock, by the rules of ``wait``; None while there is nothing to store."""
        if self.urgent or len(self._lines) >= enough:
            return 0.0
        return None if self.since is None else self.since + hold

    def __len__(self) -> int:
        return len(self._lines)

    def _add(self, lines: Sequence[Line], cost: int) -> None:
        self._lines.extend(lines)
        self._sizes.append((len(lines), cost))
        self.bytes += cost

    def _forget_sizes(self, count: int) -> None:
        while count > 0:
            lines, cost = self._sizes.popleft()
            if lines > count:
                share = cost * count // lines
                self._sizes.appendleft((lines - count, cost - share))
                cost, lines = share, count
            count -= lines
            self.bytes -= cost

    def _say_what_is_missing(self, at: str) -> None:
        lines, size = self._missing
        if lines:
            self._missing = [0, 0]
            message = f"{lines} lines ({size} bytes) were dropped here: the database was away and the spool was full."
            self._add([Line(at, "warning", "system", None, None, message, None)], len(message) + PER_LINE)
