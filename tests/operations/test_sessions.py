"""A job started with a caller's session exists, and is launched, only if their transaction commits."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlmodel import Session as ModelSession

from jobrunner import JobRunner
from jobrunner.errors import InvalidField

DRIVERS = {"sqlite": "sqlite", "mariadb": "mysql+pymysql", "postgres": "postgresql+psycopg"}


class Orders:
    """What a program in the worker's place was told, in order."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @property
    def jobs(self) -> list[int]:
        return [json.loads(line)["job_id"] for line in self.file.read_text().splitlines()]


@pytest.fixture
def spawned(store, monkeypatch) -> Orders:
    """Launches a program that only notes its order, since these tests are about when that happens."""
    program, file = store.directory / "python", store.directory / "orders"
    program.write_text(f"#!/bin/sh\ncat >> {file}\necho >> {file}\nprintf taken\n")
    program.chmod(0o755)
    file.touch()
    monkeypatch.setattr(sys, "executable", str(program))
    return Orders(file)


@pytest.fixture
def engine(url, kind, sql) -> Iterator[Engine]:
    """The caller's own engine as they would make it, with every default."""
    sql("CREATE TABLE shop (name VARCHAR(20))")
    made = create_engine(DRIVERS[kind] + url[url.index(":") :])
    yield made
    made.dispose()
    sql("DROP TABLE shop")


@pytest.fixture
def detached(url, spawned) -> Iterator[JobRunner]:
    made = JobRunner(launcher="detached")
    yield made
    made.database.close()


def jobs_of(sql: Callable[[str], list[tuple[Any, ...]]]) -> int:
    return sql("SELECT count(*) FROM jobrunner_job")[0][0]


@pytest.mark.parametrize("kind_of_session", [Session, ModelSession])
def test_a_job_is_there_and_launched_after_the_commit_and_not_before(
    detached, engine, sql, spawned, kind_of_session
) -> None:
    with kind_of_session(engine) as session:
        session.connection().execute(text("INSERT INTO shop VALUES ('mine')"))
        found = detached.start("t.noop", session=session, tags={"n": "v"}, lock_key="k")
        assert (found.outcome, found.status) == ("queued", "queued")
        assert detached.status(found.job_id).found is False
        assert spawned.jobs == []
        session.commit()
        assert spawned.jobs == [found.job_id]
        assert detached.status(found.job_id).job.tags == {"n": "v"}
        session.commit()
    assert spawned.jobs == [found.job_id]
    assert sql("SELECT launches FROM jobrunner_job") == [(1,)]
    assert sql("SELECT name FROM shop") == [("mine",)]
    assert list(detached.audit.verify()) == []


def test_a_rollback_leaves_no_job_and_launches_nothing(detached, engine, sql, spawned) -> None:
    with Session(engine) as session:
        detached.start("t.noop", session=session, lock_key="k")
        session.rollback()
        assert jobs_of(sql) == 0
        assert detached.start("t.noop", session=session, lock_key="k").outcome == "queued"
        session.commit()
    assert (jobs_of(sql), len(spawned.jobs)) == (1, 1)


@pytest.mark.databases("mariadb", "postgres")
def test_a_savepoint_takes_its_job_along_or_gives_it_to_the_outer_commit(
    detached, engine, sql, spawned
) -> None:
    with Session(engine) as session:
        outer = detached.start("t.noop", session=session)
        with contextlib.suppress(ZeroDivisionError), session.begin_nested():
            detached.start("t.noop", session=session)
            raise ZeroDivisionError
        with session.begin_nested():
            inner = detached.start("t.noop", session=session)
        assert spawned.jobs == []
        session.commit()
    assert spawned.jobs == [outer.job_id, inner.job_id]
    assert jobs_of(sql) == 2


@pytest.mark.databases("sqlite")
def test_savepoints_work_on_sqlite_when_its_driver_is_told_to_leave_transactions_alone(
    detached, engine, sql, spawned
) -> None:
    event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with Session(engine) as session:
        with contextlib.suppress(ZeroDivisionError), session.begin_nested():
            detached.start("t.noop", session=session)
            raise ZeroDivisionError
        with session.begin_nested():
            inner = detached.start("t.noop", session=session)
        session.commit()
    assert spawned.jobs == [inner.job_id]
    assert jobs_of(sql) == 1


def test_a_conflict_does_not_poison_the_session(detached, engine, sql) -> None:
    holder = detached.start("t.noop", lock_key="k", idempotency_key="i", launcher="pool")
    with Session(engine) as session:
        session.connection().execute(text("INSERT INTO shop VALUES ('before')"))
        assert detached.start("t.noop", session=session, lock_key="k").job_id == holder.job_id
        again = detached.start("t.noop", session=session, idempotency_key="i")
        assert (again.outcome, again.job_id) == ("duplicate", holder.job_id)
        session.connection().execute(text("INSERT INTO shop VALUES ('after')"))
        session.commit()
    assert sql("SELECT count(*) FROM shop") == [(2,)]


