"""What every operator's verb has in common: look at the locked job, decide, answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from jobrunner import names, provenance
from jobrunner.models import ActionResult
from jobrunner.states import Status
from jobrunner.store import journal, views
from jobrunner.store.database import Database, Row
from jobrunner.store.journal import LockHeld, Move

REASON_BYTES, ACTOR_BYTES = 60_000, 255
refuse = names.refuse
KINDS = ("starter", "worker", "reaper", "operator", "scheduler", "system")


@dataclass(frozen=True)
class Refusal:
    """Why a verb leaves the job as it is."""

    outcome: str
    reason_code: str


class Seen(NamedTuple):
    """How a job stood when somebody looked at it and decided."""

    status: str
    attempt: int

    def still(self, row: Row) -> bool:
        """True while the job stands as it was seen."""
        return (row["status"], row["attempt"]) == self


Choice = Callable[[Row], Move | Refusal]
CHANGED = Refusal("refused", "changed")


def act(database: Database, job: int | str, choose: Choice, seen: Seen | None = None) -> ActionResult:
    """Moves one job as ``choose`` says about its locked row, and answers with what became of it.

    With ``seen`` a job that does not stand so any more is refused as ``changed``. The transition's context says where
    the verb came from.
    """
    job_id = views.resolve(database, job)
    if job_id is None:
        return ActionResult(outcome="not_found", reason_code="job_not_found")
    chosen: list[Move | Refusal] = []
    facts = provenance.facts()

    def decide(row: Row) -> list[Move]:
        chosen[:] = [choose(row) if seen is None or seen.still(row) else CHANGED]
        step = chosen[0]
        return [replace(step, context={**(step.context or {}), **facts})] if isinstance(step, Move) else []

    try:
        moved = journal.move(database, job_id, decide)
    except LockHeld as error:
        row = views.ended(database, job_id)
        return _refused(row or {"id": job_id}, Refusal("refused", error.code))
    if moved is None:
        return ActionResult(outcome="not_found", reason_code="job_not_found")
    if isinstance(chosen[0], Refusal):
        return _refused(moved.before, chosen[0])
    requested = moved.after["status"] == Status.CANCEL_REQUESTED
    return ActionResult(
        outcome="requested" if requested else "done",
        job_id=job_id,
        uuid=moved.after["uuid"],
        previous_status=moved.before["status"],
        status=moved.after["status"],
    )


def _refused(row: Row, refusal: Refusal) -> ActionResult:
    return ActionResult.model_validate(
        {
            "outcome": refusal.outcome,
            "job_id": row["id"],
            "uuid": row.get("uuid"),
            "previous_status": row.get("status"),
            "status": row.get("status"),
            "reason_code": refusal.reason_code,
        }
    )


def wrong_status(row: Row) -> Refusal:
    """Returns the refusal of a verb that the job's status does not allow."""
    if Status(row["status"]).is_terminal:
        return Refusal("already_terminal", "already_terminal")
    return Refusal("refused", f"is_{row['status']}")


def checked_reason(database: Database, reason: str | None) -> str | None:
    """Returns a reason as it is stored: without blank edges and passwords, None for a blank one.

    Raises InvalidField for text that no database takes.
    """
    if reason is None:
        return None
    refuse("reason", names.unstorable(reason))
    said = database.mask(reason.strip())
    refuse("reason", names.unstorable(said, REASON_BYTES))
    return said or None


def checked_actor(actor: str, kind: str) -> str:
    """Returns an actor as the ledger names it: ``kind`` is put before a plain name. Raises InvalidField."""
    if isinstance(actor, str):
        actor = actor.strip() if actor.partition(":")[0] in KINDS else f"{kind}:{actor.strip()}"
    refuse("actor", names.fault(actor, ACTOR_BYTES) or (None if actor.partition(":")[2] else "has no name"))
    return actor
