"""Appending lines and progress to a job, by the holder of its fence and by nobody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection

from jobrunner import clock
from jobrunner.errors import Superseded
from jobrunner.ledger import LineChain
from jobrunner.states import is_held
from jobrunner.store.claims import Claimed
from jobrunner.store.database import Database, plain, run


class Line(NamedTuple):
    """One line, clean and of at most 16 KiB; ``at`` is canonical text, ``context`` JSON text."""

    at: str
    level: str
    stream: str
    step_key: str | None
    logger: str | None
    message: str
    context: str | None


@dataclass(frozen=True)
class JobState:
    """Where a job stands, as its worker needs to know it."""

    status: str
    cancel_mode: str | None
    fence: int
    clock: str | None = None


class Tail:
    """One worker's end of a job's log: what it has appended under its fence so far."""

    def __init__(self, claimed: Claimed) -> None:
        self.job_id, self.fence, self.attempt = claimed.job_id, claimed.fence, claimed.attempt
        self.log_digest, self.log_bytes = claimed.log_digest, claimed.log_bytes
        self.line_count = 0
        self.attempted: str | None = None

    def advance(self, lines: Sequence[Line]) -> None:
        """Notes that these lines, the latest that were attempted, are stored."""
        self.log_digest, self.log_bytes = self.attempted or self.log_digest, self.log_bytes + _size(lines)
        self.line_count, self.attempted = self.line_count + len(lines), None


def append(database: Database, tail: Tail, lines: Sequence[Line], progress: Mapping[str, Any]) -> JobState:
    """Appends lines in order and sets progress columns, in one transaction, and advances ``tail``.

    Raises Superseded, writing nothing, when another worker holds the job or the job has ended, and a
    StoreError when the database is away; the caller keeps the lines then, and calls again with
    the same ones. When COMMIT gave no answer the log digest of the job row tells whether they were stored.
    """
    state = database.write(lambda connection: extend(database, connection, tail, lines, progress))
    tail.advance(lines)
    return state


def extend(
    database: Database, connection: Connection, tail: Tail, lines: Sequence[Line], progress: Mapping[str, Any]
) -> JobState:
    """Does what ``append`` does in a transaction of the caller, who advances ``tail`` after its COMMIT."""
    row = connection.execute(
        _lock(database.dialect.lock, database.dialect.clock), {"id": tail.job_id}
    ).one_or_none()
    if row is None or not is_held(row.status, row.fence, tail.fence):
        raise Superseded
    if lines and row.log_digest == tail.attempted:
        # an earlier COMMIT gave no answer, but had arrived
        return JobState(row.status, row.cancel_mode, row.fence)
    now = clock.utc_text(row.clock) if row.clock is not None else clock.now()
    rows, digest = _numbered(tail, lines, row.last_seq)
    tail.attempted = digest if lines else None
    levels = [line.level for line in lines]
    values = {
        "n": len(lines), "digest": digest, "bytes": _size(lines), "warnings": levels.count("warning"),
        "errors": levels.count("error"), "now": clock.db_text(now), "_id": tail.job_id, "_fence": tail.fence,
    }  # fmt: skip
    if run(connection, _advance(tuple(sorted(progress))), values | dict(progress)).rowcount != 1:
        raise Superseded
    if rows:
        run(connection, _INSERT, rows)
    return JobState(row.status, row.cancel_mode, row.fence, now)


def _size(lines: Sequence[Line]) -> int:
    return sum(len(m) if (m := line.message).isascii() else len(m.encode()) for line in lines)


def _numbered(tail: Tail, lines: Sequence[Line], last_seq: int) -> tuple[list[dict[str, Any]], str]:
    chain = LineChain(tail.log_digest)
    chain.extend(last_seq + 1, tail.attempt, lines)
    moments = {line.at: clock.db_text(line.at) for line in lines}
    job_id, attempt = tail.job_id, tail.attempt
    rows = [
        {
            "job_id": job_id, "seq": seq, "attempt": attempt, "at": moments[at], "level": level, "stream": stream,
            "step_key": step_key, "logger": logger, "message": message, "context": context,
        }
        for seq, (at, level, stream, step_key, logger, message, context) in enumerate(lines, last_seq + 1)
    ]  # fmt: skip
    return rows, chain.digest


def poll(database: Database, job_id: int) -> JobState | None:
    """Returns where a job stands, in one indexed read; None when it is gone."""

    def work(connection: Connection) -> JobState | None:
        row = connection.execute(_STATE, {"id": job_id}).mappings().first()
        return None if row is None else JobState(**plain(row))

    return database.read(work)


def poll_many(database: Database, job_ids: Sequence[int]) -> dict[int, JobState]:
    """Returns where each of these jobs stands, in one read; a job that is gone is left out."""

    def work(connection: Connection) -> dict[int, JobState]:
        found = {}
        for start in range(0, len(job_ids), _AT_ONCE):
            some = {f"id{number}": one for number, one in enumerate(job_ids[start : start + _AT_ONCE])}
            for row in connection.execute(_states(len(some)), some).mappings():
                values = plain(row)
                job_id = int(values.pop("id"))
                found[job_id] = JobState(**values)
        return found

    return database.read(work)


_AT_ONCE = 200


@lru_cache(maxsize=_AT_ONCE)
def _states(count: int) -> TextClause:
    names = ", ".join(f":id{number}" for number in range(count))
    return text(f"SELECT id, status, cancel_mode, fence FROM jobrunner_job WHERE id IN ({names})")


_STATE = text("SELECT status, cancel_mode, fence FROM jobrunner_job WHERE id = :id")
_INSERT = text(
    "INSERT INTO jobrunner_job_log (job_id, seq, attempt, at, level, stream, step_key, logger, message, context)"
    " VALUES (:job_id, :seq, :attempt, :at, :level, :stream, :step_key, :logger, :message, :context)"
)


@lru_cache
def _lock(lock_clause: str, now: str | None) -> TextClause:
    return text(
        f"SELECT status, cancel_mode, fence, last_seq, log_digest, {now or 'NULL'} AS clock"
        f" FROM jobrunner_job WHERE id = :id{lock_clause}"
    )


@lru_cache
def _advance(progress: tuple[str, ...]) -> TextClause:
    more = "".join(f", {name} = :{name}" for name in progress)
    return text(
        "UPDATE jobrunner_job SET last_seq = last_seq + :n, log_digest = :digest, log_bytes = log_bytes + :bytes,"
        f" warning_count = warning_count + :warnings, error_count = error_count + :errors, updated_at = :now{more}"
        " WHERE id = :_id AND fence = :_fence AND status IN ('running', 'cancel_requested')"
    )
