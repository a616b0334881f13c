"""Retry: an operator has a finished or parked job run again."""

from __future__ import annotations

from functools import partial

from jobrunner.models import ActionResult
from jobrunner.operations.acting import Refusal, Seen, act, checked_reason, wrong_status
from jobrunner.states import Status, Trigger
from jobrunner.store.database import Database, Row
from jobrunner.store.journal import Move


def retry(
    database: Database, job: int | str, *, actor: str, reason: str | None = None, force: bool = False,
    seen: Seen | None = None,
) -> ActionResult:  # fmt: skip
    """Queues a failed, stopped, cancelled or parked job again, with a fresh budget of attempts.

    A job that is not idempotent is refused as not_idempotent unless ``force``, and any job as lock_held
    while another one holds its lock key. The caller launches it.
    """
    return act(
        database,
        job,
        partial(choose, force=force, actor=actor, reason=checked_reason(database, reason)),
        seen,
    )


def choose(row: Row, actor: str, reason: str | None = None, *, force: bool = False) -> Move | Refusal:
    """Decides whether a job runs again, given its row. Pure."""
    if row["status"] not in (Status.FAILED, Status.STOPPED, Status.CANCELLED, Status.PARKED):
        return wrong_status(row)
    if not row["idempotent"] and not force:
        return Refusal("refused", "not_idempotent")
    return Move(Trigger.RETRY, actor, reason, changes={"available_at": row["clock"]})
