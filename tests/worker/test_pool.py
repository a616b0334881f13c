"""What a pool runs: everything due, once, in order, and nothing that is not its own."""

from __future__ import annotations

from collections import Counter

from jobrunner import identifiers
from jobrunner.operations import hold
from jobrunner.store import claims


def test_two_pools_drain_two_hundred_jobs_exactly_once_each(pools, tmp_path):
    witness = tmp_path / "witness"
    pools.runner.start_many([("w.witness", {"path": str(witness)})] * 200)
    workers = [pools.open("--capacity", 4, "--once"), pools.open("--capacity", 4, "--once")]
    assert [pools.ended_as(pool, 90) for pool in workers] == [0, 0]
    assert pools.counts() == {"succeeded": 200}
    ran = Counter(line.split()[0] for line in witness.read_text().splitlines())
    assert len(ran) == 200
    assert set(ran.values()) == {1}
    assert pools.is_sound()


def test_higher_priority_runs_first_then_age(pools, tmp_path):
    witness = tmp_path / "witness"
    ids = [pools.start("w.witness", {"path": str(witness)}, priority=p) for p in (5, 1, 3, 1, 9)]
    pools.drain("--capacity", 1)
    order = [int(line.split()[0]) for line in witness.read_text().splitlines()]
    assert order == [ids[4], ids[0], ids[2], ids[1], ids[3]]


def test_a_pool_of_some_queues_leaves_the_others_alone(pools):
    mail, report, other = (pools.start("t.noop", queue=queue) for queue in ("mail", "report", "other"))
    pools.drain("--queue", "mail", "--queue", "report")
    assert [pools.status(job) for job in (mail, report, other)] == ["succeeded", "succeeded", "queued"]
    pools.drain()
    assert pools.status(other) == "succeeded"


def test_a_pool_takes_only_the_types_that_it_knows(pools):
    known, unknown = pools.start("t.noop"), pools.start("w.says", priority=9)
    pools.drain(JOBRUNNER_HANDLERS="tests.handlers.basic")
    assert [pools.status(known), pools.status(unknown)] == ["succeeded", "queued"]


def test_programs_are_run_only_when_allowed(pools):
    job = pools.start("jobrunner.exec", {"argv": ["echo", "hello"]})
    pools.drain()
    assert pools.status(job) == "queued"
    pools.drain("--allow-exec")
    assert pools.status(job) == "succeeded"
    assert "hello" in pools.lines(job)


def test_a_module_that_fails_to_import_is_named_and_the_others_work(pools):
    job = pools.start("t.noop")
    said = pools.drain(JOBRUNNER_HANDLERS="tests.handlers.no_such_module,tests.handlers.basic")
    assert pools.status(job) == "succeeded"
    assert "tests.handlers.no_such_module" in said


def test_a_detached_job_is_its_own_workers_until_the_launch_grace_has_passed(pools):
    job = pools.start("t.noop", launcher="detached", hold=True)
    token = identifiers.secret()
    hold.release(pools.runner.database, job, actor="operator:test")
    assert claims.new_launch(pools.runner.database, job, identifiers.secret_hash(token)) is not None
    pools.drain(JOBRUNNER_LAUNCH_GRACE="60")
    assert pools.status(job) == "queued"
    pools.open(JOBRUNNER_LAUNCH_GRACE="1")
    assert pools.ended(job).job.status == "succeeded"
    assert not claims.token_is_good(pools.runner.database, job, token)


def test_a_pool_ends_after_as_many_jobs_as_it_may_claim(pools):
    pools.runner.start_many([("t.noop", {})] * 10)
    assert pools.ended_as(pools.open("--max-jobs", 3)) == 0
    assert pools.counts() == {"succeeded": 3, "queued": 7}


def test_lines_results_and_errors_arrive_as_from_any_worker(pools):
    said, failed, added = pools.start("w.says"), pools.start("t.fail"), pools.start("t.add", {"a": 1})
    pools.drain("--capacity", 2)
    lines = [f"{how} {number}" for number in range(3) for how in ("printed", "told")]
    assert pools.lines(said) == lines
    assert pools.runner.result(added) == {"sum": 3}
    ended = pools.runner.status(failed)
    assert (ended.job.status, ended.error.reason_code) == ("failed", "handler_error")
    assert "no luck" in ended.error.traceback
    assert pools.triggers(said) == ["create", "claim", "succeed"]
    assert pools.is_sound()


def test_a_failed_attempt_is_followed_by_another_one(pools):
    job = pools.start("t.flaky", {"succeed_at": 3})
    pools.open("--capacity", 2)
    ended = pools.ended(job)
    assert (ended.job.status, ended.job.attempt) == ("succeeded", 3)
    assert pools.triggers(job) == ["create", "claim", *["retry_later", "admit", "claim"] * 2, "succeed"]


def test_a_delayed_job_is_admitted_when_it_is_due(pools):
    late, job = pools.start("t.noop", delay=3600), pools.start("t.noop", delay=2)
    pools.drain()
    assert pools.status(late) == "scheduled"
    pools.open()
    assert pools.ended(job).job.status == "succeeded"
    assert pools.triggers(job) == ["create_scheduled", "admit", "claim", "succeed"]


def test_the_fleet_shows_a_pool_with_its_queues_and_capacity(pools, sql, eventually):
    pool = pools.open("--capacity", 3, "--queue", "mail", "--queue", "web")
    read = "SELECT kind, capacity, queues, status FROM jobrunner_worker"
    assert eventually(lambda: sql(read)) == [("pool", 3, "mail,web", "active")]
    pools.terminate(pool)
    assert pools.ended_as(pool) == 0
    assert sql(read) == [("pool", 3, "mail,web", "stopped")]


def test_a_pool_without_a_database_is_not_one(cli, tmp_path):
    done = cli("work", "--once", env={"JOBRUNNER_DATABASE_URL": f"sqlite:///{tmp_path}/missing/jobs.db"})
    assert done.returncode == 125
