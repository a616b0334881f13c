"""Jobs for the tests of the store, driven by the store's own functions, without any worker process."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from jobrunner import clock, identifiers
from jobrunner.states import EDGES, Edge, Status, Trigger
from jobrunner.store import claims, jobs, journal, logs
from jobrunner.store.claims import Claimed
from jobrunner.store.database import Database
from jobrunner.store.journal import Move, Moved
from jobrunner.store.logs import Line, Tail
from jobrunner.store.workers import WorkerIdentity

WORKER = WorkerIdentity(identifiers.uuid7(), "run", "testhost", None, None, 4711, None, "none", "0")
BIRTHS: dict[Trigger, dict[str, Any]] = {
    Trigger.CREATE: {},
    Trigger.CREATE_HELD: {"hold": True},
    Trigger.CREATE_SCHEDULED: {"delay": 3600.0},
}


def create(database: Database, **options: Any) -> int:
    """Stores one job and returns its id."""
    made = jobs.create(
        database, jobs.NewJob(**{"type": "t.noop", "params": "{}", "launcher": "pool"} | options)
    )
    return int(made.row["id"])


def claim(database: Database, job_id: int) -> Claimed:
    """Takes a queued job as WORKER."""
    claimed = claims.claim(database, job_id, WORKER, token=None, launch_grace=0, lease=30)
    assert isinstance(claimed, Claimed)
    return claimed


def line(message: str, **fields: Any) -> Line:
    """Returns one line of stdout."""
    values: dict[str, Any] = {
        "at": clock.now(), "level": "info", "stream": "stdout", "step_key": None, "logger": None, "message": message,
        "context": None,
    }  # fmt: skip
    return Line(**values | fields)


def append(database: Database, tail: Tail, messages: Iterable[str]) -> None:
    """Appends lines in one transaction."""
    logs.append(database, tail, [line(message) for message in messages], {})


def move(
    database: Database, job_id: int, trigger: Trigger, *, reason: str | None = None, **changes: Any
) -> Moved | None:
    """Takes one step by the moving function, as the first actor that the rule allows."""

    def decide(row: dict[str, Any]) -> list[Move]:
        known = next((e for e in EDGES if (e.from_status, e.trigger) == (row["status"], trigger)), None)
        kind = known.actors[0] if known else next(e.actors[0] for e in EDGES if e.trigger is trigger)
        return [Move(trigger, f"{kind}:tester", reason, changes=changes)]

    return journal.move(database, job_id, decide)


def path_to(status: Status) -> list[Edge]:
    """Returns the edges of a shortest path from birth to ``status``."""
    waiting: deque[tuple[Status, list[Edge]]] = deque([(Status.NEW, [])])
    seen = {Status.NEW}
    while waiting:
        where, path = waiting.popleft()
        if where is status:
            return path
        for edge in EDGES:
            if edge.from_status is where and edge.to_status not in seen:
                seen.add(edge.to_status)
                waiting.append((edge.to_status, [*path, edge]))
    raise AssertionError(f"no path leads to {status}")


def job_in(database: Database, status: Status) -> int:
    """Returns a job that was driven to ``status`` along a shortest path."""
    birth, *steps = path_to(status)
    job_id = create(database, **BIRTHS[birth.trigger])
    for step in steps:
        move(database, job_id, step.trigger)
    return job_id


def finished(
    database: Database, batches: Iterable[Iterable[str]] = (("one", "two"), ("three",)), **options: Any
) -> int:
    """Returns a succeeded job: birth 1, claim 2, one line after the other, success."""
    job_id = create(database, **options)
    claimed = claim(database, job_id)
    tail = Tail(claimed)
    for batch in batches:
        append(database, tail, batch)
    move(database, job_id, Trigger.SUCCEED, result='{"n":3}')
    return job_id
