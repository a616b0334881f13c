"""The cookie of a session: never seen by scripts, never sent by other sites, only over https where that is spoken."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response

from jobrunner.web.sessions import Session, Sessions


def set_cookie(headers: MutableHeaders, request: Request, sessions: Sessions, session: Session) -> None:
    """Puts the cookie of a session into the head of an answer."""
    carrier = Response()
    carrier.set_cookie(
        sessions.cookie, sessions.text(session), path=_path(request), secure=request.url.scheme == "https",
        httponly=True, samesite="lax",
    )  # fmt: skip
    headers.append("set-cookie", carrier.headers["set-cookie"])


def drop_cookie(headers: MutableHeaders, request: Request, sessions: Sessions) -> None:
    """Takes the cookie away again."""
    carrier = Response()
    carrier.delete_cookie(
        sessions.cookie,
        path=_path(request),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    headers.append("set-cookie", carrier.headers["set-cookie"])


def _path(request: Request) -> str:
    return str(request.scope.get("root_path", "")) or "/"
