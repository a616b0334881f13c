"""What a pool takes next: candidates in exact index order, then a claim of several jobs in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection

from jobrunner import clock, identifiers
from jobrunner.states import Status, is_held
from jobrunner.store import claims, journal, waiting, workers
from jobrunner.store.claims import Claimed
from jobrunner.store.database import Database, Reading, Row
from jobrunner.store.journal import JOB_COLUMNS
from jobrunner.store.workers import WorkerIdentity

_FEW = 8
_PAGE = 20
_MOST_PAGES = 50
_DUE = 200


@dataclass(frozen=True)
class Appetite:
    """Which jobs a pool may take: of these types, and of these queues (none means all).

    A job whose launch is younger than ``launch_grace`` seconds is left to the worker that was launched for it.
    """

    types: tuple[str, ...]
    queues: tuple[str, ...]
    launch_grace: float

    def takes(self, row: Row) -> bool:
        """True for a job that may be claimed now; ``row`` is a job row with ``clock``."""
        return (
            row["type"] in self.types
            and (not self.queues or row["queue"] in self.queues)
            and claims.is_due(row)
            and claims.may_claim(row, None, self.launch_grace)
        )


class HeldDead(Exception):
    """This worker has ended in the eyes of the others; it may claim nothing under its id."""


class Picking:
    """The claim of at most ``most`` jobs, in somebody's transaction, which may have to be repeated.

    ``seen`` counts the candidates there were; others may have taken some of them first. ``looks`` is called right
    before they are read, each time: whatever was committed until then is seen.
    """

    def __init__(
        self, worker: WorkerIdentity, appetite: Appetite, most: int, lease: float,
        looks: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        self.most, self.seen = most, 0
        self._looks = looks
        self._worker, self._appetite, self._lease = worker, appetite, lease
        self._done: list[Claimed] = []
        self._first: str | None = None

    def make(
        self, database: Database, connection: Connection, ids: Sequence[int] | None = None
    ) -> list[Claimed]:
        """Claims the best jobs, or those of ``ids`` that can still be had; returns them best first.

        Raises HeldDead, claiming nothing, when this worker has been held dead.
        """
        if self._first is not None and journal.is_stored(connection, self._first):
            # that took a while: what was taken away since is not begun
            return [one for one in self._done if _is_ours(database, connection, one)]
        self._first, self._done = None, []
        if self.most <= 0:
            return []
        if ids is None:
            self._looks()
        wanted = candidates(database, connection, self._appetite, self.most) if ids is None else ids
        self.seen = len(wanted)
        rows = _locked(database, connection, wanted)
        takeable = [rows[one] for one in wanted if one in rows and self._appetite.takes(rows[one])]
        if not takeable:
            return []
        if not workers.register(connection, self._worker, takeable[0]["clock"], self._lease):
            raise HeldDead
        for row in takeable:
            self._done.append(self._claim(connection, row))
        return self._done

    def _claim(self, connection: Connection, row: Row) -> Claimed:
        told = {name: row.pop(name) for name in claims.TOLD}
        for step in claims.steps(row, self._worker):
            op_id = identifiers.uuid7()
            self._first = self._first or op_id
            row = journal.apply(connection, row, step, op_id)
        return claims.in_hand(row, **told)


def _is_ours(database: Database, connection: Connection, claimed: Claimed) -> bool:
    row = journal.lock(database, connection, claimed.job_id, for_update=False)
    return row is not None and is_held(row["status"], row["fence"], claimed.fence)


def due(database: Database, appetite: Appetite, most: int) -> list[int]:
    """Returns the ids of at most ``most`` jobs that can be claimed, best first; never writes."""

    return database.read(lambda connection: candidates(database, connection, appetite, most))


def candidates(database: Database, connection: Connection, appetite: Appetite, most: int) -> list[int]:
    """Returns the ids of at most ``most`` jobs that can be claimed: higher priority first, then older."""
    if not appetite.types:
        return []
    now = database.dialect.clock or "NULL"
    few = _few(database, connection, now)
    if few is not None:
        return [job_id for _, job_id in sorted(_rank(row) for row in few if appetite.takes(row))[:most]]
    values = {f"type{number}": name for number, name in enumerate(appetite.types)}
    names = tuple(sorted(values))
    found: list[tuple[int, int]] = []
    for queue in appetite.queues or _queues(connection):
        found += _of_queue(connection, now, names, values | {"queue": queue}, appetite, most)
    late = _late(now, names, database.dialect.present)
    rows = _read(connection, late, values | waiting.values(database) | {"n": max(_DUE, most)})
    found += [_rank(row) for row in rows if appetite.takes(row)]
    return [job_id for _, job_id in sorted(found)[:most]]


def _few(database: Database, connection: Connection, now: str) -> list[Row] | None:
    """Returns all jobs that wait where they are few, in one step whatever their types and queues; else None."""
    rows = _read(
        connection, _waiting(now, database.dialect.present), waiting.values(database) | {"n": _FEW + 1}
    )
    statuses = [row["status"] for row in rows]
    return None if any(statuses.count(one) > _FEW for one in set(statuses)) else rows


def _of_queue(
    connection: Connection, now: str, names: tuple[str, ...], values: Row, appetite: Appetite, most: int
) -> list[tuple[int, int]]:
    """Pages past the jobs that others are about to take."""
    found: list[tuple[int, int]] = []
    after: Row = {}
    size = max(most, 1)
    for _ in range(_MOST_PAGES):
        rows = _read(connection, _page(now, names, bool(after)), values | after | {"n": size})
        found += [_rank(row) for row in rows if appetite.takes(row)]
        if len(rows) < size or len(found) >= most:
            break
        after = {"priority": rows[-1]["priority"], "id": rows[-1]["id"]}
        size = max(_PAGE, most)
    return found


def _rank(row: Row) -> tuple[int, int]:
    return -int(row["priority"]), int(row["id"])


def _queues(connection: Connection) -> list[str]:
    """Returns the names of all queues, one step in the index for each."""
    found: list[str] = []
    while True:
        name = connection.execute(_NEXT_QUEUE, {"last": found[-1] if found else ""}).scalar()
        if name is None:
            return found
        found.append(name.decode() if isinstance(name, bytes) else str(name))


def _locked(database: Database, connection: Connection, ids: Sequence[int]) -> dict[int, Row]:
    if not ids:
        return {}
    statement = _lock(database.dialect.clock or "NULL", database.dialect.lock_free, len(ids))
    rows = _read(connection, statement, {f"id{number}": one for number, one in enumerate(ids)})
    return {int(row["id"]): row for row in rows}


def _read(connection: Connection, reading: Reading, values: Row) -> list[Row]:
    rows = reading.rows(connection, values)
    for row in rows:
        row["clock"] = row["clock"] or clock.now()
    return rows


_NEXT_QUEUE = text("SELECT MIN(queue) FROM jobrunner_job WHERE queue > :last")
_SEEN = ("id", "type", "queue", "status", "priority", "claim_token_hash", "launched_at", "available_at")


@lru_cache(maxsize=64)
def page_statement(now: str, types: tuple[str, ...], further: bool) -> TextClause:
    """Returns the statement that reads a page of a queue's jobs in the order of the claim; ``further`` pages on."""
    keyset = " AND priority <= :priority AND (priority < :priority OR id > :id)" if further else ""
    return text(
        f"SELECT {', '.join(_SEEN)}, {now} AS clock FROM jobrunner_job WHERE queue = :queue AND status = '{Status.QUEUED}'"
        f" AND type IN ({_names(types)}){keyset} ORDER BY priority DESC, id LIMIT :n"
    )


