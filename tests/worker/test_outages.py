"""A job does not notice that the database is away, and a worker that lost its job writes nothing more."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
from collections.abc import Iterator

import pytest

from jobrunner import JobRunner
from jobrunner.worker.waking import INSISTED
from tests.worker.workbed import Work, children_of, is_gone


@contextlib.contextmanager
def locked(url: str) -> Iterator[None]:
    """Holds the write lock of a SQLite store, as a user's own transaction would."""
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def small(url: str, sql, poll, **settings) -> Work:
    return Work(JobRunner(database_url=url, handlers=["tests.handlers.nasty"], **settings), sql, poll)


def test_a_restart_of_the_server_costs_no_line(own_server, work, eventually):
    job = work.start("n.counting", {"n": 60})
    work.running(job)
    own_server.stop()
    own_server.start()
    ended = work.ended(job)
    assert ended.job.status == "succeeded"
    assert work.lines(job, "stdout") == [str(number) for number in range(60)]


def test_a_server_that_dies_at_the_end_is_waited_for(own_server, work, eventually):
    job = work.start("n.counting", {"n": 10})
    worker = work.running(job)
    own_server.kill9()
    eventually(lambda: not children_of(worker))
    own_server.start()
    assert work.ended(job).job.status == "succeeded"
    assert work.lines(job, "stdout") == [str(number) for number in range(10)]


def test_a_users_own_transaction_does_not_stop_the_job(sqlite_url, work, eventually):
    job = work.start("n.counting", {"n": 30, "pause": 0.02})
    worker = work.running(job)
    with locked(sqlite_url):
        eventually(lambda: not children_of(worker))
    assert work.ended(job).job.status == "succeeded"
    assert work.lines(job, "stdout") == [str(number) for number in range(30)]


def test_a_worker_that_cannot_store_an_end_leaves_when_it_is_told_three_times(sqlite_url, work, eventually):
    job = work.start("n.counting", {"n": 30, "pause": 0.02})
    worker = work.running(job)
    with locked(sqlite_url):
        eventually(lambda: not children_of(worker))
        for _ in range(INSISTED - 1):
            os.kill(worker, signal.SIGTERM)
            assert not is_gone(worker)

        def ends() -> bool:
            # signals that come at once may count as one
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGTERM)
            return is_gone(worker)

        eventually(ends)
    assert work.status(job) == "running"
    work.runner.reaper().once()
    assert work.status(job) == "parked"


def test_what_a_full_spool_dropped_is_counted_in_its_place(sqlite_url, sql, eventually):
    work = small(sqlite_url, sql, eventually, spool_max_bytes=200_000)
    job = work.start("n.many_lines", {"n": 20_000})
    eventually(lambda: work.status(job) == "running")
    with locked(sqlite_url):
        worker = int(sql(f"SELECT pid FROM jobrunner_job WHERE id = {job}")[0][0])
        eventually(lambda: not children_of(worker), timeout=60)
    assert work.ended(job).job.status == "succeeded"
    told = [line for line in work.lines(job, "system") if "were dropped" in line]
    dropped = sum(int(line.split()[0]) for line in told)
    assert dropped + len(work.lines(job, "stdout")) == 20_000
    assert dropped > 0


@pytest.mark.databases("sqlite")
def test_beyond_the_log_limit_lines_are_dropped_and_counted(url, sql, eventually):
    work = small(url, sql, eventually, log_max_bytes=1000)
    ended = work.run("n.many_lines", {"n": 1000})
    assert ended.job.status == "succeeded"
    kept = work.lines(ended.job.id, "stdout")
    assert sum(map(len, kept)) <= 1000
    (told,) = (line for line in work.lines(ended.job.id, "system") if "log_max_bytes" in line)
    assert told.startswith(f"{1000 - len(kept)} further lines")


def test_a_superseded_worker_writes_nothing_and_ends_its_child(work, sql, eventually):
    job = work.start("n.counting", {"n": 1000})
    worker = work.running(job)
    (child,) = children_of(worker)
    sql(f"UPDATE jobrunner_job SET fence = fence + 1 WHERE id = {job}")
    count = len(work.lines(job))
    eventually(lambda: is_gone(child) and is_gone(worker))
    assert len(work.lines(job)) <= count + 1
    assert work.status(job) == "running"


def test_two_workers_for_one_launch_run_it_once(work, eventually, monkeypatch):
    job = work.start("n.counting", {"n": 5}, launcher="pool")
    codes = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            os._exit(work.runner.run(job))
        codes.append(pid)
    ended = sorted(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in codes)
    assert ended == [0, 1]
    assert work.lines(job, "stdout") == ["0", "1", "2", "3", "4"]
