"""The database of a busy pool goes away and comes back: jobs go on, nothing is lost, and no loop ends."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobrunner import processes
from jobrunner.store.database import Database
from jobrunner.worker.reaper import Reaper
from tests.servers import Server
from tests.worker.test_outages import locked
from tests.worker.workbed import is_gone

SERVERS = pytest.mark.databases("mariadb", "postgres")
FENCE = 1.4
SHORT = {
    "JOBRUNNER_HEARTBEAT": "0.3", "JOBRUNNER_LEASE": "2", "JOBRUNNER_SELF_FENCE": str(FENCE),
    "JOBRUNNER_UNSAFE_TIMING": "1",
}  # fmt: skip
NUMBERS = [str(number) for number in range(60)]


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    """A file in which handlers say what they did, whatever the database knows."""
    return tmp_path / "witness"


@contextlib.contextmanager
def silence(server: Server) -> Iterator[None]:
    """Has every process of a server stand still: its connections stay open, and nothing is answered."""
    assert server.pid is not None
    everyone = [server.pid, *(one.pid for one in processes.descendants(server.pid))]
    _signal(everyone, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(everyone, signal.SIGCONT)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        # PostgreSQL's helpers come and go
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@SERVERS
def test_a_server_that_is_killed_under_a_busy_pool_costs_neither_a_job_nor_a_line(own_server, pools, witness):
    jobs = [pools.start("w.counting", {"path": str(witness)}) for _ in range(6)]
    pool = pools.open("--capacity", 3)
    for job in jobs[:3]:
        pools.child(job)
    own_server.kill9()
    own_server.start()
    for job in jobs:
        assert pools.ended(job).job.status == "succeeded"
        assert pools.lines(job, "stdout") == NUMBERS
        assert pools.triggers(job) == ["create", "claim", "succeed"]
    assert sorted(witness.read_text().splitlines()) == sorted(
        f"{j} {what}" for j in jobs for what in ("start", "end")
    )
    assert pool.poll() is None
    assert pools.is_sound()


@SERVERS
@pytest.mark.parametrize("how", ["silent", "dead"])
def test_beyond_the_self_fence_what_may_run_again_is_given_back_and_the_rest_goes_on(
    own_server, pools, witness, eventually, how
):
    again, never = pools.start("w.wait"), pools.start("w.counting", {"path": str(witness), "pause": 0.1})
    pool = pools.open("--capacity", 2, **SHORT)
    given_back, kept = pools.child(again), pools.child(never)
    queued = pools.start("t.noop")
    if how == "silent":
        with silence(own_server):
            eventually(lambda: is_gone(given_back), 20 * FENCE)
            assert not is_gone(kept)
    else:
        own_server.kill9()
        eventually(lambda: is_gone(given_back), 20 * FENCE)
        assert not is_gone(kept)
        own_server.start()
    assert pools.ended(never).job.status == "succeeded"
    assert pools.lines(never, "stdout") == NUMBERS
    assert witness.read_text().splitlines() == [f"{never} start", f"{never} end"]
    assert pools.triggers(again)[:3] == ["create", "claim", "interrupt"]
    assert "heartbeat" in pools.runner.history(again).transitions[2].reason
    assert pools.ended(queued).job.status == "succeeded"
    eventually(lambda: pools.triggers(again)[3:] == ["claim"])
    assert pools.runner.status(again).job.budget_used == 1, "the attempt that was given back does not count"
    pools.runner.kill(again)
    pools.ended(again)
    assert pool.poll() is None
    assert pools.is_sound()


@SERVERS
def test_an_idle_pool_survives_its_server_and_works_when_it_is_back(own_server, pools, eventually):
    pool = pools.open(**SHORT)
    pools.ended(pools.start("t.noop"))
    own_server.kill9()
    own_server.start()
    assert pools.ended(pools.start("t.noop")).job.status == "succeeded"
    with silence(own_server):
        eventually(lambda: state_of(own_server.pid) == "T")
    assert pools.ended(pools.start("t.noop")).job.status == "succeeded"
    assert pool.poll() is None


@pytest.mark.databases("sqlite")
def test_a_file_that_somebody_has_locked_holds_up_neither_jobs_nor_their_lines(
    url, pools, witness, eventually
):
    again = pools.start("w.wait", {"seconds": 6})
    never = pools.start("w.counting", {"path": str(witness), "pause": 0.1})
    pool = pools.open("--capacity", 2, **SHORT)
    pids = [pools.child(again), pools.child(never)]
    with locked(url):
        eventually(lambda: is_gone(pids[1]), 60)
    assert pools.ended(never).job.status == "succeeded"
    assert pools.lines(never, "stdout") == NUMBERS
    assert pools.ended(again).result == {"attempt": 1}, "on SQLite nobody is fenced out by the clock"
    assert pool.poll() is None
    assert pools.is_sound()


def test_a_pool_that_was_held_dead_rejoins_under_another_id(pools, witness, eventually, sql, url):
    job = pools.start("w.counting", {"path": str(witness), "n": 6000})
    pool = pools.open("--capacity", 2, **SHORT)
    child = pools.child(job)
    os.kill(pool.pid, signal.SIGSTOP)
    database = Database(url)
    settings = pools.runner.settings.__class__(
        **vars(pools.runner.settings)
        | {"lease": 2.0, "heartbeat": 0.3, "self_fence": FENCE, "unsafe_timing": True}
    )
    reaper = Reaper(database, settings)
    eventually(lambda: [one.job_id for one in reaper.turn().recovered] == [job], 60, 0.2)
    assert is_gone(child) and pools.status(job) == "parked"
    os.kill(pool.pid, signal.SIGCONT)
    assert pools.ended(pools.start("t.noop")).job.status == "succeeded"
    states = sql(
        "SELECT status, COUNT(*) FROM jobrunner_worker WHERE kind = 'pool' GROUP BY status ORDER BY status"
    )
    assert states == [("active", 1), ("lost", 1)]
    assert pools.triggers(job) == ["create", "claim", "park_lost"]
    assert witness.read_text().splitlines() == [f"{job} start"]
    reaper.stop()
    database.close()
    assert pools.is_sound()


@SERVERS
def test_a_pool_that_cannot_come_in_does_not_stay(store, server, cli, url):
    wrong = url.replace(server.password, "not-it")
    missing = url.rsplit("/", 1)[0] + "/there_is_no_such_database"
    for database_url in (wrong, missing):
        done = cli("work", "--once", env={"JOBRUNNER_DATABASE_URL": database_url})
        assert done.returncode == 125, done.stderr
        assert "not-it" not in done.stderr


@SERVERS
def test_a_pool_whose_server_dies_as_it_begins_says_so_and_ends(own_server, cli, tmp_path, eventually):
    point = "spawn.nursery.before"
    pool = cli.spawn("work", env={"JR_FAILPOINTS": f"{point}=sleep:5", "JR_FAILPOINTS_SEEN": str(tmp_path)})
    eventually((tmp_path / f"fired {point}").exists)
    own_server.kill9()
    _, told = pool.communicate(timeout=60)
    assert pool.returncode == 125 and "does not answer" in told
    assert "Traceback" not in told


def test_a_pool_without_tables_does_not_stay(empty_url, kind, cli):
    done = cli("work", "--once")
    assert done.returncode == (0 if kind == "sqlite" else 125), done.stderr


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
