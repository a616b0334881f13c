"""The first page: what there is, what goes wrong, what takes long, and who works."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from jobrunner import explorer
from jobrunner.models import JobSummary
from jobrunner.operations import fleet
from jobrunner.store import counting, overview, schema
from jobrunner.store.database import Row
from jobrunner.web.caller import Caller, Reader
from jobrunner.web.house import house
from jobrunner.web.pages import asking, charts, ends
from jobrunner.web.pages.allowed import visible_to
from jobrunner.web.pages.shown import Shown, shown
from jobrunner.web.templating import page

router = APIRouter(include_in_schema=False)
ROWS = 5


@router.get("/")
def first(request: Request, caller: Reader) -> Response:
    """Shows the whole at a glance."""
    database = schema.readable(house(request).runner.database)
    wanted = asking.text(request.query_params, "window")
    window = next((one for one in ends.WINDOWS if one.name == wanted), ends.WINDOWS[0])
    buckets = ends.of(database).buckets(window)
    found = overview.lists(database, ROWS)
    workers = fleet.workers(database)
    return page(
        request, caller, "overview.html", counts=counting.counts(database), window=window, windows=ends.WINDOWS,
        waiting=counting.longest_waiting(database), throughput=charts.throughput(buckets),
        durations=charts.durations(buckets), parts=charts.parts,
        ended=sum(bucket.total for bucket in buckets), failed=sum(charts.parts(b)["failed"] for b in buckets),
        failures=_shown(request, caller, found.failures), longest=_shown(request, caller, found.longest),
        parked=_shown(request, caller, found.parked),
        live=[one for one in workers if one["state"] == "live"],
        draining=[one for one in workers if one["state"] == "draining"],
        gone=[one for one in workers if one["state"] not in fleet.WORKING],
    )  # fmt: skip


def _shown(request: Request, caller: Caller, rows: list[Row]) -> list[Shown]:
    jobs = [JobSummary.model_validate(explorer.job_model(row, {})) for row in rows]
    return [shown(job) for job in visible_to(request, caller, jobs)]
