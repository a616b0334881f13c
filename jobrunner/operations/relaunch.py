"""A fresh process for a job that waits for its next attempt, or whose first worker never came."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jobrunner import identifiers
from jobrunner.errors import LaunchFailed, TransitionConflict
from jobrunner.states import Status, Trigger
from jobrunner.store import claims, journal
from jobrunner.store.database import Database, Row
from jobrunner.store.journal import Move

Spawn = Callable[[int, str, str, float], object]
"""Starts the process of a launch: (job id, type, token, seconds until it is due); raises LaunchFailed or OSError."""


def relaunch(
    database: Database,
    job_id: int,
    type: str,
    spawn: Spawn,
    actor: str,
    *,
    seen: tuple[str | None, int] | None = None,
) -> bool:
    """Starts a worker process for a queued or scheduled job, voiding every earlier launch; True when it started.

    With ``seen``, the token hash and the launches that a sweep saw, nothing is done when somebody else was
    faster. When no process can be started the job is failed with launch_failed.
    """
    token = identifiers.secret()
    due_in = claims.new_launch(database, job_id, identifiers.secret_hash(token), seen=seen)
    if due_in is None:
        return False
    try:
        spawn(job_id, type, token, due_in)
    except (LaunchFailed, OSError) as error:
        fail_launch(database, job_id, token, actor, str(error))
        return False
    return True


def fail_launch(
    database: Database, job_id: int, token: str, actor: str, reason: str, context: Mapping[str, str] | None = None
) -> None:  # fmt: skip
    """Fails a job whose launch by ``token`` brought no process about; nothing when somebody else has moved it on."""
    # paths in it may hold bytes that are no Unicode
    told = database.mask(reason.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode())
    _fail(database, job_id, actor, told, lambda row: claims.may_claim(row, token, 0), context)


def give_up(
    database: Database, job_id: int, actor: str, *, seen: tuple[str | None, int], launch_grace: float
) -> bool:
    """Fails a job that nobody claimed although it was launched ``seen[1]`` times; True when this call did it."""
    told = f"It was launched {seen[1]} times, and no worker came for it within {launch_grace:g} s."

    def due(row: Row) -> bool:
        same = (row["claim_token_hash"], row["launches"]) == seen
        return same and not claims.launch_pending(row, launch_grace)

    return _fail(database, job_id, actor, told, due)


def _fail(
    database: Database, job_id: int, actor: str, told: str, still: Callable[[Row], bool],
    context: Mapping[str, str] | None = None,
) -> bool:  # fmt: skip
    error = {"error_class": "LaunchFailed", "error_reason_code": "launch_failed", "error_message": told}

    def decide(row: Row) -> list[Move]:
        waits = row["status"] in (Status.QUEUED, Status.SCHEDULED) and still(row)
        return [Move(Trigger.FAIL_LAUNCH, actor, told, context, changes=error)] if waits else []

    try:
        moved = journal.move(database, job_id, decide)
    except TransitionConflict:
        return False
    return moved is not None and moved.before != moved.after
