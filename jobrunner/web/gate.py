"""The gate: nobody gets past it whom we do not know, whatever the route behind it; a few addresses are open.

A request that has its answer here is answered in the thread that found out who asks: one that has to go to another
thread for it, past routes and dependencies, takes twice as long.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobrunner.errors import JobRunnerError
from jobrunner.web import assets, crossing
from jobrunner.web.caller import PLACE, Caller
from jobrunner.web.cookies import set_cookie
from jobrunner.web.errors import answer
from jobrunner.web.faults import TooLarge, UnsupportedMediaType
from jobrunner.web.proxies import route
from jobrunner.web.security import Security
from jobrunner.web.sessions import Session

OPEN = ("/healthz", "/readyz", "/login")
# a stranger sends a token and no more
LITTLE = 64 * 1024
# a byte of the parameters may be sent as six, and there is room for what stands beside them
ESCAPED, ROOM = 6, 2 * 1024**2
Answer = Callable[[Caller], Response]


class Gate:
    """Checks host, size, origin and caller of every request before a route is looked for.

    ``params`` is how many bytes the parameters of a job may have. ``at_once`` gives what answers a request to its
    caller without a route, or None.
    """

    def __init__(
        self, app: ASGIApp, security: Security, params: int, at_once: Callable[[Request], Answer | None]
    ) -> None:
        self._app, self._security, self._at_once = app, security, at_once
        self._most = ESCAPED * params + ROOM

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request, path = Request(scope, receive), route(scope)
        most = LITTLE if _is_open(path) else self._most
        try:
            session, response = await self._let_in(request, path, most)
        except JobRunnerError as error:
            response = answer(request, error)
            return await response(scope, receive, send)
        send = self._renewing(request, session, send)
        if response is not None:
            return await response(scope, receive, send)
        return await self._app(scope, _bounded(receive, most), send)

    async def _let_in(self, request: Request, path: str, most: int) -> tuple[Session | None, Response | None]:
        self._security.hosts.check(request.headers.get("host"))
        if _length(request) > most:
            raise TooLarge(f"A body may have {most} bytes.")
        if _is_open(path):
            crossing.own(request, silence=True)
            return None, None
        return await run_in_threadpool(self._known, request, path, self._at_once(request))

    def _known(
        self, request: Request, path: str, at_once: Answer | None
    ) -> tuple[Session | None, Response | None]:
        caller, session = self._security.identify(request)
        if caller.via != "token":
            crossing.own(request, silence=caller.via == "open")
        _check_kind(request, path)
        request.scope[PLACE] = caller
        return session, None if at_once is None else at_once(caller)

    def _renewing(self, request: Request, session: Session | None, send: Send) -> Send:
        """Returns what sends the answer, with the session's cookie made new when it is due."""
        renewed = None if session is None else self._security.sessions.renewed(session)
        if renewed is None:
            return send

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "set-cookie" not in headers:
                    set_cookie(headers, request, self._security.sessions, renewed)
            await send(message)

        return sending


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(f"{assets.PREFIX}/")


def _bounded(receive: Receive, most: int) -> Receive:
    """Returns what receives a body, but no more of it than is allowed: not everybody says how much they send."""
    got = 0

    async def bounded() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > most:
            raise HTTPException(TooLarge.status)
        return message

    return bounded


def _check_kind(request: Request, path: str) -> None:
    """Raises UnsupportedMediaType for a body that is not JSON where only JSON is taken: a foreign form can send that."""
    if request.method in crossing.SAFE or not path.startswith("/api/"):
        return
    bare = _length(request) == 0 and "transfer-encoding" not in request.headers
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not bare and kind != "application/json":
        raise UnsupportedMediaType


def _length(request: Request) -> int:
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
