"""Errors as the databases themselves say them: collisions, waits that run out, sessions and statements that are killed."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection

from jobrunner.store.database import Database
from tests.addresses import query
from tests.faults.laboratory import Laboratory

UPDATE = text("UPDATE jobrunner_status SET description = :value WHERE name = :name")
LOOK = text("SELECT description FROM jobrunner_status WHERE name = 'held'")


@pytest.fixture
def other(lab: Laboratory):
    """A session of somebody else."""
    with contextlib.closing(lab.store.connect()) as connection:
        yield connection


@pytest.mark.fault("F12")
@pytest.mark.databases("mariadb", "postgres")
@pytest.mark.alters_schema
def test_real_deadlocks_are_done_again(lab, tally) -> None:
    """1213 and 40P01, as the server says them."""
    both, tries = threading.Barrier(2), []

    def move(first: str, second: str) -> None:
        def work(connection: Connection) -> None:
            tries.append(first)
            connection.execute(UPDATE, {"name": first, "value": first})
            if len(tries) <= 2:
                both.wait(20)
            connection.execute(UPDATE, {"name": second, "value": first})

        lab.runner.database.write(work)

    threads = [threading.Thread(target=move, args=pair) for pair in (("held", "parked"), ("parked", "held"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tries) >= 3
    tally.injected("real deadlocks")


@pytest.mark.fault("F12")
@pytest.mark.databases("mariadb", "postgres")
@pytest.mark.alters_schema
def test_a_row_that_changed_under_a_snapshot_is_read_anew(lab, other, tally) -> None:
    """1020 and 40001, as the server says them to who asked for a stricter isolation than ours."""
    tries: list[int] = []

    def work(connection: Connection) -> str:
        tries.append(1)
        if lab.store.kind == "mariadb":
            connection.exec_driver_sql("SET SESSION innodb_snapshot_isolation = ON")
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.exec_driver_sql("BEGIN")
        else:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute(LOOK)
        if len(tries) == 1:
            query(other, "UPDATE jobrunner_status SET description = 'theirs' WHERE name = 'held'")
        connection.execute(UPDATE, {"name": "held", "value": "ours"})
        return "done"

    assert lab.runner.database.write(work) == "done"
    assert len(tries) == 2
    tally.injected("real conflicts of snapshots")
    lab.runner.close()


@pytest.mark.fault("F12")
@pytest.mark.databases("mariadb")
@pytest.mark.alters_schema
def test_a_lock_that_does_not_come_is_asked_for_again(lab, other, tally) -> None:
    """1205, as the server says it; the transaction is rolled back, not only the statement."""
    query(other, "BEGIN")
    query(other, "UPDATE jobrunner_status SET description = 'theirs' WHERE name = 'held'")
    tries: list[int] = []

    def work(connection: Connection) -> None:
        tries.append(1)
        connection.exec_driver_sql("SET SESSION innodb_lock_wait_timeout = 1")
        connection.execute(UPDATE, {"name": "parked", "value": str(len(tries))})
        if len(tries) == 2:
            query(other, "ROLLBACK")
        connection.execute(UPDATE, {"name": "held", "value": "ours"})

    lab.runner.database.write(work)
    assert len(tries) == 2
    tally.injected("real waits for a lock that ran out")
    lab.runner.close()


@pytest.mark.fault("F13")
@pytest.mark.databases("mariadb", "postgres")
@pytest.mark.parametrize("what", ["session", "statement"])
def test_a_session_or_statement_that_somebody_kills_is_done_again(lab, other, tally, what) -> None:
    """2013 and then (0, ''), 1317; 57P01, 57014."""
    mysql = lab.store.kind == "mariadb"
    tries: list[int] = []

    def kill(number: int) -> None:
        time.sleep(0.2)
        if mysql:
            query(other, f"KILL {'QUERY ' if what == 'statement' else ''}{number}")
        else:
            query(other, f"SELECT pg_{'cancel' if what == 'statement' else 'terminate'}_backend({number})")

    def work(connection: Connection) -> str:
        tries.append(1)
        number = connection.exec_driver_sql(
            "SELECT CONNECTION_ID()" if mysql else "SELECT pg_backend_pid()"
        ).scalar_one()
        if len(tries) == 1:
            killer = threading.Thread(target=kill, args=(number,))
            killer.start()
            try:
                # a real statement, since MariaDB lets SLEEP alone return when it is killed
                slow = (
                    "SELECT COUNT(*), SLEEP(20) FROM jobrunner_status a" if mysql else "SELECT pg_sleep(20)"
                )
                connection.exec_driver_sql(slow).fetchall()
            finally:
                killer.join()
        return "done"

    assert lab.runner.database.write(work) == "done"
    assert len(tries) == 2
    tally.injected(f"{what}s killed by somebody")


@pytest.mark.databases("sqlite")
@pytest.mark.alters_schema
def test_sqlite_that_is_busy_is_asked_again(lab, other, tally) -> None:
    """SQLITE_BUSY and SQLITE_BUSY_SNAPSHOT, as SQLite says them."""
    database: Database = lab.runner.database
    with database.engine().connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    query(other, "BEGIN IMMEDIATE")
    freer = threading.Timer(0.3, lambda: None)
    freer.start()
    done: list[str] = []
    writer = threading.Thread(
        target=lambda: done.append(database.write(lambda c: str(c.execute(LOOK).scalar_one())))
    )
    writer.start()
    freer.join()
    assert done == []
    query(other, "ROLLBACK")
    writer.join()
    tries: list[int] = []

    def late(connection: Connection) -> None:
        tries.append(1)
        connection.execute(LOOK)
        if len(tries) == 1:
            query(other, "UPDATE jobrunner_status SET description = 'theirs' WHERE name = 'held'")
            connection.execute(UPDATE, {"name": "held", "value": "ours"})

    database.read(late)
    assert done and len(tries) == 2
    tally.injected("real SQLITE_BUSY and SQLITE_BUSY_SNAPSHOT", 2)
    database.close()
