"""The one place that moves a job.

A move is one transaction: lock the job row and read where it stands, let the caller decide, one
guarded UPDATE, then the ledger row. The decision is a pure function of the row; it may be asked
again when the transaction has to be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from jobrunner import clock, identifiers, jsontext, ledger
from jobrunner.errors import IllegalTransition, JobRunnerError, Superseded, TransitionConflict
from jobrunner.states import IN_HAND, Status, Trigger, edge, is_held
from jobrunner.store import calling
from jobrunner.store.database import Database, Reading, Row, run
from jobrunner.store.retrying import is_unique_violation

JOB_COLUMNS = (
    "id", "uuid", "type", "title", "status", "queue", "priority", "lock_key", "idempotency_key", "created_by",
    "idempotent", "launcher", "result", "error_class", "error_reason_code", "error_message", "error_traceback",
    "attempt", "budget_used", "max_attempts", "backoff_base", "backoff_factor", "backoff_cap", "backoff_jitter",
    "timeout_seconds", "stall_seconds", "fence", "last_seq", "first_seq", "final_seq", "digest", "log_digest",
    "log_bytes", "cancel_mode", "claim_token_hash", "launches", "launched_at", "worker_id", "host", "pid",
    "created_at", "available_at", "queued_at", "started_at", "finished_at",
)  # fmt: skip
_CLEAR_END = dict.fromkeys(ledger.END_FIELDS)


@dataclass(frozen=True)
class Move:
    """One step that a decision asks for.

    ``changes`` are further columns of the job row; ``attempt`` are columns of the attempt row, made by
    a claim and closed by the move that takes the job out of the worker's hands. ``op_id`` makes a
    repeat after a lost COMMIT reply harmless.
    """

    trigger: Trigger
    actor: str
    reason: str | None = None
    context: Mapping[str, Any] | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    attempt: Mapping[str, Any] = field(default_factory=dict)
    new_fence: bool = False


class LockHeld(JobRunnerError):
    """Another job holds the lock key."""

    code = "lock_held"
    default_hint = "Wait until that job ends, or cancel it."


Decision = Callable[[Row], Sequence[Move]]


@dataclass(frozen=True)
class Moved:
    """The job row before and after; equal when the decision was to leave it."""

    before: Row
    after: Row


def move(
    database: Database, job_id: int, decide: Decision, *, fence: int | None = None, patience: float = 10.0
) -> Moved | None:
    """Moves one job as ``decide`` says, in one transaction; returns None when there is no such job.

    ``decide`` gets the locked row, with ``clock`` the database's present moment, and returns the moves, often
    one, or none to leave the job. With ``fence`` the caller claims to hold the job: Superseded is raised when
    another one does. Raises IllegalTransition for a move that the machine does not have.
    """
    moving = Moving(job_id, decide, fence=fence)
    return database.write(lambda connection: moving.make(database, connection), patience=patience)


class Moving:
    """One ``move``, to be made in a transaction that does other things too, and again when that is repeated.

    ``claim_seq`` is the seq of the claim under ``fence``, where the caller knows it.
    """

    def __init__(
        self, job_id: int, decide: Decision, *, fence: int | None = None, claim_seq: int | None = None
    ) -> None:
        self.job_id = job_id
        self._decide, self._fence, self._claim_seq = decide, fence, claim_seq
        self._op_ids = [identifiers.uuid7() for _ in range(4)]
        self._done: Moved | None = None

    def make(self, database: Database, connection: Connection) -> Moved | None:
        """Makes the move; returns and raises as ``move`` does."""
        row = lock(database, connection, self.job_id)
        if self._done is not None and is_stored(connection, self._op_ids[0]):
            return self._done
        if row is None:
            return None
        if self._fence is not None and not is_held(row["status"], row["fence"], self._fence):
            raise Superseded(
                f"Job {self.job_id} is {row['status']} under fence {row['fence']}, not {self._fence}."
            )
        if self._claim_seq is not None and row["status"] == Status.RUNNING:
            row["prev_seq"] = self._claim_seq
        before = dict(row)
        for step, op_id in zip(self._decide(dict(row)), self._op_ids, strict=False):
            row = apply(connection, row, step, op_id)
        self._done = Moved(before, row)
        return self._done


def is_stored(connection: Connection, op_id: str) -> bool:
    """True when the transition that bears ``op_id`` is there: a COMMIT that gave no answer had arrived."""
    return connection.execute(_BY_OP, {"op_id": op_id}).first() is not None


def lock(database: Database, connection: Connection, job_id: int, *, for_update: bool = True) -> Row | None:
    """Returns the job row, locked until the transaction ends, with ``clock`` added; None without such a job."""
    now = database.dialect.clock or "NULL"
    found = _job(now, database.dialect.lock if for_update else "").rows(connection, {"id": job_id})
    if not found:
        return None
    row = found[0]
    row["clock"] = row["clock"] or clock.now()
    return row


def apply(connection: Connection, row: Row, step: Move, op_id: str) -> Row:
    """Takes one step from a locked row and returns the row after it."""
    after = row_after(row, step)
    context = dict(step.context or {})
    if after["final_seq"] == after["last_seq"]:
        context["sha256"] = ledger.end_seal(after)
    record = {
        "job_id": row["id"], "seq": after["last_seq"], "prev_seq": _last_move(connection, row), "attempt": after["attempt"],
        "fence": after["fence"], "from_status": row["status"], "trigger_name": step.trigger.value,
        "to_status": after["status"], "actor": step.actor, "reason": step.reason,
        "context": jsontext.dumps(context) if context else None, "at": row["clock"], "op_id": op_id,
        "log_digest": row["log_digest"],
    }  # fmt: skip
    after["digest"] = record["digest"] = ledger.transition_digest(row["digest"], record)
    changed = {name: value for name, value in after.items() if name not in _FIXED and value != row.get(name)}
    changed |= {"status": after["status"], "last_seq": after["last_seq"], "digest": after["digest"]}
    _update(connection, row, changed | {"updated_at": row["clock"]})
    run(connection, INSERT_TRANSITION, record | {"at": clock.db_text(record["at"])})
    _note_attempt(connection, after, step)
    if step.trigger is not Trigger.ADMIT:  # whoever admits claims
        calling.call(connection, (after,))
    return after


def row_after(row: Row, step: Move) -> Row:
    """Returns the job row after one step, without its new digest; raises IllegalTransition. Pure."""
    known = edge(row["status"], step.trigger)
    kind = step.actor.partition(":")[0]
    if known is None or kind not in known.actors:
        raise IllegalTransition(f"Job {row['id']} is {row['status']}; {step.actor} cannot {step.trigger} it.")
    after = {**row, **_columns_after(row, step, known.to_status), "last_seq": row["last_seq"] + 1}
    if known.to_status.is_terminal:
        after["final_seq"] = after["last_seq"]
    return after


_FIXED = ("id", "uuid", "clock", "prev_seq")


def _last_move(connection: Connection, row: Row) -> int:
    if "prev_seq" in row:
        return int(row["prev_seq"])
    if row["status"] not in IN_HAND:
        # only a job in somebody's hands gets lines
        return int(row["last_seq"])
    return int(connection.execute(_LAST_MOVE, {"id": row["id"]}).scalar_one())


def _columns_after(row: Row, step: Move, to: Status) -> Row:
    """What a move does to the job row besides the ledger columns."""
    now = row["clock"]
    after: Row = {
        "status": to.value,
        "cancel_mode": ledger.cancel_mode_after(row["cancel_mode"], step.trigger, to),
    }
    if step.new_fence or step.trigger is Trigger.CLAIM:
        after["fence"] = row["fence"] + 1
    if step.trigger is Trigger.CLAIM:
        after |= {"attempt": row["attempt"] + 1, "budget_used": row["budget_used"] + 1, "started_at": now}
        after["claim_token_hash"] = None
    if step.trigger is Trigger.RETRY:
        after |= {**_CLEAR_END, "finished_at": None, "final_seq": None, "budget_used": 0}
    if to is Status.QUEUED:
        after["queued_at"] = now
    if to in (Status.HELD, Status.QUEUED, Status.SCHEDULED) and step.trigger is not Trigger.ADMIT:
        after |= {"claim_token_hash": None, "launches": 0}
    if to.is_terminal:
        after |= {"finished_at": now, "claim_token_hash": None}
    after["prev_seq"] = row["last_seq"] + 1
    return after | dict(step.changes)


def _update(connection: Connection, row: Row, changes: Row) -> None:
    values = {
        name: clock.db_text(v) if name.endswith("_at") and v is not None else v for name, v in changes.items()
    }
    guard = {"_id": row["id"], "_status": row["status"], "_fence": row["fence"], "_seq": row["last_seq"]}
    try:
        changed = run(connection, _update_job(tuple(sorted(values))), values | guard).rowcount
    except IntegrityError as error:
        if is_unique_violation(error):
            raise LockHeld(f"Another job holds the lock key {row['lock_key']!r}.") from error
        raise
    if changed != 1:
        raise TransitionConflict(f"Job {row['id']} is no longer {row['status']} under fence {row['fence']}.")


def _note_attempt(connection: Connection, after: Row, step: Move) -> None:
    if not step.attempt:
        return
    values = {name: clock.db_text(v) if name.endswith("_at") and v else v for name, v in step.attempt.items()}
    if step.trigger is Trigger.CLAIM:
        values |= {"started_at": clock.db_text(after["clock"])}
    else:
        values |= {"ended_at": clock.db_text(after["clock"]), "outcome": after["status"]}
    values |= {"job_id": after["id"], "attempt": after["attempt"], "fence": after["fence"]}
    run(connection, _attempt(step.trigger is Trigger.CLAIM, tuple(sorted(values))), values)


INSERT_TRANSITION = text(
    "INSERT INTO jobrunner_job_transition (job_id, seq, prev_seq, attempt, fence, from_status, trigger_name, to_status,"
    " actor, reason, context, at, op_id, log_digest, digest) VALUES (:job_id, :seq, :prev_seq, :attempt, :fence,"
    " :from_status, :trigger_name, :to_status, :actor, :reason, :context, :at, :op_id, :log_digest, :digest)"
)
_BY_OP = text("SELECT 1 FROM jobrunner_job_transition WHERE op_id = :op_id")
_LAST_MOVE = text("SELECT MAX(seq) FROM jobrunner_job_transition WHERE job_id = :id")


@lru_cache
def _job(now: str, lock_clause: str) -> Reading:
    statement = (
        f"SELECT {', '.join(JOB_COLUMNS)}, {now} AS clock FROM jobrunner_job WHERE id = :id{lock_clause}"
    )
    return Reading(text(statement), (*JOB_COLUMNS, "clock"))


@lru_cache
def _update_job(names: tuple[str, ...]) -> TextClause:
    pairs = ", ".join(f"{name} = :{name}" for name in names)
    return text(
        f"UPDATE jobrunner_job SET {pairs}"
        " WHERE id = :_id AND status = :_status AND fence = :_fence AND last_seq = :_seq"
    )


@lru_cache
def _attempt(new: bool, names: tuple[str, ...]) -> TextClause:
    if new:
        values = ", ".join(f":{name}" for name in names)
        return text(f"INSERT INTO jobrunner_job_attempt ({', '.join(names)}) VALUES ({values})")
    pairs = ", ".join(f"{name} = :{name}" for name in names if name not in ("job_id", "attempt", "fence"))
    return text(f"UPDATE jobrunner_job_attempt SET {pairs} WHERE job_id = :job_id AND attempt = :attempt")
