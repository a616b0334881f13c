"""Lines of a log that belong together, to be folded away as one."""

from __future__ import annotations

import itertools
import os
from contextvars import ContextVar
from types import TracebackType

from jobrunner import clock
from jobrunner.child.failures import outcome
from jobrunner.child.lines import Sink

DEEPEST = 16
_numbers = itertools.count(1)
_here: ContextVar[Group | None] = ContextVar("jobrunner_group", default=None)


class Group:
    """A part of a job's log, between ``with`` and its end; ``step`` is the key of the step that it began in."""

    def __init__(self, sink: Sink, label: str, step: str | None) -> None:
        self.id = ""
        self.label = label
        self.depth = 0
        self._sink, self._step = sink, step
        self._outer: Group | None = None
        self._started = 0.0

    def __enter__(self) -> None:
        self._outer = _here.get()
        if self._outer is not None and self._outer._sink is not self._sink:
            self._outer = None
        # a fork goes on with the numbers of its parent
        self.id = f"{os.getpid()}.{next(_numbers)}"
        self.depth = 1 if self._outer is None else self._outer.depth + 1
        self._started = clock.monotonic()
        self._send("group_started", None, None)
        _here.set(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _here.set(self._outer)
        self._send("group_finished", outcome(error), round(clock.monotonic() - self._started, 6))

    def _send(self, event: str, ended: str | None, seconds: float | None) -> None:
        if self.depth > DEEPEST:
            return
        self._sink.send(
            {
                "kind": "group",
                "event": event,
                "at": clock.now(),
                "id": self.id,
                "parent": None if self._outer is None else self._outer.id,
                "step": self._step,
                "label": self.label,
                "outcome": ended,
                "seconds": seconds,
            }
        )
