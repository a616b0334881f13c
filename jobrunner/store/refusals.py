"""What superseded workers tried to write: refused by the fence, kept as evidence."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.engine import Connection

from jobrunner import clock
from jobrunner.store.claims import Claimed
from jobrunner.store.database import Database, Row, plain

DETAIL_BYTES = 64 * 1024


def keep(database: Database, claimed: Claimed, worker_id: str, refused: Sequence[tuple[str, str]]) -> None:
    """Stores (what, detail) pairs that ``claimed`` is too old for; what is line, progress, result or status.

    A detail beyond 64 KiB of UTF-8 is cut. A COMMIT that gave no answer may leave them twice.
    """

    def work(connection: Connection) -> None:
        holder = connection.execute(_FENCE, {"id": claimed.job_id}).first()
        now = clock.db_text(database.now(connection))
        connection.execute(
            _INSERT,
            [
                {
                    "job_id": claimed.job_id, "attempt": claimed.attempt, "fence": claimed.fence,
                    "job_fence": None if holder is None else holder.fence, "worker_id": worker_id, "what": what,
                    "detail": _cut(detail), "at": now,
                }
                for what, detail in refused
            ],
        )  # fmt: skip

    if refused:
        database.write(work)


def of_job(database: Database, job_id: int, limit: int = 20) -> list[Row]:
    """Returns the newest refused writes of a job, newest first."""
    return database.read(
        lambda c: [plain(row) for row in c.execute(_OF_JOB, {"id": job_id, "n": limit}).mappings()]
    )


def _cut(detail: str) -> str:
    return detail.encode("utf-8", "backslashreplace")[:DETAIL_BYTES].decode("utf-8", "ignore")


_FENCE = text("SELECT fence FROM jobrunner_job WHERE id = :id")
_INSERT = text(
    "INSERT INTO jobrunner_refused_write (job_id, attempt, fence, job_fence, worker_id, what, detail, at)"
    " VALUES (:job_id, :attempt, :fence, :job_fence, :worker_id, :what, :detail, :at)"
)
_OF_JOB = text(
    "SELECT attempt, fence, job_fence, worker_id, what, detail, at FROM jobrunner_refused_write WHERE job_id = :id"
    " ORDER BY id DESC LIMIT :n"
)
