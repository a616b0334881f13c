"""Who works, with what, and whether it still does."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from jobrunner.operations import fleet
from jobrunner.store import overview, schema
from jobrunner.web.caller import Reader
from jobrunner.web.house import house
from jobrunner.web.templating import page

router = APIRouter(include_in_schema=False)
MOST_IN_HAND, SHOWN = 2000, 20


@router.get("/workers")
def workers(request: Request, caller: Reader) -> Response:
    """Shows the workers that have not ended, newest first."""
    web = house(request)
    database = schema.readable(web.runner.database)
    hands = {} if web.security.authorize else overview.in_hand(database, MOST_IN_HAND)
    found = fleet.workers(database)
    return page(
        request, caller, "workers.html", workers=found, hands=hands, shown=SHOWN, heartbeat=web.runner.settings.heartbeat,
        slots=sum(int(one["capacity"]) for one in found if one["state"] == "live"),
        used=sum(int(one["jobs"]) for one in found if one["state"] == "live"),
    )  # fmt: skip
