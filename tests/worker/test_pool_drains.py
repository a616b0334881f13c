"""A pool that is asked to drain, from wherever, does what SIGTERM does; and what it tells the others while it works."""

from __future__ import annotations

import pytest

from tests.worker.workbed import is_gone

OFTEN = {"JOBRUNNER_HEARTBEAT": "0.2"}
STATES = "SELECT status, drain_by, drain_reason FROM jobrunner_worker WHERE kind = 'pool' ORDER BY id"


@pytest.fixture
def known(pools, eventually):
    """Waits until a pool is known to the others, and returns how it is shown."""
    return lambda: eventually(lambda: [one for one in pools.runner.workers() if one["kind"] == "pool"])[0]


def test_a_pool_that_is_asked_to_drain_lets_its_jobs_end_and_claims_no_more(pools, known, sql):
    job = pools.start("w.wait", {"seconds": 2})
    pool = pools.open("--capacity", 1, **OFTEN)
    pools.child(job)
    late = pools.start("t.noop")
    asked = pools.runner.drain(known()["id"], reason="new kernel", actor="ann")
    assert (asked.outcome, asked.state, asked.reason_code) == ("requested", "draining", None)
    shown = known()
    assert (shown["state"], shown["drain"]["by"]) == ("draining", "operator:ann")
    assert pools.runner.drain(shown["id"]).outcome == "already_requested"
    assert pools.ended_as(pool) == 0
    assert [pools.status(job), pools.status(late)] == ["succeeded", "queued"]
    assert sql(STATES) == [("stopped", "operator:ann", "new kernel")]
    told = pool.stderr.readline()
    assert "operator:ann" in told and shown["drain"]["at"] in told and "'new kernel'" in told
    assert pools.runner.drain(shown["id"]).reason_code == "worker_ended"


def test_what_outlasts_the_drain_is_given_back_or_parked_in_the_name_of_who_asked(pools, known):
    again, never = pools.start("w.wait"), pools.start("w.once")
    pool = pools.open("--capacity", 2, "--drain-timeout", "0.5", **OFTEN)
    pids = [pools.child(again), pools.child(never)]
    pools.runner.drain(known()["id"], actor="ann")
    assert pools.ended_as(pool) == 0
    assert all(is_gone(pid) for pid in pids)
    assert [pools.status(again), pools.status(never)] == ["queued", "parked"]
    assert "operator:ann" in pools.last_reason(never)
    assert pools.is_sound()


def test_a_first_signal_does_not_shorten_a_drain_and_a_second_one_does(pools, known):
    job, other = pools.start("w.wait", {"seconds": 3}), pools.start("w.wait")
    pool = pools.open("--capacity", 2, "--drain-timeout", "60", **OFTEN)
    pools.child(job), pools.child(other)
    pools.runner.drain(known()["id"])
    assert "no more jobs" in pool.stderr.readline()
    pools.terminate(pool)
    assert pools.ended(job).job.status == "succeeded"
    pools.terminate(pool)
    assert pools.ended_as(pool) == 0
    assert pools.status(other) == "queued" and "SIGTERM" in pools.last_reason(other)


def test_a_pool_that_was_held_dead_still_hears_that_it_is_to_drain(pools, known, sql):
    pool = pools.open(**OFTEN)
    worker = known()["id"]
    sql(
        "UPDATE jobrunner_worker SET status = 'lost', stopped_at = CURRENT_TIMESTAMP, drain_at = CURRENT_TIMESTAMP,"
        f" drain_by = 'operator:ann' WHERE id = '{worker}'"
    )
    assert pools.ended_as(pool) == 0
    assert "operator:ann" in pool.stderr.read()


def test_a_request_says_nothing_that_a_terminal_obeys(pools, known):
    pool = pools.open(**OFTEN)
    pools.runner.drain(known()["id"], reason="red \x1b[31m\nhost")
    assert pools.ended_as(pool) == 0
    (line,) = pool.stderr.read().splitlines()
    assert "\x1b" not in line and "red \\x1b[31m\\nhost" in line


def test_a_pool_tells_its_labels_and_what_it_and_its_jobs_use(pools, known, eventually):
    pools.open("--label", "zone=eu", "--label", "gpu=yes", JOBRUNNER_LABELS="zone=us,rack=7", **OFTEN)
    own = eventually(lambda: known()["memory_bytes"])
    job = pools.start("w.spin", {"megabytes": 192})
    pools.child(job)
    much = own + 128 * 1024**2
    shown = eventually(lambda: (one := known())["memory_bytes"] > much and one["cpu_percent"] > 20 and one)
    assert shown["labels"] == {"zone": "eu", "rack": "7", "gpu": "yes"}
    pools.runner.kill(job)
    eventually(lambda: known()["memory_bytes"] < much)


def test_a_detached_worker_has_the_labels_of_the_setting_and_is_no_pool(work, eventually, monkeypatch):
    monkeypatch.setenv("JOBRUNNER_LABELS", "zone=eu")
    runner = type(work.runner)(handlers=["tests.handlers.pooled"], launcher="detached")
    job = runner.start("w.wait").job_id
    (shown,) = eventually(runner.workers)
    assert (shown["kind"], shown["labels"]) == ("detached", {"zone": "eu"})
    refused = runner.drain(shown["id"])
    assert (refused.outcome, refused.reason_code) == ("refused", "not_a_pool")
    assert runner.kill(job).outcome == "requested"
    assert runner.wait(job, timeout=60).job.status == "stopped"
    runner.close()
