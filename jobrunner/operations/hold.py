"""Hold and release: put a waiting job aside, and give it back."""

from __future__ import annotations

from functools import partial

from jobrunner.models import ActionResult
from jobrunner.operations.acting import Refusal, Seen, act, checked_reason, wrong_status
from jobrunner.states import Status, Trigger
from jobrunner.store.database import Database, Row
from jobrunner.store.journal import Move


def hold(
    database: Database, job: int | str, *, actor: str, reason: str | None = None, seen: Seen | None = None
) -> ActionResult:  # fmt: skip
    """Puts a queued or scheduled job aside; a worker that was launched for it finds its token void."""
    return act(
        database, job, partial(choose_hold, actor=actor, reason=checked_reason(database, reason)), seen
    )


def choose_hold(row: Row, actor: str, reason: str | None = None) -> Move | Refusal:
    """Decides whether a job is put aside, given its row. Pure."""
    waiting = row["status"] in (Status.QUEUED, Status.SCHEDULED)
    return Move(Trigger.HOLD, actor, reason) if waiting else wrong_status(row)


def release(
    database: Database, job: int | str, *, actor: str, reason: str | None = None, seen: Seen | None = None
) -> ActionResult:  # fmt: skip
    """Gives a held job back: queued, or scheduled when it is not due yet. The caller launches it."""
    return act(
        database, job, partial(choose_release, actor=actor, reason=checked_reason(database, reason)), seen
    )


def choose_release(row: Row, actor: str, reason: str | None = None) -> Move | Refusal:
    """Decides where a held job goes, given its row. Pure."""
    if row["status"] != Status.HELD:
        return wrong_status(row)
    early = row["available_at"] > row["clock"]
    return Move(Trigger.RELEASE_SCHEDULED if early else Trigger.RELEASE, actor, reason)
