"""Login: a token becomes the session of a browser; and logout."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from jobrunner.errors import Unauthorized
from jobrunner.web.caller import Reader
from jobrunner.web.cookies import drop_cookie, set_cookie
from jobrunner.web.faults import TooMany
from jobrunner.web.house import house
from jobrunner.web.templating import page

router = APIRouter(include_in_schema=False)
LONGEST = 2048


@router.get("/login")
def ask(request: Request, next: str = "") -> Response:
    """Asks for a token."""
    return _form(request, next)


@router.post("/login")
async def login(request: Request) -> Response:
    """Opens a session for a good token and leads on to where its bearer was going."""
    form = await request.form(max_files=0, max_fields=8)
    token, wanted = (_text(form.get(name)) for name in ("token", "next"))
    security = house(request).security
    address = request.client.host if request.client else ""
    try:
        security.attempts.check(address)
        known = await run_in_threadpool(security.recognize, token.strip())
    except TooMany as error:
        return _form(request, wanted, error)
    except Unauthorized as error:
        security.attempts.failed(address)
        return _form(request, wanted, error)
    response = RedirectResponse(_own_path(request, wanted), 303)
    # always a new one: a session that somebody else prepared is left behind
    set_cookie(response.headers, request, security.sessions, security.sessions.open(known.id))
    return response


@router.post("/logout")
def logout(request: Request, caller: Reader) -> Response:
    """Ends the session."""
    security = house(request).security
    session = security.session(request)
    if session is not None:
        security.sessions.close(session)
    response = RedirectResponse(_root(request) + "/login", 303)
    drop_cookie(response.headers, request, security.sessions)
    return response


def _form(request: Request, wanted: str, error: Unauthorized | TooMany | None = None) -> Response:
    status = error.status if isinstance(error, TooMany) else 200 if error is None else 401
    response = page(
        request, None, "login.html", status=status, error=error and error.message,
        next=wanted if _is_own(request, wanted) else "",
    )  # fmt: skip
    if isinstance(error, TooMany):
        response.headers.update(error.headers)
    return response


def _own_path(request: Request, wanted: str) -> str:
    if _is_own(request, wanted):
        return quote(wanted, safe="/?&=%+,:;@!$'()*~#[]")
    return _root(request) + "/"


def _is_own(request: Request, wanted: str) -> bool:
    """True for a path of this application; not for an address elsewhere, however it is written."""
    if not wanted.startswith(_root(request) + "/") or len(wanted) > LONGEST or not wanted.isprintable():
        return False
    if "\\" in wanted or wanted.startswith("//"):
        return False
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", ""))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
