"""A worker stands still inside a transaction: what it has locked blocks nobody for long."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import threading

import pytest

from jobrunner.errors import DatabaseUnavailable
from jobrunner.operations.sweep import Sweeper
from jobrunner.store.dialects import IDLE
from tests.faults.laboratory import LEASE, Laboratory, go_on, stop
from tests.worker.workbed import is_gone

# a lease to be sure, the time-out that ends an idle transaction, and the patience of a write that waits for it
BOUND = 4 * (2 * LEASE + IDLE + 10)
# what a reaper says of its patience when it need not wait any longer
SOON = 0.05


@pytest.fixture
def reaping(lab: Laboratory):
    """A reaper at work, in a thread of this process."""
    over = threading.Event()
    thread = threading.Thread(target=lab.runner.reaper().run, args=(over,))
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture
def standing(lab: Laboratory, url, tmp_path):
    """A job whose worker stands still with the job's row locked, that worker, and where it says what came of it."""
    job = lab.start("l.once", {"witness": str(lab.witness)}, launcher="pool")
    said = tmp_path / "said"
    command = [sys.executable, "-m", "tests.faults.stander", url, str(job), str(LEASE), str(said)]
    process = subprocess.Popen(command)
    lab.poll(lambda: state_of(process.pid) == "T")
    yield job, process, said
    if process.poll() is None:
        process.kill()
    process.wait()


def state_of(pid: int) -> str:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0]


@pytest.mark.timeout(240)
@pytest.mark.databases("mariadb", "postgres")
def test_a_server_lets_go_of_what_a_stopped_worker_has_locked(lab, standing, reaping):
    job, process, said = standing
    lab.poll(lambda: lab.status(job) == "parked", timeout=BOUND)
    history = lab.triggers(job)
    assert state_of(process.pid) == "T", "nothing but its session was ended"
    go_on(process.pid)
    assert process.wait(60) == 0
    assert said.read_text() == "superseded"
    assert lab.triggers(job) == history and lab.sound()


@pytest.mark.timeout(240)
@pytest.mark.databases("sqlite")
def test_a_stopped_worker_that_holds_the_file_is_ended_and_the_ledger_says_so(lab, standing, reaping):
    job, process, said = standing
    lab.poll(lambda: lab.status(job) == "parked", timeout=BOUND)
    assert process.wait(5) == -9 and not said.exists()
    move = lab.runner.history(job).transitions[-1]
    assert move.trigger == "park_lost" and "was ended by SIGKILL" in move.context["how"]
    assert "stood still" in lab.runner.status(job).error.message
    assert lab.sound()
    assert lab.run("l.quick").job.status == "succeeded", "the file can be written again"


@pytest.mark.timeout(240)
@pytest.mark.databases("sqlite")
def test_a_reaper_that_is_asked_once_frees_the_file_too(lab, standing, cli):
    job, process, _ = standing
    lab.poll(lambda: lab.runner.status(job).job.is_stale)
    done = cli("reap", "--once", env={"JOBRUNNER_LEASE": "2", "JOBRUNNER_UNSAFE_TIMING": "1"}, timeout=BOUND)
    assert done.returncode == 0, done.stderr
    assert is_gone(process.pid) and lab.status(job) == "parked"


@pytest.mark.timeout(240)
@pytest.mark.databases("sqlite")
def test_nobody_is_ended_for_a_file_that_another_process_has_locked(lab, url):
    """The worker was stopped between its transactions; it is a user's own transaction that everybody waits for."""
    job, worker = lab.begin("l.once")
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        stop(worker)
        sweeper = lab.runner.reaper().sweeper
        lab.poll(lambda: is_silent(worker, sweeper), timeout=BOUND)
        with pytest.raises(DatabaseUnavailable):
            sweeper.recover()
        assert not is_gone(worker)
        holder.execute("ROLLBACK")
    # while nobody could write nobody could be heard, so the silence counts anew
    lab.poll(lambda: sweeper.recover().recovered, timeout=BOUND, every=0.2)
    assert lab.status(job) == "parked" and not is_gone(worker)
    go_on(worker)
    lab.poll(lambda: is_gone(worker))
    assert lab.sound()


def is_silent(pid: int, sweeper: Sweeper) -> bool:
    """True when the reaper's own memory holds the worker of this pid dead for its silence."""
    try:
        sweeper.recover(by_lease=False)
    except DatabaseUnavailable:
        raise AssertionError("nothing was to be written yet") from None
    return sweeper.patience() == SOON
