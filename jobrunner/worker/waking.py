"""Wakes a worker's main thread: for news from its writer, and for signals."""

from __future__ import annotations

import os
import signal

ENDING = (signal.SIGTERM, signal.SIGINT)
# so many signals say that a process is to end whatever is not stored yet
INSISTED = 3


class Waker:
    """A pipe that becomes readable when ``wake`` is called in any thread or when a signal arrives.

    To be made in the main thread; it takes SIGTERM, SIGINT and SIGCHLD over.
    """

    def __init__(self) -> None:
        self._signals = 0
        self._by: signal.Signals = signal.SIGTERM
        self._request = ""
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)
        for number in ENDING:
            signal.signal(number, self._told_to_end)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)

    @property
    def ending(self) -> int:
        """How often this process was told to end; a request and the first signal are one."""
        return max(self._signals, 1 if self._request else 0)

    @property
    def reason(self) -> str:
        """Why the worker is to end, for the job's log."""
        if self._request and self._signals < 2:
            return self._request
        return f"The worker was told to end by {self._by.name}"

    def ask(self, request: str) -> None:
        """Tells this process to end as the first signal would; ``request`` is the reason."""
        self._request = request

    def fileno(self) -> int:
        """Returns the descriptor to wait for."""
        return self._reading

    def wake(self) -> None:
        """Makes the descriptor readable."""
        try:
            os.write(self._writing, b"\0")
        except BlockingIOError:
            return  # it is readable already

    def rest(self) -> None:
        """Makes the descriptor unreadable until the next call or signal."""
        try:
            while os.read(self._reading, 4096):
                pass
        except BlockingIOError:
            return

    def _told_to_end(self, number: int, _frame: object) -> None:
        self._signals += 1
        self._by = signal.Signals(number)
