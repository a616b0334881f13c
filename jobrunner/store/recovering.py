"""What a sweep looks for: jobs in hand of workers that are gone, and detached jobs that nobody came for."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.engine import Connection

from jobrunner import clock
from jobrunner.store.database import Database, Row, plain

SCANNED = 5000


def lost(database: Database, limit: int, after: int = 0) -> list[Row]:
    """Returns at most ``limit`` jobs in hand whose worker has ended, was held dead or is unknown, by their ids.

    Each with its attempt's process and child, and with ``clock``, the database's present moment.
    """

    def work(connection: Connection) -> list[Row]:
        now = database.now(connection)
        rows = connection.execute(_LOST, {"after": after, "n": limit}).mappings()
        return [plain(row) | {"clock": now} for row in rows]

    return database.read(work)


def uncalled(
    database: Database, after: Mapping[str, int], limit: int, *, grace: float, age: float
) -> list[Row]:
    """Returns detached jobs without a worker on its way: never launched, or launched and not claimed in time.

    ``grace`` seconds count from the launch or from when the job was due, ``age`` since a job without a launch was
    last moved. ``after`` is the highest id looked at so far by status; of each at most 5,000 jobs are looked at.
    """

    def work(connection: Connection) -> list[Row]:
        now = database.now(connection)
        bound = {
            "late": clock.db_text(clock.shift(now, -grace)), "old": clock.db_text(clock.shift(now, -age)), "n": limit,
            "scanned": SCANNED,
        }  # fmt: skip
        found = []
        for status, highest in after.items():
            rows = connection.execute(_UNCALLED, bound | {"status": status, "after": highest}).mappings()
            found += [plain(row) for row in rows]
        return found

    return database.read(work)


def reach(database: Database, status: str, after: int) -> int:
    """Returns the highest id among the next 5,000 jobs of a status; 0 when there are fewer, to begin anew."""

    def work(connection: Connection) -> int:
        row = connection.execute(_REACH, {"status": status, "after": after, "skip": SCANNED - 1}).first()
        return 0 if row is None else int(row.id)

    return database.read(work)


_LOST = text(
    "SELECT j.id, j.uuid, j.type, j.status, j.fence, j.attempt, j.launcher, j.worker_id, a.host, a.boot_id, a.pid,"
    " a.process_started, a.child_pid, a.child_started, w.pid_namespace, w.id AS known, w.status AS worker_status,"
    " w.stopped_at, l.beats, l.heartbeat_at, l.lease_until"
    " FROM jobrunner_job j LEFT JOIN jobrunner_job_attempt a ON a.job_id = j.id AND a.attempt = j.attempt"
    " LEFT JOIN jobrunner_worker w ON w.id = j.worker_id LEFT JOIN jobrunner_lease l ON l.name = j.worker_id"
    " WHERE j.status IN ('running', 'cancel_requested') AND j.id > :after"
    " AND (w.id IS NULL OR w.stopped_at IS NOT NULL) ORDER BY j.id LIMIT :n"
)
_UNCALLED = text(
    "SELECT id, type, status, claim_token_hash, launches FROM (SELECT id, type, status, launcher, claim_token_hash,"
    " launches, launched_at, available_at, updated_at FROM jobrunner_job WHERE status = :status AND id > :after"
    " ORDER BY id LIMIT :scanned) s WHERE launcher = 'detached' AND ((claim_token_hash IS NULL AND updated_at < :old)"
    " OR (launched_at < :late AND available_at < :late)) ORDER BY id LIMIT :n"
)
_REACH = text(
    "SELECT id FROM jobrunner_job WHERE status = :status AND id > :after ORDER BY id LIMIT 1 OFFSET :skip"
)
