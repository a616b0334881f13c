"""Old jobs go in small steps, what is active stays, and the store is sound after every one of them."""

from __future__ import annotations

import itertools

import pytest

from jobrunner.auditor import head, verify
from jobrunner.errors import InvalidField
from jobrunner.operations import prune as pruning_operation
from jobrunner.states import Status
from jobrunner.store import pruning
from tests.operations.places import put
from tests.store.driving import create, finished, job_in

OF_A_JOB = ("job_tag", "job_attempt", "job_log", "job_transition")
WHERE = [status for status in Status if status not in (Status.NEW, Status.WAITING)]


def age(sql) -> None:
    """Makes everything that has ended end long ago."""
    sql("UPDATE jobrunner_job SET finished_at = '2001-01-01 00:00:00.000000' WHERE finished_at IS NOT NULL")


def test_only_what_has_ended_long_ago_goes_and_each_leaves_a_tombstone(runner, sql):
    jobs = {status: put(runner, status) for status in (s.value for s in WHERE)}
    ended = {name: job for name, job in jobs.items() if Status(name).is_terminal}
    assert runner.prune("1h").jobs == {}
    age(sql)
    counted = runner.prune("1h", dry_run=True)
    assert (counted.dry_run, counted.jobs) == (True, dict.fromkeys(ended, 1))
    assert sql("SELECT count(*) FROM jobrunner_tombstone") == [(0,)]
    done = runner.prune("1h", actor="ann")
    assert done.jobs == counted.jobs
    assert {row[0] for row in sql("SELECT id FROM jobrunner_job")} == set(jobs.values()) - set(ended.values())
    left = sql("SELECT id, status, actor FROM jobrunner_tombstone")
    assert sorted(left) == sorted((job, name, "operator:ann") for name, job in ended.items())
    assert list(verify(runner.database)) == []


def test_statuses_can_be_chosen_and_active_ones_are_refused(runner, sql):
    put(runner, "succeeded")
    failed = put(runner, "failed")
    age(sql)
    assert runner.prune("1h", status=["succeeded"]).jobs == {"succeeded": 1}
    assert sql("SELECT id FROM jobrunner_job") == [(failed,)]
    for status in ("running", "parked", "held", "nonsense"):
        with pytest.raises(InvalidField) as refused:
            runner.prune("1h", status=[status])
        assert "status" in refused.value.fields


def test_an_earlier_head_still_verifies(database, sql):
    for _ in range(3):
        finished(database)
    earlier = list(head(database))
    age(sql)
    assert pruning_operation.prune(database, 3600, actor="operator:x").jobs == {"succeeded": 3}
    for table in OF_A_JOB:
        assert sql(f"SELECT count(*) FROM jobrunner_{table}") == [(0,)]
    assert list(verify(database, against=earlier)) == []


def test_a_long_log_goes_first_and_interrupted_anywhere_the_store_is_sound(database, sql, monkeypatch):
    job_id = finished(database, [[f"{n} in batch {b}" for n in range(7)] for b in range(4)])
    age(sql)
    monkeypatch.setattr(pruning_operation, "AT_ONCE", 5)
    real, steps = pruning.shorten, itertools.count()

    def interrupted(*arguments) -> bool:
        if next(steps) == 3:
            raise KeyboardInterrupt
        more = real(*arguments)
        assert list(verify(database)) == []
        return more

    monkeypatch.setattr(pruning, "shorten", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pruning_operation.prune(database, 3600, actor="operator:x")
    assert sql(f"SELECT first_seq FROM jobrunner_job WHERE id = {job_id}") == [(16,)]
    assert sql("SELECT MIN(seq) FROM jobrunner_job_log") == [(16,)]
    assert list(verify(database)) == []
    assert pruning_operation.prune(database, 3600, actor="operator:x").jobs == {"succeeded": 1}
    assert list(verify(database)) == []


def test_many_small_jobs_share_a_transaction_and_none_is_forgotten(database, sql, monkeypatch):
    ids = [job_in(database, Status.CANCELLED) for _ in range(23)]
    kept = create(database)
    age(sql)
    monkeypatch.setattr(pruning_operation, "AT_ONCE", 6)
    real, calls = pruning.remove, []

    def counted(*arguments) -> dict[str, int]:
        calls.append(arguments[1])
        return real(*arguments)

    monkeypatch.setattr(pruning, "remove", counted)
    assert pruning_operation.prune(database, 3600, actor="operator:x").jobs == {"cancelled": 23}
    assert sorted(itertools.chain(*calls)) == sorted(ids) and len(calls) < 23
    assert all(len(group) <= 6 for group in calls)
    assert sql("SELECT id FROM jobrunner_job") == [(kept,)]


def test_a_job_that_was_retried_meanwhile_stays(runner, sql, monkeypatch):
    job = put(runner, "failed")
    age(sql)
    real = pruning.remove

    def late(*arguments) -> dict[str, int]:
        runner.retry(job, force=True)
        return real(*arguments)

    monkeypatch.setattr(pruning, "remove", late)
    assert runner.prune("1h").jobs == {}
    assert runner.status(job).job.status == "queued"


def test_rows_of_workers_that_ended_long_ago_go_too(runner, sql):
    put(runner, "succeeded")
    running = put(runner, "running")
    sql("UPDATE jobrunner_worker SET stopped_at = '2001-01-01 00:00:00'")
    assert runner.prune("1h").workers == 1
    assert sql("SELECT count(*) FROM jobrunner_worker") == [(1,)]
    assert sql("SELECT count(*) FROM jobrunner_lease") == [(1,)]
    assert runner.status(running).job.heartbeat_at is not None


@pytest.mark.databases("sqlite")
def test_the_command_counts_before_it_deletes(cli, runner, sql):
    put(runner, "succeeded")
    age(sql)
    assert cli.json("prune", "--older-than", "1h", "--dry-run")["jobs"] == {"succeeded": 1}
    assert "1 jobs" in cli("prune", "--older-than", "1h", check=0).stderr
    assert cli.json("prune")["jobs"] == {}
    cli("prune", "--status", "running", check=2)
