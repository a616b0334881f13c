"""Readers of event streams, and an application served in this process by a thread."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI

from tests.conftest import poll
from tests.web.server import free_port

LEDGER = ("transition", "log")


@dataclass(frozen=True)
class Event:
    """One event as it came; ``id`` is None where none was given."""

    kind: str
    data: Any
    id: int | None


class Stream:
    """One open stream, read by hand. ``comments`` are what came between the events."""

    def __init__(
        self, port: int, path: str, token: str | None = None, *, last: int | None = None, timeout: float = 30
    ) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        headers |= {} if last is None else {"Last-Event-ID": str(last)}
        self.connection.request("GET", path, headers=headers)
        self.response = self.connection.getresponse()
        self.status = self.response.status
        self.headers = {name.lower(): value for name, value in self.response.getheaders()}
        self.comments: list[str] = []
        self.retry: int | None = None

    def __iter__(self) -> Iterator[Event]:
        """Yields events until the server closes."""
        fields: dict[str, str] = {}
        while line := self.response.readline():
            text = line.decode().rstrip("\n")
            if not text:
                if "data" in fields:
                    number = int(fields["id"]) if "id" in fields else None
                    yield Event(fields["event"], json.loads(fields["data"]), number)
                fields = {}
            elif text.startswith(":"):
                self.comments.append(text)
            else:
                name, _, value = text.partition(": ")
                if name == "retry":
                    self.retry = int(value)
                fields[name] = value

    def rows(self) -> Iterator[Event]:
        """Yields ledger rows only."""
        return (event for event in self if event.kind in LEDGER)

    def until(self, kind: str, **wanted: object) -> Event:
        """Reads on to the first event of a kind whose data holds all that is wanted."""
        for event in self:
            if event.kind == kind and all(event.data.get(name) == value for name, value in wanted.items()):
                return event
        raise AssertionError(f"the stream ended without {kind} {wanted}")

    def to_seq(self, seq: int) -> list[int]:
        """Reads on to the row with this seq; returns the seqs on the way."""
        found = []
        for event in self.rows():
            found.append(event.data["seq"])
            if found[-1] >= seq:
                return found
        raise AssertionError(f"the stream ended at {found[-1:]} before {seq}")

    def close(self) -> None:
        """Breaks it off without a word, as a cable that is pulled."""
        with contextlib.suppress(OSError):
            if self.connection.sock is not None:
                self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.response.close()
        self.connection.close()


@contextlib.contextmanager
def hosted(app: FastAPI) -> Iterator[int]:
    """Serves an application from a thread of this process, and gives the port."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        poll(lambda: server.started)
        yield port
    finally:
        app.state.web.hub.close()
        server.should_exit = True
        thread.join(20)
