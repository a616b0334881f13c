"""Cancel, stop and kill: one request in three strengths."""

from __future__ import annotations

from functools import partial

from jobrunner.models import ActionResult
from jobrunner.operations.acting import Refusal, Seen, act, checked_reason, wrong_status
from jobrunner.states import Mode, Status, Trigger
from jobrunner.store.database import Database, Row
from jobrunner.store.journal import Move


def cancel(
    database: Database, job: int | str, mode: Mode, *, actor: str, reason: str | None = None, seen: Seen | None = None
) -> ActionResult:  # fmt: skip
    """Asks a job to end: at once when it does not run, else by its worker as hard as ``mode`` says.

    A running job becomes cancel_requested; a request that is not stronger than the standing one answers
    already_requested and writes nothing.
    """
    return act(
        database, job, partial(choose, mode=mode, actor=actor, reason=checked_reason(database, reason)), seen
    )


def choose(row: Row, mode: Mode, actor: str, reason: str | None = None) -> Move | Refusal:
    """Decides what a request does to a job, given its row. Pure."""
    if Status(row["status"]).is_terminal:
        return wrong_status(row)
    if row["status"] == Status.CANCEL_REQUESTED and mode.strength <= Mode(row["cancel_mode"]).strength:
        return Refusal("already_requested", "already_requested")
    return Move(Trigger(mode.value), actor, reason)
