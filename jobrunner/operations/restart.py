"""What a job that is to resume at a step of an earlier one has to fulfil."""

from __future__ import annotations

from collections.abc import Mapping

from jobrunner import explorer
from jobrunner.errors import InvalidField
from jobrunner.handlers.registry import JobType
from jobrunner.models import JobModel
from jobrunner.restart import RESTART_OF, RESUME_STEP
from jobrunner.store import views
from jobrunner.store.database import Database

_FIELD = f"tags.{RESUME_STEP}"


def check(database: Database, job_type: JobType, tags: Mapping[str, str]) -> None:
    """Raises InvalidField for tags that name a step to resume at, when the handler cannot or there was no such step.

    Reads nothing for a job without such a tag.
    """
    step = tags.get(RESUME_STEP)
    if step is None:
        return
    if not job_type.resumable:
        raise InvalidField(
            f"{job_type.type} does not declare that it can resume at a step.",
            hint="Start it from the beginning, or let the handler skip what comes before ctx.resume_step"
            " and declare resumable=True.",
            fields={_FIELD: "is of a type that cannot resume"},
        )
    earlier = explorer.status(database, tags.get(RESTART_OF, ""), limit=0).job
    if earlier is None or earlier.type != job_type.type:
        raise InvalidField(
            f"There is no job of the type {job_type.type} to resume.",
            hint=f"Name the earlier job by its uuid in the tag {RESTART_OF}, as start --again does.",
            fields={f"tags.{RESTART_OF}": f"names no job of the type {job_type.type}"},
        )
    if not _began(database, earlier, step):
        last = earlier.progress.step
        raise InvalidField(
            f"Job {earlier.id} began no step {step!r}.",
            hint=f"The last step that it began is {last.key!r}." if last else "It began no step at all.",
            fields={_FIELD: "is no step of that job"},
        )


def _began(database: Database, job: JobModel, step: str) -> bool:
    if job.progress.step is not None and job.progress.step.key == step:
        return True
    lines, _ = views.lines(database, job.id, step=step, stream="system", limit=1)
    return bool(lines)