@lru_cache(maxsize=64)
def _page(now: str, types: tuple[str, ...], further: bool) -> Reading:
    return Reading(page_statement(now, types, further), (*_SEEN, "clock"))


@lru_cache(maxsize=64)
def _late(now: str, types: tuple[str, ...], present: str | None) -> Reading:
    moment = waiting.moment(present)
    statement = text(
        f"SELECT {', '.join(_SEEN)}, {now} AS clock FROM jobrunner_job WHERE status = '{Status.SCHEDULED}'"
        f" AND available_at <= {moment} AND type IN ({_names(types)}) ORDER BY available_at LIMIT :n"
    )
    return Reading(statement, (*_SEEN, "clock"))


@lru_cache
def _waiting(now: str, present: str | None) -> Reading:
    part = f"SELECT {', '.join(_SEEN)}, {now} AS clock FROM jobrunner_job w"
    # the order makes every planner walk the one index that has it
    order = "ORDER BY w.available_at LIMIT :n"
    moment = waiting.moment(present)
    return Reading(
        text(
            f"SELECT * FROM ({part} WHERE w.status = '{Status.QUEUED}' {order}) queued UNION ALL SELECT * FROM"
            f" ({part} WHERE w.status = '{Status.SCHEDULED}' AND w.available_at <= {moment} {order}) late"
        ),
        (*_SEEN, "clock"),
    )


@lru_cache(maxsize=256)
def _lock(now: str, lock_clause: str, count: int) -> Reading:
    ids = ", ".join(f":id{number}" for number in range(count))
    columns = ", ".join(JOB_COLUMNS)
    statement = text(
        f"SELECT {columns}, {claims.TOLD_COLUMNS}, {now} AS clock FROM jobrunner_job WHERE id IN ({ids}) ORDER BY id{lock_clause}"
    )
    return Reading(statement, (*JOB_COLUMNS, *claims.TOLD, "clock"))


def _names(types: tuple[str, ...]) -> str:
    return ", ".join(f":{name}" for name in types)
