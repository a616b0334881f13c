"""A job that is started again as a new one: tags of the new one say from which, and at which step it resumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobrunner.models import JobModel

RESTART_OF, RESUME_STEP = "restart_of", "resume_step"
RESERVED = (RESTART_OF, RESUME_STEP)


def options(job: JobModel) -> dict[str, Any]:
    """Returns the options of a start that ``job`` was started with, as far as they are its own; without its tags' links."""
    tags = {name: value for name, value in job.tags.items() if name not in RESERVED}
    return {"title": job.title, "queue": job.queue, "priority": job.priority, "tags": tags}


def links(uuid: str, step: str | None = None) -> dict[str, str]:
    """Returns the tags of a job that is started again from the one of this ``uuid``; at ``step``, or from the beginning."""
    return {RESTART_OF: uuid} | ({RESUME_STEP: step} if step else {})
