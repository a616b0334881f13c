"""Birth of jobs, one or many, in our own transaction or in a caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from sqlalchemy import bindparam, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from jobrunner import clock, identifiers, jsontext, ledger
from jobrunner.errors import TransitionConflict
from jobrunner.states import Status, Trigger
from jobrunner.store import calling
from jobrunner.store.database import Database, Row, plain, run
from jobrunner.store.journal import INSERT_TRANSITION
from jobrunner.store.retrying import is_unique_violation

T = TypeVar("T")
CHUNK = 500


@dataclass(frozen=True)
class NewJob:
    """What a start asks for, checked and ready to be stored.

    ``delay`` counts from the database's present moment and ``at`` is a moment by its clock; with
    neither the job is due at once. ``token_hash`` is of the launch that follows the commit. ``context`` is of the birth
    transition, which adds its seal.
    """

    type: str
    params: str
    title: str | None = None
    queue: str = "default"
    priority: int = 0
    lock_key: str | None = None
    idempotency_key: str | None = None
    created_by: str | None = None
    actor: str = "starter:python"
    idempotent: bool = False
    launcher: str = "detached"
    max_attempts: int = 1
    backoff: tuple[float, float, float, float] = (5.0, 2.0, 300.0, 0.1)
    timeout: float | None = None
    stall_timeout: float | None = None
    delay: float = 0.0
    at: str | None = None
    hold: bool = False
    token_hash: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    context: dict[str, str] = field(default_factory=dict)
    uuid: str = field(default_factory=identifiers.uuid7)
    op_id: str = field(default_factory=identifiers.uuid7)


@dataclass(frozen=True)
class Created:
    """What became of a start: outcome is created, already_active or duplicate; ``row`` is the job that stands."""

    outcome: str
    row: Row
    due_in: float = 0.0


_SHORT = "id, uuid, type, status, available_at"
_JOB_COLUMNS = (
    "uuid", "type", "title", "status", "queue", "priority", "lock_key", "idempotency_key", "created_by", "idempotent",
    "launcher", "params", "attempt", "budget_used", "max_attempts", "backoff_base", "backoff_factor", "backoff_cap",
    "backoff_jitter", "timeout_seconds", "stall_seconds", "fence", "last_seq", "first_seq", "digest", "log_digest",
    "log_bytes", "warning_count", "error_count", "claim_token_hash", "launches", "launched_at", "created_at",
    "available_at", "queued_at", "updated_at",
)  # fmt: skip
_INSERT_JOB = text(
    f"INSERT INTO jobrunner_job ({', '.join(_JOB_COLUMNS)}) VALUES ({', '.join(':' + c for c in _JOB_COLUMNS)})"
)
_INSERT_TAG = text("INSERT INTO jobrunner_job_tag (job_id, name, value) VALUES (:job_id, :name, :value)")
_BY_UUID = text("SELECT 1 FROM jobrunner_job WHERE uuid = :uuid")
_BY_UUIDS = text("SELECT id, uuid FROM jobrunner_job WHERE uuid IN :uuids").bindparams(
    bindparam("uuids", expanding=True)
)
_BEARER = {
    "duplicate": text(f"SELECT {_SHORT} FROM jobrunner_job WHERE idempotency_key = :key"),
    "already_active": text(f"SELECT {_SHORT} FROM jobrunner_job WHERE active_lock_key = :key"),
}


def create(database: Database, job: NewJob) -> Created:
    """Stores one job, or finds the one that holds its lock key or bears its idempotency key."""
    made: list[Created] = []

    def work(connection: Connection) -> Created:
        if made and _is_stored(connection, job):
            return made[0]
        # looking first spares the failed insert, which burns an id and on PostgreSQL the transaction
        made[:] = [_existing(connection, job) or _insert_one(database, connection, job)]
        return made[0]

    return _until_decided(lambda: database.write(work))


def create_in(database: Database, dialect: str, connection: Connection, job: NewJob) -> Created:
    """Stores one job inside the transaction that a caller's ``connection`` is in; only its commit makes the job exist.

    A conflict leaves that transaction usable.
    """

    def attempt() -> Created:
        existing = _existing(connection, job)
        if existing is not None:
            return existing
        try:
            with _savepoint(dialect, connection):
                return _insert_one(database, connection, job)
        except Collision:
            # the holder may have been stored after the caller's transaction took its view of the database
            unseen = database.read(lambda own: _existing(own, job))
            if unseen is None:
                raise
            return unseen

    return _until_decided(attempt)


def create_many(database: Database, jobs: Sequence[NewJob]) -> list[Created]:
    """Stores all jobs in one transaction; each is answered as if they were started one after the other."""
    made: list[Created] = []

    def work(connection: Connection) -> list[Created]:
        fresh = [job for job, answer in zip(jobs, made, strict=False) if answer.row["uuid"] == job.uuid]
        if fresh and _is_stored(connection, fresh[0]):
            return made
        now = database.now(connection)
        standing: dict[tuple[str, str], NewJob] = {}
        answers: list[tuple[str, NewJob] | Created] = []
        for job in jobs:
            answer = _taken(connection, job, standing)
            answers.append(answer or ("created", job))
            if answer is None:
                standing |= dict.fromkeys(_keys(job), job)
        ids = _insert_all(
            connection, [a[1] for a in answers if isinstance(a, tuple) and a[0] == "created"], now
        )
        made[:] = [
            a if isinstance(a, Created) else _created(_short(a[1], ids[a[1].uuid], now), now, a[0])
            for a in answers
        ]
        return made

    return _until_decided(lambda: database.write(work, patience=60))


class Collision(Exception):
    """A unique key refused the row between the look and the insert."""


def _until_decided(attempt: Callable[[], T]) -> T:
    for _ in range(8):
        try:
            return attempt()
        except Collision:
            continue
    raise TransitionConflict("The holder of the key changed at every look.", hint="Try again.")


def _is_stored(connection: Connection, job: NewJob) -> bool:
    """True when a COMMIT of this job that gave no answer had arrived."""
    return connection.execute(_BY_UUID, {"uuid": job.uuid}).first() is not None


def _keys(job: NewJob) -> list[tuple[str, str]]:
    """Returns (outcome, key) for each key that makes a second job impossible, in the order in which they count."""
    pairs = (("duplicate", job.idempotency_key), ("already_active", job.lock_key))
    return [(outcome, key) for outcome, key in pairs if key is not None]


def _taken(
    connection: Connection, job: NewJob, standing: Mapping[tuple[str, str], NewJob] = MappingProxyType({})
) -> tuple[str, NewJob] | Created | None:
    """Returns what stands in the way of a job: one of ``standing``, which are about to be stored, or a stored one."""
    for outcome, key in _keys(job):
        if (outcome, key) in standing:
            return outcome, standing[outcome, key]
        row = connection.execute(_BEARER[outcome], {"key": key}).mappings().first()
        if row is not None:
            return Created(outcome, plain(row))
    return None


def _existing(connection: Connection, job: NewJob) -> Created | None:
    found = _taken(connection, job)
    return found if isinstance(found, Created) else None


@contextmanager
def _savepoint(dialect: str, connection: Connection) -> Iterator[None]:
    # PostgreSQL alone gives up the whole transaction when one statement fails
    if dialect == "postgresql":
        with connection.begin_nested():
            yield
    else:
        yield


def _insert_one(database: Database, connection: Connection, job: NewJob) -> Created:
    now = database.about_now(connection)
    columns, birth = _rows(job, now, connection.dialect.name)
    try:
        job_id = run(connection, _returning(connection), columns)
        number = int(job_id.scalar_one()) if job_id.returns_rows else int(job_id.lastrowid)
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Collision from error
        raise
    run(connection, INSERT_TRANSITION, birth | {"job_id": number})
    calling.call(connection, (columns,))
    if job.tags:
        run(connection, _INSERT_TAG, [{"job_id": number, "name": n, "value": v} for n, v in job.tags.items()])
    return _created(_short(job, number, now), now)


_INSERT_RETURNING = text(_INSERT_JOB.text + " RETURNING id")


def _returning(connection: Connection) -> Any:
    # the other two give the new id without RETURNING, which MySQL does not have
    return _INSERT_RETURNING if connection.dialect.name == "postgresql" else _INSERT_JOB


def _insert_all(connection: Connection, jobs: list[NewJob], now: str) -> dict[str, int]:
    if not jobs:
        return {}
    rows = {job.uuid: _rows(job, now, connection.dialect.name) for job in jobs}
    ids: dict[str, int] = {}
    try:
        for start in range(0, len(jobs), CHUNK):
            part = jobs[start : start + CHUNK]
            run(connection, _INSERT_JOB, [rows[job.uuid][0] for job in part])
            ids |= {
                u: int(i) for i, u in connection.execute(_BY_UUIDS, {"uuids": [job.uuid for job in part]})
            }
            births = [rows[job.uuid][1] | {"job_id": ids[job.uuid]} for job in part]
            run(connection, INSERT_TRANSITION, births)
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Collision from error
        raise
    calling.call(connection, [row for row, _ in rows.values()])
    tags = [{"job_id": ids[job.uuid], "name": n, "value": v} for job in jobs for n, v in job.tags.items()]
    if tags:
        run(connection, _INSERT_TAG, tags)
    return ids


def _available_at(job: NewJob, now: str) -> str:
    return job.at if job.at is not None else clock.shift(now, job.delay) if job.delay else now


def _birth_status(job: NewJob, now: str) -> tuple[Trigger, Status]:
    if job.hold:
        return Trigger.CREATE_HELD, Status.HELD
    if _available_at(job, now) > now:
        return Trigger.CREATE_SCHEDULED, Status.SCHEDULED
    return Trigger.CREATE, Status.QUEUED


def _rows(job: NewJob, now: str, dialect: str) -> tuple[Row, Row]:
    """Returns a new job row and its birth transition, which still misses the job's id."""
    trigger, status = _birth_status(job, now)
    # PostgreSQL reads a moment without a zone in the zone of the session, which may be a caller's
    zone = "+00" if dialect == "postgresql" else ""
    moment, launched = clock.db_text(now) + zone, job.token_hash is not None
    row: Row = {
        "uuid": job.uuid, "type": job.type, "title": job.title, "status": status.value, "queue": job.queue,
        "priority": job.priority, "lock_key": job.lock_key, "idempotency_key": job.idempotency_key,
        "created_by": job.created_by, "idempotent": int(job.idempotent), "launcher": job.launcher,
        "params": job.params, "attempt": 0, "budget_used": 0, "max_attempts": job.max_attempts,
        "backoff_base": job.backoff[0], "backoff_factor": job.backoff[1], "backoff_cap": job.backoff[2],
        "backoff_jitter": job.backoff[3], "timeout_seconds": job.timeout, "stall_seconds": job.stall_timeout,
        "fence": 0, "last_seq": 1, "first_seq": 1, "log_digest": ledger.log_genesis(job.uuid), "log_bytes": 0,
        "warning_count": 0, "error_count": 0, "claim_token_hash": job.token_hash, "launches": int(launched),
        "launched_at": moment if launched else None, "created_at": moment,
        "available_at": clock.db_text(_available_at(job, now)) + zone,
        "queued_at": moment if status is Status.QUEUED else None, "updated_at": moment,
    }  # fmt: skip
    birth: Row = {
        "seq": 1, "prev_seq": None, "attempt": 0, "fence": 0, "from_status": Status.NEW.value,
        "trigger_name": trigger.value, "to_status": status.value, "actor": job.actor, "reason": None,
        "context": jsontext.dumps({**job.context, "sha256": ledger.birth_seal(row)}), "at": now, "op_id": job.op_id,
        "log_digest": row["log_digest"],
    }  # fmt: skip
    row["digest"] = birth["digest"] = ledger.transition_digest(ledger.genesis(job.uuid), birth)
    return row, birth | {"at": moment}


def _short(job: NewJob, job_id: int, now: str) -> Row:
    status = _birth_status(job, now)[1].value
    return {
        "id": job_id,
        "uuid": job.uuid,
        "type": job.type,
        "status": status,
        "available_at": _available_at(job, now),
    }


def _created(row: Row, now: str, outcome: str = "created") -> Created:
    due = row["available_at"]
    return Created(outcome, row, clock.between(now, due) if due > now else 0.0)
