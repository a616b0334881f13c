"""A worker is lost: what then happens is decided by rows, proved by the ledger, and done once."""

from __future__ import annotations

import os
import threading
import time

import pytest

from jobrunner import clock
from jobrunner.operations.recovery import Evidence, judge
from jobrunner.operations.sweep import Sweeper
from jobrunner.store import journal, workers
from jobrunner.worker.reaper import Reaper
from tests.faults.laboratory import LEASE, Laboratory, go_on
from tests.worker.workbed import is_gone


@pytest.fixture
def reaping(lab: Laboratory):
    """A reaper at work, in a thread of this process."""
    over = threading.Event()
    reaper = lab.runner.reaper()
    thread = threading.Thread(target=reaper.run, args=(over,))
    thread.start()
    yield reaper
    over.set()
    thread.join()


@pytest.mark.fault("F02")
def test_an_idempotent_job_of_a_killed_worker_is_found_at_once_and_run_again(lab, reaping):
    job, worker = lab.begin("l.again")
    child = lab.child(job)
    lab.kill(worker)
    began = time.monotonic()
    lab.poll(lambda: "requeue_lost" in lab.triggers(job))
    assert time.monotonic() - began < 4 * 2.0, "the aim is 2 s"
    assert is_gone(child)
    ended = lab.ended(job)
    assert (ended.job.status, ended.result) == ("succeeded", {"attempt": 2})
    assert lab.triggers(job) == ["create", "claim", "requeue_lost", "claim", "succeed"]
    assert ended.job.budget_used == 2 and lab.starts() == 2
    assert lab.sql(
        f"SELECT reason_code, outcome FROM jobrunner_job_attempt WHERE job_id = {job} AND attempt = 1"
    ) == [("worker_lost", "scheduled")]
    assert lab.sound()


def test_the_evidence_stands_in_the_ledger_and_the_fence_has_gone_up(lab):
    job, worker = lab.begin("l.once")
    before = lab.fence(job)
    lab.kill(worker)
    lab.runner.reaper().once()
    move = lab.runner.history(job).transitions[-1]
    assert (move.trigger, move.to, move.actor.split(":")[0]) == ("park_lost", "parked", "reaper")
    assert move.context["pid"] == worker and move.context["how"] == "Its process is gone."
    assert lab.fence(job) == before + 1
    error = lab.runner.status(job).error
    assert error.reason_code == "worker_lost" and str(worker) in error.message
    assert lab.sound()


@pytest.mark.parametrize(
    ("verb", "status"),
    [
        ("retry", "succeeded"),
        ("succeeded", "succeeded"),
        ("failed", "failed"),
        ("abandon", "abandoned"),
        ("cancel", "cancelled"),
    ],
)
@pytest.mark.databases("sqlite")
def test_a_job_that_must_not_run_twice_waits_for_a_person_who_has_every_verb(lab, verb, status):
    job, worker = lab.begin("l.once")
    lab.kill(worker)
    lab.runner.reaper().once()
    lab.runner.reaper().once()
    assert lab.status(job) == "parked" and lab.starts() == 1
    assert lab.runner.retry(job).reason_code == "not_idempotent"
    if verb in ("succeeded", "failed"):
        done = lab.runner.resolve(job, verb, reason="looked at it", actor="ann")
    else:
        options = {"force": True} if verb == "retry" else {}
        done = getattr(lab.runner, verb)(job, reason="looked at it", actor="ann", **options)
    assert done.outcome == "done"
    assert lab.ended(job).job.status == status
    assert lab.starts() == (2 if verb == "retry" else 1)
    moves = lab.runner.history(job).transitions
    assert any((move.actor, move.reason) == ("operator:ann", "looked at it") for move in moves)
    assert (lab.runner.status(job).error is None) is (status == "succeeded")
    assert lab.sound()


@pytest.mark.databases("sqlite")
def test_the_last_attempt_lost_fails_with_the_reason(lab):
    job, worker = lab.begin("l.single")
    lab.kill(worker)
    lab.runner.reaper().once()
    ended = lab.runner.status(job)
    assert (ended.job.status, ended.error.reason_code) == ("failed", "worker_lost")
    assert lab.sound()


@pytest.mark.parametrize(
    ("verb", "status"), [("cancel", "cancelled"), ("stop", "stopped"), ("kill", "stopped")]
)
@pytest.mark.databases("sqlite")
def test_a_request_to_a_lost_job_is_carried_out_by_its_mode(lab, verb, status):
    job, worker = lab.begin("l.again")
    lab.stop(worker)
    getattr(lab.runner, verb)(job)
    lab.kill(worker)
    lab.runner.reaper().once()
    assert lab.status(job) == status and lab.starts() == 1
    assert lab.sound()


