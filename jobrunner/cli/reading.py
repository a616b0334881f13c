"""The commands that show one job: ``status`` and ``history``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli import exits, lines, output, session
from jobrunner.cli.options import After, Job, Json, examples
from jobrunner.errors import JobNotFound

if TYPE_CHECKING:
    from jobrunner.models import JobModel, Progress, StatusModel

NEWEST = 10


@examples("jobrunner status 7", "jobrunner status 7 --after 120 --json", "jobrunner status 01932e --tail 50")
def status(
    job: Job,
    after: After = 0,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="At most N ledger rows (1000 at most).")
    ] = 200,
    tail: Annotated[
        int | None, typer.Option("--tail", metavar="N", min=0, help="The last N ledger rows.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Shows a job and the newest rows of its ledger.

    With --json it is the whole read model with the rows after --after; its last_seq is the cursor for the next call.
    """
    if not as_json and not after and tail is None:
        tail = min(NEWEST, limit)
    seen = session.runner().status(job, after_seq=after, limit=limit, tail=tail)
    if as_json:
        output.document(seen)
    elif seen.job is None:
        output.put("found: false")
        output.report(JobNotFound(f"There is no job {job}."), as_json=False)
    else:
        _show(seen, seen.job)
    if seen.job is None:
        raise typer.Exit(exits.NOT_FOUND)


@examples("jobrunner history 7", "jobrunner history 7 --json")
def history(job: Job, as_json: Json = False) -> None:
    """Prints every transition of a job, oldest first."""
    found = session.runner().history(job)
    if not found.transitions:
        raise JobNotFound(f"There is no job {job}.")
    if as_json:
        return output.document(found)
    rows = [(m.seq, m.at, m.attempt, m.from_, m.trigger, m.to, m.actor, m.reason) for m in found.transitions]
    output.table(("seq", "at", "attempt", "from", "trigger", "to", "actor", "reason"), rows)
    return None


def _show(seen: StatusModel, job: JobModel) -> None:
    worker, error = job.worker, seen.error
    how = f" ({job.cancel_mode})" if job.cancel_mode and job.status in ("cancel_requested", "stopped") else ""
    output.pairs(
        {
            "job": f"{job.id}  {job.uuid}",
            "type": job.type,
            "title": job.title,
            "status": job.status + how,
            "stale": job.stale_reason,
            "progress": progress(job.progress),
            "queue": f"{job.queue}, priority {job.priority}" if job.priority else job.queue,
            "lock key": job.lock_key,
            "tags": " ".join(f"{name}={value}" for name, value in job.tags.items()),
            "params": json.dumps(job.params, ensure_ascii=False) if job.params else None,
            "attempt": f"{job.attempt} ({job.budget_used} of {job.max_attempts} used)",
            "created": f"{job.created_at} by {job.created_by}" if job.created_by else job.created_at,
            "due": job.available_at if job.status in ("scheduled", "held") else None,
            "started": job.started_at,
            "finished": job.finished_at,
            "worker": f"{worker.host or '-'} pid {worker.pid or '-'}" if worker is not None else None,
            "lines": f"{job.counts.warnings} warnings, {job.counts.errors} errors",
            "result": None if seen.result is None else json.dumps(seen.result, ensure_ascii=False),
            "error": error and f"{error.class_ or error.reason_code}: {error.message or error.reason_code}",
            "reason": error and error.reason_code,
        },
        {"status": output.STATUS_COLOURS.get(job.status), "error": "red", "stale": "yellow"},
    )
    if seen.events:
        output.put()
    for event in seen.events:
        told = event.model_dump(mode="json")
        output.put(f"{event.seq:>6}  {lines.move(told) if event.kind == 'transition' else lines.text(told)}")
    if seen.has_more:
        output.say(f"More: jobrunner status {job.id} --after {seen.last_seq}")


def progress(made: Progress) -> str | None:
    """Returns how far a job is, in words; None when it never said."""
    parts = [] if made.percent is None else [f"{made.percent:.0f} %"]
    if made.current is not None:
        parts.append(f"{made.current:g} of {made.total:g}" if made.total is not None else f"{made.current:g}")
    if made.text:
        parts.append(output.one_line(made.text))
    if made.step is not None:
        place = (
            ""
            if made.step.index is None
            else f" {made.step.index}" + (f"/{made.step.total}" if made.step.total else "")
        )
        parts.append(f"step{place} {output.one_line(made.step.label or made.step.key)}")
    return ", ".join(parts) or None
