"""A database that fails is borne when it comes back, and told clearly when it does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection

from jobrunner import JobRunner
from jobrunner.errors import (
    BadDatabaseUrl,
    DatabaseFull,
    DatabaseUnavailable,
    StoreError,
)
from jobrunner.states import Trigger
from jobrunner.store.database import Database
from tests.operations.places import end, put, take
from tests.servers import Server
from tests.store.proxy import Proxy

SECRET = "s3cr3t"


def told(call: Callable[[], Any]) -> tuple[StoreError, str]:
    """Returns the error of a call, and all that a log would show of it."""
    with pytest.raises(StoreError) as refused:
        call()
    error = refused.value
    assert error.hint
    assert "\n" not in error.message
    return error, "".join(traceback.format_exception(error)) + repr(error) + str(error.as_dict())


@pytest.mark.parametrize(
    "url",
    [
        "jobs.db", "sqlite://", "sqlite:///:memory:", "sqlite:///file:x.db?mode=memory", "sqlite:///x.db?mode=ro", "sqlite://x.db",
        f"oracle://u:{SECRET}@h/db", f"mysql+mysqldb://u:{SECRET}@h/db", f"mysql://u:{SECRET}@h", f"mysql://u:{SECRET}@h:port/db",
        f"mysql://u:x@{SECRET}@h/db", f"postgresql://u:{SECRET}@[::1/db", f"mysql://u:{SECRET}@127.0.0.1/db?colour={SECRET}",
        f"mysql://u:{SECRET}@{'h' * 70}/db",
    ],
)  # fmt: skip
def test_a_url_that_means_nothing_is_refused_without_a_word_of_its_password(url) -> None:
    error, shown = told(lambda: JobRunner(database_url=url).jobs())
    assert isinstance(error, BadDatabaseUrl)
    assert SECRET not in shown


def test_a_server_that_cannot_be_used_is_told_at_once_without_its_password(server) -> None:
    good = server.url("nonexistent_database")
    urls = [
        good,
        good.replace(str(server.port), "1"),
        good.replace(str(server.port), "99999"),
        good.replace(server.password, SECRET),
        good.replace(server.host, "nonexistent.invalid"),
    ]
    if server.kind == "postgres":
        urls.append(f"{good}?password={SECRET}")
    for url in urls:
        runner, began = (
            JobRunner(database_url=url, handlers=["tests.handlers.basic"], launcher="pool"),
            time.monotonic(),
        )
        calls: list[Callable[[], Any]] = [
            runner.jobs,
            partial(runner.start, "t.noop"),
            partial(runner.events, 1),
            partial(runner.wait, 1),
        ]
        for call in calls:
            error, shown = told(call)
            assert error.code == "database_unavailable"
            assert server.password not in shown and SECRET not in shown
        assert time.monotonic() - began < 10
        shown = repr(runner.settings) + runner.database.where
        assert server.password not in shown and SECRET not in shown


def test_a_server_that_restarts_is_waited_for(own_server: Server, url, runner) -> None:
    job = put(runner, "running")
    seen: list[Any] = []
    follower = threading.Thread(target=lambda: seen.extend(runner.events(job)))
    follower.start()
    own_server.stop()
    with pytest.raises(DatabaseUnavailable):
        runner.database.read(lambda connection: connection.execute(text("SELECT 1")), patience=0.2)
    results: list[str] = []
    starter = threading.Thread(target=lambda: results.append(runner.start("t.noop").outcome))
    starter.start()
    own_server.start()
    starter.join()
    end(runner, job, Trigger.SUCCEED)
    follower.join()
    assert results == ["queued"]
    assert [row["seq"] for row in seen] == [1, 2, 3]


@pytest.mark.databases("mariadb", "postgres")
def test_connections_that_are_killed_are_not_noticed(runner, store) -> None:
    assert store.address is not None
    for _ in range(3):
        job = put(runner, "queued")
        store.address.disconnect(store.name)
        assert runner.hold(job).outcome == "done"
        store.address.disconnect(store.name)
        assert runner.status(job).job.status == "held"
        assert len(runner.history(job).transitions) == 2


@pytest.mark.databases("mariadb", "postgres")
def test_a_connection_that_is_killed_in_a_transaction_is_replaced_and_the_work_done_once(
    database, store, sql
) -> None:
    tries: list[int] = []

    def work(connection: Connection) -> str:
        tries.append(1)
        connection.execute(text("INSERT INTO jobrunner_status VALUES ('x', 1, 0, '')"))
        if len(tries) < 3:
            assert store.address is not None
            store.address.disconnect(store.name)
        connection.execute(text("UPDATE jobrunner_status SET description = 'y' WHERE name = 'x'"))
        return "done"

    assert database.write(work) == "done"
    assert (len(tries), sql("SELECT description FROM jobrunner_status WHERE name = 'x'")) == (3, [("y",)])


@pytest.mark.databases("mariadb", "postgres")
def test_of_two_transactions_in_deadlock_both_are_done(database, sql) -> None:
    both = threading.Barrier(2)
    tries: list[str] = []

    def move(first: str, second: str) -> None:
        def work(connection: Connection) -> None:
            tries.append(first)
            statement = text("UPDATE jobrunner_status SET is_active = is_active + 1 WHERE name = :name")
            connection.execute(statement, {"name": first})
            if len(tries) <= 2:
                both.wait(10)
            connection.execute(statement, {"name": second})

        database.write(work)

    threads = [
        threading.Thread(target=move, args=names) for names in (("held", "parked"), ("parked", "held"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tries) >= 3
    assert sql("SELECT is_active FROM jobrunner_status WHERE name IN ('held', 'parked')") == [(3,), (3,)]


def test_a_row_or_file_that_somebody_locks_for_a_moment_is_waited_for(runner, store, kind) -> None:
    job = put(runner, "queued")
    connection = store.connect()
    cursor = connection.cursor()
    cursor.execute("BEGIN IMMEDIATE" if kind == "sqlite" else "BEGIN")
    cursor.execute(f"UPDATE jobrunner_job SET priority = 9 WHERE id = {job}")
    results: list[str] = []
    verb = threading.Thread(target=lambda: results.append(runner.hold(job).outcome))
    verb.start()
    assert runner.status(job).job.priority == 0
    verb.join(0.3)
    assert results == []
    cursor.execute("COMMIT")
    verb.join()
    connection.close()
    assert (results, runner.status(job).job.priority) == (["done"], 9)


@pytest.fixture
def proxy(store) -> Iterator[Proxy]:
    assert store.address is not None
    made = Proxy(store.address.host, store.address.port)
    yield made
    made.close()


@pytest.mark.databases("mariadb", "postgres")
@pytest.mark.parametrize("cut", ["after", "before"])
def test_a_commit_without_an_answer_is_done_once_and_answered_as_done(store, proxy, sql, cut) -> None:
    url = store.url.replace(f":{store.address.port}/", f":{proxy.port}/")
    runner = JobRunner(database_url=url, launcher="pool")
    runner.jobs()

    def lost(call: Callable[[], Any]) -> Any:
        proxy.armed = cut
        result = call()
        assert proxy.armed is None
        return result

    first = lost(lambda: runner.start("t.noop", lock_key="k", tags={"n": "v"}))
    assert first.outcome == "queued"
    assert lost(lambda: runner.start("t.noop", lock_key="k")).job_id == first.job_id
    many = lost(
        lambda: runner.start_many(
            [("t.noop",), ("t.noop", {}, {"lock_key": "k"}), ("t.noop", {}, {"lock_key": "l"})]
        )
    )
    assert [item.outcome for item in many] == ["queued", "already_active", "queued"]
    held = lost(lambda: runner.hold(first.job_id))
    assert (held.outcome, held.previous_status, held.status) == ("done", "queued", "held")
    assert lost(lambda: take(runner, many[0].job_id)).attempt == 1
    assert lost(lambda: runner.stop(many[0].job_id)).outcome == "requested"
    gone = lost(lambda: runner.delete(first.job_id))
    assert (gone.outcome, gone.previous_status) == ("done", "held")
    assert proxy.cuts == 7
    assert sql("SELECT count(*), max(last_seq), max(fence) FROM jobrunner_job") == [(2, 3, 1)]
    assert sql("SELECT count(*) FROM jobrunner_tombstone") == [(1,)]
    assert list(runner.audit.verify()) == []
    runner.database.close()


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("path", "hint"),
    [("missing/jobs.db", "Create the directory"), (".", "allowed to read"), ("text.db", "something else")],
)
def test_a_path_that_cannot_be_a_database_is_told(empty_url, store, path, hint) -> None:
    (store.directory / "text.db").write_text("This is a letter and no database.\n" * 100)
    runner = JobRunner(database_url=f"sqlite:///{store.directory}/{path}", launcher="pool")
    error, _ = told(lambda: runner.start("t.noop"))
    assert error.code == "database_unavailable" and hint in (error.hint or "")
    assert sorted(item.name for item in store.directory.iterdir()) == ["text.db"]


@pytest.mark.databases("sqlite")
@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small disk")
def test_a_full_or_read_only_disk_is_told_and_leaves_no_half_row(empty_url, store) -> None:
    disk = Path(store.directory, "disk")
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True
    ).returncode:
        pytest.skip("this machine does not let root mount")
    try:
        runner = JobRunner(database_url=f"sqlite:///{disk}/jobs.db", launcher="pool")
        runner.start("t.noop")
        runner.database.close()
        # whoever opens the file anew writes beside it, even to read
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        for call in (runner.jobs, partial(runner.start, "t.noop")):
            error, _ = told(call)
            assert error.code == "database_read_only" and "mounted read-only" in (error.hint or "")
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        filled = os.open(disk / "filled", os.O_WRONLY | os.O_CREAT)

        def brim() -> None:
            while True:
                os.write(filled, b"x" * 4096)

        with pytest.raises(OSError, match="No space"):
            brim()
        os.close(filled)
        assert told(runner.jobs)[0].code == "database_full"
        (disk / "filled").unlink()
        one = ("t.echo", {"value": "x" * 50_000})

        def fill() -> None:
            for _ in range(100):
                runner.start(*one)

        with pytest.raises(DatabaseFull) as refused:
            fill()
        assert refused.value.code == "database_full" and refused.value.hint
        stored = len(runner.jobs(limit=1000).jobs)
        assert 1 < stored < 100
        assert list(runner.audit.verify()) == []
        with pytest.raises(DatabaseFull):
            runner.start_many([one] * 20)
        assert len(runner.jobs(limit=1000).jobs) == stored
        runner.database.close()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.databases("sqlite")
@pytest.mark.skipif(os.getuid() == 0 and not shutil.which("setpriv"), reason="root may write everywhere")
def test_a_file_that_may_not_be_written_is_told(url, store) -> None:
    store.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    store.directory.chmod(0o555)
    without = ["--bounding-set=-dac_override", "--inh-caps=-dac_override"]
    unprivileged = ["setpriv", *without] if os.getuid() == 0 else []
    code = "from jobrunner import JobRunner\nJobRunner(launcher='pool').start('t.noop')"
    done = subprocess.run([*unprivileged, sys.executable, "-c", code], capture_output=True, text=True)
    store.directory.chmod(0o755)
    assert "DatabaseReadOnly: The database" in done.stderr


def test_a_statement_that_the_database_refuses_is_a_store_failure_and_is_not_repeated(database) -> None:
    tries: list[int] = []

    def work(connection: Connection) -> None:
        tries.append(1)
        connection.execute(text("INSERT INTO jobrunner_job_tag VALUES (4711, 'n', 'v')"))

    error, _ = told(lambda: database.write(work))
    assert (error.code, len(tries)) == ("store_failure", 1)


def test_nothing_is_opened_before_the_first_transaction(url) -> None:
    opened = Database(url)
    assert opened.reached is False
    opened.close()
