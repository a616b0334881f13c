"""What an overview shows, each by a bounded read of an index: a million jobs cost what a thousand do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection

from jobrunner import clock, states
from jobrunner.store.database import Database, Row, plain
from jobrunner.store.views import JOINS, ROW_COLUMNS

# among so many of the latest ends, and so many of the highest ids, the newest failures are looked for
ENDS, FAILED = 300, 50
# so many jobs in hand are looked at for the longest ones; they are the oldest
IN_HAND = 1000


@dataclass(frozen=True)
class Lists:
    """Rows of jobs, as lists show them."""

    failures: list[Row]
    longest: list[Row]
    parked: list[Row]


def lists(database: Database, most: int) -> Lists:
    """Returns the newest failures, the jobs that run for the longest time, and the newest parked ones."""

    def work(connection: Connection) -> Lists:
        bound = {"most": most, "ends": ENDS, "failed": FAILED, "in_hand": IN_HAND}
        ids = [
            [int(row[0]) for row in connection.execute(one, bound)] for one in (_FAILURES, _LONGEST, _PARKED)
        ]
        rows = _rows(connection, database.dialect.clock, sorted({one for some in ids for one in some}))
        return Lists(*([rows[one] for one in some if one in rows] for some in ids))

    return database.read(work)


def ended(database: Database, since: str, until: str, most: int) -> list[tuple[str, str, str | None]]:
    """Returns (status, end, start) of the jobs that ended in a stretch of time, oldest first, at most so many."""
    bound = {"since": clock.db_text(since), "until": clock.db_text(until), "most": most}
    rows = database.read(lambda c: [plain(row) for row in c.execute(_ENDED, bound).mappings()])
    return [(row["status"], row["finished_at"], row["started_at"]) for row in rows]


def ends_by_status(database: Database, since: str, until: str) -> dict[str, int]:
    """Returns how many jobs ended in a stretch of time, by how; as much work as there are such jobs."""
    bound = {"since": clock.db_text(since), "until": clock.db_text(until)}
    return database.read(lambda c: {str(status): int(n) for status, n in c.execute(_BY_STATUS, bound)})


def in_hand(database: Database, most: int) -> dict[str, list[int]]:
    """Returns the ids of the jobs that each worker has in hand, the oldest ``most`` of all."""
    found: dict[str, list[int]] = {}
    rows = database.read(lambda c: [plain(row) for row in c.execute(_IN_HAND, {"most": most}).mappings()])
    for row in rows:
        found.setdefault(str(row["worker_id"]), []).append(int(row["id"]))
    return found


def _rows(connection: Connection, now: str | None, ids: Sequence[int]) -> dict[int, Row]:
    if not ids:
        return {}
    marks = {f"i{n}": one for n, one in enumerate(ids)}
    found = [plain(row) for row in connection.execute(_by_ids(now, len(ids)), marks).mappings()]
    return {row["id"]: row | {"clock": row["clock"] or clock.now()} for row in found}


@lru_cache(maxsize=64)
def _by_ids(now: str | None, count: int) -> TextClause:
    marks = ", ".join(f":i{n}" for n in range(count))
    return text(f"SELECT {ROW_COLUMNS}, {now or 'NULL'} AS clock{JOINS} WHERE j.id IN ({marks})")


_FAILURES = text(
    "SELECT id, finished_at FROM (SELECT id, status, finished_at FROM jobrunner_job WHERE finished_at IS NOT NULL"
    " ORDER BY finished_at DESC LIMIT :ends) e WHERE status = 'failed' UNION SELECT id, finished_at FROM"
    " (SELECT id, finished_at FROM jobrunner_job WHERE status = 'failed' ORDER BY id DESC LIMIT :failed) f"
    " ORDER BY 2 DESC LIMIT :most"
)
_LONGEST = text(
    "SELECT id FROM (SELECT id, started_at FROM jobrunner_job WHERE status = 'running' ORDER BY id LIMIT :in_hand) r"
    " ORDER BY started_at, id LIMIT :most"
)
_PARKED = text("SELECT id FROM jobrunner_job WHERE status = 'parked' ORDER BY id DESC LIMIT :most")
_ENDED = text(
    "SELECT status, finished_at, started_at FROM jobrunner_job WHERE finished_at >= :since AND finished_at < :until"
    " ORDER BY finished_at LIMIT :most"
)
_BY_STATUS = text(
    "SELECT status, COUNT(*) FROM jobrunner_job WHERE finished_at >= :since AND finished_at < :until GROUP BY status"
)
# each status by its own index: of both at once, without any, a planner looks for the oldest among all jobs there are
_IN_HAND = text(
    " UNION ALL ".join(
        f"SELECT id, worker_id FROM (SELECT id, worker_id FROM jobrunner_job WHERE status = '{status}' ORDER BY id"
        f" LIMIT :most) AS s{number}"
        for number, status in enumerate(sorted(states.IN_HAND))
    )
    + " ORDER BY 1 LIMIT :most"
)
