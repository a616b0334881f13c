"""A web server as a user runs it: ``jobrunner serve`` in a process of its own, on a free port of this machine."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import poll

SCOPES = ("read", "operate", "admin")


def free_port() -> int:
    """Returns a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """One ``jobrunner serve``; ``tokens`` has one for each scope, unless it runs without authentication."""

    directory: Path
    tokens: dict[str, str]
    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def base(self) -> str:
        """The address below which everything is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self.directory / f"serve-{self.port}.log").read_text()

    def start(self) -> Server:
        """Starts it, and returns when it answers."""
        with (self.directory / f"serve-{self.port}.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jobrunner", "serve", "--port", str(self.port), *self.arguments],
                cwd=self.directory, env={**os.environ, "NO_COLOR": "1"}, text=True, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        poll(self.is_up, timeout=60)
        return self

    def is_up(self) -> bool:
        """True when it answers; AssertionError when it ended instead."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.log}")
        try:
            self.request("GET", "/healthz", token=None)
        except OSError:
            return False
        return True

    def end(self, number: int = signal.SIGTERM) -> int:
        """Sends it a signal and returns its exit code; SIGKILL after a while."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def request(
        self, method: str, path: str, body: object = None, *, token: str | None = "admin",
        headers: Mapping[str, str] | None = None, timeout: float = 30,
    ) -> Answer:  # fmt: skip
        """Sends one request; ``token`` is a scope, a token or None. A body that is not bytes is sent as JSON."""
        sent = dict(headers or {})
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {self.tokens.get(token, token)}")
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str, **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def post(self, path: str, body: object = None, **options: Any) -> Answer:
        return self.request("POST", path, {} if body is None else body, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        return self.request("DELETE", path, **options)

    def js(self, method: str, path: str, body: object = None, **options: Any) -> tuple[int, Any]:
        """Returns the status and the JSON document of an answer."""
        answer = self.request(method, path, body, **options)
        return answer.status, json.loads(answer.body or b"null")
