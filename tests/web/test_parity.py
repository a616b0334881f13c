"""The library and the client are the same to whoever calls them: one suite, run against both."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jobrunner import Client, JobRunner, errors, verbs
from jobrunner.auditor import Audit
from jobrunner.client.audit import RemoteAudit
from jobrunner.operations.verbs import VERBS
from jobrunner.states import Trigger
from jobrunner.store import workers
from jobrunner.store.database import Database
from jobrunner.store.logs import Tail
from jobrunner.worker.desk import identity
from tests.store import driving
from tests.web.server import Server


@pytest.fixture(params=["library", "http"])
def jobs(request: pytest.FixtureRequest, runner: JobRunner) -> Iterator[Any]:
    """A JobRunner, and then a Client of a server over the same store."""
    if request.param == "library":
        yield runner
        return
    web: Server = request.getfixturevalue("web")
    client = Client(web.base, web.tokens["admin"])
    yield client
    client.close()


def begin(database: Database) -> tuple[int, Tail]:
    job = driving.create(database)
    return job, Tail(driving.claim(database, job))


def methods(kind: type) -> dict[str, inspect.Signature]:
    found = inspect.getmembers(
        kind, lambda member: inspect.isfunction(member) or isinstance(member, property)
    )
    return {
        name: inspect.signature(getattr(member, "fget", member))
        for name, member in found
        if not name.startswith("_")
    }


# what a database has and a server has not
OWN = {"database", "knows", "type"}
REFUSED = {"launch", "run", "init_db", "check_db", "reaper", "prune"}


def test_the_client_has_every_method_with_the_same_arguments() -> None:
    library, client = methods(JobRunner), methods(Client)
    assert set(library) - OWN == set(client)
    for name in set(client) - REFUSED:
        assert list(library[name].parameters.values()) == list(client[name].parameters.values()), name
    assert verbs.NAMES == VERBS
    assert set(methods(Audit)) - {"verify_file"} == set(methods(RemoteAudit))


def test_a_start_is_told_and_stored_alike(jobs: Any, runner: JobRunner) -> None:
    made = jobs.start(
        "t.add",
        {"a": 1},
        launcher="pool",
        title="Sum",
        queue="q",
        priority=3,
        tags={"k": "v=w"},
        lock_key="one",
    )
    assert (made.outcome, made.type, made.status) == ("queued", "t.add", "queued")
    again = jobs.start("t.add", {"a": 2}, launcher="pool", lock_key="one")
    assert (again.outcome, again.job_id) == ("already_active", made.job_id)
    assert jobs.start("t.noop", hold=True).outcome == "held"
    assert jobs.start("t.noop", delay="2h", launcher="pool").outcome == "scheduled"
    job = runner.status(made.job_id).job
    assert job is not None
    assert (job.params, job.title, job.queue, job.priority, job.tags) == (
        {"a": 1},
        "Sum",
        "q",
        3,
        {"k": "v=w"},
    )


@pytest.mark.usefixtures("own_types")
def test_reads_give_the_same_models(jobs: Any, runner: JobRunner, database: Database) -> None:
    job, tail = begin(database)
    driving.append(database, tail, [f"line {number} \u2028 ü" for number in range(30)])
    asked: list[Callable[[Any], Any]] = [
        lambda by: by.history(job),
        lambda by: by.logs(job, limit=7),
        lambda by: by.logs(job, after_seq=10, until_seq=20, grep="line 1", stream="stdout", level="info"),
        lambda by: by.logs(job, tail=3),
        lambda by: by.jobs(status="running", type="t.noop"),
        lambda by: by.jobs(status=["queued", "running"], limit=1),
        lambda by: by.types(),
        lambda by: by.stats(),
        lambda by: by.status(999),
        lambda by: by.history(999),
        lambda by: by.logs(999, after_seq=4),
        lambda by: by.explain(999),
        lambda by: by.status("no such/../job"),
        lambda by: by.status(""),
        lambda by: list(by.audit.verify()),
        lambda by: [line for line in by.audit.export() if '"kind":"line"' in line],
    ]
    for ask in asked:
        assert ask(jobs) == ask(runner)
    for options in ({}, {"after_seq": 5, "limit": 3}, {"tail": 2}, {"limit": 0}):
        theirs, ours = (by.status(job, **options).model_dump(mode="json") for by in (jobs, runner))
        # the lease of a worker goes on between two looks
        assert theirs == ours


def test_pages_go_on_where_they_ended(jobs: Any, database: Database) -> None:
    made = [driving.create(database) for _ in range(5)]
    first = jobs.jobs(limit=3)
    rest = jobs.jobs(limit=3, next=first.next)
    assert [job.id for job in (*first.jobs, *rest.jobs)] == made[::-1]
    assert rest.next is None


def test_verbs_have_the_same_outcomes(jobs: Any, runner: JobRunner, sql: Any) -> None:
    def give(by: Any) -> list[dict[str, Any]]:
        job = runner.start("t.noop").job_id
        told = [
            by.hold(job, reason="later"), by.hold(job), by.release(job), by.cancel(job), by.stop(job),
            by.retry(job, force=True), by.kill(job), by.abandon(job), by.retry(job), by.cancel(999),
            by.resolve(job, "failed"), by.act("cancel", job, seen=("queued", 0)),
            by.act("delete", job, seen=("queued", 0)), by.delete(job, reason="tidied up"), by.delete(job),
        ]  # fmt: skip
        return [one.model_dump(exclude={"job_id", "uuid"}) for one in told]

    outcomes = give(jobs)
    assert outcomes == give(runner)
    assert {one["outcome"] for one in outcomes} == {"done", "refused", "already_terminal", "not_found"}
    assert sql("SELECT reason FROM jobrunner_tombstone") == [("tidied up",)] * 2


def test_workers_are_told_and_drained_alike(jobs: Any, runner: JobRunner) -> None:
    worker = identity("pool", "none", ["zone=eu"])
    workers.join(runner.database, worker, 30)
    found, known = jobs.workers(), runner.workers()
    assert [one | {"lease_age": 0} for one in found] == [one | {"lease_age": 0} for one in known]
    asked = jobs.drain(worker.id, reason="new kernel")
    assert (asked.outcome, asked.worker_id, asked.state) == ("requested", worker.id, "draining")
    assert runner.workers()[0]["drain"]["reason"] == "new kernel"
    assert jobs.drain(worker.id) == runner.drain(worker.id)
    workers.retire(runner.database, worker.id)
    for name in (worker.id, "nobody", "no such/../worker"):
        assert jobs.drain(name) == runner.drain(name)


def test_a_parked_job_is_resolved(jobs: Any, database: Database) -> None:
    job, _ = begin(database)
    driving.move(database, job, Trigger.PARK_LOST)
    assert jobs.wait(job).job.status == "parked"
    done = jobs.resolve(job, "succeeded", reason="looked")
    assert (done.outcome, done.previous_status, done.status) == ("done", "parked", "succeeded")


def test_events_follow_to_the_end_and_stop_at_a_parked_job(jobs: Any, database: Database) -> None:
    job, tail = begin(database)
    driving.append(database, tail, ["one", "two"])
    driving.move(database, job, Trigger.PARK_LOST)
    seen = list(jobs.events(job))
    assert [event["seq"] for event in seen] == [1, 2, 3, 4, 5]
    assert seen == jobs.status(job).model_dump(mode="json")["events"]
    jobs.resolve(job, "failed")
    assert [event["to"] for event in jobs.events(job, after_seq=5)] == ["failed"]
    assert list(jobs.events(job, after_seq=6)) == []
    assert list(jobs.events(999)) == []


def test_results_and_errors_are_the_same(jobs: Any, database: Database) -> None:
    job, _ = begin(database)
    with pytest.raises(errors.JobNotFinished):
        jobs.result(job)
    driving.move(database, job, Trigger.SUCCEED, result='{"made":7}')
    assert jobs.result(job) == {"made": 7}
    failed, _ = begin(database)
    driving.move(
        database, failed, Trigger.FAIL, error_class="ValueError", error_reason_code="handler_error",
        error_message="no luck", error_traceback="Traceback …",
    )  # fmt: skip
    with pytest.raises(errors.JobFailed) as told:
        jobs.result(failed)
    fault = told.value
    assert (fault.message, fault.status, fault.error_class, fault.reason_code, fault.traceback) == (
        f"Job {failed} (t.noop) is failed: ValueError: no luck", "failed", "ValueError", "handler_error", "Traceback …",
    )  # fmt: skip


WRONG: list[tuple[Callable[[Any], Any], type[errors.JobRunnerError], str | None]] = [
    (lambda by: by.start("t.nope"), errors.HandlerNotRegistered, "type"),
    (lambda by: by.start("t.add", {"b": 1}), errors.InvalidParams, "a"),
    (lambda by: by.start("t.add", {"a": float("nan")}), errors.BadInput, None),
    (lambda by: by.start("t.noop", delay="soon"), errors.InvalidTime, "delay"),
    (lambda by: by.start("t.noop", at="tomorrow"), errors.InvalidTime, "at"),
    (lambda by: by.start("t.noop", launcher="nobody"), errors.InvalidField, "launcher"),
    (lambda by: by.start_many([("t.noop",), ("t.add", {})]), errors.InvalidParams, "1.a"),
    (lambda by: by.start_many([7]), errors.InvalidField, "0"),
    (lambda by: by.start(7), errors.HandlerNotRegistered, None),
    (lambda by: by.status(1, after_seq=-1), errors.InvalidField, "after_seq"),
    (lambda by: by.status(1, after_seq=None), errors.InvalidField, "after_seq"),
    (lambda by: by.status(1, after_seq=1.5), errors.InvalidField, "after_seq"),
    (lambda by: by.status(1, limit="2"), errors.InvalidField, "limit"),
    (lambda by: by.logs(1, until_seq=10**30), errors.InvalidField, "until_seq"),
    (lambda by: next(by.events(1, after_seq="3")), errors.InvalidField, "after_seq"),
    (lambda by: by.logs(1, level="loud"), errors.InvalidField, "level"),
    (lambda by: by.logs(1, since="yesterday"), errors.InvalidTime, "since"),
    (lambda by: by.jobs(status="dead"), errors.InvalidField, "status"),
    (lambda by: by.jobs(next="x"), errors.InvalidField, "next"),
    (lambda by: by.jobs(next=""), errors.InvalidField, "next"),
    (lambda by: by.jobs(status=""), errors.InvalidField, "status"),
    (lambda by: by.jobs(status="failed,parked"), errors.InvalidField, "status"),
    (lambda by: by.jobs(status=[7]), errors.InvalidField, "status"),
    (lambda by: by.jobs(type=5), errors.InvalidField, "type"),
    (lambda by: by.jobs(search=5), errors.InvalidField, "search"),
    (lambda by: by.jobs(worker=5), errors.InvalidField, "worker"),
    (lambda by: by.jobs(tag={"b": 1}), errors.InvalidField, "tag"),
    (lambda by: by.jobs(limit="5"), errors.InvalidField, "limit"),
    (lambda by: by.logs(1, step=3), errors.InvalidField, "step"),
    (lambda by: by.logs(1, step="s" * 256), errors.InvalidField, "step"),
    (lambda by: by.logs(1, grep="g" * 201), errors.InvalidField, "grep"),
    (lambda by: by.start("t.noop", hold=None), errors.InvalidField, "hold"),
    (lambda by: by.start_many([("t.noop", None, {"hold": None})]), errors.InvalidField, "0.hold"),
    (lambda by: by.start_many([("t.noop", None, {"bogus": 1})]), errors.InvalidField, "0.bogus"),
    (lambda by: by.start("t.add", [1]), errors.BadInput, None),
    (lambda by: by.start("t.add", {"a": "\ud800"}), errors.BadInput, None),
    (lambda by: by.start("t.add", {1: 2}), errors.BadInput, None),
    (lambda by: by.cancel(999, reason="nul \0"), errors.InvalidField, "reason"),
    (lambda by: by.cancel(1, reason="nul \0"), errors.InvalidField, "reason"),
    (lambda by: by.drain("nobody", reason="nul \0"), errors.InvalidField, "reason"),
    (lambda by: by.resolve(1, "maybe"), errors.InvalidField, None),
    (lambda by: by.act("explode", 1), errors.InvalidField, "verb"),
    (lambda by: by.result(999), errors.JobNotFound, None),
    (lambda by: by.wait(999), errors.JobNotFound, None),
    (lambda by: by.wait(1, timeout=0.1), errors.WaitTimeout, None),
]  # fmt: skip


@pytest.mark.databases("sqlite")
def test_what_is_wrong_raises_the_same_error(jobs: Any, database: Database) -> None:
    driving.create(database)
    for call, fault, field in WRONG:
        with pytest.raises(fault) as told:
            call(jobs)
        assert told.value.message
        assert field is None or field in told.value.fields, told.value.as_dict()


@pytest.mark.databases("sqlite")
def test_an_ambiguous_name_is_told_with_its_candidates(
    jobs: Any, database: Database, runner: JobRunner
) -> None:
    first, second = (driving.create(database) for _ in range(2))
    uuids = [runner.status(job).job.uuid for job in (first, second)]  # type: ignore[union-attr]
    with pytest.raises(errors.AmbiguousJob, match=uuids[0]):
        jobs.status(uuids[0][:6])
    assert jobs.status(uuids[1]).job.id == second


@pytest.mark.databases("sqlite")
def test_many_are_started_in_one_transaction_or_none(jobs: Any, runner: JobRunner) -> None:
    made = jobs.start_many(
        [("t.noop", None, {"launcher": "pool"}), {"type": "t.add", "params": {"a": 1}, "hold": True}]
    )
    assert [one.outcome for one in made] == ["queued", "held"]
    with pytest.raises(errors.InvalidParams):
        jobs.start_many([("t.noop",), ("t.add", {"a": "x"})])
    assert runner.stats() == {"jobs": {"held": 1, "queued": 1}}
    assert jobs.start_many([]) == []
