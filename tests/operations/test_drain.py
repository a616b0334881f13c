"""Only a pool that may hear it is asked to drain, and it is found by what a person types."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobrunner import errors, processes
from jobrunner.store import workers
from jobrunner.worker.desk import identity
from tests.operations.places import put

POOL = identity("pool", "none")
FIRST, SECOND = (f"01937f3c-8b00-7000-8000-00000000000{number}" for number in (1, 2))


def add(runner, **changes) -> str:
    worker = replace(POOL, **changes)
    workers.join(runner.database, worker, 30)
    return worker.id


def told(runner, worker) -> tuple[str, str | None, str | None]:
    answer = runner.drain(worker)
    return answer.outcome, answer.reason_code, answer.state


def test_a_pool_is_asked_once(runner, sql):
    worker = add(runner)
    assert told(runner, worker) == ("requested", None, "draining")
    before = sql("SELECT * FROM jobrunner_worker")
    assert told(runner, worker) == ("already_requested", "already_requested", "draining")
    assert sql("SELECT * FROM jobrunner_worker") == before


def test_who_cannot_hear_it_is_not_asked(runner, sql):
    detached, dead = add(runner, id=FIRST, kind="detached"), add(runner, id=SECOND, pid=2**22 + 1)
    assert told(runner, detached) == ("refused", "not_a_pool", "live")
    assert told(runner, dead) == ("refused", "worker_dead", "dead")
    ended = add(runner)
    workers.retire(runner.database, ended)
    assert told(runner, ended) == ("refused", "worker_ended", "stopped")
    assert sql("SELECT COUNT(*) FROM jobrunner_worker WHERE drain_at IS NOT NULL") == [(0,)]


def test_a_stale_pool_is_asked_for_it_may_come_back(runner):
    worker = add(runner, host="elsewhere")
    workers.beat(runner.database, worker, -30)
    assert told(runner, worker) == ("requested", None, "stale")
    heard = workers.beat(runner.database, worker, 30)
    assert heard.lives and heard.drain is not None and heard.drain.by.startswith("operator:")


def test_a_worker_is_found_by_the_beginning_of_its_id_unless_that_is_anothers_too(runner):
    add(runner, id=FIRST)
    assert told(runner, FIRST[:6].upper())[0] == "requested"
    add(runner, id=SECOND)
    with pytest.raises(errors.AmbiguousWorker, match=f"{FIRST}.*{SECOND}"):
        runner.drain(FIRST[:-1])
    assert told(runner, SECOND)[0] == "requested"
    workers.retire(runner.database, FIRST)
    assert told(runner, FIRST[:-1])[0] == "already_requested"
    for nobody in ("", "0193", "no such", FIRST[:-1] + "9"):
        assert told(runner, nobody) == ("not_found", "worker_not_found", None)


def test_a_reason_that_cannot_be_stored_is_refused_and_a_password_is_not_kept(runner, sql):
    worker = add(runner)
    with pytest.raises(errors.InvalidField) as refused:
        runner.drain(worker, reason="nul \0")
    assert "reason" in refused.value.fields
    runner.drain(worker, reason="  mysql://ann:open-sesame@db/shop  ")
    assert sql("SELECT drain_reason FROM jobrunner_worker") == [("mysql://ann:***@db/shop",)]


def test_a_heartbeat_stores_what_the_worker_uses_and_none_where_that_is_not_known(runner):
    worker = add(runner, labels='{"zone":"eu"}')
    workers.beat(runner.database, worker, 30, workers.Load(5 * 2**32, 250.5))
    (shown,) = runner.workers()
    assert (shown["memory_bytes"], shown["cpu_percent"], shown["labels"]) == (
        5 * 2**32,
        250.5,
        {"zone": "eu"},
    )
    workers.beat(runner.database, worker, 30)
    (shown,) = runner.workers()
    assert (shown["memory_bytes"], shown["cpu_percent"]) == (None, None)


def test_a_job_does_not_wait_for_a_pool_that_drains(runner):
    job = put(runner, "queued")
    worker = add(runner)
    assert runner.explain(job).reason_code == "about_to_be_claimed"
    runner.drain(worker)
    explained = runner.explain(job)
    assert explained.reason_code == "no_worker" and "1 of them draining" in explained.reason


def test_a_queue_is_served_by_its_whole_name(runner):
    job = put(runner, "queued", queue="mail")
    add(runner, queues="web,email")
    assert runner.explain(job).reason_code == "no_worker"


@pytest.mark.databases("sqlite")
def test_the_commands_answer(cli, runner):
    worker = add(runner, labels='{"zone":"eu"}')
    workers.beat(runner.database, worker, 30, workers.Load(96_000_000, 12.5))
    listed = cli("workers", check=0).stdout
    assert worker in listed and "zone=eu" in listed and "96 MB" in listed and "12 %" in listed
    assert (
        cli("drain", worker, "--reason", "new kernel", check=0).stdout == f"{worker}\trequested\tdraining\n"
    )
    assert cli.json("drain", worker)["outcome"] == "already_requested"
    (shown,) = cli.json("workers")["workers"]
    assert (shown["state"], shown["drain"]["reason"]) == ("draining", "new kernel")
    assert shown["drain"]["by"] == f"operator:{processes.login()}"
    workers.retire(runner.database, worker)
    refused = cli("drain", worker, check=5)
    assert "it has ended already" in refused.stderr and "hint:" in refused.stderr
    assert cli.json("drain", "nobody", check=3)["reason_code"] == "worker_not_found"
    assert "label 'zone' is not name=value" in cli("work", "--label", "zone", check=2).stderr
    assert "longer than 200 bytes" in cli("work", "--label", f"zone={'x' * 201}", check=2).stderr
