"""Looking: read models built from the job row plus a slice of its ledger. Nothing here writes."""

from __future__ import annotations

from typing import Any

from jobrunner import jsontext, names, processes
from jobrunner.errors import InvalidField, JobNotFound
from jobrunner.follower import LIMIT, Follower, outcome
from jobrunner.models import History, JobError, JobPage, LogPage, StatusModel
from jobrunner.states import IN_HAND, Status
from jobrunner.store import lists, views
from jobrunner.store.database import Database, Row
from jobrunner.store.lists import Filter
from jobrunner.version import READ_MODEL_VERSION


def status(
    database: Database, job: int | str, *, after_seq: int = 0, limit: int = 200, tail: int | None = None
) -> StatusModel:
    """Returns a job and the ledger rows after ``after_seq``, or its last ``tail`` ones; ``found`` is false without it."""
    names.whole("after_seq", after_seq)
    count = _count("limit", limit)
    last = None if tail is None else _count("tail", tail)
    seen = views.glance(database, job, after_seq=after_seq, limit=count, tail=last)
    if seen.row is None:
        return StatusModel(schema_version=READ_MODEL_VERSION, found=False, last_seq=after_seq)
    events = [event(kind, row) for kind, row in seen.events]
    row = seen.row
    failed = row["error_reason_code"] or row["error_class"] or row["error_message"]
    return StatusModel.model_validate(
        {
            "schema_version": READ_MODEL_VERSION,
            "found": True,
            "job": job_model(row, seen.tags) | {"params": jsontext.loads(row["params"])},
            "events": events,
            "last_seq": events[-1]["seq"] if events else after_seq,
            "has_more": seen.has_more,
            "pruned": seen.pruned,
            "result": None if row["result"] is None else jsontext.loads(row["result"]),
            "error": {
                "class": row["error_class"],
                "reason_code": row["error_reason_code"],
                "message": row["error_message"],
                "traceback": row["error_traceback"],
            }
            if failed
            else None,
        }
    )


def job_model(row: Row, tags: dict[str, str]) -> dict[str, Any]:
    """Returns a job as its read model shows it, without params."""
    state = Status(row["status"])
    stale = stale_reason(row)
    same = (
        "id", "uuid", "type", "title", "status", "queue", "priority", "lock_key", "created_by", "launcher",
        "attempt", "budget_used", "max_attempts", "cancel_mode", "created_at", "available_at", "queued_at",
        "started_at", "heartbeat_at", "finished_at", "updated_at", "last_seq", "first_seq", "final_seq",
    )  # fmt: skip
    step = None
    if row["step_key"] is not None:
        step = {name: row[f"step_{name}"] for name in ("key", "label", "index", "total")}
    worker = None
    if row["worker_id"] is not None:
        worker = {"id": row["worker_id"], "host": row["host"], "pid": row["pid"], "scope": row["scope"]}
    return {name: row[name] for name in same} | {
        "is_active": state.is_active,
        "is_terminal": state.is_terminal,
        "is_stale": stale is not None,
        "stale_reason": stale,
        "tags": tags,
        "idempotent": bool(row["idempotent"]),
        "progress": {
            "percent": row["progress_percent"],
            "text": row["progress_text"],
            "current": row["progress_current"],
            "total": row["progress_total"],
            "step": step,
        },
        "counts": {"warnings": row["warning_count"], "errors": row["error_count"]},
        "worker": worker,
    }


def stale_reason(row: Row) -> str | None:
    """Returns why the worker of a job in hand is not believed to live; by what a sweep goes by, in one look."""
    if row["status"] not in IN_HAND:
        return None
    if row["worker_stopped_at"] is not None:
        return f"Its worker was held dead at {row['worker_stopped_at']}, and the job is being taken away from it."
    runs = processes.life(
        row["host"] or "", row["boot_id"], row["pid_namespace"], row["pid"], row["process_started"]
    )
    if runs is False:
        return "The process of its worker is gone."
    if row["lease_until"] is None or row["lease_until"] >= row["clock"]:
        return None
    return f"Its worker has not been heard of since {row['heartbeat_at']}."


