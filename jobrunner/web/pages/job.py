"""The page of one job: how it stands, what can be done, what happened, and its log."""

from __future__ import annotations

import signal
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from jobrunner import clock, provenance, restart
from jobrunner.models import JobModel, StatusModel, TransitionEvent
from jobrunner.states import IN_HAND, Status
from jobrunner.store import schema, views
from jobrunner.store.database import Database, Row
from jobrunner.web.caller import Caller, Reader
from jobrunner.web.house import house
from jobrunner.web.log.part import part
from jobrunner.web.pages import asking, values
from jobrunner.web.pages.allowed import readable
from jobrunner.web.pages.controls import controls, elsewhere
from jobrunner.web.pages.ending import ending
from jobrunner.web.pages.restart import broken_step, predecessor, successors
from jobrunner.web.pages.shown import shown
from jobrunner.web.pages.steps import steps
from jobrunner.web.pages.telling import told
from jobrunner.web.pages.timeline import outcome_of, timeline
from jobrunner.web.pages.trace import taken_apart
from jobrunner.web.templating import PART, page

router = APIRouter(include_in_schema=False)
MOST_MOVES, MOST_ATTEMPTS = 100, 20
_EXPLAINED = (Status.HELD, Status.WAITING, Status.SCHEDULED, Status.QUEUED, Status.PARKED)


@router.get("/jobs/{job}")
def one(request: Request, caller: Reader, job: str) -> Response:
    """Shows a job."""
    seen, found = readable(request, caller, job)
    runner = house(request).runner
    database = schema.readable(runner.database)
    return page(request, caller, "job.html", **_context(request, caller, database, seen, found))


def _context(
    request: Request, caller: Caller, database: Database, seen: StatusModel, job: JobModel
) -> dict[str, Any]:
    runner, given = house(request).runner, request.query_params
    whole = given.getlist("all")
    moves = runner.history(job.id).transitions
    attempts = views.attempts(database, job.id)
    marks, until = steps(database, job.id, job.first_seq, job.last_seq)
    explained = runner.explain(job.id)
    wanted = asking.text(given, "told")
    registered, earlier = runner.knows(job.type), predecessor(database, job)
    resumable = registered and runner.type(job.type).resumable
    return {
        "job": job, "row": shown(job), "message": told(wanted), "controls": controls(job, runner.settings, caller),
        "ending": ending(database, job, moves), "why": explained if _is_explained(job) else None,
        "refused_writes": explained.refused_writes, "moves": _moves(moves, whole="history" in whole),
        "moves_in_all": len(moves), "attempts": _attempts(attempts, job, whole="attempts" in whole),
        "attempts_in_all": len(attempts), "time": timeline(job, moves, attempts, marks, until),
        "params": values.shown(job.params, whole="params" in whole),
        "result": None if seen.result is None else values.shown(seen.result, whole="result" in whole),
        "error": seen.error, "chain": taken_apart(seen.error.traceback or "") if seen.error else [],
        "signals": _signal, "taken_apart": taken_apart, "channel": provenance.channel,
        "predecessor": earlier, "successors": successors(database, job.uuid),
        "registered": registered, "broken_step": broken_step(job, marks) if resumable else None,
        "resume_step": job.tags.get(restart.RESUME_STEP), "tags": job.tags if earlier is None else restart.options(job)["tags"],
        "elsewhere": elsewhere(job.type), "log": None if PART in request.headers else part(runner, job.id),
    }  # fmt: skip


def _is_explained(job: JobModel) -> bool:
    return job.is_stale or job.status in _EXPLAINED


def _moves(moves: list[TransitionEvent], *, whole: bool) -> list[tuple[TransitionEvent, float | None]]:
    """Returns transitions, newest first, each with the seconds since the one before."""
    before = [None, *(move.at for move in moves[:-1])]
    timed = [
        (move, None if at is None else clock.between(at, move.at))
        for move, at in zip(moves, before, strict=True)
    ]
    return timed[::-1] if whole else timed[: -MOST_MOVES - 1 : -1]


def _attempts(rows: list[Row], job: JobModel, *, whole: bool) -> list[dict[str, Any]]:
    shown_rows = rows if whole else rows[-MOST_ATTEMPTS:]
    return [
        row
        | {
            "told": outcome_of(row, going=row["ended_at"] is None and job.status in IN_HAND and row["attempt"] == job.attempt),
            "seconds": None if row["ended_at"] is None else clock.between(row["started_at"], row["ended_at"]),
        }
        for row in reversed(shown_rows)
    ]  # fmt: skip


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
