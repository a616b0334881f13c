"""How a viewer likes it: the theme and the keyboard, kept in cookies that say nothing else."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jobrunner.web.caller import Reader
from jobrunner.web.pages import asking
from jobrunner.web.pages.sent import Sent
from jobrunner.web.templating import KEYS, THEME, THEMES, page, url

router = APIRouter(include_in_schema=False)
A_YEAR = 31_536_000
SHORTCUTS = (
    ("?", "this list"), ("/", "search"), ("g o", "overview"), ("g j", "jobs"), ("g t", "types"), ("g w", "workers"),
    ("g m", "machine"), ("g a", "audit"), ("j k", "next, previous row or line"), ("x", "tick the row"),
    ("Enter", "open the row"), ("c", "cancel…"), ("r", "start anew…"), ("f", "follow"), ("e E", "next, previous error"),
    ("n N", "next, previous hit"), ("w", "wrap lines"), ("t", "time column"), ("Esc", "close"),
)  # fmt: skip


@router.get("/keys")
def keys(request: Request, caller: Reader) -> Response:
    """Lists what the keyboard does where a script runs."""
    return page(request, caller, "keys.html", all=SHORTCUTS)


@router.post("/taste")
def taste(request: Request, _caller: Reader, sent: Sent) -> Response:
    """Keeps what was chosen, and leads back."""
    path, _, query = asking.text(sent, "back").partition("?")
    if not path.startswith("/") or path.startswith("//") or not (path + query).isprintable():
        path, query = "/", ""
    response = RedirectResponse(url(request, path) + (f"?{query}" if query else ""), 303)
    for name, field, known in ((THEME, "theme", THEMES), (KEYS, "keys", ("on", "off"))):
        value = asking.text(sent, field)
        if value in known:
            # scripts set the same cookies, so that nothing has to be loaded anew
            response.set_cookie(name, value, A_YEAR, path=url(request, "/"), samesite="lax")
    return response