def event(kind: str, row: Row) -> dict[str, Any]:
    """Returns a ledger row as the stream and the read models show it."""
    shown: dict[str, Any] = {"seq": row["seq"], "kind": kind, "at": row["at"], "attempt": row["attempt"]}
    if kind == "transition":
        shown |= {"from": row["from_status"], "trigger": row["trigger_name"], "to": row["to_status"]}
        shown |= {"actor": row["actor"], "reason": row["reason"]}
    else:
        shown |= {"level": row["level"], "stream": row["stream"], "step": row["step_key"]}
        shown |= {"logger": row["logger"], "message": row["message"]}
    return shown | {"context": None if row["context"] is None else jsontext.loads(row["context"])}


def history(database: Database, job: int | str) -> History | None:
    """Returns the transitions of a job, oldest first, or None without such a job."""
    job_id = views.resolve(database, job)
    if job_id is None:
        return None
    rows = views.history(database, job_id)
    return History.model_validate({"transitions": [event("transition", row) for row in rows]})


def logs(
    database: Database, job: int | str, *, after_seq: int = 0, limit: int = 200, **filters: Any
) -> LogPage | None:
    """Returns a job's lines after a cursor, or None without such a job; filters as in ``views.lines``."""
    names.whole("after_seq", after_seq)
    count = _count("limit", limit)
    if filters.get("tail") is not None:
        filters["tail"] = _count("tail", filters["tail"])
    if filters.get("until_seq") is not None:
        names.whole("until_seq", filters["until_seq"])
    for name, known in (("level", views.LEVELS), ("stream", views.STREAMS)):
        if filters.get(name) is not None and filters[name] not in known:
            raise InvalidField(
                f"There is no {name} {filters[name]!r}.", fields={name: f"is none of {', '.join(known)}"}
            )
    _findable(step=filters.get("step"), grep=filters.get("grep"))
    for name, longest in (("step", views.NAME_LENGTH), ("grep", views.GREP_LENGTH)):
        if len(filters.get(name) or "") > longest:
            names.refuse(name, f"is longer than {longest} characters")
    job_id = views.resolve(database, job)
    if job_id is None:
        return None
    rows, has_more = views.lines(database, job_id, after_seq=after_seq, limit=count, **filters)
    shown = [event("log", row) for row in rows]
    last = shown[-1]["seq"] if shown else after_seq
    return LogPage.model_validate({"lines": shown, "last_seq": last, "has_more": has_more})


def jobs(database: Database, wanted: Filter, limit: int = 50) -> JobPage:
    """Returns a page of jobs, newest first, without their parameters."""
    for name in wanted.status:
        if name == Status.NEW or name not in list(Status):
            known = ", ".join(status.value for status in Status if status is not Status.NEW)
            raise InvalidField(
                f"There is no status {name!r}.",
                hint=f"Use one of {known}.",
                fields={"status": f"{name} is not known"},
            )
    _findable(type=wanted.type, queue=wanted.queue, created_by=wanted.created_by, search=wanted.search)
    _findable(worker=wanted.worker)
    for name, pairs in (("tag", wanted.tags), ("param", wanted.params)):
        for part in (part for pair in pairs for part in pair):
            _findable(**{name: part})
    rows, tags, has_more = lists.page(database, wanted, _count("limit", limit))
    shown = [job_model(row, dict(tags[row["id"]])) for row in rows]
    return JobPage.model_validate(
        {"jobs": shown, "next": str(shown[-1]["id"]) if has_more and shown else None}
    )


def follower(database: Database, job: int | str, after_seq: int = 0, *, limit: int = LIMIT) -> Follower:
    """Returns what looks at a job again and again; it bears a database that was reached once."""
    return Follower(
        lambda cursor, count: status(database, job, after_seq=cursor, limit=count), job, after_seq,
        limit=limit, known=lambda: database.reached,
    )  # fmt: skip


def result(database: Database, job: int | str) -> Any:
    """Returns the result of a succeeded job; raises JobFailed, JobNotFinished or JobNotFound."""
    job_id = views.resolve(database, job)
    row = None if job_id is None else views.ended(database, job_id)
    if row is None:
        raise JobNotFound(f"There is no job {job}.")
    return outcome(
        job, row["id"], row["type"], row["status"],
        None if row["result"] is None else jsontext.loads(row["result"]),
        JobError.model_validate(
            {name: row[f"error_{name}"] for name in ("class", "reason_code", "message", "traceback")}
        ),
    )  # fmt: skip


def _findable(**texts: object) -> None:
    for name, value in texts.items():
        names.refuse(name, None if value is None else names.unstorable(value))


def _count(name: str, value: int) -> int:
    names.whole(name, value)
    return min(value, LIMIT)
