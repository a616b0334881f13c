"""Serves the application by itself, with uvicorn, until it is told to end."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import uvicorn

from jobrunner.errors import InvalidField, JobRunnerError
from jobrunner.runner import JobRunner
from jobrunner.web.app import create_app
from jobrunner.web.beginning import Beginning
from jobrunner.web.hosts import ADDRESSES, is_loopback
from jobrunner.web.house import Web

GRACE, BACKLOG = 5, 2048
_WILD = ("0.0.0.0", "::", "")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class CannotListen(JobRunnerError):
    """The address cannot be listened on."""

    code = "cannot_listen"
    default_hint = "Choose another: jobrunner serve --port N, or the setting port."


def serve(
    runner: JobRunner, *, host: str, port: int, auth: bool, allowed_hosts: Sequence[str], root_path: str,
    trusted_proxies: Sequence[str], state: str | None, tell: Callable[[str], None],
) -> None:  # fmt: skip
    """Listens until SIGTERM or SIGINT; ``tell`` says to a person where, and what is amiss.

    Raises InvalidField for an address that others reach while nobody is asked who they are, CannotListen,
    InvalidConfiguration for a key of sessions that others can read, and the StoreError of a database that will never
    answer.
    """
    public = not is_loopback(host)
    if public and not auth:
        raise InvalidField(
            f"{host or 'every address'} is reached by others, who could start and end every job without authentication.",
            hint="Leave out --no-auth, or listen on 127.0.0.1.",
            fields={"host": "needs authentication"},
        )
    names = [*allowed_hosts, host] if host not in _WILD else [*allowed_hosts, ADDRESSES, socket.gethostname()]
    app = create_app(
        runner,
        auth=auth,
        allowed_hosts=names,
        root_path=root_path,
        trusted_proxies=trusted_proxies,
        state=state,
    )
    web: Web = app.state.web
    _log_to_stderr()
    if auth:
        web.security.sessions.prepare()
    with _listening(host, port) as listener:
        beginning = Beginning(runner.database, web.security.state, tell)
        if auth:
            beginning.begin()
        where = _shown(listener, root_path)
        if public and not trusted_proxies:
            tell(
                "warning: others reach this address, and without TLS they can read tokens and pages on the way."
            )
            tell("hint: Put a proxy with TLS before it, and name it: --behind-proxy ADDRESS.")
        if not auth:
            tell("warning: everybody on this machine may do everything: there is no authentication.")
        config = uvicorn.Config(
            app, lifespan="on", ws="none", log_config=None, access_log=False, server_header=False,
            proxy_headers=False, timeout_graceful_shutdown=GRACE,
        )  # fmt: skip
        server = _Server(config, web, lambda: tell(f"Listening on {where} (Ctrl-C ends it)."))
        try:
            server.run(sockets=[listener])
        finally:
            beginning.end()
            runner.close()


class _Server(uvicorn.Server):
    """Ends in order, with exit code 0, also while streams are open."""

    def __init__(self, config: uvicorn.Config, web: Web, begun: Callable[[], None]) -> None:
        super().__init__(config)
        self._web, self._begun = web, begun

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tells where it listens, once it does."""
        await super().startup(sockets)
        self._begun()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Takes the signals while it serves, and does not raise them again afterwards: it did as it was told."""
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ends the streams first: they would never end by themselves."""
        self._web.hub.close()
        super().handle_exit(sig, frame)


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
        # with its protocol named asyncio sends what there is at once, and does not wait for an acknowledgement
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise CannotListen(f"Cannot listen on {host}, port {port}: {_why(error)}.") from None
    return listener


def _shown(listener: socket.socket, root_path: str) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{root_path}"


def _log_to_stderr() -> None:
    if not logging.getLogger().handlers:
        logging.basicConfig(
            stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s"
        )


def _why(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror)
