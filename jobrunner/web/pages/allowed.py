"""Which jobs somebody may see, where the application decides that job by job."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request

from jobrunner.errors import JobNotFound
from jobrunner.models import JobModel, JobSummary, StatusModel
from jobrunner.web.caller import Caller, permit
from jobrunner.web.house import house


def visible_to(request: Request, caller: Caller, jobs: Iterable[JobSummary]) -> list[JobSummary]:
    """Returns those jobs that the caller may read."""
    may = house(request).security.authorize
    if may is None:
        return list(jobs)
    return [job for job in jobs if may(caller.name, "read", JobModel(**job.model_dump(), params={}))]


def readable(request: Request, caller: Caller, job: str, *, tail: int = 0) -> tuple[StatusModel, JobModel]:
    """Returns the status of a job that the caller may read; raises JobNotFound, AmbiguousJob and Forbidden."""
    seen = house(request).runner.status(job, tail=tail)
    if seen.job is None:
        raise JobNotFound(f"There is no job {job}.")
    permit(request, caller, "read", seen.job)
    return seen, seen.job
