"""A row that has changed between being read and being written is not written.

A lock keeps that from happening on one server. The guard in the statement itself is what holds where the lock does
not: so it is changed here inside of the writer's own transaction, which no lock keeps out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from jobrunner.errors import Superseded, TransitionConflict
from jobrunner.states import Trigger
from jobrunner.store import claims, leases, pruning, views
from jobrunner.store.claims import ChildProcess
from jobrunner.store.database import Database
from jobrunner.store.logs import Tail
from tests.store.driving import append, claim, create, finished, move

LATER = "9999-12-31T00:00:00.000000Z"


@contextmanager
def changed_before(database: Database, start: str, change: str) -> Iterator[None]:
    """Makes a change right before the first statement that begins so, on its connection."""
    todo = [change]

    def step_in(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if todo and statement.startswith(start):
            cursor.execute(todo.pop())

    engine = database.engine()
    event.listen(engine, "before_cursor_execute", step_in)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", step_in)
    assert not todo, "the statement was never made"


@pytest.mark.parametrize("change", ["fence = fence + 1", "status = 'parked'", "last_seq = last_seq + 1"])
def test_a_move(database: Database, change: str) -> None:
    job = create(database)
    claim(database, job)
    with (
        changed_before(
            database, "UPDATE jobrunner_job SET", f"UPDATE jobrunner_job SET {change} WHERE id = {job}"
        ),
        pytest.raises(TransitionConflict),
    ):
        move(database, job, Trigger.SUCCEED)
    assert [row["trigger_name"] for row in views.history(database, job)] == ["create", "claim"]


@pytest.mark.parametrize("change", ["fence = fence + 1", "status = 'parked'"])
def test_lines(database: Database, change: str, sql: Any) -> None:
    job = create(database)
    tail = Tail(claim(database, job))
    with (
        changed_before(
            database, "UPDATE jobrunner_job SET", f"UPDATE jobrunner_job SET {change} WHERE id = {job}"
        ),
        pytest.raises(Superseded),
    ):
        append(database, tail, ["too late"])
    assert sql("SELECT message FROM jobrunner_job_log") == []


def test_a_lease(database: Database) -> None:
    assert leases.acquire(database, "reaper", "a", -1) == 1
    stolen = "UPDATE jobrunner_lease SET beats = beats + 1, holder = 'b'"
    with changed_before(database, "UPDATE jobrunner_lease SET", stolen):
        assert leases.acquire(database, "reaper", "c", 30) is None


def test_the_beginning_of_a_log(database: Database, sql: Any) -> None:
    job = finished(database)
    retried = f"UPDATE jobrunner_job SET last_seq = last_seq + 1 WHERE id = {job}"
    with changed_before(database, "UPDATE jobrunner_job SET first_seq", retried):
        pruning.shorten(database, job, ["succeeded"], LATER, 3)
    assert sql("SELECT first_seq FROM jobrunner_job") == [(1,)]


def test_the_child_of_an_attempt(database: Database, sql: Any) -> None:
    job = create(database)
    claimed = claim(database, job)
    fenced = "UPDATE jobrunner_job_attempt SET fence = fence + 1"
    with changed_before(database, "UPDATE jobrunner_job_attempt SET child_pid", fenced):
        database.write(lambda c: claims.note_child(c, claimed, ChildProcess(5, 1)))
    assert sql("SELECT child_pid FROM jobrunner_job_attempt") == [(None,)]
