"""What a job was started again from, what was started again from it, and at which step one could resume it."""

from __future__ import annotations

from collections.abc import Sequence

from jobrunner.errors import AmbiguousJob
from jobrunner.models import JobModel
from jobrunner.restart import RESTART_OF
from jobrunner.states import Status
from jobrunner.store import lists, views
from jobrunner.store.database import Database
from jobrunner.store.lists import Filter
from jobrunner.web.pages.steps import Mark

MOST = 10
_BROKEN_OFF = (Status.FAILED, Status.STOPPED)


def predecessor(database: Database, job: JobModel) -> int | None:
    """Returns the job that this one was started again from; None for none, or when it is deleted."""
    try:
        return views.resolve(database, job.tags.get(RESTART_OF, ""))
    except AmbiguousJob:
        return None  # anybody can write a tag


def successors(database: Database, uuid: str) -> list[int]:
    """Returns the newest jobs that were started again from this one."""
    rows, _, _ = lists.page(database, Filter(tags=((RESTART_OF, uuid),)), MOST)
    return [int(row["id"]) for row in rows]


def broken_step(job: JobModel, marks: Sequence[Mark]) -> str | None:
    """Returns the key of the step in which a job broke off; None when its last step was done."""
    step = job.progress.step
    if step is None or job.status not in _BROKEN_OFF:
        return None
    last = next((mark for mark in reversed(marks) if mark.key == step.key), None)
    return None if last is not None and last.outcome == "ok" else step.key
