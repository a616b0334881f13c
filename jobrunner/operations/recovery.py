"""What becomes of a job whose worker was lost. Pure: the job row and the evidence decide, nothing is looked at here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobrunner import clock
from jobrunner.states import IN_HAND, Mode, Status, Trigger
from jobrunner.store.journal import Move

ERROR_CLASS, REASON_CODE = "WorkerLost", "worker_lost"


@dataclass(frozen=True)
class Evidence:
    """Why a worker is held dead: ``told`` is for people, ``facts`` goes into the ledger."""

    worker_id: str | None
    told: str
    facts: Mapping[str, Any]


def judge(row: Mapping[str, Any], evidence: Evidence, actor: str, lost_backoff: float) -> list[Move]:
    """Returns the one move that takes a job from its lost worker; none when that worker does not hold it any more.

    A job that was asked to end has ended, by the mode of the request. An idempotent one goes back to wait for
    its next attempt, ``lost_backoff`` seconds, or fails when no attempt is left; any other is parked for
    a person. The fence goes up, so nothing that the worker may still write counts.
    """
    if row["status"] not in IN_HAND or row["worker_id"] != evidence.worker_id:
        return []
    error = {
        "error_class": ERROR_CLASS,
        "error_reason_code": REASON_CODE,
        "error_message": f"{evidence.told} Whether the attempt had finished its work is not known.",
    }
    attempt = {"reason_code": REASON_CODE, "error_class": ERROR_CLASS, "error_message": evidence.told}
    trigger, changes, told = _way(row, error, lost_backoff)
    reason = f"{told}{REASON_CODE}: {evidence.told}"
    return [
        Move(trigger, actor, reason, dict(evidence.facts), changes=changes, attempt=attempt, new_fence=True)
    ]


def may_take(lost: Mapping[str, Any], *, here: bool, left: int) -> bool:
    """True when the job of a lost worker may be taken away: nothing of it can run beside its next attempt. Pure.

    ``lost`` is the job with its worker's lease. On the worker's own host, ``here``, nothing of it may be ``left``
    running; elsewhere the lease has to be over, for whoever proved the death stands on that host and ends the child.
    """
    if here:
        return left == 0
    return lost["lease_until"] is None or lost["lease_until"] < lost["clock"]


def take(
    row: Mapping[str, Any], seen_fence: int, evidence: Evidence, actor: str, lost_backoff: float
) -> list[Move]:
    """Returns what ``judge`` does, for the attempt that was ``seen`` lost; none when the job has gone on since."""
    return judge(row, evidence, actor, lost_backoff) if row["fence"] == seen_fence else []


def _way(
    row: Mapping[str, Any], error: dict[str, Any], lost_backoff: float
) -> tuple[Trigger, dict[str, Any], str]:
    if row["status"] == Status.CANCEL_REQUESTED:
        mode = Mode(row["cancel_mode"] or Mode.CANCEL)
        if mode is Mode.CANCEL:
            return Trigger.CONFIRM_CANCEL, {}, f"asked to {mode}; "
        return Trigger.CONFIRM_STOP, error, f"asked to {mode}; "
    if not row["idempotent"]:
        return Trigger.PARK_LOST, error, ""
    if row["budget_used"] < row["max_attempts"]:
        return Trigger.REQUEUE_LOST, {"available_at": clock.shift(row["clock"], lost_backoff)}, ""
    return Trigger.FAIL_LOST, error, "attempts_exhausted; " if row["max_attempts"] > 1 else ""
