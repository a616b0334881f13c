"""Reads over many jobs: pages of a list and counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection

from jobrunner import clock
from jobrunner.errors import AmbiguousWorker
from jobrunner.store import finding, payloads
from jobrunner.store.database import Database, Row, plain
from jobrunner.store.views import JOINS, ROW_COLUMNS, bounds_of, tags_of


@dataclass(frozen=True)
class Filter:
    """Which jobs a list shows; every part that is given must hold.

    ``since`` and ``until`` bound created_at, ``search`` is a literal part of title or type, ``worker`` the id or host
    of the latest one, ``params`` are values at dotted paths of the parameters. ``before_id`` is the keyset cursor: only
    older jobs. ``after_id`` is the way back: the jobs just newer than that.
    """

    status: tuple[str, ...] = ()
    type: str | None = None
    queue: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    created_by: str | None = None
    since: str | None = None
    until: str | None = None
    search: str | None = None
    worker: str | None = None
    params: tuple[tuple[str, str], ...] = ()
    before_id: int | None = None
    after_id: int | None = None


def page(
    database: Database, wanted: Filter, limit: int
) -> tuple[list[Row], Mapping[int, dict[str, str]], bool]:
    """Returns at most ``limit`` jobs, newest first, their tags by id, and whether more follow: older ones, or with
    ``after_id`` newer ones."""
    bound = _parts(wanted)

    def work(connection: Connection) -> tuple[list[Row], Mapping[int, dict[str, str]], bool]:
        given = bound | {"n": limit + 1}
        floor = finding.floor(connection, bound["since"]) if "since" in bound else None
        given |= {"floor_id": floor} if floor is not None else {}
        found = finding.ids(database.dialect.name, tuple(sorted(given)))
        if wanted.params:
            found, given = _of_params(connection, database.dialect.name, wanted, given)
        statement = _page(database.dialect.clock, found, wanted.after_id is None)
        rows = [plain(row) for row in connection.execute(statement, given).mappings()]
        for row in rows:
            row["clock"] = row["clock"] or clock.now()
        kept = rows[:limit] if wanted.after_id is None else rows[:limit][::-1]
        return kept, tags_of(connection, [row["id"] for row in kept]), len(rows) > limit

    return database.read(work)


def counts(database: Database) -> dict[str, int]:
    """Returns how many jobs there are in each status that has any."""
    return database.read(lambda c: {str(status): int(n) for status, n in c.execute(_COUNTS)})


def workers(database: Database) -> list[Row]:
    """Returns every worker that has not ended, newest first, with its lease, its jobs in hand and ``clock``."""

    def work(connection: Connection) -> list[Row]:
        now = database.now(connection)
        jobs = {plain(row)["worker_id"]: int(row["n"]) for row in connection.execute(_IN_HAND).mappings()}
        rows = [plain(row) for row in connection.execute(_WORKERS).mappings()]
        return [row | {"jobs": jobs.get(row["id"], 0), "clock": now} for row in rows]

    return database.read(work)


def worker(database: Database, name: str) -> Row | None:
    """Returns the worker that ``name`` means, with its lease and ``clock``; None when there is none.

    ``name`` is an id, or at least 6 characters of the beginning of one that has not ended. Raises AmbiguousWorker,
    naming the candidates.
    """
    wanted = str(name).strip().lower()
    bounds = bounds_of(wanted)

    def work(connection: Connection) -> Row | None:
        if bounds is None:
            return None
        rows = [plain(row) for row in connection.execute(_BY_PREFIX, bounds).mappings()]
        rows = [row for row in rows if row["id"].startswith(wanted)]
        if len(rows) > 1:
            names = ", ".join(f"{row['id']} ({row['host']} pid {row['pid']})" for row in rows)
            raise AmbiguousWorker(f"{wanted} is the beginning of more than one worker: {names}.")
        rows = rows or [plain(row) for row in connection.execute(_BY_ID, {"id": wanted}).mappings()]
        return rows[0] | {"clock": database.now(connection)} if rows else None

    return database.read(work)


def _parts(wanted: Filter) -> dict[str, Any]:
    bound: dict[str, Any] = {f"status{i}": status for i, status in enumerate(wanted.status)}
    for i, (name, value) in enumerate(wanted.tags):
        bound |= {f"tag{i}": name, f"value{i}": value}
    for i, pair in enumerate(wanted.params):
        bound[f"param{i}"], bound[f"bare{i}"] = payloads.needles(pair)
    plain_parts = {
        "type": wanted.type, "queue": wanted.queue, "created_by": wanted.created_by,
        "since": wanted.since and clock.db_text(wanted.since), "until": wanted.until and clock.db_text(wanted.until),
        "search": wanted.search, "before_id": wanted.before_id, "after_id": wanted.after_id,
    }  # fmt: skip
    if wanted.worker is not None:
        # ids are ASCII, and MySQL refuses to compare them with anything else
        plain_parts["worker" if wanted.worker.isascii() else "host"] = wanted.worker
    return bound | {name: value for name, value in plain_parts.items() if value is not None}


def _of_params(
    connection: Connection, dialect: str, wanted: Filter, given: Row
) -> tuple[str, dict[str, int]]:
    """Returns what stands for the ids of the jobs with these parameters, and its values."""
    edge = "before_id" if wanted.after_id is None else "after_id"

    def candidates(last: int | None, count: int) -> list[tuple[int, str]]:
        bound = given | {"n": count} | ({} if last is None else {edge: last})
        names = tuple(sorted(bound))
        found = connection.execute(_params(finding.ids(dialect, names), edge == "before_id"), bound)
        return [(int(job_id), str(params)) for job_id, params in found]

    ids = payloads.first(candidates, wanted.params, given["n"])
    bound = {f"id{number}": job_id for number, job_id in enumerate(ids)} or {"id0": 0}
    return ", ".join(f":{name}" for name in bound), bound | {"n": given["n"]}


@lru_cache(maxsize=256)
def _page(now: str | None, ids: str, newest_first: bool) -> TextClause:
    # the ids first: the rows are wide, and their worker is looked up for those that are shown only
    found = f"SELECT id FROM ({ids}) AS found" if ids.startswith("SELECT") else ids
    order = " DESC" if newest_first else ""
    return text(
        f"SELECT {ROW_COLUMNS}, {now or 'NULL'} AS clock{JOINS} WHERE j.id IN ({found}) ORDER BY j.id{order} LIMIT :n"
    )


@lru_cache(maxsize=256)
def _params(ids: str, newest_first: bool) -> TextClause:
    order = " DESC" if newest_first else ""
    return text(
        f"SELECT j.id, j.params FROM ({ids}) AS found JOIN jobrunner_job j ON j.id = found.id ORDER BY j.id{order} LIMIT :n"
    )


_IN_HAND = text(
    "SELECT worker_id, COUNT(*) AS n FROM jobrunner_job WHERE status IN ('running', 'cancel_requested') GROUP BY worker_id"
)
_COUNTS = text("SELECT status, COUNT(*) FROM jobrunner_job GROUP BY status")
_WORKER = (
    "SELECT w.id, w.kind, w.host, w.boot_id, w.pid_namespace, w.pid, w.process_started, w.scope, w.queues, w.labels,"
    " w.version, w.capacity, w.status, w.started_at, w.stopped_at, w.drain_at, w.drain_by, w.drain_reason,"
    " l.heartbeat_at, l.lease_until, l.memory_bytes, l.cpu_percent"
    " FROM jobrunner_worker w LEFT JOIN jobrunner_lease l ON l.name = w.id"
)
_WORKERS = text(f"{_WORKER} WHERE w.stopped_at IS NULL ORDER BY w.started_at DESC LIMIT 1000")
_BY_PREFIX = text(
    f"{_WORKER} WHERE w.stopped_at IS NULL AND w.id BETWEEN :low AND :high ORDER BY w.id LIMIT 6"
)
_BY_ID = text(f"{_WORKER} WHERE w.id = :id")
