"""Who asks, and what they may: the dependencies that every route takes one of.

The gate has found out who asks before a route is looked for; here it is decided whether that is enough.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Request

from jobrunner.errors import Forbidden, Unauthorized
from jobrunner.models import JobModel, Scope
from jobrunner.operations.tokens import SCOPES
from jobrunner.web import crossing, query
from jobrunner.web.faults import CrossSite

PLACE = "jobrunner.caller"
FIELD, HEADER = "csrf", "x-csrf-token"


@dataclass(frozen=True)
class Caller:
    """Who asks. ``csrf`` is what a form of a session has to bring back; empty where a token speaks for itself."""

    name: str
    scope: Scope
    via: Literal["token", "session", "open"] = "token"
    csrf: str = ""

    def may(self, scope: Scope) -> bool:
        """True when ``scope`` is the caller's own or a lesser one: read, operate, admin."""
        return SCOPES.index(scope) <= SCOPES.index(self.scope)

    @property
    def actor(self) -> str:
        """Returns the caller as the ledger names who gave a verb."""
        return f"operator:{self.name}"

    @property
    def starter(self) -> str:
        """Returns the caller as the ledger names who started a job."""
        return f"starter:{self.name}"


def caller(request: Request) -> Caller | None:
    """Returns who asks, or None on the few addresses that anybody may ask."""
    found: Caller | None = request.scope.get(PLACE)
    return found


async def known(request: Request) -> Caller:
    """Returns who asks; raises Unauthorized for nobody, CrossSite for a form that is not from our own page."""
    found = caller(request)
    if found is None:
        raise Unauthorized
    if request.method not in crossing.SAFE and found.via == "session":
        given = request.headers.get(HEADER)
        if given is None:
            given = await _field(request)
        if not hmac.compare_digest(given.encode(), found.csrf.encode()):
            raise CrossSite
    return found


Known = Annotated[Caller, Depends(known)]


async def reader(request: Request, caller: Known) -> Caller:
    """Returns who asks, when they may read."""
    return _let(request, caller, "read")


async def operator(request: Request, caller: Known) -> Caller:
    """Returns who asks, when they may start jobs and give verbs."""
    return _let(request, caller, "operate")


async def admin(request: Request, caller: Known) -> Caller:
    """Returns who asks, when they may do everything."""
    return _let(request, caller, "admin")


Reader = Annotated[Caller, Depends(reader)]
Operator = Annotated[Caller, Depends(operator)]
Admin = Annotated[Caller, Depends(admin)]


def allowed(caller: Caller, scope: Scope) -> Caller:
    """Returns who asks; raises Forbidden when they may less than that."""
    if not caller.may(scope):
        raise Forbidden(
            f"{caller.name} may {caller.scope}; this needs {scope}.",
            hint=f"Use a token that was made with --scope {scope}.",
        )
    return caller


def _let(request: Request, caller: Caller, scope: Scope) -> Caller:
    found = allowed(caller, scope)
    query.check(request)
    return found


def permit(request: Request, caller: Caller, action: str, job: JobModel | None) -> None:
    """Asks the application's own ``authorize(user, action, job)``; raises Forbidden when it says no.

    ``action`` is the verb's name, ``start``, ``read``, ``drain`` or ``tokens``.
    """
    authorize = request.app.state.web.security.authorize
    if authorize is not None and not authorize(caller.name, action, job):
        raise Forbidden(f"{caller.name} may not {action} this.")


async def _field(request: Request) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return ""
    value = (await request.form()).get(FIELD)
    return value if isinstance(value, str) else ""
