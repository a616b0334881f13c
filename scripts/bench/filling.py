"""Stores with something in them: finished jobs with sealed ledgers, or very many rows made by SQL alone."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from places import Store

from jobrunner import clock, identifiers
from jobrunner.runner import JobRunner
from jobrunner.states import Status, Trigger
from jobrunner.store import claims, ddl, journal, logs
from jobrunner.store.claims import Claimed
from jobrunner.store.journal import Move
from jobrunner.store.logs import Line, Tail
from jobrunner.store.workers import WorkerIdentity

BATCH = 500
AT_ONCE = 100_000
MONTH = 30 * 86_400.0
# how a job stands by its number's last two digits
RARE = dict.fromkeys(range(3, 13), "failed") | {
    20: "cancelled", 21: "cancelled", 22: "stopped", 30: "queued", 31: "queued", 40: "parked", 50: "held",
}  # fmt: skip


def claimed_job(runner: JobRunner) -> tuple[int, Tail]:
    """Returns a job that a worker in this process holds, and where its lines are appended."""
    job_id, claimed, _ = _claimed(runner)
    return job_id, Tail(claimed)


def _claimed(runner: JobRunner) -> tuple[int, Claimed, WorkerIdentity]:
    job_id = runner.start("bench.small", {"number": 1, "name": "a name"}, launcher="pool").job_id
    assert job_id is not None
    worker = WorkerIdentity(identifiers.uuid7(), "bench", "here", None, None, 1, 1, "none", "0")
    claimed = claims.claim(runner.database, job_id, worker, token=None, launch_grace=0, lease=30)
    assert isinstance(claimed, Claimed)
    return job_id, claimed, worker


def finished_job(runner: JobRunner, lines: int) -> int:
    """Returns a job that a worker in this process claimed, let say that many lines, and ended."""
    job_id, claimed, worker = _claimed(runner)
    tail = Tail(claimed)
    for start in range(0, lines, BATCH):
        logs.append(runner.database, tail, _lines(start, min(lines, start + BATCH)), {})
    done = Move(Trigger.SUCCEED, worker.actor, changes={"result": "{}"}, attempt={"exit_code": 0})
    journal.move(runner.database, job_id, lambda _row: [done], fence=claimed.fence)
    return job_id


def _lines(start: int, end: int) -> list[Line]:
    now = clock.now()
    return [
        Line(
            now,
            "info",
            "stdout",
            None,
            None,
            f"line {number}, which is about as long as lines of programs are",
            None,
        )
        for number in range(start, end)
    ]


def fill(store: Store, runner: JobRunner, jobs: int, lines: int, *, varied: bool = False) -> int:
    """Makes that many finished jobs and lines by plain SQL; returns the newest job, which has half of the lines.

    The rows are copies of one real job's, with ids, seqs and unique values of their own; digests are not made.
    ``varied`` jobs were made throughout a month, and a fifth of them failed, was cancelled or stands in some other way.
    """
    model = finished_job(runner, 1)
    connection = store.connect()
    cursor = connection.cursor()
    _constraints(store, cursor, on=False)
    each, own = max(1, lines // 2 // jobs), lines // 2
    spread = min(jobs - 1, lines // 2)
    for low in range(model + 1, model + jobs, AT_ONCE):
        high = min(model + jobs, low + AT_ONCE)
        _jobs(store, cursor, model, low, high, model + spread, each, own, model + jobs - 1, varied)
        connection.commit()
    for start in range(0, own, AT_ONCE):
        _copy_lines(store, cursor, model, model + jobs - 1, start + 3, min(own, start + AT_ONCE) + 3)
        connection.commit()
    _constraints(store, cursor, on=True)
    if store.kind == "sqlite":
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.execute("ANALYZE")
    else:
        for table in ("job", "job_transition", "job_log"):
            cursor.execute(f"ANALYZE {'TABLE ' if store.kind == 'mariadb' else ''}jobrunner_{table}")
            if store.kind == "mariadb":
                cursor.fetchall()
    connection.commit()
    connection.close()
    ddl.create(runner.database)
    return model + jobs - 1


def settle(store: Store) -> None:
    """Waits, two minutes at most, until MariaDB has written out what filling left, so that what follows does not pay."""
    if store.kind != "mariadb":
        return
    with contextlib.closing(store.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@GLOBAL.innodb_max_dirty_pages_pct")
        (usual,) = cursor.fetchone()
        cursor.execute("SET GLOBAL innodb_max_dirty_pages_pct = 0")
        try:
            for _ in range(120):
                cursor.execute(
                    "SELECT SUM(variable_value) FROM information_schema.global_status"
                    " WHERE variable_name IN ('INNODB_BUFFER_POOL_PAGES_DIRTY', 'INNODB_HISTORY_LIST_LENGTH')"
                )
                if cursor.fetchone()[0] < 100:
                    break
                time.sleep(1)  # polls
        finally:
            cursor.execute(f"SET GLOBAL innodb_max_dirty_pages_pct = {usual}")


def _constraints(store: Store, cursor: Any, *, on: bool) -> None:
    """The rows are right by their making, and checking each takes most of the time; the caller's DDL brings all back."""
    if store.kind == "sqlite":
        cursor.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")
        cursor.execute(f"PRAGMA synchronous={'FULL' if on else 'OFF'}")
        for name in () if on else ddl.TRIGGERS:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
    elif store.kind == "mariadb":
        cursor.execute(f"SET SESSION foreign_key_checks={int(on)}, unique_checks={int(on)}")
    else:
        cursor.execute(f"SET session_replication_role = {'DEFAULT' if on else 'replica'}")


