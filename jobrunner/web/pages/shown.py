"""What a job is shown with in lists: its times worked out, nothing asked of the database."""

from __future__ import annotations

from dataclasses import dataclass

from jobrunner import clock
from jobrunner.models import JobModel, JobSummary
from jobrunner.states import IN_HAND, Status


@dataclass(frozen=True)
class Shown:
    """A job and what its times say.

    ``waited`` is how long it was, or is, ready without running, ``ran`` how long it ran when it runs no more; where
    ``waits_since`` or ``runs_since`` is set, that time goes on. Seconds; None for what never happened.
    """

    job: JobSummary | JobModel
    waited: float | None = None
    waits_since: str | None = None
    ran: float | None = None
    runs_since: str | None = None
    heard: str | None = None

    @property
    def name(self) -> str:
        """The title, or the type where there is none."""
        return self.job.title or self.job.type


def shown(job: JobSummary | JobModel) -> Shown:
    """Returns a job with its times."""
    status = Status(job.status)
    in_hand = status in IN_HAND
    ready = max(filter(None, (job.queued_at or job.created_at, job.available_at)), default=None)
    waits_since = ready if status is Status.QUEUED else None
    started = job.started_at
    # a job that waits again shows this wait, not the one before
    first_wait = ready if started is not None and ready is not None and ready <= started else None
    ended = job.finished_at if status.is_terminal else None
    return Shown(
        job,
        waited=clock.between(first_wait, started) if first_wait and started and not waits_since else None,
        waits_since=waits_since,
        ran=clock.between(started, ended) if started and ended and ended >= started else None,
        runs_since=started if in_hand else None,
        heard=job.heartbeat_at if in_hand else None,
    )
