"""Every edge of the machine happens, its neighbours do not, and the database itself refuses the rest."""

from __future__ import annotations

import contextlib
import sqlite3
from functools import partial

import pytest

from jobrunner.auditor import verify
from jobrunner.errors import IllegalTransition
from jobrunner.states import EDGES, TERMINAL, Edge, Status, Trigger
from jobrunner.store import journal, views
from jobrunner.store.database import Database, Row
from jobrunner.store.journal import Move
from tests.store.driving import BIRTHS, create, job_in, move, path_to
from tests.stores import Store

MOVES = [edge for edge in EDGES if edge.from_status is not Status.NEW]
BORN = [status for status in Status if status not in (Status.NEW, Status.WAITING)]
COLUMNS = "job_id, seq, prev_seq, attempt, fence, from_status, trigger_name, to_status, actor, at, op_id, log_digest, digest"


def named(edge: Edge) -> str:
    return f"{edge.from_status}-{edge.trigger}"


@pytest.mark.parametrize("trigger", list(BIRTHS))
def test_a_birth_happens(database: Database, trigger: Trigger) -> None:
    (edge,) = [edge for edge in EDGES if edge.trigger is trigger]
    job_id = create(database, **BIRTHS[trigger])
    (row,) = views.history(database, job_id)
    assert (row["from_status"], row["trigger_name"], row["to_status"]) == (
        Status.NEW,
        trigger,
        edge.to_status,
    )
    assert (row["seq"], row["prev_seq"]) == (1, None)
    assert list(verify(database)) == []


@pytest.mark.parametrize("edge", MOVES, ids=named)
def test_an_edge_happens(database: Database, edge: Edge) -> None:
    job_id = job_in(database, edge.from_status)
    moved = move(database, job_id, edge.trigger)
    assert moved is not None
    assert (moved.before["status"], moved.after["status"]) == (edge.from_status, edge.to_status)
    *_, before, last = views.history(database, job_id)
    assert (last["from_status"], last["trigger_name"], last["to_status"]) == (
        edge.from_status,
        edge.trigger,
        edge.to_status,
    )
    assert (last["seq"], last["prev_seq"]) == (before["seq"] + 1, before["seq"])
    row = views.ended(database, job_id)
    assert row is not None
    assert (row["status"], row["last_seq"]) == (edge.to_status, last["seq"])
    assert row["final_seq"] == (last["seq"] if edge.to_status in TERMINAL else None)
    assert list(verify(database)) == []


@pytest.mark.parametrize("status", BORN)
def test_what_the_table_does_not_have_is_refused(database: Database, status: Status) -> None:
    job_id = job_in(database, status)
    before = views.history(database, job_id)
    for trigger in set(Trigger) - {edge.trigger for edge in EDGES if edge.from_status is status}:
        with pytest.raises(IllegalTransition):
            move(database, job_id, trigger)
    assert views.history(database, job_id) == before


@pytest.mark.parametrize("edge", MOVES, ids=named)
def test_who_may_not_take_an_edge_is_refused(sqlite_url: str, edge: Edge) -> None:
    database = Database(sqlite_url)
    job_id = job_in(database, edge.from_status)
    for kind in {"starter", "worker", "reaper", "operator", "scheduler", "system"} - set(edge.actors):
        with pytest.raises(IllegalTransition):
            journal.move(database, job_id, partial(step, edge.trigger, kind))
    assert len(views.history(database, job_id)) == len(path_to(edge.from_status))


def step(trigger: Trigger, kind: str, _row: Row) -> list[Move]:
    return [Move(trigger, f"{kind}:x")]


def insert(job_id: int, seq: int, prev: int | str, edge: tuple[str, str, str], number: int = 1) -> str:
    words = ", ".join(f"'{word}'" for word in edge)
    return (
        f"INSERT INTO jobrunner_job_transition ({COLUMNS}) VALUES ({job_id}, {seq}, {prev}, 0, 0, {words},"
        f" 'operator:x', '2026-01-01 00:00:00.000000', 'op-{job_id}-{number}', '{'0' * 64}', '{'0' * 64}')"
    )