@pytest.mark.databases("mariadb", "postgres")
@pytest.mark.parametrize("isolation", [None, "REPEATABLE READ", "SERIALIZABLE"])
def test_a_holder_that_came_after_the_callers_snapshot_is_found(detached, engine, isolation) -> None:
    chosen = engine.execution_options(isolation_level=isolation) if isolation else engine
    if isolation == "SERIALIZABLE" and engine.dialect.name == "mysql":
        pytest.skip("its plain reads take locks, so nobody can come after")
    with Session(chosen) as session:
        session.connection().execute(text("SELECT count(*) FROM jobrunner_job")).all()
        holder = detached.start("t.noop", lock_key="k", launcher="pool")
        found = detached.start("t.noop", session=session, lock_key="k")
        assert (found.outcome, found.job_id) == ("already_active", holder.job_id)
        session.connection().execute(text("INSERT INTO shop VALUES ('mine')"))
        session.commit()


def test_a_session_in_somebody_elses_transaction_launches_nothing_until_it_is_asked(
    detached, engine, sql, spawned
) -> None:
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection) as session:
            found = detached.start("t.noop", session=session)
            session.commit()
        assert spawned.jobs == []
        outer.commit()
    assert (spawned.jobs, jobs_of(sql)) == ([], 1)
    assert detached.launch(found.job_id).outcome == "done"
    assert spawned.jobs == [found.job_id]


def test_a_scoped_session_is_the_session_of_its_scope_only(detached, engine, spawned) -> None:
    scope = scoped_session(sessionmaker(engine))
    found = detached.start("t.noop", session=scope)
    with Session(engine) as other:
        other.connection().execute(text("SELECT 1"))
        other.commit()
    assert spawned.jobs == []
    scope.commit()
    assert spawned.jobs == [found.job_id]
    scope.remove()


def test_a_held_and_a_pool_job_are_not_launched(detached, engine, spawned) -> None:
    with Session(engine) as session:
        assert detached.start("t.noop", session=session, hold=True).outcome == "held"
        assert detached.start("t.noop", session=session, launcher="pool").outcome == "queued"
        assert detached.start("t.noop", session=session, delay=60).outcome == "scheduled"
        session.commit()
    assert len(spawned.jobs) == 1


def test_moments_are_utc_whatever_the_zone_of_the_session(detached, engine, sql, kind) -> None:
    with Session(engine) as session:
        if kind != "sqlite":
            zone = "SET time_zone = '-07:00'" if kind == "mariadb" else "SET TIME ZONE 'America/Los_Angeles'"
            session.connection().execute(text(zone))
        theirs = detached.start("t.noop", session=session, delay=3600).job_id
        session.commit()
        session.connection().execute(text("SELECT 1"))
        session.commit()
    own = detached.start("t.noop", delay=3600, launcher="pool").job_id
    first, second = detached.status(theirs).job, detached.status(own).job
    assert first.created_at[:16] <= second.created_at[:16] < first.available_at[:16]
    assert abs(int(first.available_at[11:13]) - int(second.available_at[11:13])) in (0, 1, 23)
    assert list(detached.audit.verify()) == []


@pytest.mark.databases("sqlite")
def test_on_sqlite_the_callers_own_write_transaction_may_be_open(detached, engine, sql, spawned) -> None:
    detached.start("t.noop", launcher="pool")
    with Session(engine) as session:
        session.connection().execute(text("INSERT INTO shop VALUES ('mine')"))
        assert session.connection().execute(text("PRAGMA foreign_keys")).scalar() == 0
        found = detached.start("t.noop", session=session)
        assert detached.status(found.job_id).found is False
        session.commit()
    assert spawned.jobs == [found.job_id]


def test_a_session_of_another_kind_of_database_or_no_session_is_refused(detached, kind, tmp_path) -> None:
    with pytest.raises(InvalidField) as refused:
        detached.start("t.noop", session=object())
    assert list(refused.value.fields) == ["session"]
    if kind != "sqlite":
        other = create_engine(f"sqlite:///{tmp_path}/other.db")
        with Session(other) as session, pytest.raises(InvalidField):
            detached.start("t.noop", session=session)
        other.dispose()


def test_a_long_lived_session_does_not_grow_with_its_starts(detached, engine, spawned) -> None:
    with Session(engine) as session:
        for _ in range(3):
            detached.start("t.noop", session=session)
            session.commit()
        assert len(list(session.dispatch.after_commit)) == 1
    assert len(spawned.jobs) == 3


def test_a_commit_stands_when_the_launch_after_it_cannot_use_the_database(
    detached, engine, sql, caplog
) -> None:
    with Session(engine) as session:
        event.listen(session, "after_commit", lambda _: sql("ALTER TABLE jobrunner_lease RENAME TO away"))
        found = detached.start("t.noop", session=session)
        session.commit()
    sql("ALTER TABLE away RENAME TO jobrunner_lease")
    assert detached.status(found.job_id).job.status == "queued"
    assert found.uuid in caplog.text
