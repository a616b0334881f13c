"""A job's stream of events, read to its end over however many connections that takes; each row exactly once."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from jobrunner import clock
from jobrunner.client import faults
from jobrunner.client.wire import Lost, Wire
from jobrunner.errors import DatabaseUnavailable, JobNotFound, JobRunnerError, ServerUnavailable
from jobrunner.follower import PATIENCE
from jobrunner.states import Status

# the server says something every 15 seconds
SILENCE = 40.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
LEDGER = ("transition", "log")
# answers that pass: too many streams, or nobody at home
_PASSING = (429, 502, 503, 504)


class Event(NamedTuple):
    """One event of a stream."""

    kind: str
    data: Any


class Stream:
    """The stream of one job from a cursor on; a server that goes away is borne ten minutes."""

    def __init__(self, wire: Wire, path: str, after_seq: int) -> None:
        self.cursor = after_seq
        self._wire, self._path = wire, path
        self._over = False
        self._parked_at: int | None = None
        self._pause = FIRST_PAUSE
        self._heard = clock.monotonic()

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yields ledger rows as they are committed, until the job is terminal and complete, or parked."""
        while not self._over:
            try:
                yield from self._rows_of_one_connection()
                fault: JobRunnerError = ServerUnavailable(f"The server {self._wire.where} ends every stream.")
            except JobNotFound:
                return
            except Lost as lost:
                fault = ServerUnavailable(f"The server {self._wire.where} does not answer: {lost}")
            except (DatabaseUnavailable, ServerUnavailable, faults.Refused) as refused:
                fault = refused
            if not self._over:
                self._bear(fault)

    def _rows_of_one_connection(self) -> Iterator[dict[str, Any]]:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self.cursor)}
        sending = self._wire.open(self._path, {"after_seq": self.cursor}, headers, SILENCE)
        try:
            if sending.response.status != 200:
                self._over = sending.response.status == 204
                if not self._over:
                    _refuse(sending.response)
                return
            for event in _events(sending.response):
                self._heard, self._pause = clock.monotonic(), FIRST_PAUSE
                if event.kind in LEDGER and event.data["seq"] > self.cursor:
                    self.cursor = event.data["seq"]
                    yield event.data
                self._note(event)
                if self._over:
                    return
        finally:
            sending.close()

    def _note(self, event: Event) -> None:
        if event.kind == "progress":
            self._parked_at = event.data["last_seq"] if event.data["status"] == Status.PARKED else None
        parked = self._parked_at is not None and self.cursor >= self._parked_at
        self._over = event.kind == "end" or parked

    def _bear(self, fault: JobRunnerError) -> None:
        if not self._wire.reached or clock.monotonic() - self._heard > PATIENCE:
            raise fault
        clock.sleep(self._pause)
        self._pause = min(LONGEST_PAUSE, self._pause * 2)


def _refuse(response: http.client.HTTPResponse) -> None:
    """Raises what the answer tells; something that passes as what is borne."""
    error = faults.of_answer(response.status, response.read())
    if response.status in _PASSING and not isinstance(error, ServerUnavailable | DatabaseUnavailable):
        raise faults.Refused(error.code, error.message)
    raise error


def _events(response: http.client.HTTPResponse) -> Iterator[Event]:
    """Yields the events of one connection until it ends; raises Lost when it breaks."""
    kind, data = "message", b""
    while True:
        try:
            line = response.readline()
        except (OSError, http.client.HTTPException) as error:
            raise Lost(error, sent=True) from error
        if not line.endswith(b"\n"):
            # what was cut off in the middle comes again
            return
        name, _, value = line.rstrip(b"\r\n").partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            kind = value.decode()
        elif name == b"data":
            data = value
        elif not name and not value:
            if data:
                yield Event(kind, json.loads(data))
            kind, data = "message", b""
