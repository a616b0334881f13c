"""The read that programs repeat most, answered where it is found out who asks, without a route.

The way through routes and dependencies costs more than the read itself.
"""

from __future__ import annotations

import re

from starlette.requests import Request

from jobrunner.web.api import jobs
from jobrunner.web.caller import allowed
from jobrunner.web.gate import Answer
from jobrunner.web.proxies import route

_PATH = re.compile(r"/api/jobs/([0-9a-f-]{1,36})")
_ONE = r"(?:after_seq|limit|tail)=[0-9]{1,18}"
_QUERY = re.compile(f"(?:{_ONE}(?:&{_ONE})*)?")


def at_once(request: Request) -> Answer | None:
    """Returns what answers ``GET /api/jobs/{job}`` as its route does.

    None for every other request, and for one that is written in an unusual way.
    """
    path = _PATH.fullmatch(route(request.scope))
    query = request.scope["query_string"].decode("latin-1")
    if path is None or request.method != "GET" or not _QUERY.fullmatch(query):
        return None
    parts = [part.split("=") for part in query.split("&") if part]
    asked = {name: int(value) for name, value in parts}
    if len(asked) < len(parts):
        return None
    return lambda caller: jobs.seen(request, allowed(caller, "read"), path[1], **asked)
