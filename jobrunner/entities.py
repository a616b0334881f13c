"""Every table, in reading order. ``db/schema.sql`` and the other dialects' DDL are made from this file.

    Status              what a status means                    vocabulary
    TransitionRule      the state machine table                vocabulary
    SchemaVersion       which shape the tables have
    Job                 one requested execution                the fold of its ledger, kept for speed
    JobTag              name and value pairs to find jobs by
    JobAttempt          one try at a job by one worker
    JobTransition       ledger: every move                     append only
    JobLog              ledger: every line                     append only
    Worker, Lease       who works, and whether it still does
    Tombstone           what is left of a deleted job
    RefusedWrite        what a superseded worker tried to write
    ApiToken            who may use HTTP

Keys that must compare exactly are binary on MySQL and MariaDB, where every text collation ignores
something. JSON is text that we make and parse. Moments are UTC with microseconds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Optional

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

PREFIX = "jobrunner_"

Moment = DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
BigId = BigInteger().with_variant(Integer(), "sqlite")
LongText = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def exact(length: int) -> TypeEngine[Any]:
    """Text of at most ``length`` bytes that compares byte by byte on every database."""
    return String(length).with_variant(mysql.VARBINARY(length), "mysql", "mariadb")


def word(length: int) -> TypeEngine[Any]:
    """ASCII text of our own making: a vocabulary word, a digest, a uuid."""
    return String(length).with_variant(
        mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
    )


def prose(length: int) -> TypeEngine[Any]:
    """Short text for people."""
    return String(length)


def _col(kind: Any, *args: Any, null: bool = False, **options: Any) -> Any:
    return Field(default=None, sa_column=Column(kind, *args, nullable=null, **options))


def _key(kind: Any, *args: Any, **options: Any) -> Any:
    return Field(default=None, sa_column=Column(kind, *args, primary_key=True, nullable=False, **options))


class Status(SQLModel, table=True):
    """What each status means. Rows come from ``db/seed/010_status.sql``."""

    __tablename__ = "jobrunner_status"

    name: str = _key(word(24))
    is_active: bool = _col(SmallInteger)
    is_terminal: bool = _col(SmallInteger)
    description: str = _col(prose(255))


class TransitionRule(SQLModel, table=True):
    """The state machine table: one row per legal edge. Rows come from ``db/seed/020_transition_rule.sql``."""

    __tablename__ = "jobrunner_transition_rule"
    __table_args__ = (
        PrimaryKeyConstraint("from_status", "trigger_name"),
        UniqueConstraint("from_status", "trigger_name", "to_status", name="jobrunner_rule_edge"),
    )

    from_status: str = _col(word(24), ForeignKey("jobrunner_status.name"))
    trigger_name: str = _col(word(32))
    to_status: str = _col(word(24), ForeignKey("jobrunner_status.name"))
    actors: str = _col(prose(120))
    description: str = _col(prose(255))


class SchemaVersion(SQLModel, table=True):
    """Each shape that the tables have had; the highest version is the present one."""

    __tablename__ = "jobrunner_schema_version"

    version: int = _key(Integer, autoincrement=False)
    applied_at: datetime = _col(Moment)


class Job(SQLModel, table=True):
    """One requested execution. Its ledger columns are the fold of its transitions and lines."""

    __tablename__ = "jobrunner_job"
    __table_args__: ClassVar[Any] = (
        # claim: the next job of a queue, in order
        Index("jobrunner_job_claim", "queue", "status", text("priority DESC"), "id"),
        # admit, sweeps and counts by status
        Index("jobrunner_job_due", "status", "available_at"),
        # lists by type, newest first
        Index("jobrunner_job_type", "type", "id"),
        # lists by queue, newest first
        Index("jobrunner_job_queue", "queue", "id"),
        # lists by status, newest first
        Index("jobrunner_job_status", "status", "id"),
        # lists by who asked, newest first
        Index("jobrunner_job_creator", "created_by", "id"),
        # lists by time
        Index("jobrunner_job_created", "created_at"),
        # retention and the newest ends
        Index("jobrunner_job_finished", "finished_at"),
        CheckConstraint("status <> 'new'", name="jobrunner_job_born"),
        CheckConstraint(
            "cancel_mode IS NULL OR cancel_mode IN ('cancel', 'stop', 'kill')", name="jobrunner_job_mode"
        ),
        CheckConstraint("last_seq >= 1 AND first_seq >= 1", name="jobrunner_job_seq"),
        {"sqlite_autoincrement": True},
    )

    id: int = _key(BigId, autoincrement=True)
    uuid: str = _col(word(36), unique=True)
    type: str = _col(exact(128))
    title: Optional[str] = _col(prose(255), null=True)
    status: str = _col(word(24), ForeignKey("jobrunner_status.name"))
    queue: str = _col(exact(64))
    priority: int = _col(Integer)
    lock_key: Optional[str] = _col(exact(191), null=True)
    active_lock_key: Optional[str] = _col(
        exact(191),
        Computed(
            "CASE WHEN status IN ('succeeded', 'failed', 'cancelled', 'stopped', 'abandoned')"
            " THEN NULL ELSE lock_key END",
            persisted=True,
        ),
        null=True,
        unique=True,
    )
    idempotency_key: Optional[str] = _col(exact(191), null=True, unique=True)
    created_by: Optional[str] = _col(exact(191), null=True)
    idempotent: bool = _col(SmallInteger)
    launcher: str = _col(word(16))
    params: str = _col(LongText)
    result: Optional[str] = _col(LongText, null=True)
    error_class: Optional[str] = _col(prose(255), null=True)
    error_reason_code: Optional[str] = _col(word(64), null=True)
    error_message: Optional[str] = _col(LongText, null=True)
    error_traceback: Optional[str] = _col(LongText, null=True)
    attempt: int = _col(Integer)
    budget_used: int = _col(Integer)
    max_attempts: int = _col(Integer)
    backoff_base: float = _col(Double)
    backoff_factor: float = _col(Double)
    backoff_cap: float = _col(Double)
    backoff_jitter: float = _col(Double)
    timeout_seconds: Optional[float] = _col(Double, null=True)
    stall_seconds: Optional[float] = _col(Double, null=True)
    fence: int = _col(BigInteger)
    last_seq: int = _col(BigInteger)
    first_seq: int = _col(BigInteger)
    final_seq: Optional[int] = _col(BigInteger, null=True)
    digest: str = _col(word(64))
    log_digest: str = _col(word(64))
    pruned_digest: Optional[str] = _col(word(64), null=True)
    log_bytes: int = _col(BigInteger)
    warning_count: int = _col(Integer)
    error_count: int = _col(Integer)
    progress_percent: Optional[float] = _col(Double, null=True)
    progress_text: Optional[str] = _col(prose(255), null=True)
    progress_current: Optional[float] = _col(Double, null=True)
    progress_total: Optional[float] = _col(Double, null=True)
    step_key: Optional[str] = _col(prose(128), null=True)
    step_label: Optional[str] = _col(prose(255), null=True)
    step_index: Optional[int] = _col(Integer, null=True)
    step_total: Optional[int] = _col(Integer, null=True)
    cancel_mode: Optional[str] = _col(word(8), null=True)
    claim_token_hash: Optional[str] = _col(word(64), null=True)
    launches: int = _col(Integer)
    launched_at: Optional[datetime] = _col(Moment, null=True)
    worker_id: Optional[str] = _col(word(36), null=True)
    host: Optional[str] = _col(prose(255), null=True)
    pid: Optional[int] = _col(Integer, null=True)
    created_at: datetime = _col(Moment)
    available_at: datetime = _col(Moment)
    queued_at: Optional[datetime] = _col(Moment, null=True)
    started_at: Optional[datetime] = _col(Moment, null=True)
    finished_at: Optional[datetime] = _col(Moment, null=True)
    updated_at: datetime = _col(Moment)


class JobTag(SQLModel, table=True):
    """A name and a value to find jobs by; at most one value per name."""

    __tablename__ = "jobrunner_job_tag"
    __table_args__ = (Index("jobrunner_tag_find", "name", "value", "job_id"),)

    job_id: int = _key(BigInteger, ForeignKey("jobrunner_job.id"), autoincrement=False)
    name: str = _key(exact(64))
    value: str = _col(exact(200))


class JobAttempt(SQLModel, table=True):
    """One try at a job by one worker under one fence, with what became of its process."""

    __tablename__ = "jobrunner_job_attempt"

    job_id: int = _key(BigInteger, ForeignKey("jobrunner_job.id"), autoincrement=False)
    attempt: int = _key(Integer, autoincrement=False)
    fence: int = _col(BigInteger)
    worker_id: str = _col(word(36))
    host: str = _col(prose(255))
    boot_id: Optional[str] = _col(word(36), null=True)
    pid: Optional[int] = _col(Integer, null=True)
    process_started: Optional[int] = _col(BigInteger, null=True)
    child_pid: Optional[int] = _col(Integer, null=True)
    child_started: Optional[int] = _col(BigInteger, null=True)
    started_at: datetime = _col(Moment)
    ended_at: Optional[datetime] = _col(Moment, null=True)
    outcome: Optional[str] = _col(word(24), null=True)
    reason_code: Optional[str] = _col(word(64), null=True)
    error_class: Optional[str] = _col(prose(255), null=True)
    error_message: Optional[str] = _col(LongText, null=True)
    traceback: Optional[str] = _col(LongText, null=True)
    exit_code: Optional[int] = _col(Integer, null=True)
    exit_signal: Optional[int] = _col(Integer, null=True)
    cpu_seconds: Optional[float] = _col(Double, null=True)
    peak_rss: Optional[int] = _col(BigInteger, null=True)
    line_count: Optional[int] = _col(BigInteger, null=True)


class JobTransition(SQLModel, table=True):
    """Ledger: one move of one job.

    The foreign keys refuse every edge outside the state machine table and every path that does not
    start where the row before ended; the unique key refuses forks.
    """

    __tablename__ = "jobrunner_job_transition"
    __table_args__ = (
        PrimaryKeyConstraint("job_id", "seq"),
        UniqueConstraint("job_id", "seq", "to_status", name="jobrunner_transition_end"),
        UniqueConstraint("job_id", "prev_seq", name="jobrunner_transition_no_fork"),
        ForeignKeyConstraint(
            ["from_status", "trigger_name", "to_status"],
            [
                "jobrunner_transition_rule.from_status",
                "jobrunner_transition_rule.trigger_name",
                "jobrunner_transition_rule.to_status",
            ],
            name="jobrunner_transition_is_legal",
        ),
        ForeignKeyConstraint(
            ["job_id", "prev_seq", "from_status"],
            [
                "jobrunner_job_transition.job_id",
                "jobrunner_job_transition.seq",
                "jobrunner_job_transition.to_status",
            ],
            name="jobrunner_transition_follows",
        ),
        CheckConstraint(
            "(prev_seq IS NULL AND seq = 1 AND from_status = 'new')"
            " OR (prev_seq IS NOT NULL AND seq > prev_seq AND from_status <> 'new')",
            name="jobrunner_transition_birth",
        ),
    )

    job_id: int = _col(BigInteger, ForeignKey("jobrunner_job.id"), autoincrement=False)
    seq: int = _col(BigInteger, autoincrement=False)
    prev_seq: Optional[int] = _col(BigInteger, null=True)
    attempt: int = _col(Integer)
    fence: int = _col(BigInteger)
    from_status: str = _col(word(24))
    trigger_name: str = _col(word(32))
    to_status: str = _col(word(24))
    actor: str = _col(prose(255))
    reason: Optional[str] = _col(LongText, null=True)
    context: Optional[str] = _col(LongText, null=True)
    at: datetime = _col(Moment)
    op_id: str = _col(word(36), unique=True)
    log_digest: str = _col(word(64))
    digest: str = _col(word(64))


class JobLog(SQLModel, table=True):
    """Ledger: one line of one job."""

    __tablename__ = "jobrunner_job_log"

    job_id: int = _key(BigInteger, ForeignKey("jobrunner_job.id"), autoincrement=False)
    seq: int = _key(BigInteger, autoincrement=False)
    attempt: int = _col(Integer)
    at: datetime = _col(Moment)
    level: str = _col(word(8))
    stream: str = _col(word(8))
    step_key: Optional[str] = _col(prose(128), null=True)
    logger: Optional[str] = _col(prose(255), null=True)
    message: str = _col(LongText)
    context: Optional[str] = _col(LongText, null=True)


class Worker(SQLModel, table=True):
    """A process that claims jobs. (host, boot_id, pid_namespace, pid, process_started) is one process for ever.

    ``labels`` are a JSON object; ``drain_at``, ``drain_by`` and ``drain_reason`` a request to end in order.
    """

    __tablename__ = "jobrunner_worker"
    # sweeps: the workers that have not ended, oldest first
    __table_args__ = (Index("jobrunner_worker_live", "stopped_at", "id"),)

    id: str = _key(word(36))
    kind: str = _col(word(16))
    host: str = _col(prose(255))
    boot_id: Optional[str] = _col(word(36), null=True)
    pid_namespace: Optional[int] = _col(BigInteger, null=True)
    pid: int = _col(Integer)
    process_started: Optional[int] = _col(BigInteger, null=True)
    scope: str = _col(word(16))
    version: str = _col(word(32))
    queues: Optional[str] = _col(LongText, null=True)
    labels: Optional[str] = _col(LongText, null=True)
    capacity: int = _col(Integer)
    status: str = _col(word(16))
    started_at: datetime = _col(Moment)
    stopped_at: Optional[datetime] = _col(Moment, null=True)
    drain_at: Optional[datetime] = _col(Moment, null=True)
    drain_by: Optional[str] = _col(prose(255), null=True)
    drain_reason: Optional[str] = _col(LongText, null=True)


class Lease(SQLModel, table=True):
    """Proof of life of a worker or a leader; narrow and apart, since it is written every few seconds.

    ``memory_bytes`` and ``cpu_percent`` are what a worker used at its last heartbeat.
    """

    __tablename__ = "jobrunner_lease"

    name: str = _key(word(64))
    holder: str = _col(word(36))
    beats: int = _col(BigInteger)
    heartbeat_at: datetime = _col(Moment)
    lease_until: datetime = _col(Moment)
    memory_bytes: Optional[int] = _col(BigInteger, null=True)
    cpu_percent: Optional[float] = _col(Double, null=True)


class Tombstone(SQLModel, table=True):
    """What is left of a deleted job: enough to prove that it was, how it ended and who removed it."""

    __tablename__ = "jobrunner_tombstone"

    id: int = _key(BigInteger, autoincrement=False)
    uuid: str = _col(word(36), unique=True)
    type: str = _col(exact(128))
    status: str = _col(word(24), ForeignKey("jobrunner_status.name"))
    final_seq: Optional[int] = _col(BigInteger, null=True)
    digest: str = _col(word(64))
    log_digest: str = _col(word(64))
    actor: str = _col(prose(255))
    reason: Optional[str] = _col(LongText, null=True)
    at: datetime = _col(Moment)


class RefusedWrite(SQLModel, table=True):
    """What a superseded worker tried to write, kept as evidence."""

    __tablename__ = "jobrunner_refused_write"
    __table_args__: ClassVar[Any] = (
        Index("jobrunner_refused_job", "job_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: int = _key(BigId, autoincrement=True)
    job_id: int = _col(BigInteger)
    attempt: int = _col(Integer)
    fence: int = _col(BigInteger)
    job_fence: Optional[int] = _col(BigInteger, null=True)
    worker_id: Optional[str] = _col(word(36), null=True)
    what: str = _col(word(32))
    detail: Optional[str] = _col(LongText, null=True)
    at: datetime = _col(Moment)


class ApiToken(SQLModel, table=True):
    """Who may use HTTP; the token itself is not stored, only its SHA-256."""

    __tablename__ = "jobrunner_api_token"

    id: str = _key(word(36))
    name: str = _col(exact(64), unique=True)
    token_hash: str = _col(word(64), unique=True)
    scope: str = _col(word(16))
    created_by: Optional[str] = _col(exact(191), null=True)
    created_at: datetime = _col(Moment)
    expires_at: Optional[datetime] = _col(Moment, null=True)
    last_used_at: Optional[datetime] = _col(Moment, null=True)
    revoked_at: Optional[datetime] = _col(Moment, null=True)


TABLES = tuple(
    SQLModel.metadata.tables[str(entity.__tablename__)]
    for entity in (
        Status, TransitionRule, SchemaVersion, Job, JobTag, JobAttempt, JobTransition, JobLog, Worker, Lease,
        Tombstone, RefusedWrite, ApiToken,
    )
)  # fmt: skip
