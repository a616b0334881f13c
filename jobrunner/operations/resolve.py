"""Resolve and abandon: an operator closes a job."""

from __future__ import annotations

from functools import partial

from jobrunner.ledger import END_FIELDS
from jobrunner.models import ActionResult
from jobrunner.operations.acting import Refusal, Seen, act, checked_reason, wrong_status
from jobrunner.states import Status, Trigger
from jobrunner.store.database import Database, Row
from jobrunner.store.journal import Move
from jobrunner.verbs import check_end

_AS = {"succeeded": Trigger.RESOLVE_SUCCEEDED, "failed": Trigger.RESOLVE_FAILED}


def resolve(
    database: Database, job: int | str, as_: str, *, actor: str, reason: str | None = None, seen: Seen | None = None
) -> ActionResult:  # fmt: skip
    """Closes a parked job as ``succeeded`` or ``failed``, by an operator who looked at what it did."""
    check_end(as_)
    return act(
        database,
        job,
        partial(choose_end, as_=as_, actor=actor, reason=checked_reason(database, reason)),
        seen,
    )


def choose_end(row: Row, as_: str, actor: str, reason: str | None = None) -> Move | Refusal:
    """Decides whether a job is closed as ``as_``, given its row. Pure."""
    if row["status"] != Status.PARKED:
        return wrong_status(row)
    # why it was parked stays in its history
    cleared: dict[str, None] = dict.fromkeys(END_FIELDS) if as_ == "succeeded" else {}
    return Move(_AS[as_], actor, reason, changes=cleared)


def abandon(
    database: Database, job: int | str, *, actor: str, reason: str | None = None, seen: Seen | None = None
) -> ActionResult:  # fmt: skip
    """Closes a failed, stopped, cancelled or parked job for good."""
    return act(
        database, job, partial(choose_abandon, actor=actor, reason=checked_reason(database, reason)), seen
    )


def choose_abandon(row: Row, actor: str, reason: str | None = None) -> Move | Refusal:
    """Decides whether a job is closed for good, given its row. Pure."""
    open_to_it = row["status"] in (Status.FAILED, Status.STOPPED, Status.CANCELLED, Status.PARKED)
    return Move(Trigger.ABANDON, actor, reason) if open_to_it else wrong_status(row)
