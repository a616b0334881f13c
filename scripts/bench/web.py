"""``jobrunner serve`` on a benchmark's store, and who asks it."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from measure import environment
from places import Store

from jobrunner.operations import tokens
from tests.web.server import free_port

PATIENCE = 60.0
# a server closes a connection that nobody used for 5 s
KEPT = 4.0


@dataclass
class Visitor:
    """Asks one server, over one connection that is kept."""

    port: int
    token: str
    connection: http.client.HTTPConnection = field(init=False)
    used: float = 0.0

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def get(self, path: str, accept: str = "application/json") -> bytes:
        """Returns what stands at a path; raises OSError for anything but 200."""
        if time.monotonic() - self.used > KEPT:
            self.connection.close()
        self.connection.request(
            "GET", path, headers={"Authorization": f"Bearer {self.token}", "Accept": accept}
        )
        answer = self.connection.getresponse()
        body = answer.read()
        self.used = time.monotonic()
        if answer.status != 200:
            raise OSError(f"{path} answers {answer.status}: {body[:200]!r}")
        return body


@contextlib.contextmanager
def served(store: Store, scratch: Path) -> Iterator[Visitor]:
    """Gives a reader of a server of its own, in a process of its own; it ends with the block."""
    runner = store.runner()
    token = tokens.create(runner.database, "bench", scope="read", created_by="bench").token
    runner.database.close()
    port = free_port()
    command = [sys.executable, "-m", "jobrunner", "--database-url", store.url, "serve", "--port", str(port)]
    with (scratch / f"serve-{port}.log").open("w+b") as told:
        server = subprocess.Popen(
            command, env=environment(), stdin=subprocess.DEVNULL, stdout=told, stderr=told
        )
        try:
            yield _reached(server, Visitor(port, token))
        finally:
            server.terminate()
            server.wait(PATIENCE)


def _reached(server: subprocess.Popen[bytes], visitor: Visitor) -> Visitor:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            visitor.get("/healthz")
            return visitor
        except OSError:
            visitor.connection.close()
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