@pytest.mark.fault("F09")
def test_several_reapers_at_once_reap_once(lab):
    jobs = [lab.begin(name) for name in ("l.once", "l.again", "l.once")]
    for _, worker in jobs:
        lab.kill(worker)
    ready = threading.Barrier(4)

    def sweep() -> None:
        sweeper = Sweeper(lab.runner.database, lab.runner.settings)
        ready.wait()
        for _ in range(3):
            sweeper.recover()

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for job, _ in jobs:
        lost = [move for move in lab.triggers(job) if move.endswith("_lost")]
        assert len(lost) == 1 and lab.fence(job) == 2
    assert lab.sound()


@pytest.mark.fault("F07")
def test_a_stopped_worker_is_taken_over_after_its_lease_and_nothing_that_it_says_later_counts(lab, reaping):
    job, worker = lab.begin("l.once")
    child = lab.child(job)
    lab.stop(worker)
    lab.poll(lambda: lab.status(job) == "parked", timeout=6 * LEASE)
    assert is_gone(child), "the child goes before anybody may run the job again"
    said, fence = len(lab.lines(job)), lab.fence(job)
    history = lab.triggers(job)
    go_on(worker)
    lab.poll(lambda: is_gone(worker))
    assert len(lab.lines(job)) == said
    assert (lab.triggers(job), lab.fence(job), lab.status(job)) == (history, fence, "parked")
    refused = lab.sql(f"SELECT what, fence, job_fence FROM jobrunner_refused_write WHERE job_id = {job}")
    assert refused and {(row[1], row[2]) for row in refused} == {(fence - 1, fence)}
    assert {row[0] for row in refused} & {"line", "status"}
    shown = lab.runner.explain(job).refused_writes
    assert len(shown) == len(refused)
    assert lab.starts() == 1 and lab.sound()


def test_a_live_worker_is_never_reaped_whatever_the_clock_of_its_lease_says(lab):
    job, _ = lab.begin("l.once", seconds=3 * LEASE)
    reaper = Reaper(lab.runner.database, lab.runner.settings)
    until = time.monotonic() + 2.5 * LEASE
    while time.monotonic() < until:
        lab.sql("UPDATE jobrunner_lease SET lease_until = '2001-01-01 00:00:00' WHERE name <> 'reaper'")
        reaper.turn()
    assert lab.ended(job).job.status == "succeeded"
    assert lab.starts() == 1 and lab.triggers(job) == ["create", "claim", "succeed"]
    assert lab.sound()


def test_the_control_a_rule_that_goes_by_the_clock_alone_runs_the_job_twice(lab):
    job, _ = lab.begin("l.again", seconds=20)
    lab.sql("UPDATE jobrunner_lease SET lease_until = '2001-01-01 00:00:00' WHERE name <> 'reaper'")
    (seen,) = workers.living(lab.runner.database, 10)
    evidence = Evidence(seen.id, "Its lease has expired.", {})
    journal.move(lab.runner.database, job, lambda row: judge(row, evidence, "reaper:here:1", 0))
    assert lab.runner.run(job) == 0
    assert lab.starts() == 2


def test_a_silent_worker_that_comes_back_before_it_is_condemned_keeps_its_job(lab):
    job, worker = lab.begin("l.once", seconds=2 * LEASE)
    lab.stop(worker)
    lab.poll(lambda: workers.living(lab.runner.database, 10)[0].expired, timeout=3 * LEASE)
    (seen,) = workers.living(lab.runner.database, 10)
    go_on(worker)
    lab.poll(lambda: workers.living(lab.runner.database, 10)[0].beats > seen.beats)
    assert workers.condemn(lab.runner.database, seen.id, beats=seen.beats) is False
    assert lab.ended(job).job.status == "succeeded"


@pytest.mark.fault("F02")
def test_what_left_the_family_of_a_lost_worker_is_ended_before_the_job_runs_again(lab, tmp_path):
    pids = tmp_path / "pids"
    _, worker = lab.begin("l.family", pids=str(pids))
    left = [int(pid) for pid in pids.read_text().split()]
    lab.kill(worker)
    assert not any(is_gone(pid) for pid in left), "they outlive their worker"
    lab.runner.reaper().once()
    assert all(is_gone(pid) for pid in left)
    assert lab.sound()


def test_the_next_detached_job_heals_a_machine_without_any_daemon(lab):
    parked, first = lab.begin("l.once")
    again, second = lab.begin("l.again")
    lab.kill(first)
    lab.kill(second)
    lab.run("l.quick")
    lab.poll(lambda: lab.status(parked) == "parked")
    assert lab.ended(again).result == {"attempt": 2}
    assert lab.sound()


