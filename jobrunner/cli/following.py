"""Following a job: its lines as they come, its end, and the way out by Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from jobrunner.cli import output

if TYPE_CHECKING:
    from jobrunner.follower import Follower
    from jobrunner.models import StatusModel
    from jobrunner.runner import JobRunner

_WAITING = {
    "held": "is held; it runs once it is released: jobrunner release {id}",
    "scheduled": "waits until {available_at}",
    "queued": "is queued",
}


Done = Callable[[int], None]
_LEAVING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def detachable(jobs: Sequence[object], come_back: str) -> Iterator[None]:
    """Says how to come back when a person leaves by Ctrl-C; the jobs, if there are any, go on."""
    try:
        yield
    except KeyboardInterrupt:
        names = " ".join(map(str, jobs))
        goes = f"; job {names} goes on" if len(jobs) == 1 else f"; jobs {names} go on" if jobs else ""
        output.say(f"\nDetached{goes}. Come back with: jobrunner {come_back}")
        raise


@contextmanager
def batch(done: Done | None, cursor: int) -> Iterator[None]:
    """Flushes what is put inside, and tells ``done`` the cursor after it: who leaves does so before all that or after."""
    with nullcontext() if done is None else _staying():
        yield
        output.flush()
        if done is not None:
            done(cursor)


@contextmanager
def _staying() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        # inside, for a signal that came just now is raised here
        signal.pthread_sigmask(signal.SIG_BLOCK, _LEAVING)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def check_found(seen: StatusModel, job: object, *, alone: bool) -> None:
    """Raises JobNotFound for the one job that was asked for; of several a missing one is told."""
    from jobrunner.errors import JobNotFound

    if seen.job is not None:
        return
    missing = JobNotFound(f"There is no job {job}.")
    if alone:
        raise missing
    output.say(output.visible(missing.message))


def announce(seen: StatusModel, *, fresh: bool) -> None:
    """Says why nothing happens yet, for a job that has not begun; one that was launched just now soon will."""
    job = seen.job
    if job is None or job.status not in _WAITING:
        return
    if fresh and job.status == "queued" and job.launcher == "detached":
        return
    why = _WAITING[job.status].format(id=job.id, available_at=job.available_at)
    if job.status == "queued" and job.launcher != "detached":
        why += f"; a pool's worker takes it, or: jobrunner run {job.id}"
    output.say(f"Job {job.id} {why}. Waiting.")


def looks(follower: Follower, job: object, timeout: float | None = None) -> Iterator[StatusModel]:
    """Yields the job each time it was looked at, up to and including the look that settles it.

    Says so while the database does not answer. Raises WaitTimeout after ``timeout`` seconds.
    """
    from jobrunner import clock

    deadline = None if timeout is None else clock.monotonic() + timeout
    told = False
    while True:
        seen = follower.look()
        if seen is not None:
            told = _back(told, follower)
            check_found(seen, job, alone=True)
            yield seen
        elif not told:
            output.say(f"The {follower.source} does not answer; waiting for it to come back.")
            told = True
        if follower.settled:
            return
        pause_before(deadline, follower.pause, job, timeout)


def pause_before(deadline: float | None, pause: float, job: object, timeout: float | None) -> None:
    """Waits for ``pause`` seconds, or less when the deadline is near; raises WaitTimeout when it has passed."""
    from jobrunner import clock
    from jobrunner.errors import WaitTimeout

    if deadline is not None:
        left = deadline - clock.monotonic()
        if left <= 0:
            raise WaitTimeout(f"Job {job} was still going on after {timeout:g} seconds.")
        pause = min(pause, left)
    output.flush()
    clock.sleep(pause)


def _back(told: bool, follower: Follower) -> bool:
    if told:
        output.say(f"The {follower.source} is back.")
    return False


def follow(
    runner: JobRunner, job: object, show: Callable[[dict[str, Any]], None], *, after: int = 0,
    timeout: float | None = None, done: Done | None = None, fresh: bool = False,
) -> StatusModel:  # fmt: skip
    """Shows every ledger row after a cursor as it comes; returns the job once it is settled.

    ``done`` is told the cursor each time everything up to it was shown and flushed.
    """
    last: StatusModel | None = None
    for seen in looks(runner.follower(str(job), after), job, timeout):
        if last is None:
            announce(seen, fresh=fresh)
        last = seen
        if seen.events:
            with batch(done, seen.last_seq):
                for item in seen.events:
                    show(item.model_dump(mode="json"))
    assert last is not None
    return last


def settle(
    runner: JobRunner, jobs: Sequence[object], *, timeout: float | None, first: bool, fresh: bool = False
) -> list[StatusModel | None]:
    """Waits until all jobs (or with ``first`` one of them) are terminal or parked; returns each that is, in order.

    Says of each that has not begun why not; ``fresh`` are jobs that were launched just now. Of several a missing one
    is returned as not found, of one JobNotFound is raised.
    """
    from jobrunner import clock

    deadline = None if timeout is None else clock.monotonic() + timeout
    followers = [runner.follower(str(job), limit=0) for job in jobs]
    found: list[StatusModel | None] = [None] * len(jobs)
    announced: set[int] = set()
    told = False
    while True:
        for place, follower in enumerate(followers):
            if found[place] is not None:
                continue
            seen = follower.look()
            if seen is not None:
                told = _back(told, follower)
                check_found(seen, jobs[place], alone=len(jobs) == 1)
                if place not in announced:
                    announce(seen, fresh=fresh)
                    announced.add(place)
            if follower.settled:
                found[place] = seen
        away = any(follower.away for follower in followers)
        if away and not told:
            output.say(f"The {followers[0].source} does not answer; waiting for it to come back.")
            told = True
        if all(found) or (first and any(seen is not None and seen.found for seen in found)):
            return found
        open_ones = [follower for follower, seen in zip(followers, found, strict=True) if seen is None]
        waited_for = " ".join(str(job) for job, seen in zip(jobs, found, strict=True) if seen is None)
        pause_before(deadline, min(follower.pause for follower in open_ones), waited_for, timeout)


def ended(seen: StatusModel) -> str:
    """Returns a sentence about how a job stands at its end."""
    job, error = seen.job, seen.error
    if job is None:
        return "The job is gone."
    told = f"Job {job.id} {'is parked: a person is needed' if job.status == 'parked' else job.status}"
    if error is not None and (error.message or error.reason_code):
        told += f": {error.class_ or error.reason_code}: {error.message or error.reason_code}"
    return output.visible(told.rstrip(".") + ".")
