"""Requests to one server: a connection kept per thread, time-outs, and repeats of what is safe to repeat."""

from __future__ import annotations

import http.client
import json
import os
import select
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from jobrunner.client import faults
from jobrunner.errors import (
    InvalidConfiguration,
    NotEncodable,
    NotOverHttp,
    ServerFailure,
    ServerUnavailable,
)
from jobrunner.version import __version__

# how long a request that is safe to repeat is repeated while nothing answers
PATIENCE = 10.0
ROOT = "/api"
Query = Mapping[str, object]


class Answer(NamedTuple):
    """What the server said, whatever its status."""

    status: int
    body: bytes

    @property
    def document(self) -> Any:
        """Returns the JSON of an answer that went well; raises the error that it tells otherwise."""
        if not 200 <= self.status < 300:
            raise faults.of_answer(self.status, self.body)
        try:
            return json.loads(self.body)
        except ValueError:
            raise ServerFailure("The server's answer is not JSON.") from None


class Lost(Exception):
    """The connection broke; ``sent`` says whether the server may have seen the request."""

    def __init__(self, error: Exception, *, sent: bool) -> None:
        super().__init__(str(error) or type(error).__name__)
        self.error, self.sent = error, sent


class Wire:
    """The way to a server. Thread-safe, and safe to use after a fork; nothing is opened before the first request."""

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        self.where, self._secure, self._host, self._port, self._prefix = _parts(url)
        self.timeout = timeout
        self.reached = False
        self._headers = {"User-Agent": f"jobrunner/{__version__}", "Accept": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {_checked(token)}"
        self._local = threading.local()

    def ask(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Any = None,
        *,
        repeatable: bool = False,
    ) -> Answer:
        """Returns the server's answer; raises ServerUnavailable when there is none.

        What only reads is repeated for some seconds, and so is what is ``repeatable`` because it bears an
        idempotency key; anything else only when it was not sent yet.
        """
        safe = method == "GET" or repeatable
        data = None if body is None else _encoded(body)
        headers = {} if data is None else {"Content-Type": "application/json"}
        try:
            return Retrying(
                retry=retry_if_exception_type(_Again),
                stop=stop_after_delay(PATIENCE),
                wait=wait_random_exponential(multiplier=0.05, max=1.0),
                reraise=True,
            )(self._once, method, self._target(path, query), data, headers, safe=safe)
        except Lost as lost:
            told = f"The server {self.where} does not answer: {lost}"
            if lost.sent and not safe:
                raise ServerUnavailable(
                    told, hint="The request may have been done all the same: look before you repeat it."
                ) from lost.error
            raise ServerUnavailable(told) from lost.error

    def open(self, path: str, query: Query | None, headers: Mapping[str, str], timeout: float) -> Sending:
        """Asks for an answer that comes bit by bit, on a connection of its own, which closes with it; raises Lost."""
        connection = self._connection(timeout)
        try:
            _connect(connection)
            connection.request("GET", self._target(path, query), headers=self._headers | dict(headers))
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Lost(error, sent=True) from error
        except Lost:
            connection.close()
            raise
        self.reached = True
        return Sending(connection, response)

    def close(self) -> None:
        """Closes this thread's connection; the next request opens another."""
        self._local.kept = None

    def _once(
        self, method: str, target: str, data: bytes | None, headers: dict[str, str], *, safe: bool
    ) -> Answer:
        connection = self._kept()
        sent = False
        try:
            if connection.sock is None:
                _connect(connection)
            sent = True
            connection.request(method, target, data, self._headers | headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.read())
        except (OSError, http.client.HTTPException, Lost) as error:
            self.close()
            reason = error.error if isinstance(error, Lost) else error
            # a server that was never reached is not waited for
            again = self.reached and (safe or not sent)
            raise (_Again if again else Lost)(reason, sent=sent) from error
        self.reached = True
        return answer

    def _kept(self) -> http.client.HTTPConnection:
        kept: _Kept | None = getattr(self._local, "kept", None)
        # a connection that was made before a fork is the parent's
        if kept is None or kept.pid != os.getpid():
            kept = self._local.kept = _Kept(self._connection(self.timeout))
        elif kept.connection.sock is not None and _is_over(kept.connection.sock):
            kept.connection.close()
        return kept.connection

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=timeout)

    def _target(self, path: str, query: Query | None) -> str:
        return self._prefix + ROOT + path + _query(query or {})


class _Again(Lost):
    """The connection broke before anything was decided."""


class _Kept:
    """A connection that closes when its thread or its client goes."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self.connection, self.pid = connection, os.getpid()

    def __del__(self) -> None:
        self.connection.close()


class Sending(NamedTuple):
    """An answer that is still being sent."""

    connection: http.client.HTTPConnection
    response: http.client.HTTPResponse

    def close(self) -> None:
        """Breaks it off."""
        self.response.close()
        self.connection.close()


def refusal(what: str) -> NotOverHttp:
    """Returns the error for what needs the database itself."""
    return NotOverHttp(f"{what} cannot go over HTTP: it needs the database.")


def _encoded(body: Any) -> bytes:
    """Returns a body as JSON, in which parameters may be as deep as anywhere; raises NotEncodable."""
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise NotEncodable(f"The request cannot be sent: {str(error)[:200]}.") from error


def _connect(connection: http.client.HTTPConnection) -> None:
    try:
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        connection.close()
        raise Lost(error, sent=False) from error


def _is_over(sock: socket.socket) -> bool:
    """True when the server has closed a connection that rests: it has something to read."""
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLHUP)
    return bool(poll.poll(0))


def _query(query: Query) -> str:
    given: list[tuple[str, str]] = []
    for name, value in query.items():
        values: Sequence[object] = value if isinstance(value, list | tuple) else [value]
        given += [(name, str(one)) for one in values if one is not None]
    return f"?{urlencode(given, errors='surrogatepass')}" if given else ""


def _parts(url: str) -> tuple[str, bool, str, int | None, str]:
    reason = "is not the address of a server, such as http://127.0.0.1:8080"
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise InvalidConfiguration(f"url {reason}.", fields={"url": reason}) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise InvalidConfiguration(f"url {reason}.", fields={"url": reason})
    if parts.username is not None or parts.password is not None:
        reason = "holds a user or a password; a token goes into JOBRUNNER_TOKEN"
        raise InvalidConfiguration(f"url {reason}.", fields={"url": reason})
    prefix = parts.path.rstrip("/")
    where = f"{parts.scheme}://{parts.netloc}{prefix}"
    return where, parts.scheme == "https", parts.hostname, port, quote(prefix, safe="/%")


def _checked(token: str) -> str:
    token = token.strip()
    if not token or any(not 32 < ord(character) < 127 for character in token):
        reason = "is not a token as jobrunner token create gives it"
        raise InvalidConfiguration(f"token {reason}.", fields={"token": reason})
    return token