@pytest.mark.databases("sqlite")
def test_a_launch_that_nobody_came_for_is_repeated_once_and_then_fails(lab, monkeypatch):
    monkeypatch.setattr("jobrunner.launcher.spawn", lambda order, settings: None)
    job = lab.start("l.quick")
    reaper = lab.runner.reaper()
    assert reaper.sweeper.call_again().launched == []
    lab.poll(lambda: reaper.sweeper.call_again().launched == [job], timeout=10, every=0.1)
    assert lab.sql("SELECT launches FROM jobrunner_job") == [(2,)]
    lab.poll(lambda: reaper.sweeper.call_again().given_up == [job], timeout=10, every=0.1)
    seen = lab.runner.status(job)
    assert (seen.job.status, seen.error.reason_code) == ("failed", "launch_failed")
    assert lab.sound()


def test_an_interrupted_job_is_launched_by_the_next_sweep(lab):
    lab.wait_for_launches()
    job, worker = lab.begin("l.again")
    os.kill(worker, 15)
    lab.poll(lambda: lab.status(job) == "queued")
    assert lab.runner.explain(job).reason_code == "not_launched"
    # this sweep's, or the last one of the worker itself when that took longer than a second
    assert lab.heal(job) == "succeeded"
    assert lab.was_given_back(job)
    ended = lab.runner.status(job)
    assert (ended.result, ended.job.budget_used) == ({"attempt": lab.claims()}, 1)
    assert lab.sound(settled=True)


def test_a_sweep_launches_no_job_of_a_type_that_it_does_not_know(lab):
    job, worker = lab.begin("l.again")
    os.kill(worker, 15)
    lab.poll(lambda: lab.status(job) == "queued")
    lab.poll(lambda: clock.between(lab.runner.status(job).job.updated_at, clock.now()) > 1.2)
    stranger = Reaper(
        lab.runner.database, lab.runner.settings, lambda *_: None, knows=lambda name: name != "l.again"
    )
    assert stranger.once().launched == []
    assert lab.status(job) == "queued"


@pytest.mark.databases("mariadb", "postgres")
def test_without_heartbeats_an_idempotent_job_on_a_server_is_given_back(own_server, lab):
    lab.wait_for_launches()
    job, worker = lab.begin("l.again")
    child = lab.child(job)
    own_server.stop()
    lab.poll(lambda: is_gone(child), timeout=30)
    own_server.start()
    lab.poll(lambda: "interrupt" in lab.triggers(job), timeout=60)
    lab.poll(lambda: is_gone(worker), timeout=60)
    assert lab.heal(job) == "succeeded"
    assert lab.was_given_back(job)
    assert lab.sound(settled=True)


def test_staleness_in_the_read_model_and_the_fleet(lab):
    job, worker = lab.begin("l.once")
    assert lab.runner.status(job).job.is_stale is False
    assert [one["state"] for one in lab.runner.workers()] == ["live"]
    lab.kill(worker)
    lab.poll(lambda: is_gone(worker))
    seen = lab.runner.status(job).job
    assert seen.is_stale and "process" in seen.stale_reason
    assert [one["state"] for one in lab.runner.workers()] == ["dead"]
    assert lab.runner.explain(job).reason_code == "stale"
    lab.runner.reaper().once()
    assert lab.runner.workers() == []
    assert lab.runner.explain(job).reason_code == "parked"


def test_a_worker_of_another_host_is_judged_by_its_lease_and_given_time(lab):
    job, worker = lab.begin("l.once")
    lab.sql("UPDATE jobrunner_worker SET host = 'elsewhere'")
    lab.sql("UPDATE jobrunner_job_attempt SET host = 'elsewhere'")
    lab.sql("UPDATE jobrunner_job SET host = 'elsewhere'")
    lab.kill(worker)
    began = time.monotonic()
    reaper = lab.runner.reaper()
    assert not reaper.turn()
    assert lab.status(job) == "running"
    lab.poll(lambda: lab.runner.status(job).job.is_stale, timeout=3 * LEASE)
    swept = reaper.once()
    assert [one.job_id for one in swept.recovered] == [job]
    assert time.monotonic() - began >= LEASE
    assert "not been heard of since" in lab.runner.status(job).error.message
    assert lab.sound()


@pytest.mark.databases("sqlite")
def test_the_command_reaps_once_and_says_what_it_did(lab, cli):
    job, worker = lab.begin("l.once")
    lab.kill(worker)
    answer = cli.json("reap", "--once", env={"JOBRUNNER_HANDLERS": "tests.handlers.lost"})
    assert [(one["job_id"], one["trigger"]) for one in answer["recovered"]] == [(job, "park_lost")]
    assert cli("reap", "--once", check=0).stdout == ""


@pytest.mark.databases("sqlite")
def test_the_command_goes_on_until_it_is_told_to_end(lab, cli):
    process = cli.spawn("reap", env={"JOBRUNNER_HANDLERS": "tests.handlers.lost"})
    job, worker = lab.begin("l.again")
    lab.kill(worker)
    assert lab.ended(job).result == {"attempt": 2}
    process.terminate()
    assert process.wait(10) == 0
