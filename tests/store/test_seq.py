"""Per job, the order of commits is the order of seq: who has seen n never later finds a new row up to n."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jobrunner.auditor import verify
from jobrunner.errors import JobRunnerError, Superseded
from jobrunner.operations import cancel
from jobrunner.states import Mode, Trigger
from jobrunner.store import logs, views
from jobrunner.store.claims import Claimed
from jobrunner.store.database import Database
from jobrunner.store.logs import Tail
from tests.addresses import query
from tests.store.driving import append, claim, create, line, move
from tests.stores import Store

JOBS, BATCHES, SIZE = 3, 25, 4


def work(url: str, claimed: Claimed, done: threading.Event) -> None:
    """Appends lines as the worker of one job."""
    database = Database(url)
    tail = Tail(claimed)
    for batch in range(BATCHES):
        append(database, tail, [f"{batch}.{number}" for number in range(SIZE)])
    move(database, claimed.job_id, Trigger.CONFIRM_STOP)
    done.set()
    database.close()


def operate(url: str, job_id: int) -> None:
    """Raises a request step by step while the worker writes, and asks for what is asked already."""
    database = Database(url)
    for mode in (Mode.CANCEL, Mode.CANCEL, Mode.STOP, Mode.CANCEL, Mode.KILL, Mode.STOP):
        with contextlib.suppress(JobRunnerError):
            cancel.cancel(database, job_id, mode, actor="operator:x")
    database.close()


def follow(url: str, job_id: int, done: threading.Event) -> list[int]:
    """Returns every seq that a reader saw which asks only for what stands after its cursor."""
    database, seen, cursor = Database(url), list[int](), 0
    while True:
        last_look = done.is_set()
        glance = views.glance(database, job_id, after_seq=cursor, limit=7, tail=None)
        fresh = [row["seq"] for _, row in glance.events]
        seen += fresh
        cursor = fresh[-1] if fresh else cursor
        if last_look and not fresh:
            database.close()
            return seen


def test_with_many_writers_seq_is_dense_and_no_reader_misses_a_row(url: str, database: Database, sql) -> None:
    ids = [create(database) for _ in range(JOBS)]
    claimed = {job_id: claim(database, job_id) for job_id in ids}
    for job_id in ids:
        move(database, job_id, Trigger.CANCEL)
    done = {job_id: threading.Event() for job_id in ids}
    with ThreadPoolExecutor(JOBS * 5) as pool:
        readers = [
            (job_id, pool.submit(follow, url, job_id, done[job_id])) for job_id in ids for _ in range(2)
        ]
        others = [pool.submit(operate, url, job_id) for job_id in ids for _ in range(2)]
        others += [pool.submit(work, url, claimed[job_id], done[job_id]) for job_id in ids]
        for other in others:
            other.result()
        seen = [(job_id, reader.result()) for job_id, reader in readers]
    for job_id in ids:
        tables = ("jobrunner_job_transition", "jobrunner_job_log")
        stored = [
            row[0] for table in tables for row in sql(f"SELECT seq FROM {table} WHERE job_id = {job_id}")
        ]
        row = views.ended(database, job_id)
        assert row is not None
        assert sorted(stored) == list(range(1, row["last_seq"] + 1))
        assert len(sql(f"SELECT 1 FROM jobrunner_job_log WHERE job_id = {job_id}")) == BATCHES * SIZE
        assert row["final_seq"] == row["last_seq"]
    for job_id, seqs in seen:
        row = views.ended(database, job_id)
        assert row is not None
        assert seqs == list(range(1, row["last_seq"] + 1))
    assert list(verify(database)) == []


@pytest.mark.alters_schema
@pytest.mark.databases("mariadb", "postgres")
def test_a_cursor_on_a_plain_auto_increment_does_miss_a_row(store: Store, kind: str) -> None:
    number = "BIGINT AUTO_INCREMENT" if kind == "mariadb" else "BIGSERIAL"
    store.sql(f"CREATE TABLE control_line (id {number} PRIMARY KEY, message VARCHAR(10))")
    with contextlib.closing(store.connect()) as slow:
        query(slow, "BEGIN")
        query(slow, "INSERT INTO control_line (message) VALUES ('slow')")
        store.sql("INSERT INTO control_line (message) VALUES ('quick')")
        first = store.sql("SELECT id FROM control_line WHERE id > 0 ORDER BY id")
        query(slow, "COMMIT")
    cursor = first[-1][0]
    assert store.sql(f"SELECT message FROM control_line WHERE id > {cursor}") == []
    assert len(store.sql("SELECT id FROM control_line")) == len(first) + 1


def test_a_writer_waits_for_the_one_before(
    url: str, database: Database, store: Store, kind: str, eventually: Callable[..., Any]
) -> None:
    job_id = create(database)
    tail = Tail(claim(database, job_id))
    with contextlib.closing(store.connect()) as holder, ThreadPoolExecutor(1) as pool:
        query(holder, "BEGIN IMMEDIATE" if kind == "sqlite" else "BEGIN")
        query(holder, f"UPDATE jobrunner_job SET updated_at = updated_at WHERE id = {job_id}")
        waiting = pool.submit(append, Database(url), tail, ["after"])
        eventually(waiting.running)
        assert [row[0] for row in store.sql(f"SELECT last_seq FROM jobrunner_job WHERE id = {job_id}")] == [2]
        assert not waiting.done()
        query(holder, "COMMIT")
        waiting.result(timeout=30)
    assert store.sql(f"SELECT seq, message FROM jobrunner_job_log WHERE job_id = {job_id}") == [(3, "after")]


def test_a_superseded_worker_cannot_append_one_line(database: Database, sql) -> None:
    job_id = create(database)
    old = Tail(claim(database, job_id))
    move(database, job_id, Trigger.INTERRUPT)
    new = Tail(claim(database, job_id))
    with pytest.raises(Superseded):
        append(database, old, ["from the grave"])
    append(database, new, ["alive"])
    move(database, job_id, Trigger.SUCCEED)
    with pytest.raises(Superseded):
        logs.append(database, new, [line("too late")], {})
    assert sql("SELECT message FROM jobrunner_job_log") == [("alive",)]
    assert list(verify(database)) == []
