"""The query of a request to the API: a parameter that a route does not have is refused, lest a slip read as no filter."""

from __future__ import annotations

from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request

from jobrunner import names
from jobrunner.errors import InvalidField
from jobrunner.web.proxies import route

_LONGEST = 100


def check(request: Request) -> None:
    """Raises InvalidField naming the first query parameter that a documented address of the API does not have."""
    place = request.scope.get("route")
    if not request.query_params or not isinstance(place, APIRoute) or not place.include_in_schema:
        return
    if not route(request.scope).startswith("/api/"):
        return
    known = _known(place.dependant)
    for name in request.query_params:
        if name not in known:
            shown = name[:_LONGEST]
            near = names.nearest(shown, known)
            others = f"Those it has are {', '.join(sorted(known))}." if known else "It has none."
            raise InvalidField(
                f"There is no query parameter {shown!r} here.",
                hint=f"Did you mean {near}?" if near else others,
                fields={shown: "is not known"},
            )


def _known(dependant: Any) -> set[str]:
    found = {str(one.alias) for one in dependant.query_params}
    return found.union(*map(_known, dependant.dependencies))
