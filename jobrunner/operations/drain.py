"""Drain: asks a pool to end in order, on whatever host it runs."""

from __future__ import annotations

from jobrunner.models import DrainResult
from jobrunner.operations import fleet
from jobrunner.operations.acting import checked_reason
from jobrunner.store import lists, workers
from jobrunner.store.database import Database, Row


def drain(database: Database, worker: str, *, actor: str, reason: str | None = None) -> DrainResult:
    """Asks a pool to end as SIGTERM would; it is told with its next heartbeat.

    ``worker`` is an id, or at least 6 characters of the beginning of one that has not ended. Raises AmbiguousWorker and
    InvalidField.
    """
    said = checked_reason(database, reason)
    while (row := lists.worker(database, worker)) is not None:
        answer = choose(row)
        if answer.outcome != "requested":
            return answer
        if workers.drain(database, row["id"], actor, said):
            return answer.model_copy(update={"state": fleet.state(row | {"drain_at": row["clock"]})})
    return DrainResult(outcome="not_found", reason_code="worker_not_found")


def choose(row: Row) -> DrainResult:
    """Decides what a request to drain does to a worker, given its row. Pure but for a look at its process."""
    ended = row["stopped_at"] is not None
    state = row["status"] if ended else fleet.state(row)
    known: Row = {"worker_id": row["id"], "host": row["host"], "pid": row["pid"], "state": state}
    if ended:
        return DrainResult(outcome="refused", reason_code="worker_ended", **known)
    if row["kind"] != "pool":
        return DrainResult(outcome="refused", reason_code="not_a_pool", **known)
    if state == "dead":
        return DrainResult(outcome="refused", reason_code="worker_dead", **known)
    if row["drain_at"] is not None:
        return DrainResult(outcome="already_requested", reason_code="already_requested", **known)
    return DrainResult(outcome="requested", **known)
