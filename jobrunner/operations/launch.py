"""Launching: a process of its own for a job that waits for one."""

from __future__ import annotations

import sys
from typing import Any

from jobrunner import doorbell, identifiers, launcher, provenance
from jobrunner.handlers import registry
from jobrunner.launcher import LaunchFailed
from jobrunner.models import ActionResult
from jobrunner.operations.relaunch import Spawn, fail_launch
from jobrunner.settings import Settings
from jobrunner.states import Status
from jobrunner.store import claims, views
from jobrunner.store.database import Database


def launch(database: Database, settings: Settings, job: int | str, *, actor: str) -> ActionResult:
    """Starts a worker process for a queued or scheduled detached job; any worker launched for it before is voided.

    When no process can be started the job is failed with ``launch_failed`` and its lock key is free.
    """
    job_id = views.resolve(database, job)
    row = None if job_id is None else views.glance(database, job_id, after_seq=0, limit=0, tail=None).row
    if row is None:
        return ActionResult(outcome="not_found", reason_code="job_not_found")
    facts: dict[str, Any] = {"job_id": row["id"], "uuid": row["uuid"], "previous_status": row["status"]}
    if row["launcher"] != "detached":
        doorbell.ring(database.where)
        return ActionResult(outcome="refused", status=row["status"], reason_code="not_detached", **facts)
    token = identifiers.secret()
    due_in = claims.new_launch(database, row["id"], identifiers.secret_hash(token))
    if due_in is None:
        state = "already_terminal" if Status(row["status"]).is_terminal else "refused"
        return ActionResult.model_validate(
            facts | {"outcome": state, "status": row["status"], "reason_code": f"is_{row['status']}"}
        )
    failed = spawn(database, settings, row["id"], row["type"], token, due_in, actor)
    return ActionResult(
        outcome="done",
        status=Status.FAILED if failed else row["status"],
        reason_code="launch_failed" if failed else None,
        **facts,
    )


def spawn(
    database: Database, settings: Settings, job_id: int, type: str, token: str, due_in: float, actor: str
) -> bool:
    """Starts the process of a launch that is stored; returns whether it failed, the job being failed then."""
    try:
        launcher.spawn(order(settings, job_id, type, token, due_in), settings)
    except (LaunchFailed, OSError) as error:
        fail_launch(database, job_id, token, actor, str(error), provenance.facts())
        return True
    return False


def spawning(settings: Settings) -> Spawn:
    """Returns what starts a worker process as ``launch`` does, and lets LaunchFailed and OSError pass."""

    def start(job_id: int, type: str, token: str, due_in: float) -> None:
        launcher.spawn(order(settings, job_id, type, token, due_in), settings)

    return start


def order(
    settings: Settings, job_id: int, type: str, token: str | None, due_in: float = 0.0
) -> dict[str, Any]:
    """Returns what a worker process is told on its standard input; raises LaunchFailed without a working directory."""
    return {
        "job_id": job_id,
        "token": token,
        "due_in": due_in,
        "settings": settings.to_order(),
        "sys_path": [entry for entry in sys.path if isinstance(entry, str)],
        "cwd": launcher.directory(),
        "modules": _modules(settings, type),
        "scope": "none",
        "detach": token is not None,
        "kind": "detached" if token is not None else "run",
    }


def _modules(settings: Settings, type: str) -> list[str]:
    """The configured modules, and the one that registered the type here: a script's own file has no module name."""
    found = list(settings.handlers)
    known = next((job_type for job_type in registry.all_types() if job_type.type == type), None)
    own = None if known is None else known.import_name
    if own is not None and own not in found and not own.startswith("jobrunner."):
        found.append(own)
    return found
