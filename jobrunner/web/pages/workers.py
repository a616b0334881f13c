"""Who works, with what, and whether it still does; and the form that asks a pool to end in order."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jobrunner.errors import InvalidField
from jobrunner.operations import drain as operation
from jobrunner.operations import fleet
from jobrunner.store import lists, overview, schema
from jobrunner.store.database import Database
from jobrunner.web.caller import Caller, Operator, Reader, permit
from jobrunner.web.faults import NoSuchPage
from jobrunner.web.house import house
from jobrunner.web.pages import asking
from jobrunner.web.pages.sent import Sent
from jobrunner.web.pages.telling import code, told
from jobrunner.web.templating import page, url

router = APIRouter(include_in_schema=False)
MOST_IN_HAND, SHOWN = 2000, 20


@router.get("/workers")
def workers(request: Request, caller: Reader) -> Response:
    """Shows the workers that have not ended, newest first."""
    web = house(request)
    database = _database(request)
    hands = {} if web.security.authorize else overview.in_hand(database, MOST_IN_HAND)
    found = fleet.workers(database)
    live = [one for one in found if one["state"] == "live"]
    return page(
        request, caller, "workers.html", workers=found, hands=hands, shown=SHOWN, heartbeat=web.runner.settings.heartbeat,
        slots=sum(int(one["capacity"]) for one in live), used=sum(int(one["jobs"]) for one in live),
        live=len(live), draining=sum(one["state"] == "draining" for one in found),
        message=told(asking.text(request.query_params, "told")),
    )  # fmt: skip


@router.get("/workers/{worker}/drain")
def ask(request: Request, caller: Operator, worker: str) -> Response:
    """Says what draining will do to the worker as it stands, and asks."""
    permit(request, caller, "drain", None)
    return _ask(request, caller, worker)


@router.post("/workers/{worker}/drain")
def drain(request: Request, caller: Operator, worker: str, sent: Sent) -> Response:
    """Asks the worker to end in order."""
    permit(request, caller, "drain", None)
    reason = asking.text(sent, "reason")
    if asking.text(sent, "confirm") != "yes":
        return _ask(request, caller, worker, reason=reason)
    try:
        done = house(request).runner.drain(worker, reason=reason or None, actor=caller.actor)
    except InvalidField as error:
        return _ask(request, caller, worker, reason=reason, refused=error.message)
    return RedirectResponse(url(request, "/workers", told=code("drain", done.outcome, done.reason_code)), 303)


def _ask(request: Request, caller: Caller, worker: str, *, reason: str = "", refused: str = "") -> Response:
    row = lists.worker(_database(request), worker)
    if row is None:
        raise NoSuchPage("There is no such worker.", hint="Look at those that have not ended: /workers")
    answer = operation.choose(row)
    status = 409 if answer.outcome != "requested" else 422 if refused else 200
    return page(
        request, caller, "drain.html", status=status, answer=answer, worker=row, reason=reason, refused=refused
    )  # fmt: skip


def _database(request: Request) -> Database:
    return schema.readable(house(request).runner.database)
