"""What streams read, again and again: where watched jobs stand, and whether anything changed at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection

from jobrunner import clock
from jobrunner.states import IN_HAND
from jobrunner.store import counting
from jobrunner.store.database import Database, Row, plain
from jobrunner.store.views import JOINS, ROW_COLUMNS

# a reader asks again soon, so that a transaction that failed needs no long patience of its own
PATIENCE = 0.5
_AT_ONCE = 200


@dataclass(frozen=True)
class Pulse:
    """Where a job stands; ``mark`` changes with every change of its row."""

    status: str
    first_seq: int
    last_seq: int
    final_seq: int | None
    mark: Any


@dataclass(frozen=True)
class Marks:
    """What changes when anything does: counts by status up to a bound, and fingerprints of what they leave out."""

    counts: dict[str, int]
    places: tuple[Any, ...]
    courses: tuple[Any, ...]
    workers: int


def pulses(database: Database, job_ids: Sequence[int]) -> dict[int, Pulse]:
    """Returns where each of these jobs stands, one statement for every 200; a job that is gone is left out."""

    def work(connection: Connection) -> dict[int, Pulse]:
        found = {}
        for start in range(0, len(job_ids), _AT_ONCE):
            some = {f"id{number}": one for number, one in enumerate(job_ids[start : start + _AT_ONCE])}
            for job_id, status, *rest in connection.execute(_pulses(len(some)), some):
                text_of_status = status.decode() if isinstance(status, bytes) else str(status)
                found[int(job_id)] = Pulse(text_of_status, *rest)
        return found

    return database.read(work, patience=PATIENCE)


def course(database: Database, job_id: int) -> Row | None:
    """Returns a job's row as lists show it, without its tags; None when it is gone."""

    def work(connection: Connection) -> Row | None:
        found = connection.execute(_course(database.dialect.clock), {"id": job_id}).mappings().first()
        if found is None:
            return None
        row = plain(found)
        return row | {"clock": row["clock"] or clock.now()}

    return database.read(work, patience=PATIENCE)


def marks(database: Database, most: int) -> Marks:
    """Returns the marks of the whole store; counts stop at ``most``, so that a million jobs cost no more than that."""

    def work(connection: Connection) -> Marks:
        rows = [tuple(row) for row in connection.execute(_PLACES)]
        workers = connection.execute(_WORKERS).one()
        courses = connection.execute(_COURSES, {"most": most}).one()
        finished = connection.execute(_FINISHED).scalar()
        places = (*rows, finished, tuple(workers))
        return Marks(counts, places, tuple(courses), int(workers[0]))

    found = counting.counts(database, most, patience=PATIENCE)
    counts = {status: count.number for status, count in found.items() if count.number}
    return database.read(work, patience=PATIENCE)


@lru_cache(maxsize=_AT_ONCE)
def _pulses(count: int) -> TextClause:
    names = ", ".join(f":id{number}" for number in range(count))
    columns = "id, status, first_seq, last_seq, final_seq, updated_at"
    return text(f"SELECT {columns} FROM jobrunner_job WHERE id IN ({names})")


@lru_cache
def _course(now: str | None) -> TextClause:
    return text(f"SELECT {ROW_COLUMNS}, {now or 'NULL'} AS clock{JOINS} WHERE j.id = :id")


_IN_HAND = ", ".join(f"'{status}'" for status in sorted(IN_HAND))
_PLACES = text(
    " UNION ALL ".join(
        f"SELECT {number} AS n, (SELECT MIN(id) FROM jobrunner_job WHERE status = '{name}'),"
        f" (SELECT MAX(id) FROM jobrunner_job WHERE status = '{name}')"
        for number, name in enumerate(counting.STATUSES)
    )
    + " ORDER BY n"
)
_FINISHED = text("SELECT MAX(finished_at) FROM jobrunner_job")
_COURSES = text(
    "SELECT COUNT(*), SUM(last_seq), MAX(updated_at) FROM (SELECT last_seq, updated_at FROM jobrunner_job"
    f" WHERE status IN ({_IN_HAND}) LIMIT :most) s"
)
_WORKERS = text(
    "SELECT COUNT(*), MAX(started_at), MAX(drain_at) FROM jobrunner_worker WHERE stopped_at IS NULL"
)
