"""Removing old jobs in small transactions, so that nobody waits for a big one: lines first, then the jobs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection

from jobrunner import clock
from jobrunner.ledger import LineChain, log_genesis
from jobrunner.store import journal
from jobrunner.store.database import Database, Row, plain
from jobrunner.store.removal import DELETE_LINES, bury

Old = tuple[str, int, int]
"""When a job ended, its id, and how many ledger rows it has at most."""


def candidates(
    database: Database, statuses: Sequence[str], before: str, after: Old | None, limit: int
) -> list[Old]:
    """Returns at most ``limit`` jobs that ended before a moment, the oldest end first, beginning after ``after``."""
    bound = {f"s{n}": status for n, status in enumerate(statuses)}
    since, last = ("1000-01-01T00:00:00.000000Z", 0) if after is None else after[:2]
    values = bound | {
        "before": clock.db_text(before),
        "since": clock.db_text(since),
        "last": last,
        "n": limit,
    }
    rows = database.read(
        lambda c: [plain(r) for r in c.execute(_candidates(len(statuses)), values).mappings()]
    )
    return [(row["finished_at"], row["id"], row["last_seq"] - row["first_seq"] + 1) for row in rows]


def counts(database: Database, statuses: Sequence[str], before: str) -> dict[str, int]:
    """Returns how many jobs of each status ended before a moment."""
    bound = {f"s{n}": status for n, status in enumerate(statuses)} | {"before": clock.db_text(before)}
    rows = database.read(lambda c: [plain(r) for r in c.execute(_counts(len(statuses)), bound).mappings()])
    return {row["status"]: int(row["n"]) for row in rows}


def shorten(database: Database, job_id: int, statuses: Sequence[str], before: str, at_once: int) -> bool:
    """Deletes the oldest lines of an old job, ``at_once`` ledger rows further; False when no more than that are left.

    The job row keeps where the log now begins and the chain's value before it, so the ledger still verifies.
    """

    def work(connection: Connection) -> bool:
        row = journal.lock(database, connection, job_id)
        if row is None or not _is_old(row, statuses, before):
            return False
        high = row["first_seq"] + at_once
        if high > row["last_seq"]:
            return False
        known = connection.execute(_PRUNED, {"id": job_id}).scalar_one()
        known = known.decode() if isinstance(known, bytes) else known
        chain = LineChain(known or log_genesis(row["uuid"]))
        for line in connection.execute(_LINES, {"id": job_id, "high": high}).mappings():
            chain.add(**plain(line))
        connection.execute(DELETE_LINES, {"id": job_id, "low": 0, "high": high})
        bound = {"id": job_id, "seq": row["last_seq"], "high": high, "digest": chain.digest}
        connection.execute(_BEGINS, bound)
        return True

    return database.write(work)


def remove(
    database: Database,
    ids: Sequence[int],
    statuses: Sequence[str],
    before: str,
    actor: str,
    reason: str | None,
) -> dict[str, int]:
    """Deletes the jobs among ``ids`` that are still old, in one transaction; returns how many by status."""
    gone: dict[int, str] = {}

    def work(connection: Connection) -> dict[str, int]:
        for job_id in sorted(ids):
            row = journal.lock(database, connection, job_id)
            if row is not None:
                gone.pop(job_id, None)
                if _is_old(row, statuses, before):
                    gone[job_id] = row["status"]
                    bury(database, connection, row, actor, reason)
        found: dict[str, int] = {}
        for status in gone.values():
            found[status] = found.get(status, 0) + 1
        return found

    return database.write(work)


def _is_old(row: Row, statuses: Sequence[str], before: str) -> bool:
    return row["status"] in statuses and row["finished_at"] is not None and row["finished_at"] < before


_PRUNED = text("SELECT pruned_digest FROM jobrunner_job WHERE id = :id")
_LINES = text(
    "SELECT seq, attempt, at, level, stream, step_key, logger, message, context FROM jobrunner_job_log"
    " WHERE job_id = :id AND seq < :high ORDER BY seq"
)
_BEGINS = text(
    "UPDATE jobrunner_job SET first_seq = :high, pruned_digest = :digest WHERE id = :id AND last_seq = :seq"
)


@lru_cache
def _candidates(count: int) -> TextClause:
    marks = ", ".join(f":s{n}" for n in range(count))
    return text(
        "SELECT id, finished_at, first_seq, last_seq FROM jobrunner_job WHERE finished_at < :before"
        " AND (finished_at > :since OR (finished_at = :since AND id > :last))"
        f" AND status IN ({marks}) ORDER BY finished_at, id LIMIT :n"
    )


@lru_cache
def _counts(count: int) -> TextClause:
    marks = ", ".join(f":s{n}" for n in range(count))
    return text(
        f"SELECT status, COUNT(*) AS n FROM jobrunner_job WHERE finished_at < :before AND status IN ({marks})"
        " GROUP BY status"
    )
