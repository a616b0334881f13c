"""The list of jobs: found by filters that stand in the address, walked page by page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jobrunner import explorer
from jobrunner.errors import AmbiguousJob, BadInput, InvalidField
from jobrunner.models import JobSummary
from jobrunner.operations.verbs import VERBS
from jobrunner.store import counting, schema, suggestions, views
from jobrunner.store.database import Database
from jobrunner.store.suggestions import Known
from jobrunner.web.caller import Reader
from jobrunner.web.house import house
from jobrunner.web.pages import asking
from jobrunner.web.pages.allowed import visible_to
from jobrunner.web.pages.asking import Asked
from jobrunner.web.pages.shown import shown
from jobrunner.web.pages.telling import told
from jobrunner.web.templating import page, url

router = APIRouter(include_in_schema=False)
SIZE, MOST = 50, 200


@router.get("/jobs")
def jobs(request: Request, caller: Reader) -> Response:
    """Shows a page of jobs, newest first."""
    given = request.query_params
    runner = house(request).runner
    database = schema.readable(runner.database)
    wanted, refused = asking.asked(given), None
    found = Page()
    try:
        found = read(database, wanted, asking.text(given, "next"), asking.text(given, "prev"), _size(given))
    except BadInput as error:
        refused = error
    return page(
        request, caller, "jobs.html", status=200 if refused is None else 422,
        wanted=wanted, refused=refused, rows=[shown(job) for job in visible_to(request, caller, found.jobs)], older=found.older,
        newer=found.newer, limit=asking.text(given, "limit"), counts=counting.counts(database),
        known=_known(request, database),
        verbs=[verb for verb in VERBS if verb != "resolve"], message=told(asking.text(given, "told")),
        paged=bool(given.get("next") or given.get("prev")),
    )  # fmt: skip


@router.get("/find")
def find(request: Request, caller: Reader) -> Response:
    """Leads to the job of an id or uuid, else to the jobs whose title or type hold the text."""
    words = asking.text(request.query_params, "q")
    try:
        job_id = views.resolve(schema.readable(house(request).runner.database), words.lstrip("#"))
    except AmbiguousJob:
        job_id = None
    if job_id is not None:
        return RedirectResponse(url(request, f"/jobs/{job_id}"), 303)
    return RedirectResponse(url(request, "/jobs", search=words), 303)


class Page:
    """Jobs of a list, with the ids that lead to the ones before and after, where there are any."""

    def __init__(
        self, jobs: list[JobSummary] | None = None, older: int | None = None, newer: int | None = None
    ) -> None:
        self.jobs = jobs or []
        self.older, self.newer = older, newer


def read(database: Database, wanted: Asked, after: str, before: str, size: int) -> Page:
    """Returns the page older than the id ``after``, or the one just newer than ``before``."""
    meant = wanted.wanted(after or before or None)
    if before:
        meant = replace(meant, before_id=None, after_id=meant.before_id)
    found = explorer.jobs(database, meant, size)
    jobs = found.jobs
    if not jobs:
        return Page()
    if before:
        return Page(jobs, jobs[-1].id, jobs[0].id if found.next else None)
    return Page(jobs, jobs[-1].id if found.next else None, jobs[0].id if after else None)


def _known(request: Request, database: Database) -> Known:
    if house(request).security.authorize is not None:
        return Known()
    return suggestions.known(database, [kind.type for kind in house(request).runner.types()])


def _size(given: Any) -> int:
    wanted = asking.text(given, "limit")
    if not wanted:
        return SIZE
    if not (wanted.isascii() and wanted.isdecimal() and 1 <= int(wanted[:9]) <= MOST):
        raise InvalidField(f"limit {wanted!r} is not a number from 1 to {MOST}.", fields={"limit": "is not"})
    return int(wanted)
