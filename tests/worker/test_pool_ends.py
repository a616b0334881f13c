"""How what a pool has in hand comes to its end: by itself, by request, by force, and when the pool is shut down."""

from __future__ import annotations

import os
import signal

import pytest

from tests.worker.workbed import is_gone


def test_a_killed_child_says_so_and_its_last_words_are_kept(pools):
    job = pools.start("w.suicide")
    pools.drain()
    ended = pools.runner.status(job)
    assert (ended.job.status, ended.error.reason_code) == ("failed", "killed_by_signal_9")
    assert "goodbye" in pools.lines(job)
    assert pools.attempt(job)["exit_signal"] == 9


def test_what_a_job_leaves_running_is_ended_with_it(pools):
    job, other = pools.start("w.daemon"), pools.start("w.wait", {"seconds": 3})
    pools.open("--capacity", 2)
    pid = pools.ended(job).result["pid"]
    assert is_gone(pid)
    assert pools.ended(other).job.status == "succeeded"


@pytest.mark.parametrize(
    ("verb", "status"), [("cancel", "cancelled"), ("stop", "stopped"), ("kill", "stopped")]
)
def test_a_running_job_ends_as_it_is_asked(pools, verb, status):
    job, other = pools.start("t.sleep"), pools.start("w.wait", {"seconds": 2})
    pools.open("--capacity", 2)
    pools.running(job)
    getattr(pools.runner, verb)(job)
    assert pools.ended(job).job.status == status
    assert pools.ended(other).job.status == "succeeded"


def test_a_drained_pool_lets_its_jobs_end_and_claims_no_more(pools, eventually):
    job = pools.start("w.wait", {"seconds": 2})
    pool = pools.open("--capacity", 1)
    pools.child(job)
    late = pools.start("t.noop")
    pools.terminate(pool)
    assert pools.ended_as(pool) == 0
    assert [pools.status(job), pools.status(late)] == ["succeeded", "queued"]


def test_what_outlasts_the_drain_is_given_back_or_parked(pools):
    again, never = pools.start("w.wait"), pools.start("w.once")
    pool = pools.open("--capacity", 2, "--drain-timeout", "0.5")
    pids = [pools.child(again), pools.child(never)]
    pools.terminate(pool)
    assert pools.ended_as(pool) == 0
    assert all(is_gone(pid) for pid in pids)
    assert [pools.status(again), pools.status(never)] == ["queued", "parked"]
    assert pools.triggers(again)[-1] == "interrupt"
    assert pools.runner.status(again).job.budget_used == 0
    assert "SIGTERM" in pools.last_reason(never)
    assert pools.is_sound()


def test_a_second_signal_does_not_wait_for_the_drain(pools):
    job = pools.start("w.wait")
    pool = pools.open("--drain-timeout", "60")
    pools.child(job)
    pools.terminate(pool)
    assert "no more jobs" in pool.stderr.readline()
    pools.terminate(pool)
    assert pools.ended_as(pool, 10) == 0
    assert pools.status(job) == "queued"


def test_when_the_nursery_dies_its_children_die_and_another_one_follows(pools, eventually):
    again, never = pools.start("w.wait", {"seconds": 4}), pools.start("w.once")
    pool = pools.open("--capacity", 2)
    pids = [pools.child(again), pools.child(never)]
    first = pools.nursery(pool)
    os.kill(first, signal.SIGKILL)
    eventually(lambda: all(is_gone(pid) for pid in pids))
    lost = pools.ended(never)
    assert (lost.job.status, lost.error.reason_code) == ("parked", "worker_lost")
    assert "nursery" in lost.error.message and pools.triggers(never)[-1] == "park_interrupted"
    assert pools.ended(again).job.attempt == 2
    assert pools.nursery(pool) != first
    assert pools.attempt(again)["outcome"] == "succeeded"


def test_when_the_pool_dies_its_children_die(pools, eventually):
    job = pools.start("w.once")
    pool = pools.open()
    pid, nursery = pools.child(job), pools.nursery(pool)
    pool.kill()
    eventually(lambda: is_gone(pid) and is_gone(nursery), 5)


def test_a_job_that_another_worker_holds_is_let_go(pools, eventually, sql):
    job = pools.start("w.once")
    pools.open()
    pid = pools.child(job)
    sql(f"UPDATE jobrunner_job SET fence = fence + 1 WHERE id = {job}")
    eventually(lambda: is_gone(pid))
    after = pools.start("t.noop")
    assert pools.ended(after).job.status == "succeeded"
    assert pools.status(job) == "running"
