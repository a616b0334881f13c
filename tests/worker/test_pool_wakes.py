"""An idle pool is cheap, and wakes at once."""

from __future__ import annotations

import time

from tests.worker.workbed import is_gone

IDLE = {"JOBRUNNER_POLL_MAX": "5"}


def test_an_idle_pool_starts_a_burst_at_once(pools, eventually, sql):
    pool = pools.open(**IDLE)
    pools.ended(pools.start("t.noop"))
    time.sleep(4)  # long enough for its looks to be seconds apart
    began = time.monotonic()
    jobs = [pools.start("t.noop") for _ in range(4)]
    eventually(lambda: all(pools.status(job) == "succeeded" for job in jobs), 10, 0.005)
    assert time.monotonic() - began < 1.5
    assert pool.poll() is None


def test_a_job_that_nobody_rang_for_is_found_by_looking(pools):
    pools.open(XDG_RUNTIME_DIR="/proc", TMPDIR="/proc", JOBRUNNER_POLL_MAX="0.5")
    pools.ended(pools.start("t.noop"))
    assert pools.ended(pools.start("t.noop"), 10).job.status == "succeeded"


def test_an_idle_pool_asks_seldom(pools, sql):
    """Its lease row counts what it writes; the process's own CPU what it reads."""
    pool = pools.open(**IDLE)
    pools.ended(pools.start("t.noop"))
    time.sleep(2)
    used = _cpu(pool.pid)
    time.sleep(5)
    assert _cpu(pool.pid) - used < 0.25
    assert not is_gone(pool.pid)


def _cpu(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
