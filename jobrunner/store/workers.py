"""Worker processes and their leases."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection

from jobrunner import clock
from jobrunner.store import waiting
from jobrunner.store.database import Database, Row, plain

# seconds in which a database that is well answers
PROMPT = 1.0


@dataclass(frozen=True)
class WorkerIdentity:
    """Who a worker is. (host, boot_id, pid_namespace, pid, process_started) names one process for ever."""

    id: str
    kind: str
    host: str
    boot_id: str | None
    pid_namespace: int | None
    pid: int
    process_started: int | None
    scope: str
    version: str
    capacity: int = 1
    queues: str | None = None
    labels: str | None = None

    @property
    def actor(self) -> str:
        """How the ledger names this worker."""
        return f"worker:{self.host}:{self.pid}"


def register(connection: Connection, worker: WorkerIdentity, now: str, lease: float) -> bool:
    """Writes the worker's row and its lease unless they are there, in the caller's transaction.

    Returns False for a worker that has ended or was held dead: it may claim nothing under this id.
    """
    known = connection.execute(_KNOWN, {"id": worker.id}).first()
    if known is not None:
        return known.stopped_at is None
    moment = clock.db_text(now)
    connection.execute(
        _INSERT_WORKER,
        {
            "id": worker.id, "kind": worker.kind, "host": worker.host, "boot_id": worker.boot_id,
            "pid_namespace": worker.pid_namespace, "pid": worker.pid, "process_started": worker.process_started,
            "scope": worker.scope, "version": worker.version, "queues": worker.queues, "labels": worker.labels,
            "capacity": worker.capacity, "started_at": moment,
        },
    )  # fmt: skip
    until = clock.db_text(clock.shift(now, lease))
    connection.execute(_INSERT_LEASE, {"id": worker.id, "now": moment, "until": until})
    return True


def join(database: Database, worker: WorkerIdentity, lease: float) -> None:
    """Writes a worker's row and its lease, unless they are there, before it holds any job."""
    database.write(lambda connection: register(connection, worker, database.now(connection), lease))


@dataclass(frozen=True)
class Load:
    """What a worker uses, its children and theirs included; None where it is not known.

    ``memory_bytes`` is resident memory, in which pages that processes share count in each. ``cpu_percent`` is of one
    core, since the heartbeat before; at the first, since the process began.
    """

    memory_bytes: int | None = None
    cpu_percent: float | None = None


NOT_KNOWN = Load()


@dataclass(frozen=True)
class Drain:
    """A request to a pool to end in order: when it was made, by whom and why."""

    at: str
    by: str
    reason: str | None = None

    def __str__(self) -> str:
        why = "" if self.reason is None else f", {self.reason!r}"
        return f"The worker was asked to drain by {self.by} at {self.at}{why}"


@dataclass(frozen=True)
class Heard:
    """What a worker learns by its heartbeat.

    ``lives`` is False when it has ended or was held dead meanwhile: its jobs are being taken away, and it may claim no
    other. ``drain`` is the request to end in order, if there is one; ``waits`` whether any job waits, None unless asked.
    """

    lives: bool
    drain: Drain | None = None
    waits: bool | None = None


def beat(
    database: Database, worker_id: str, lease: float, load: Load = NOT_KNOWN, *, looks: bool = False
) -> Heard:
    """Renews a worker's lease for ``lease`` seconds from the database's present moment; returns what stands on its row.

    A worker that ``looks`` hears also whether any job waits.
    """
    present = database.dialect.present
    waits = waiting.condition(present) if looks else None

    def work(connection: Connection) -> Heard:
        bound = {"id": worker_id, "memory_bytes": load.memory_bytes, "cpu_percent": load.cpu_percent}
        if present is None:
            now = database.now(connection)
            bound |= {"now": clock.db_text(now), "until": clock.db_text(clock.shift(now, lease))}
        else:
            bound |= {"seconds": lease}
        values = waiting.values(database) if looks else {}
        renewal = _beat(present or ":now", database.dialect.hence or ":until")
        # mostly there is no news, and a heartbeat is one statement
        if connection.execute(_unless_news(renewal, waits), bound | values).rowcount == 1:
            return Heard(lives=True, waits=False if looks else None)
        renewed = connection.execute(_text(renewal), bound).rowcount
        known = connection.execute(_asked(waits or "NULL"), {"id": worker_id} | values).mappings().first()
        if known is None:
            return Heard(lives=False)
        row = plain(known)
        lives = renewed == 1 and row["stopped_at"] is None
        return Heard(lives, drain_of(row), bool(row["waits"]) if looks else None)

    return database.write(work)


