"""The audit: who moved what, and whether the ledger holds."""

from __future__ import annotations

import re
import threading
from itertools import islice
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from jobrunner import jsontext, names, provenance
from jobrunner.auditor import Finding
from jobrunner.errors import NotEncodable
from jobrunner.operations import acting
from jobrunner.states import Status, Trigger
from jobrunner.store import moves, schema
from jobrunner.store.database import Row
from jobrunner.store.moves import Wanted
from jobrunner.web.caller import Caller, Reader
from jobrunner.web.house import house
from jobrunner.web.pages import asking
from jobrunner.web.pages.allowed import readable
from jobrunner.web.templating import PART, page

router = APIRouter(include_in_schema=False)
ROWS, MOST_FINDINGS = 100, 500
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NO_BATCH = names.Fault("is not the UUID of a bulk action", "Copy it from the answer of that action.")
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
    batch = asking.text(given, "batch").lower() or None
    acting.refuse("actor", names.unstorable(actor) if actor else None)
    acting.refuse("next", None if before is None or _UUID.fullmatch(before) else "is not what a page gave")
    acting.refuse("batch", None if batch is None or _UUID.fullmatch(batch) else _NO_BATCH)
    wanted = Wanted(
        job_id, actor, _known(given, "trigger", list(Trigger)), _known(given, "to", list(Status)),
        _known(given, "channel", list(provenance.CHANNELS)), batch,
    )  # fmt: skip
    # a page that brings its rows up to date keeps the verdict that it has
    verifies = asking.text(given, "verify") == "yes" and PART not in request.headers
    # a list of everybody's moves is for those who may see every job
    closed = house(request).security.authorize is not None and job_id is None
    found = moves.Moves([], None) if closed else moves.latest(database, wanted, before, ROWS)
    return page(
        request, caller, "audit.html", found=found, rows=[_shown(row) for row in found.rows], wanted=wanted, job=job,
        closed=closed, kinds=acting.KINDS, channels=provenance.CHANNELS,
        triggers=[trigger.value for trigger in Trigger], statuses=[s.value for s in Status if s is not Status.NEW],
        asked_for={
            "job": job, "actor": actor, "trigger": wanted.trigger_name, "to": wanted.to_status, "channel": wanted.channel,
            "batch": batch,
        },
        paged=bool(given.get("next")), **_verdict(request, caller, job_id, verifies),
    )  # fmt: skip


def _shown(row: Row) -> Row:
    """Returns a transition with its channel and the batch that it is of; a context that is no JSON tells neither."""
    try:
        context = jsontext.loads(row["context"] or "{}")
    except NotEncodable:
        context = {}
    batch = context.get("batch") if isinstance(context, dict) else None
    return row | {"channel": provenance.channel(row["actor"], context), "batch": batch}


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
