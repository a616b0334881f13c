"""Explain gives the one true reason, wherever a job stands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobrunner import JobRunner, identifiers
from jobrunner.operations import launch
from jobrunner.states import Status, Trigger
from jobrunner.store import claims, journal, refusals, views
from jobrunner.store.journal import Move
from jobrunner.worker.desk import identity
from tests.operations.places import end, put, take

WHERE = [status.value for status in Status if status not in (Status.NEW, Status.WAITING)]
CODES = {
    "held": "held", "scheduled": "not_due", "queued": "no_worker", "running": "running", "parked": "parked",
    "cancel_requested": "asked_to_end",
}  # fmt: skip


@pytest.fixture
def detached(store, monkeypatch) -> Iterator[JobRunner]:
    """A runner whose launches bring no process about."""
    monkeypatch.setattr("jobrunner.launcher.spawn", lambda order, settings: None)
    made = JobRunner(database_url=store.url, handlers=["tests.handlers.basic"], launcher="detached")
    yield made
    made.database.close()


@pytest.mark.parametrize("status", WHERE)
def test_every_status_has_a_reason_and_explaining_writes_nothing(runner, sql, status):
    job = put(runner, status)
    before = sql("SELECT * FROM jobrunner_job")
    told = runner.explain(job)
    assert (told.found, told.status, told.job_id) == (True, status, job)
    assert told.reason_code == CODES.get(status, "ended") and told.reason
    assert sql("SELECT * FROM jobrunner_job") == before


def test_an_unknown_job_is_not_found(runner):
    assert runner.explain(4711).found is False


def test_a_launched_job_waits_for_its_worker_until_the_grace_is_over(detached, sql):
    job = detached.start("t.noop").job_id
    assert detached.explain(job).reason_code == "launched"
    sql("UPDATE jobrunner_job SET launched_at = '2001-01-01 00:00:00', available_at = '2001-01-01 00:00:00'")
    assert detached.explain(job).reason_code == "launch_overdue"
    sql("UPDATE jobrunner_job SET launches = 2")
    assert "launch_failed" in (detached.explain(job).hint or "")
    sql("UPDATE jobrunner_job SET claim_token_hash = NULL")
    assert detached.explain(job).reason_code == "not_launched"


def test_what_comes_first_is_only_what_waits_in_the_same_queue(runner):
    for status in ("held", "succeeded", "running", "queued"):
        put(runner, status)
    put(runner, "queued", queue="other")
    job = put(runner, "queued")
    put(runner, "queued", priority=1)
    put(runner, "queued")
    assert views.ahead(runner.database, {"queue": "default", "priority": 0, "id": job}) == 2


def test_explain_and_the_claim_agree_on_who_may_take_it(detached, sql):
    job = detached.start("t.noop").job_id
    for launched_at in ("2001-01-01 00:00:00", "2037-01-01 00:00:00"):
        sql(f"UPDATE jobrunner_job SET launched_at = '{launched_at}', available_at = '2001-01-01 00:00:00'")
        waits = detached.explain(job).reason_code == "launched"
        worker = claims.claim(
            detached.database, job, identity("run", "none"), token=None, launch_grace=30.0, lease=30
        )
        assert (worker is None) is waits
        if worker is not None:
            end(detached, job, Trigger.INTERRUPT)
            launch.launch(detached.database, detached.settings, job, actor="operator:x")


def test_the_wait_before_another_attempt_says_what_failed(runner, sql):
    job = put(runner, "queued", "t.flaky")
    take(runner, job)
    sql("UPDATE jobrunner_job SET available_at = '2037-01-01 00:00:00'")
    again = Move(Trigger.RETRY_LATER, "worker:h:1", "attempt 1 of 3 failed; handler_error: no luck")
    journal.move(runner.database, job, lambda _: [again])
    told = runner.explain(job)
    assert told.reason_code == "not_due"
    assert "no luck" in told.reason and "2037" in told.reason


def test_a_program_that_no_pool_takes_is_hinted_one_that_would(runner):
    job = put(runner, "queued", "jobrunner.exec", {"argv": ["true"]})
    told = runner.explain(job)
    assert told.reason_code == "no_worker"
    assert "jobrunner work --queue default --allow-exec" in (told.hint or "")


def test_a_stale_job_says_what_a_sweep_will_do(runner, sql):
    parked, again = put(runner, "running"), put(runner, "running", "t.flaky")
    sql("UPDATE jobrunner_lease SET lease_until = '2001-01-01 00:00:00'")
    assert runner.explain(parked).reason_code == runner.explain(again).reason_code == "stale"
    assert "parks" in runner.explain(parked).reason and "run again" in runner.explain(again).reason
    assert runner.explain(parked).reason.startswith(runner.status(parked).job.stale_reason)


def test_refused_writes_are_shown_newest_first_and_cut(runner):
    job = put(runner, "queued")
    claimed = take(runner, job)
    refusals.keep(
        runner.database, claimed, identifiers.uuid7(), [("line", "x" * 100_000), ("status", "ü" * 50_000)]
    )
    shown = runner.explain(job).refused_writes
    assert [one["what"] for one in shown] == ["status", "line"]
    assert shown[0]["fence"] == claimed.fence and len(shown[0]["detail"]) <= 500
    stored = refusals.of_job(runner.database, job)
    assert all(len(one["detail"].encode()) <= 64 * 1024 for one in stored)


@pytest.mark.databases("sqlite")
def test_the_commands_answer(cli, runner):
    job = put(runner, "parked")
    assert cli.json("explain", job)["reason_code"] == "parked"
    assert "parked: " in cli("explain", job, check=0).stdout
    cli("explain", 4711, check=3)
    running = put(runner, "running")
    (worker,) = [one for one in cli.json("workers")["workers"] if one["jobs"]]
    assert (worker["state"], worker["host"]) == ("live", "here")
    assert "live" in cli("workers", check=0).stdout
    assert cli.json("explain", running)["status"] == "running"