def has_no_news(database: Database, worker_id: str) -> bool:
    """True when a worker lives, is not asked to drain, and no job waits. Renews nothing, and costs much less than that."""
    statement = _quiet(waiting.condition(database.dialect.present))
    bound = {"id": worker_id} | waiting.values(database)
    return database.read(lambda connection: connection.execute(statement, bound).first() is not None)


def drain_of(row: Row) -> Drain | None:
    """Returns the request to drain that stands on a worker's row."""
    return None if row["drain_at"] is None else Drain(row["drain_at"], row["drain_by"], row["drain_reason"])


def drain(database: Database, worker_id: str, by: str, reason: str | None) -> bool:
    """Asks a pool to end in order; False when it has ended, is no pool, or was asked before."""

    def work(connection: Connection) -> bool:
        bound = {"id": worker_id, "by": by, "reason": reason}
        bound |= {"now": clock.db_text(database.now(connection))}
        return connection.execute(_DRAIN, bound).rowcount == 1

    return database.write(work)


@dataclass(frozen=True)
class Suspect:
    """A worker that has not ended, with its lease; ``expired`` by the database clock."""

    id: str
    kind: str
    host: str
    boot_id: str | None
    pid_namespace: int | None
    pid: int
    process_started: int | None
    beats: int
    heartbeat_at: str | None
    expired: bool


def living(database: Database, limit: int, after: str = "") -> list[Suspect]:
    """Returns at most ``limit`` workers that have not ended, oldest first, beginning after the id ``after``."""

    def work(connection: Connection) -> list[Suspect]:
        now = database.now(connection)
        found = []
        for row in map(plain, connection.execute(_LIVING, {"after": after, "n": limit}).mappings()):
            until = row.pop("lease_until")
            row["beats"] = row["beats"] or 0
            found.append(Suspect(**row, expired=until is None or until < now))
        return found

    return database.read(work)


def condemn(database: Database, worker_id: str, *, beats: int | None = None) -> bool:
    """Marks a worker as lost, so that its jobs may be taken away; False when it had ended, or lives after all.

    Given ``beats``, nothing but its lease speaks against it: that must still have expired, and still
    stand at this count, when its row is locked. A database that takes longer than a moment for this was not to be
    written by the worker either, so its silence proves nothing.
    """
    began = clock.monotonic()

    def work(connection: Connection) -> bool:
        lease = connection.execute(_lease(database.dialect.lock), {"id": worker_id}).mappings().first()
        now = database.now(connection)
        if beats is not None and lease is not None:
            known = plain(lease)
            silent = is_silent(known["beats"], known["lease_until"], beats, now)
            if not silent or clock.monotonic() - began > PROMPT:
                return False
        done = connection.execute(_CONDEMN, {"id": worker_id, "now": clock.db_text(now)})
        return done.rowcount == 1

    return database.write(work)


def is_silent(beats: int, lease_until: str, seen: int, now: str) -> bool:
    """True when a lease has expired and no heartbeat came since ``seen`` were counted. Pure."""
    return beats == seen and lease_until < now


def forget(database: Database, before: str, limit: int) -> int:
    """Deletes the rows of at most ``limit`` workers that ended before a moment; returns how many there were."""

    def work(connection: Connection) -> int:
        bound = {"before": clock.db_text(before), "n": limit}
        ids = [row.id for row in connection.execute(_ENDED_BEFORE, bound)]
        ids = [name.decode() if isinstance(name, bytes) else name for name in ids]
        for name in ids:
            connection.execute(_FORGET_LEASE, {"id": name})
            connection.execute(_FORGET, {"id": name})
        return len(ids)

    return database.write(work)


