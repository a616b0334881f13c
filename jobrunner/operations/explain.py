"""Explain: the one true reason why a job stands where it stands, by the same predicates that the claim goes by."""

from __future__ import annotations

from typing import Any

from jobrunner import clock, explorer
from jobrunner.models import Explanation
from jobrunner.operations import fleet
from jobrunner.settings import Settings
from jobrunner.states import Status, Trigger
from jobrunner.store import claims, refusals, views
from jobrunner.store.database import Database, Row

_DETAIL = 500
EXEC = "jobrunner.exec"


def explain(database: Database, settings: Settings, job: int | str) -> Explanation:
    """Returns why a job is not running, or what it runs for, with what to do about it and what the fence refused."""
    job_id = views.resolve(database, job)
    seen = None if job_id is None else views.standing(database, job_id)
    if job_id is None or seen is None:
        return Explanation(found=False, reason_code="job_not_found", reason="There is no such job.")
    row, last = seen
    code, reason, hint = _why(database, settings, row, last)
    refused = [
        {name: one[name] for name in ("at", "attempt", "fence", "job_fence", "worker_id", "what")}
        | {"detail": (one["detail"] or "")[:_DETAIL]}
        for one in refusals.of_job(database, job_id)
    ]
    return Explanation.model_validate(
        {
            "found": True, "job_id": job_id, "uuid": row["uuid"], "status": row["status"], "reason_code": code,
            "reason": reason, "hint": hint, "refused_writes": refused,
        }
    )  # fmt: skip


_Answer = tuple[str, str, str | None]


def _why(database: Database, settings: Settings, row: Row, last: Row) -> _Answer:
    status = Status(row["status"])
    if status in (Status.QUEUED, Status.SCHEDULED):
        return _waiting(database, settings, row, last)
    if status is Status.HELD:
        return "held", f"It is held since {last['at']}.", f"jobrunner release {row['id']}"
    if status is Status.PARKED:
        verbs = "retry --force, resolve --as succeeded|failed, abandon or cancel"
        return (
            "parked",
            f"It waits for a person: {last['reason'] or last['trigger_name']}",
            f"Look at what it did, then {verbs}.",
        )
    if status.is_terminal:
        told = row["error_message"] or last["reason"]
        said = f"It is {status} since {row['finished_at']}" + (f": {told}" if told else ".")
        return "ended", said, None
    return _in_hand(settings, row, last)


def _waiting(database: Database, settings: Settings, row: Row, last: Row) -> _Answer:
    if not claims.may_claim(row, None, settings.launch_grace):
        until = clock.shift(max(row["launched_at"], row["available_at"]), settings.launch_grace)
        due = f" It is due at {row['available_at']}." if row["available_at"] > row["clock"] else ""
        told = f"A worker was launched for it at {row['launched_at']} and has until {until} to claim it.{due}"
        return "launched", told + _after(last), None
    if not claims.is_due(row):
        return "not_due", f"It is not due before {row['available_at']}.{_after(last)}", None
    if row["launcher"] == "detached":
        return _unlaunched(row)
    return _in_queue(database, row)


def _after(last: Row) -> str:
    """Returns what the wait follows, when it is the wait for another attempt."""
    known = (Trigger.RETRY_LATER, Trigger.REQUEUE_LOST)
    return f" It will be tried again: {last['reason']}" if last["trigger_name"] in known else ""


def _unlaunched(row: Row) -> _Answer:
    sweep = "The next sweep launches it: a pool's, a detached worker's, or: jobrunner reap --once"
    if row["claim_token_hash"] is None:
        return "not_launched", "No worker is on its way to it.", sweep
    if row["launches"] < 2:
        return (
            "launch_overdue",
            f"The worker that was launched at {row['launched_at']} never claimed it.",
            sweep,
        )
    told = f"It was launched {row['launches']} times, last at {row['launched_at']}, and no worker claimed it."
    return "launch_overdue", told, "The next sweep fails it with launch_failed: jobrunner reap --once"


def _in_queue(database: Database, row: Row) -> _Answer:
    here = [one for one in fleet.workers(database) if one["kind"] == "pool" and _takes(one, row["queue"])]
    live = [one for one in here if one["state"] == "live"]
    draining = sum(one["state"] == "draining" for one in here)
    allowed = " --allow-exec" if row["type"] == EXEC else ""
    run_it = f"jobrunner work --queue {row['queue']}{allowed}, or: jobrunner run {row['id']}"
    if not live:
        leaving = f", {draining} of them draining" if draining else ""
        dead = f" ({len(here)} are known{leaving}, and none of them is live)" if here else ""
        return "no_worker", f"No pool worker serves the queue {row['queue']}{dead}.", run_it
    if row["type"] == EXEC:
        told = "Pools take programs only when they were started with --allow-exec."
        return "needs_allow_exec", told, run_it
    ahead = views.ahead(database, row)
    room = sum(max(0, int(one["capacity"]) - int(one["jobs"])) for one in live)
    if ahead or not room:
        return (
            "in_queue",
            f"{ahead} jobs of its queue come first; {room} places are free in {len(live)} pool workers.",
            None,
        )
    told = f"A pool worker with a free place takes it at its next look, if it knows the type {row['type']}."
    return "about_to_be_claimed", told, run_it


def _takes(worker: dict[str, Any], queue: str) -> bool:
    return not worker["queues"] or queue in worker["queues"].split(",")


def _in_hand(settings: Settings, row: Row, last: Row) -> _Answer:
    stale = explorer.stale_reason(row)
    who = f"the worker on {row['host']} pid {row['pid']}"
    if stale is not None:
        then = "parks it for a person"
        if row["status"] == Status.CANCEL_REQUESTED:
            then = "ends it as it was asked to"
        elif row["idempotent"]:
            left = row["budget_used"] < row["max_attempts"]
            then = (
                f"lets it run again after {settings.lost_backoff:g} s"
                if left
                else "fails it: no attempt is left"
            )
        return "stale", f"{stale} A sweep makes sure of that, and then {then}.", "jobrunner reap --once"
    if row["status"] == Status.CANCEL_REQUESTED:
        return (
            "asked_to_end",
            f"It runs with {who} and was asked to {row['cancel_mode']} at {last['at']}.",
            None,
        )
    return "running", f"It runs with {who} since {row['started_at']}.", None
