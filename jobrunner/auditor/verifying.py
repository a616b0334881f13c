"""Verifying a store that others write to meanwhile, and the head to keep elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any

from jobrunner.auditor.findings import Point
from jobrunner.auditor.heads import Head, buried
from jobrunner.auditor.walk import Walk
from jobrunner.errors import JobNotFound
from jobrunner.findings import Finding
from jobrunner.store import evidence, views
from jobrunner.store.database import Database, Row

_TRIES = 100
# SQLite lets anybody store text where a number belongs
_WRONG_KIND = (TypeError, ValueError, OverflowError)
_job_of = itemgetter(0)


def verify(
    database: Database, job: int | str | None = None, against: Iterable[str] | None = None
) -> Iterator[Finding]:
    """Yields what does not hold, of one job or of all; nothing for a sound store, however busy it is.

    ``against`` are the lines of an earlier ``head``, in order of the jobs' ids. Raises JobNotFound for a ``job``
    of which there is nothing in the store, nor in the head, and InvalidField for what is no head.
    """
    head = Head(against or ())
    if job is None:
        return _verify(database, head)
    job_id = views.resolve(database, job)
    named = job_id if job_id is not None else int(job) if str(job).isdecimal() and len(str(job)) < 19 else 0
    points = head.upto(named).get(named, [])
    if job_id is None and not points and not (named and evidence.has_rows(database, named)):
        raise JobNotFound(f"There is no job {job}.")
    return iter(_one(database, named, points))


def head(database: Database) -> Iterator[str]:
    """Yields ``job_id last_seq digest log_digest`` of every job, in order of their ids."""
    for row in evidence.heads(database):
        yield " ".join(map(str, row))


def _verify(database: Database, head: Head) -> Iterator[Finding]:
    for low, high in evidence.ranges(database):
        jobs = evidence.jobs(database, low, high)
        points = head.upto(high)
        doubtful: list[int] = []
        try:
            for job_id, walk in walks(jobs, rows(database, low, high), points):
                if walk is None or walk.end() or (walk.beyond and not _grown(database, job_id, walk.beyond)):
                    doubtful.append(job_id)
        except _WRONG_KIND:
            doubtful = [job["id"] for job in jobs]
        known = {job["id"] for job in jobs}
        for job_id in sorted({*doubtful, *(points.keys() - known)}):
            yield from _one(database, job_id, points.get(job_id, []))
    for job_id in evidence.risen(database):
        yield Finding(job_id, "tombstone", f"job {job_id}", "It has a tombstone, and yet it is there.")


def rows(
    database: Database, low: int, high: int, *, key: Callable[[tuple[Any, ...]], Any] | None = None
) -> Iterator[tuple[Any, ...]]:
    """Yields transitions and lines of a range of jobs, in order of job and seq, or of ``key``."""
    return merge(evidence.moves(database, low, high), evidence.lines(database, low, high), key=key)


def walks(
    jobs: Iterable[Row], rows: Iterable[tuple[Any, ...]], points: Mapping[int, Sequence[Point]]
) -> Iterator[tuple[int, Walk | None]]:
    """Yields a walk over each job's rows, all taken, and None for rows of a job that is not among ``jobs``."""
    waiting = iter(jobs)
    job = next(waiting, None)
    for job_id, group in groupby(rows, key=_job_of):
        while job is not None and job["id"] < job_id:
            yield job["id"], Walk(job, points.get(job["id"], ()))
            job = next(waiting, None)
        if job is None or job["id"] != job_id:
            yield job_id, None
            continue
        walk = Walk(job, points.get(job_id, ()))
        line, transition = walk.line, walk.transition
        for row in group:
            if row[2]:
                line(row)
            else:
                transition(row)
        yield job_id, walk
        job = next(waiting, None)
    while job is not None:
        yield job["id"], Walk(job, points.get(job["id"], ()))
        job = next(waiting, None)


def is_orphaned(database: Database, job_id: int) -> bool:
    """True when there are ledger rows of a job that does not exist."""
    # rows, no job, rows: an id is never used again, so the job was not born or deleted between these looks
    seen = evidence.has_rows(database, job_id) and evidence.standing(database, job_id) is None
    return seen and evidence.has_rows(database, job_id)


def _grown(database: Database, job_id: int, seq: int) -> bool:
    standing = evidence.standing(database, job_id)
    return standing is not None and standing[1] >= seq


def _one(database: Database, job_id: int, points: list[Point]) -> list[Finding]:
    """Returns what does not hold of one job, looking again as long as its log is cut or it goes away meanwhile."""
    for _ in range(_TRIES):
        jobs = evidence.jobs(database, job_id - 1, job_id)
        if not jobs:
            break
        try:
            ((_, walk),) = walks(jobs, rows(database, job_id - 1, job_id), {job_id: points})
        except _WRONG_KIND as error:
            return [
                Finding(
                    job_id, "unreadable", f"job {job_id}", f"A value is not of its column's kind: {error}."
                )
            ]
        # what stands above the row's last seq may have been committed since: a later look at the row tells
        standing = evidence.standing(database, job_id)
        if walk is not None and standing is not None and standing[0] == jobs[0]["first_seq"]:
            walk.end()
            walk.stray(standing[1])
            return walk.findings
    return _gone(database, job_id, points)


def _gone(database: Database, job_id: int, points: list[Point]) -> list[Finding]:
    found = buried(points, evidence.tombstone(database, job_id)) if points else []
    if is_orphaned(database, job_id):
        found.append(
            Finding(job_id, "orphan_rows", f"job {job_id}", "It has ledger rows, but there is no such job.")
        )
    return found