def retire(database: Database, worker_id: str) -> None:
    """Notes that a worker has ended in order; its lease stays as its last heartbeat."""

    def work(connection: Connection) -> None:
        connection.execute(_RETIRE, {"id": worker_id, "now": clock.db_text(database.now(connection))})

    database.write(work)


_UNASKED = "SELECT 1 FROM jobrunner_worker WHERE id = :id AND stopped_at IS NULL AND drain_at IS NULL"
_KNOWN = text("SELECT stopped_at FROM jobrunner_worker WHERE id = :id")
_INSERT_WORKER = text(
    "INSERT INTO jobrunner_worker (id, kind, host, boot_id, pid_namespace, pid, process_started, scope, version,"
    " queues, labels, capacity, status, started_at) VALUES (:id, :kind, :host, :boot_id, :pid_namespace, :pid,"
    " :process_started, :scope, :version, :queues, :labels, :capacity, 'active', :started_at)"
)
_INSERT_LEASE = text(
    "INSERT INTO jobrunner_lease (name, holder, beats, heartbeat_at, lease_until) VALUES (:id, :id, 1, :now, :until)"
)


@lru_cache
def _beat(now: str, until: str) -> str:
    return (
        f"UPDATE jobrunner_lease SET beats = beats + 1, heartbeat_at = {now}, lease_until = {until},"
        " memory_bytes = :memory_bytes, cpu_percent = :cpu_percent WHERE name = :id"
    )


_text = lru_cache(text)


@lru_cache
def _unless_news(renewal: str, waits: str | None) -> TextClause:
    idle = "" if waits is None else f" AND NOT ({waits})"
    return text(f"{renewal} AND EXISTS ({_UNASKED}){idle}")


@lru_cache
def _quiet(waits: str) -> TextClause:
    return text(f"{_UNASKED} AND NOT ({waits})")


@lru_cache
def _asked(waits: str) -> TextClause:
    return text(
        f"SELECT stopped_at, drain_at, drain_by, drain_reason, {waits} AS waits FROM jobrunner_worker WHERE id = :id"
    )


_DRAIN = text(
    "UPDATE jobrunner_worker SET status = 'draining', drain_at = :now, drain_by = :by, drain_reason = :reason"
    " WHERE id = :id AND kind = 'pool' AND stopped_at IS NULL AND drain_at IS NULL"
)
_RETIRE = text(
    "UPDATE jobrunner_worker SET status = 'stopped', stopped_at = :now WHERE id = :id AND stopped_at IS NULL"
)
_LIVING = text(
    "SELECT w.id, w.kind, w.host, w.boot_id, w.pid_namespace, w.pid, w.process_started, l.beats, l.heartbeat_at,"
    " l.lease_until FROM jobrunner_worker w LEFT JOIN jobrunner_lease l ON l.name = w.id"
    " WHERE w.stopped_at IS NULL AND w.id > :after ORDER BY w.id LIMIT :n"
)
_CONDEMN = text(
    "UPDATE jobrunner_worker SET status = 'lost', stopped_at = :now WHERE id = :id AND stopped_at IS NULL"
)
# a job in hand still shows the worker that holds it
_ENDED_BEFORE = text(
    "SELECT w.id FROM jobrunner_worker w WHERE w.stopped_at < :before AND NOT EXISTS (SELECT 1 FROM jobrunner_job j"
    " WHERE j.status IN ('running', 'cancel_requested') AND j.worker_id = w.id) LIMIT :n"
)
_FORGET_LEASE = text("DELETE FROM jobrunner_lease WHERE name = :id")
_FORGET = text("DELETE FROM jobrunner_worker WHERE id = :id")


@lru_cache
def _lease(lock_clause: str) -> TextClause:
    return text(f"SELECT beats, lease_until FROM jobrunner_lease WHERE name = :id{lock_clause}")
