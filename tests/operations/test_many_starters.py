"""Many processes and threads start at once, and a fork does not matter."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import pytest

from jobrunner import JobRunner

# Forked when everything is imported and let go together, so that all of them start within a moment.
RACE = """
import os, sys
from jobrunner import JobRunner
JobRunner().types()
import jobrunner.store.ddl
ready, go = os.pipe()
told, say = os.pipe()
for number in range(int(sys.argv[2])):
    if os.fork() == 0:
        os.close(go)
        os.read(ready, 1)
        found = JobRunner(launcher="pool").start("t.noop", **{sys.argv[1]: "one and only"})
        os.write(say, f"{found.outcome} {found.job_id}\\n".encode())
        os._exit(0)
os.close(go)
os.close(say)
print(open(told).read(), end="")
"""


def race(key: str, number: int) -> list[list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", RACE, key, str(number)], capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    return [line.split() for line in done.stdout.splitlines()]


def test_of_twenty_processes_with_one_lock_key_one_creates_the_job(url, sql) -> None:
    told = race("lock_key", 20)
    outcomes = sorted(outcome for outcome, _ in told)
    assert outcomes == ["already_active"] * 19 + ["queued"]
    assert len({job_id for _, job_id in told}) == 1
    assert sql("SELECT count(*) FROM jobrunner_job") == [(1,)]


def test_of_eight_processes_with_one_idempotency_key_one_creates_the_job(url, sql) -> None:
    told = race("idempotency_key", 8)
    assert sorted(outcome for outcome, _ in told) == ["duplicate"] * 7 + ["queued"]
    assert sql("SELECT count(*) FROM jobrunner_job_transition") == [(1,)]


@pytest.mark.databases("sqlite")
def test_processes_that_meet_at_a_file_that_does_not_exist_create_it_together(empty_url, store) -> None:
    told = race("lock_key", 8)
    assert sorted(outcome for outcome, _ in told) == ["already_active"] * 7 + ["queued"]
    assert store.sql("PRAGMA journal_mode") == [("wal",)]
    assert JobRunner().check_db() == []


def test_two_batches_at_once_share_their_keys(runner) -> None:
    items: list[Any] = [("t.noop", {}, {"lock_key": f"k{number}"}) for number in range(30)]
    answers: list[list[str]] = []

    def start() -> None:
        answers.append([item.outcome for item in runner.start_many(items)])

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [sorted(outcomes) for outcomes in zip(*answers, strict=True)] == [
        ["already_active"] * 3 + ["queued"]
    ] * 30


def test_sixteen_threads_start_jobs_with_one_runner(url) -> None:
    runner = JobRunner(launcher="pool")
    ids: list[int] = []

    def start() -> None:
        ids.extend(runner.start("t.noop", lock_key=None if n else "k").job_id for n in range(6))

    threads = [threading.Thread(target=start) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(ids), len(set(ids))) == (96, 81)
    runner.database.close()


FORKER = """
import os, sys
from jobrunner import JobRunner
runner = JobRunner(launcher="pool")
runner.start("t.noop")
child = os.fork()
for number in range(20):
    runner.start("t.noop")
    assert runner.status(1).job or runner.jobs().jobs
if child == 0:
    os._exit(0)
_, status = os.waitpid(child, 0)
runner.start("t.noop")
print(status, len(runner.jobs(limit=100).jobs))
"""


def test_a_runner_that_was_used_before_a_fork_works_on_both_sides(url) -> None:
    done = subprocess.run([sys.executable, "-c", FORKER], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("0 42\n", "")


FORKER_AMONG_THREADS = """
import os, threading, time
from sqlalchemy import text
from jobrunner import JobRunner
runner = JobRunner(launcher="pool")
first = runner.start("t.noop").job_id

def child(start):
    pid = os.fork()
    if pid == 0:
        start()
        os._exit(0)
    return os.waitpid(pid, 0)[1]

def beside(start):
    inside = threading.Event()
    def work(connection):
        connection.execute(text(f"UPDATE jobrunner_job SET priority = priority + 1 WHERE id = {first}"))
        inside.set()
        time.sleep(0.3)
    thread = threading.Thread(target=runner.database.write, args=(work,))
    thread.start()
    inside.wait()
    try:
        return child(start)
    finally:
        thread.join()

def busy():
    while not over.is_set():
        runner.start("t.noop")

codes = [beside(lambda: runner.start("t.noop")), beside(lambda: JobRunner().start("t.noop"))]
began = time.monotonic()
codes.append(runner.database.write(lambda _: child(lambda: None)))
assert time.monotonic() - began < 3
over = threading.Event()
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
codes += [child(lambda: runner.start("t.noop")) for _ in range(10)]
over.set()
for thread in threads:
    thread.join()
runner.start("t.noop")
print(codes, runner.status(first).job.priority)
"""


def test_a_process_that_is_forked_while_threads_write_writes_like_any_other(url) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKER_AMONG_THREADS],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == (f"{[0] * 13} 2\n", "")
