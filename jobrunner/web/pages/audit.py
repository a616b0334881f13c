"""The audit: who moved what, and whether the ledger holds."""

from __future__ import annotations

import re
import threading
from itertools import islice
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from jobrunner import names
from jobrunner.auditor import Finding
from jobrunner.operations import acting
from jobrunner.states import Status, Trigger
from jobrunner.store import moves, schema
from jobrunner.store.moves import Wanted
from jobrunner.web.caller import Caller, Reader
from jobrunner.web.house import house
from jobrunner.web.pages import asking
from jobrunner.web.pages.allowed import readable
from jobrunner.web.templating import page

router = APIRouter(include_in_schema=False)
ROWS, MOST_FINDINGS = 100, 500
_CURSOR = re.compile("[0-9a-f-]{36}")
# a whole verify reads every row there is
_places = threading.BoundedSemaphore(1)


@router.get("/audit")
def audit(request: Request, caller: Reader) -> Response:
    """Shows the latest transitions; with ``verify`` also whether the ledger of one job, or of all, holds."""
    given = request.query_params
    database = schema.readable(house(request).runner.database)
    job = asking.text(given, "job")
    job_id = readable(request, caller, job)[1].id if job else None
    actor, before = asking.text(given, "actor") or None, asking.text(given, "next") or None
    acting.refuse("actor", names.unstorable(actor) if actor else None)
    acting.refuse("next", None if before is None or _CURSOR.fullmatch(before) else "is not what a page gave")
    wanted = Wanted(
        job_id, actor, _known(given, "trigger", list(Trigger)),
        _known(given, "to", list(Status)),
    )  # fmt: skip
    # a list of everybody's moves is for those who may see every job
    closed = house(request).security.authorize is not None and job_id is None
    found = moves.Moves([], None) if closed else moves.latest(database, wanted, before, ROWS)
    return page(
        request, caller, "audit.html", found=found, wanted=wanted, job=job, closed=closed, kinds=acting.KINDS,
        triggers=[trigger.value for trigger in Trigger], statuses=[s.value for s in Status if s is not Status.NEW],
        paged=bool(given.get("next")), **_verdict(request, caller, job_id, asking.text(given, "verify") == "yes"),
    )  # fmt: skip


def _verdict(request: Request, caller: Caller, job_id: int | None, wanted: bool) -> dict[str, Any]:
    if not wanted:
        return {"verdict": None, "busy": False, "more": False}
    if job_id is None and not _places.acquire(blocking=False):
        return {"verdict": None, "busy": True, "more": False}
    try:
        findings: list[Finding] = list(islice(house(request).runner.audit.verify(job_id), MOST_FINDINGS + 1))
    finally:
        if job_id is None:
            _places.release()
    return {"verdict": findings[:MOST_FINDINGS], "busy": False, "more": len(findings) > MOST_FINDINGS}


def _known(given: Any, name: str, words: list[Any]) -> str | None:
    value = asking.text(given, name)
    return value if value in words else None
