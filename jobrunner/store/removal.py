"""Deleting a job: its rows go, a tombstone stays."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.engine import Connection

from jobrunner import clock
from jobrunner.store import journal
from jobrunner.store.database import Database, Row

_PARTS = ("jobrunner_job_tag", "jobrunner_job_attempt", "jobrunner_refused_write", "jobrunner_job_log")
# a statement has to end before the server or the driver loses patience
_AT_ONCE = 20_000


def remove(
    database: Database, job_id: int, allowed: Callable[[Row], bool], actor: str, reason: str | None
) -> Row | None:
    """Deletes a job whose locked row is ``allowed`` to go, in one transaction, leaving a tombstone.

    Returns the row as it was, deleted or not; None without such a job.
    """

    gone: list[Row] = []

    def work(connection: Connection) -> Row | None:
        row = journal.lock(database, connection, job_id)
        if row is None and gone and connection.execute(_BURIED, {"id": job_id, "actor": actor}).first():
            return gone[0]
        if row is None or not allowed(row):
            return row
        gone[:] = [row]
        bury(database, connection, row, actor, reason)
        return row

    return database.write(work)


def bury(database: Database, connection: Connection, row: Row, actor: str, reason: str | None) -> None:
    """Deletes every row of a job whose row is locked in the caller's transaction, and leaves the tombstone."""
    job_id = row["id"]
    connection.execute(
        _TOMBSTONE, {"id": job_id, "actor": actor, "reason": reason, "at": clock.db_text(row["clock"])}
    )
    for seq in range(row["first_seq"], row["last_seq"] + 1, _AT_ONCE):
        connection.execute(DELETE_LINES, {"id": job_id, "low": seq, "high": seq + _AT_ONCE})
    for table in _PARTS:
        connection.execute(text(f"DELETE FROM {table} WHERE job_id = :id"), {"id": job_id})
    # where the self-reference is checked row by row a history goes from its end
    order = " ORDER BY seq DESC" if database.dialect.ordered_delete else ""
    connection.execute(
        text(f"DELETE FROM jobrunner_job_transition WHERE job_id = :id{order}"), {"id": job_id}
    )
    connection.execute(text("DELETE FROM jobrunner_job WHERE id = :id"), {"id": job_id})


_TOMBSTONE = text(
    "INSERT INTO jobrunner_tombstone (id, uuid, type, status, final_seq, digest, log_digest, actor, reason, at)"
    " SELECT id, uuid, type, status, last_seq, digest, log_digest, :actor, :reason, :at"
    " FROM jobrunner_job WHERE id = :id"
)
_BURIED = text("SELECT 1 FROM jobrunner_tombstone WHERE id = :id AND actor = :actor")
DELETE_LINES = text("DELETE FROM jobrunner_job_log WHERE job_id = :id AND seq >= :low AND seq < :high")
