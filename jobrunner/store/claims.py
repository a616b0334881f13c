"""Taking a job: by the token of its launch, or in the foreground when nobody else is about to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import text
from sqlalchemy.engine import Connection

from jobrunner import clock, identifiers
from jobrunner.restart import RESUME_STEP
from jobrunner.states import Status, Trigger, is_held
from jobrunner.store import journal, workers
from jobrunner.store.database import Database, Reading, Row
from jobrunner.store.journal import Move
from jobrunner.store.workers import WorkerIdentity


@dataclass(frozen=True)
class Claimed:
    """A job in this worker's hands; ``clock_offset`` is the database clock minus this host's, in seconds.

    ``asked_at`` is the monotonic moment at which the claim began: the lease that it brought runs since then at latest.
    """

    job_id: int
    uuid: str
    type: str
    attempt: int
    fence: int
    params: str
    timeout: float | None
    stall_timeout: float | None
    idempotent: bool
    max_attempts: int
    budget_used: int
    log_digest: str
    log_bytes: int
    clock_offset: float
    launcher: str = "pool"
    seq: int | None = None
    resume_step: str | None = None
    asked_at: float = field(default_factory=clock.monotonic)


@dataclass(frozen=True)
class ChildProcess:
    """The process in which a handler runs, named so that another one with its pid is not taken for it."""

    pid: int
    started: int | None


@dataclass(frozen=True)
class NotDue:
    """The job may be claimed in ``seconds``."""

    seconds: float


def claim(
    database: Database,
    job_id: int,
    worker: WorkerIdentity,
    *,
    token: str | None,
    launch_grace: float,
    lease: float,
    child: ChildProcess | None = None,
) -> Claimed | NotDue | None:
    """Takes a job for ``worker`` in one transaction, admitting it first when it is scheduled and due.

    With ``token`` the launch it belongs to must be the latest one; without, there must be no launch younger than
    ``launch_grace`` seconds. Returns NotDue for a job whose time has not come and None for every other
    refusal: a wrong token, a wrong state and a missing job read the same, and so does a worker that was held dead.
    A claim whose COMMIT gave no answer counts only while the job is still held by it. ``child`` is the process that
    will run the job, when it is there already.
    """
    asked_at = clock.monotonic()
    op_ids = (identifiers.uuid7(), identifiers.uuid7())
    done: list[Claimed] = []

    def work(connection: Connection) -> Claimed | NotDue | None:
        row = journal.lock(database, connection, job_id)
        if row is not None and done and journal.is_stored(connection, op_ids[-1]):
            return done[0] if is_held(row["status"], row["fence"], done[0].fence) else None
        if row is None or not may_claim(row, token, launch_grace):
            return None
        if not is_due(row):
            return NotDue(clock.between(row["clock"], row["available_at"]))
        if not workers.register(connection, worker, row["clock"], lease):
            return None
        taken = steps(row, worker, child)
        for step, op_id in zip(taken, op_ids[-len(taken) :], strict=True):
            row = journal.apply(connection, row, step, op_id)
        done[:] = [replace(_claimed(connection, row), asked_at=asked_at)]
        return done[0]

    return database.write(work)


def may_claim(row: Row, token: str | None, launch_grace: float) -> bool:
    """True when this job can be taken now or, if it is not due, later, by the holder of ``token`` (None: anybody)."""
    if row["status"] not in (Status.QUEUED, Status.SCHEDULED):
        return False
    if token is not None:
        return bool(row["claim_token_hash"] == identifiers.secret_hash(token))
    return not launch_pending(row, launch_grace)


def is_due(row: Row) -> bool:
    """True when the time of a waiting job has come: once queued it has, and no clock that is set back undoes that."""
    return row["status"] != Status.SCHEDULED or bool(row["available_at"] <= row["clock"])


def launch_pending(row: Row, launch_grace: float) -> bool:
    """True while a launched worker may still come for the job."""
    if row["claim_token_hash"] is None or row["launched_at"] is None:
        return False
    since = max(row["launched_at"], row["available_at"])
    return clock.between(since, row["clock"]) < launch_grace


def steps(row: Row, worker: WorkerIdentity, child: ChildProcess | None = None) -> Sequence[Move]:
    """Returns the moves of a claim: admit first when the job is scheduled."""
    actor = worker.actor
    claimed = Move(
        Trigger.CLAIM,
        actor,
        changes={"worker_id": worker.id, "host": worker.host, "pid": worker.pid},
        attempt={
            "worker_id": worker.id, "host": worker.host, "boot_id": worker.boot_id, "pid": worker.pid,
            "process_started": worker.process_started, "child_pid": child and child.pid,
            "child_started": child and child.started,
        },
    )  # fmt: skip
    return [Move(Trigger.ADMIT, actor), claimed] if row["status"] == Status.SCHEDULED else [claimed]


def _claimed(connection: Connection, row: Row) -> Claimed:
    [wanted] = _WANTED.rows(connection, {"id": row["id"]})
    return in_hand(row, **wanted)


def in_hand(row: Row, params: str, resume_step: str | None) -> Claimed:
    """Returns what a worker needs to know of a job that it has just claimed."""
    return Claimed(
        job_id=row["id"], uuid=row["uuid"], type=row["type"], attempt=row["attempt"], fence=row["fence"],
        params=params, timeout=row["timeout_seconds"], stall_timeout=row["stall_seconds"],
        idempotent=bool(row["idempotent"]), max_attempts=row["max_attempts"], budget_used=row["budget_used"],
        log_digest=row["log_digest"], log_bytes=row["log_bytes"],
        clock_offset=clock.between(clock.now(), row["clock"]), launcher=row["launcher"], seq=row["last_seq"],
        resume_step=resume_step,
    )  # fmt: skip


# what the child is told beside the columns that a claim has read; the tag is one look at its primary key
TOLD = ("params", "resume_step")
TOLD_COLUMNS = (
    "params, (SELECT t.value FROM jobrunner_job_tag t WHERE t.job_id = jobrunner_job.id"
    f" AND t.name = '{RESUME_STEP}') AS resume_step"
)
_WANTED = Reading(text(f"SELECT {TOLD_COLUMNS} FROM jobrunner_job WHERE id = :id"), TOLD)


def note_child(connection: Connection, claimed: Claimed, child: ChildProcess) -> None:
    """Writes who runs the job to its attempt, in the caller's transaction; nothing once the attempt is another's."""
    connection.execute(
        _CHILD,
        {
            "pid": child.pid,
            "started": child.started,
            "id": claimed.job_id,
            "attempt": claimed.attempt,
            "fence": claimed.fence,
        },
    )


_CHILD = text(
    "UPDATE jobrunner_job_attempt SET child_pid = :pid, child_started = :started"
    " WHERE job_id = :id AND attempt = :attempt AND fence = :fence"
)


def new_launch(
    database: Database, job_id: int, token_hash: str, *, seen: tuple[str | None, int] | None = None
) -> float | None:
    """Makes ``token_hash`` the one valid launch of a queued or scheduled job, voiding every earlier one.

    Returns the seconds until the job is due, or None when it is not waiting for a worker any more, or, given
    the token hash and the number of launches that a sweep has ``seen``, when somebody else has launched it since.
    """

    def work(connection: Connection) -> float | None:
        row = journal.lock(database, connection, job_id)
        if row is None or row["status"] not in (Status.QUEUED, Status.SCHEDULED):
            return None
        stands = (row["claim_token_hash"], row["launches"])
        if seen is not None and stands != seen and row["claim_token_hash"] != token_hash:
            return None
        connection.execute(_LAUNCH, {"id": job_id, "hash": token_hash, "now": clock.db_text(row["clock"])})
        return 0.0 if is_due(row) else clock.between(row["clock"], row["available_at"])

    return database.write(work)


def token_is_good(database: Database, job_id: int, token: str) -> bool:
    """True while the job still waits for the launch that ``token`` belongs to; never writes."""

    def work(connection: Connection) -> bool:
        row = journal.lock(database, connection, job_id, for_update=False)
        return row is not None and may_claim(row, token, 0)

    return database.read(work)


_LAUNCH = text(
    "UPDATE jobrunner_job SET claim_token_hash = :hash, launches = launches + 1, launched_at = :now WHERE id = :id"
)
