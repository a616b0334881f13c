"""HEAD: what GET would answer, without its body, wherever there is a GET."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class _Told(OSError):
    """The head is told, and nobody waits for more: a body, or a stream without an end, is left as a reader leaves it."""


class Heads:
    """Asks the application for GET where it is asked for HEAD, and stops it at the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            return await self._app(scope, receive, send)

        async def head(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                raise _Told

        try:
            await self._app({**scope, "method": "GET"}, receive, head)
        except (_Told, ClientDisconnect):
            pass
        return None