ILLEGAL: dict[str, tuple[int, int | str, tuple[str, str, str]]] = {
    "an edge outside the table": (3, 2, ("held", "succeed", "succeeded")),
    "a known edge to another status": (3, 2, ("held", "release", "running")),
    "a skip": (3, 2, ("running", "succeed", "succeeded")),
    "a row before this one that is not there": (9, 8, ("held", "release", "queued")),
    "a fork": (3, 1, ("queued", "claim", "running")),
    "another row in the place of one": (2, 1, ("queued", "claim", "running")),
    "the same row again": (2, 1, ("queued", "hold", "held")),
    "a second birth": (3, "NULL", ("new", "create", "queued")),
    "a birth in the middle": (3, 2, ("new", "create", "queued")),
    "a row without one before it": (3, "NULL", ("held", "release", "queued")),
    "a row that follows itself": (3, 3, ("held", "release", "queued")),
    "a status that is none": (3, 2, ("held", "release", "dreaming")),
}


@pytest.mark.parametrize("what", list(ILLEGAL))
def test_plain_sql_cannot_write_an_illegal_history(database: Database, sql, what: str) -> None:
    job_id = create(database)
    move(database, job_id, Trigger.HOLD)
    with pytest.raises(
        Exception,
        match=r"(?i)foreign key|constraint|duplicate|unique|no such edge|does not follow|never replaced",
    ):
        sql(insert(job_id, *ILLEGAL[what]))
    sql(insert(job_id, 3, 2, ("held", "release", "queued")))


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("verb", ["INSERT", "REPLACE"])
@pytest.mark.parametrize("what", list(ILLEGAL))
def test_sqlite_refuses_those_who_left_foreign_keys_off(
    database: Database, store: Store, what: str, verb: str
) -> None:
    job_id = create(database)
    move(database, job_id, Trigger.HOLD)
    with contextlib.closing(sqlite3.connect(store.directory / "jobs.db")) as connection:
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (0,)
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(insert(job_id, *ILLEGAL[what]).replace("INSERT", verb, 1))


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("foreign_keys", ["ON", "OFF"])
def test_sqlite_refuses_to_replace_a_transition_and_to_begin_a_history_of_no_job(
    database: Database, store: Store, foreign_keys: str
) -> None:
    job_id = create(database)
    release = insert(job_id, 3, 2, ("held", "release", "queued"))
    move(database, job_id, Trigger.HOLD)
    before = views.history(database, job_id)
    replaced = f"REPLACE INTO jobrunner_job_transition SELECT * FROM jobrunner_job_transition WHERE job_id = {job_id}"
    with contextlib.closing(sqlite3.connect(store.directory / "jobs.db")) as connection:
        connection.execute(f"PRAGMA foreign_keys = {foreign_keys}")
        for statement, told in (
            (replaced, "never replaced"),
            (
                release.replace(f"op-{job_id}-1", before[0]["op_id"]).replace("INSERT", "REPLACE", 1),
                "never replaced",
            ),
            (insert(job_id + 1, 1, "NULL", ("new", "create", "queued")), "no such job"),
        ):
            with pytest.raises(sqlite3.IntegrityError, match=told):
                connection.execute(statement)
    assert views.history(database, job_id) == before


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE jobrunner_job_transition SET reason = 'other'",
        "UPDATE jobrunner_job_log SET message = 'other'",
        "UPDATE jobrunner_job SET status = 'dreaming'",
    ],
)
def test_sqlite_refuses_updates_of_what_is_written(database: Database, sql, statement: str) -> None:
    job_id = create(database)
    sql(
        "INSERT INTO jobrunner_job_log (job_id, seq, attempt, at, level, stream, message)"
        f" VALUES ({job_id}, 2, 1, '2026-01-01 00:00:00.000000', 'info', 'log', 'm')"
    )
    with pytest.raises(sqlite3.IntegrityError, match=r"never updated|no such status"):
        sql(statement)


def test_a_job_row_cannot_bear_what_is_no_status(database: Database, sql) -> None:
    job_id = create(database)
    for status in ("new", "dreaming"):
        with pytest.raises(Exception, match=r"(?i)foreign key|constraint|no such status"):
            sql(f"UPDATE jobrunner_job SET status = '{status}' WHERE id = {job_id}")
