"""Puts a job where a test wants it, by the moves that lead there."""

from __future__ import annotations

from typing import Any

from jobrunner import JobRunner, identifiers
from jobrunner.states import Trigger
from jobrunner.store import claims, journal
from jobrunner.store.journal import Move
from jobrunner.store.workers import WorkerIdentity

WORKER = "worker:here:1"


def put(runner: JobRunner, status: str, type: str = "t.noop", params: Any = None, **options: Any) -> int:
    """Returns the id of a new job that has gone to ``status``."""
    if status in ("held", "scheduled", "queued"):
        birth: dict[str, dict[str, Any]] = {
            "held": {"hold": True},
            "scheduled": {"delay": 3600},
            "queued": {},
        }
        return runner.start(type, params, **birth[status], **options).job_id
    job = runner.start(type, params, **options).job_id
    if status == "cancelled":
        runner.cancel(job)
        return job
    take(runner, job)
    if status in ("cancel_requested", "stopped"):
        runner.stop(job) if status == "stopped" else runner.cancel(job)
    steps = {
        "parked": Trigger.PARK_INTERRUPTED, "succeeded": Trigger.SUCCEED, "failed": Trigger.FAIL,
        "stopped": Trigger.CONFIRM_STOP, "abandoned": Trigger.FAIL,
    }  # fmt: skip
    if status in steps:
        error = {
            "error_class": "ValueError",
            "error_reason_code": "handler_error",
            "error_message": "no luck",
        }
        end(runner, job, steps[status], **(error if status in ("failed", "abandoned") else {}))
    if status == "abandoned":
        runner.abandon(job)
    return job


def take(runner: JobRunner, job: int) -> claims.Claimed:
    """Claims a queued job for a worker that does nothing."""
    worker = WorkerIdentity(
        id=identifiers.uuid7(), kind="run", host="here", boot_id=None, pid_namespace=None, pid=1,
        process_started=None, scope="none", version="0",
    )  # fmt: skip
    claimed = claims.claim(runner.database, job, worker, token=None, launch_grace=0, lease=30)
    assert isinstance(claimed, claims.Claimed)
    return claimed


def end(runner: JobRunner, job: int, trigger: Trigger, **changes: Any) -> None:
    """Moves a job as its worker does."""
    journal.move(runner.database, job, lambda _: [Move(trigger, WORKER, changes=changes)])
