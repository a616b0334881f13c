"""Does a request come from our own pages? What browsers say about that cannot be forged by a page."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from jobrunner.web.faults import CrossSite

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
_PORTS = {"http": 80, "https": 443}


def own(request: HTTPConnection, *, silence: bool) -> None:
    """Raises CrossSite for an unsafe request from another site.

    A request that says nothing of where it comes from is no browser's; ``silence`` says whether it may pass.
    """
    if request.scope["method"] in SAFE:
        return
    fetched = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if fetched is not None:
        passed = fetched == "same-origin"
    elif origin is not None:
        passed = _same(origin, request.headers.get("host", ""))
    else:
        passed = silence
    if not passed:
        raise CrossSite


def _same(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
        theirs = (parts.hostname, parts.port or _PORTS.get(parts.scheme))
        ours = urlsplit(f"{parts.scheme}://{host}")
        return bool(parts.hostname) and theirs == (ours.hostname, ours.port or _PORTS.get(parts.scheme))
    except ValueError:
        return False
