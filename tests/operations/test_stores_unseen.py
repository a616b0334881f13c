"""Without a file, without tables, or with those of another version, reads say so and change nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import pytest

from jobrunner import JobRunner
from jobrunner.errors import (
    DatabaseUnavailable,
    SchemaMissing,
    SchemaOutdated,
)
from tests.operations.places import put


def every_read(runner: JobRunner) -> None:
    assert runner.status(1).found is False
    assert runner.history(1).transitions == [] and runner.logs(1).lines == [] and list(runner.events(1)) == []
    assert runner.jobs().jobs == [] and runner.stats() == {"jobs": {}} and runner.workers() == []
    assert runner.cancel(1).outcome == runner.delete(1).outcome == "not_found"


@pytest.mark.databases("sqlite")
def test_a_read_of_a_file_that_is_not_there_finds_nothing_and_makes_nothing(empty_url, store) -> None:
    before = sorted(store.directory.iterdir())
    runner = JobRunner()
    every_read(runner)
    assert sorted(store.directory.iterdir()) == before
    assert runner.start("t.noop", launcher="pool").outcome == "queued"
    assert len(runner.jobs().jobs) == 1


def test_a_read_where_the_directory_is_not_there_is_refused_as_a_write_is() -> None:
    runner = JobRunner(database_url="sqlite:////nonexistent/deep/jobs.db", launcher="pool")
    for call in (runner.stats, lambda: runner.status(1), runner.audit.verify, lambda: runner.start("t.noop")):
        with pytest.raises(DatabaseUnavailable, match="no directory"):
            list(call())


@pytest.mark.databases("sqlite")
def test_a_read_of_somebody_elses_file_finds_nothing_and_a_write_adds_the_tables(empty_url, store) -> None:
    store.sql("CREATE TABLE shop (name TEXT)")
    content = (store.directory / "jobs.db").read_bytes()
    every_read(JobRunner())
    assert (store.directory / "jobs.db").read_bytes() == content
    assert JobRunner().start("t.noop", launcher="pool").outcome == "queued"
    assert store.sql("SELECT count(*) FROM shop") == [(0,)]


READER = """
import os
from jobrunner import JobRunner
from jobrunner.errors import DatabaseReadOnly
other = JobRunner(database_url="sqlite:///other.db", launcher="pool")
other.cancel(other.start("t.noop").job_id)
other.jobs()
os.setgroups([]); os.setgid(65534); os.setuid(65534)
runner = JobRunner(launcher="pool")
print(runner.jobs().jobs[0].id, runner.status(1).job.status)
for change in (lambda: runner.start("t.noop"), lambda: runner.cancel(1)):
    try:
        change()
    except DatabaseReadOnly as error:
        print(error.code, bool(error.hint))
"""


@pytest.mark.databases("sqlite")
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become a user who may not write")
def test_a_file_that_may_only_be_read_is_read_and_a_write_is_refused_clearly(url, runner, store) -> None:
    put(runner, "queued")
    runner.database.close()
    store.sql("PRAGMA journal_mode=DELETE")
    (store.directory / "jobs.db").chmod(0o444)
    done = subprocess.run([sys.executable, "-c", READER], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("1 queued\ndatabase_read_only True\ndatabase_read_only True\n", "")


@pytest.mark.databases("mariadb", "postgres")
def test_a_server_without_tables_says_how_to_make_them(empty_url) -> None:
    runner = JobRunner(launcher="pool")
    for call in (
        lambda: runner.status(1),
        runner.jobs,
        lambda: runner.start("t.noop"),
        lambda: runner.cancel(1),
        lambda: next(runner.events(1)),
    ):
        with pytest.raises(SchemaMissing) as refused:
            call()
        assert refused.value.code == "schema_missing" and "jobrunner db init" in (refused.value.hint or "")
    runner.init_db()
    every_read(runner)


@pytest.mark.alters_schema
def test_tables_of_another_version_are_neither_read_nor_written(url, sql) -> None:
    for version in (0, 99):
        sql(f"UPDATE jobrunner_schema_version SET version = {version}")
        runner = JobRunner(launcher="pool")
        for call in (partial(runner.status, 1), partial(runner.start, "t.noop"), partial(runner.cancel, 1)):
            with pytest.raises(SchemaOutdated) as refused:
                call()
            assert refused.value.hint
        runner.database.close()


@pytest.mark.alters_schema
def test_a_column_that_is_not_there_means_an_older_schema(runner, sql) -> None:
    runner.stats()
    sql("ALTER TABLE jobrunner_job DROP COLUMN progress_text")
    with pytest.raises(SchemaOutdated) as refused:
        runner.jobs()
    assert "db check" in (refused.value.hint or "")