def _numbers(store: Store, low: int, high: int) -> str:
    if store.kind == "mariadb":
        return f"(SELECT seq AS n FROM seq_{low}_to_{high - 1})"
    if store.kind == "postgres":
        return f"(SELECT generate_series({low}, {high - 1}) AS n)"
    return f"(WITH RECURSIVE r(n) AS (SELECT {low} UNION ALL SELECT n + 1 FROM r WHERE n + 1 < {high}) SELECT n FROM r)"


def _padded(store: Store, number: str) -> str:
    return (
        f"printf('%012d', {number})"
        if store.kind == "sqlite"
        else f"LPAD(CAST({number} AS CHAR(12)), 12, '0')"
    )


def _jobs(
    store: Store,
    cursor: Any,
    model: int,
    low: int,
    high: int,
    spread: int,
    each: int,
    own: int,
    newest: int,
    varied: bool,
) -> None:
    count = f"CASE WHEN k.n = {newest} THEN {own} WHEN k.n <= {spread} THEN {each} ELSE 0 END"
    numbers = _numbers(store, low, high)
    uuid = _uuid(store, "'0197'", "k.n")
    _copy(
        store, cursor, "job", {"id": "k.n", "uuid": uuid, "last_seq": f"3 + {count}", "final_seq": f"3 + {count}"}
        | (_variety(store, newest, newest - model + 1) if varied else {}),
        f"{numbers} k JOIN jobrunner_job t ON t.id = {model}",
    )  # fmt: skip
    at = {"at": _ago(store, f"({newest} - k.n) * {MONTH / (newest - model + 1):.4f}")} if varied else {}
    last = f"CASE WHEN t.seq > 2 THEN 3 + {count} ELSE t.seq END"
    _copy(
        store, cursor, "job_transition",
        {"job_id": "k.n", "seq": last, "op_id": _uuid(store, "CASE t.seq WHEN 1 THEN '0123' WHEN 2 THEN '0124' ELSE '0126' END", "k.n")} | at,
        f"{numbers} k JOIN jobrunner_job_transition t ON t.job_id = {model}",
    )  # fmt: skip
    lines = f"(SELECT n FROM {_numbers(store, 3, 3 + each)} q)"
    _copy(
        store, cursor, "job_log", {"job_id": "k.n", "seq": "m.n"},
        f"{numbers} k CROSS JOIN {lines} m JOIN jobrunner_job_log t ON t.job_id = {model} AND k.n <= {spread}"
        f" AND k.n <> {newest}",
    )  # fmt: skip


def _variety(store: Store, newest: int, jobs: int) -> dict[str, str]:
    """The columns of jobs that came evenly throughout a month, of which one of a hundred stands in each rarer way."""
    age = f"({newest} - k.n) * {MONTH / jobs:.4f}"
    standing = f"CASE ({newest} - k.n) % 100 {' '.join(f'WHEN {n} THEN {s!r}' for n, s in RARE.items())} ELSE t.status END"
    made, begun, ended = (_ago(store, f"{age} + {more}") for more in (12, 10, 0))
    going = ", ".join(str(n) for n, status in RARE.items() if not Status(status).is_terminal)
    return {
        "status": standing, "created_at": made, "available_at": made, "queued_at": made, "started_at": begun,
        "updated_at": ended, "finished_at": f"CASE WHEN ({newest} - k.n) % 100 IN ({going}) THEN NULL ELSE {ended} END",
    }  # fmt: skip


def _ago(store: Store, seconds: str) -> str:
    if store.kind == "sqlite":
        return f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ({seconds}) || ' seconds') || '000'"
    if store.kind == "mariadb":
        return f"DATE_SUB(UTC_TIMESTAMP(6), INTERVAL {seconds} SECOND)"
    return f"now() - ({seconds}) * interval '1 second'"


def _copy_lines(store: Store, cursor: Any, model: int, job_id: int, low: int, high: int) -> None:
    _copy(
        store, cursor, "job_log", {"job_id": str(job_id), "seq": "k.n"},
        f"{_numbers(store, low, high)} k JOIN jobrunner_job_log t ON t.job_id = {model}",
    )  # fmt: skip


def _copy(store: Store, cursor: Any, table: str, changed: dict[str, str], source: str) -> None:
    cursor.execute(f"SELECT * FROM jobrunner_{table} LIMIT 0")
    names = [column[0] for column in cursor.description if column[0] != "active_lock_key"]
    cursor.fetchall()
    values = ", ".join(changed.get(name, f"t.{name}") for name in names)
    if store.kind == "sqlite":
        cursor.execute("BEGIN IMMEDIATE")
    cursor.execute(f"INSERT INTO jobrunner_{table} ({', '.join(names)}) SELECT {values} FROM {source}")
    if store.kind == "sqlite":
        cursor.execute("COMMIT")


def _uuid(store: Store, head: str, number: str) -> str:
    digits = _padded(store, number)
    if store.kind == "sqlite":
        return (
            f"{head} || substr({digits}, 1, 4) || '-' || substr({digits}, 5, 4) || '-7000-8000-' || {digits}"
        )
    return f"CONCAT({head}, SUBSTR({digits}, 1, 4), '-', SUBSTR({digits}, 5, 4), '-7000-8000-', {digits})"
