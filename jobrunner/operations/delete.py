"""Delete: a job's rows go, its tombstone stays."""

from __future__ import annotations

from jobrunner.models import ActionResult
from jobrunner.operations.acting import CHANGED, Seen, checked_reason
from jobrunner.states import TERMINAL, Status
from jobrunner.store import removal, views
from jobrunner.store.database import Database, Row

DELETABLE = frozenset(status.value for status in (*TERMINAL, Status.HELD))


def delete(
    database: Database, job: int | str, *, actor: str, reason: str | None = None, seen: Seen | None = None
) -> ActionResult:
    """Deletes a held or finished job with its ledger; refuses any other."""
    said = checked_reason(database, reason)
    job_id = views.resolve(database, job)
    unchanged = seen.still if seen is not None else _always

    def allowed(row: Row) -> bool:
        return row["status"] in DELETABLE and unchanged(row)

    row = None if job_id is None else removal.remove(database, job_id, allowed, actor, said)
    if row is None:
        return ActionResult(outcome="not_found", reason_code="job_not_found")
    gone = allowed(row)
    refusal = f"is_{row['status']}" if unchanged(row) else CHANGED.reason_code
    return ActionResult(
        outcome="done" if gone else "refused",
        job_id=row["id"],
        uuid=row["uuid"],
        previous_status=row["status"],
        status=None if gone else row["status"],
        reason_code=None if gone else refusal,
    )


def _always(_row: Row) -> bool:
    return True
