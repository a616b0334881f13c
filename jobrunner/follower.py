"""Looking at a job until it is settled, wherever its status is read from: a database or a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jobrunner import clock, durations
from jobrunner.errors import (
    DatabaseUnavailable,
    JobFailed,
    JobNotFinished,
    JobNotFound,
    ServerUnavailable,
    WaitTimeout,
)
from jobrunner.models import JobError, StatusModel
from jobrunner.states import Status

LIMIT, SHOWN = 1000, 200
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5
# how long a follower bears a database or a server that does not answer
PATIENCE = 600.0
Look = Callable[[int, int], StatusModel]


class Follower:
    """Looks at one job again and again from a cursor; what goes away is borne ten minutes.

    ``look_at(cursor, limit)`` reads the status, ``known`` says whether that ever worked. ``cursor`` is the highest seq
    seen, ``settled`` true once the job is terminal or parked and all of its ledger was seen, ``away`` true
    while nothing answers, ``pause`` the seconds to wait before the next look.
    """

    def __init__(
        self, look_at: Look, job: int | str, after_seq: int = 0, *, limit: int = LIMIT,
        known: Callable[[], bool], source: str = "database",
    ) -> None:  # fmt: skip
        self.cursor, self.settled, self.away, self.pause = after_seq, False, False, FIRST_PAUSE
        self.job, self.source = job, source
        self._look_at, self._limit, self._known = look_at, limit, known
        self._away_since: float | None = None

    def look(self, shown: int = 0) -> StatusModel | None:
        """Returns the job with what is new, or None when nothing answers; one that is not there is settled.

        With a limit of 0 nothing of the ledger is read, and the job is settled by its status alone; then come
        the first ``shown`` rows.
        """
        try:
            seen = self._look_at(self.cursor, self._limit)
            if shown and seen.job is not None and Status(seen.job.status).is_settled:
                seen = self._look_at(0, shown)
        except (DatabaseUnavailable, ServerUnavailable):
            self._away_since = self._away_since or clock.monotonic()
            if not self._known() or clock.monotonic() - self._away_since > PATIENCE:
                raise
            self.away, self.pause = True, LONGEST_PAUSE
            return None
        self.away, self._away_since = False, None
        if seen.job is None:
            self.settled = True
            return seen
        self.cursor = seen.last_seq
        complete = self._limit == 0 or (not seen.has_more and self.cursor >= seen.job.last_seq)
        self.settled = complete and Status(seen.job.status).is_settled
        self.pause = FIRST_PAUSE if seen.events else min(LONGEST_PAUSE, self.pause * 1.5)
        self.pause = 0.0 if seen.has_more and self._limit else self.pause
        return seen


def follow(follower: Follower) -> Iterator[dict[str, Any]]:
    """Yields ledger rows as they are committed, until the job is terminal and complete, or parked.

    What goes away is waited for, ten minutes at most; the cursor makes sure that nothing is lost or told twice.
    """
    while not follower.settled:
        seen = follower.look()
        yield from (item.model_dump(mode="json") for item in (seen.events if seen else ()))
        if not follower.settled:
            clock.sleep(follower.pause)


def wait(follower: Follower, timeout: str | float | None = None) -> StatusModel:
    """Returns the status of a job once it is terminal or parked.

    Raises WaitTimeout after ``timeout`` (seconds, or "90s", "2h"), JobNotFound and InvalidTime. Bears a restart as
    ``follow`` does.
    """
    patience = None if timeout is None else durations.seconds(timeout, "timeout")
    deadline = None if patience is None else clock.monotonic() + patience
    while True:
        seen = follower.look(SHOWN)
        if seen is not None and seen.job is None:
            raise JobNotFound(f"There is no job {follower.job}.")
        if seen is not None and follower.settled:
            return seen
        left = LONGEST_PAUSE if deadline is None else deadline - clock.monotonic()
        if left <= 0:
            raise WaitTimeout(f"Job {follower.job} was still going on after {patience:g} seconds.")
        clock.sleep(min(follower.pause, left))


def outcome(asked: object, job_id: int, type: str, status: str, result: Any, error: JobError | None) -> Any:
    """Returns the result of a job that succeeded; raises JobNotFinished or JobFailed for any other."""
    if status == Status.SUCCEEDED:
        return result
    if status == Status.PARKED:
        raise JobNotFinished(
            f"Job {asked} is parked.", hint=f"A person decides about it; see: jobrunner explain {asked}"
        )
    if not Status(status).is_terminal:
        raise JobNotFinished(f"Job {asked} is {status}.")
    error = error or JobError()
    told = f"Job {job_id} ({type}) is {status}"
    raise JobFailed(
        f"{told}: {error.class_}: {error.message}" if error.class_ else f"{told}.",
        status=status,
        error_class=error.class_,
        reason_code=error.reason_code,
        traceback=error.traceback,
    )
