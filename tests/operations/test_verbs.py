"""Each verb from each status: what it answers, where the job goes, what the ledger says."""

from __future__ import annotations

from typing import Any

import pytest

from jobrunner import JobRunner
from jobrunner.errors import IllegalTransition, InvalidField
from jobrunner.models import ActionResult
from jobrunner.states import TERMINAL, Trigger
from tests.operations.places import end, put, take

STATUSES = (
    "held", "scheduled", "queued", "running", "cancel_requested", "parked", "succeeded", "failed", "cancelled",
    "stopped", "abandoned",
)  # fmt: skip
ENDING = {
    **dict.fromkeys(("held", "scheduled", "queued", "parked"), ("done", "cancelled")),
    "running": ("requested", "cancel_requested"),
}
HARDER = ENDING | {"cancel_requested": ("requested", "cancel_requested")}
CLOSABLE = ("failed", "stopped", "cancelled", "parked")
# What a verb does from a status; from every other it is already_terminal or refused, and writes nothing.
EFFECTS: dict[str, dict[str, tuple[str, str]]] = {
    "cancel": ENDING,
    "stop": HARDER,
    "kill": HARDER,
    "hold": dict.fromkeys(("queued", "scheduled"), ("done", "held")),
    "release": {"held": ("done", "queued")},
    "retry": dict.fromkeys(CLOSABLE, ("done", "queued")),
    "abandon": dict.fromkeys(CLOSABLE, ("done", "abandoned")),
    "resolve": {"parked": ("done", "succeeded")},
}
NEEDED: dict[str, dict[str, Any]] = {"resolve": {"as_": "succeeded"}, "retry": {"force": True}}
TRIGGERS = {"resolve": "resolve_succeeded"}


def act(runner: JobRunner, verb: str, job: object, **options: Any) -> ActionResult:
    result = getattr(runner, verb)(job, **NEEDED.get(verb, {}), **options)
    assert isinstance(result, ActionResult)
    return result


@pytest.mark.parametrize("verb", EFFECTS)
def test_a_verb_moves_the_job_as_the_machine_says_or_writes_nothing(runner, verb) -> None:
    for status in STATUSES:
        job = put(runner, status)
        before = runner.status(job, tail=1)
        result = act(runner, verb, job, reason=" because password=pw ", actor="operator:ann")
        after = runner.status(job, tail=1)
        assert (result.job_id, result.uuid) == (job, before.job.uuid)
        assert (result.previous_status, result.status) == (status, after.job.status), status
        effect = EFFECTS[verb].get(status)
        if effect is None:
            expected = ("refused", f"is_{status}")
            if status in TERMINAL:
                expected = ("already_terminal", "already_terminal")
            elif (verb, status) == ("cancel", "cancel_requested"):
                expected = ("already_requested", "already_requested")
            assert (result.outcome, result.reason_code) == expected
            assert after == before
        else:
            assert (result.outcome, result.reason_code, result.status) == (effect[0], None, effect[1]), status
            last = after.events[0]
            assert (last.trigger, last["from"], last.to) == (TRIGGERS.get(verb, verb), status, effect[1])
            assert (last.actor, last.seq) == ("operator:ann", before.job.last_seq + 1)
            assert last.reason == "because password=***"
            assert (after.job.final_seq is not None) == (effect[1] in TERMINAL)
    assert list(runner.audit.verify()) == []


@pytest.mark.parametrize("verb", [*EFFECTS, "delete"])
def test_a_verb_for_a_job_as_it_was_seen_leaves_one_that_has_changed_since(runner, verb) -> None:
    status = next(iter(EFFECTS.get(verb, {"held": None})))
    job = put(runner, status)
    before = runner.status(job, tail=1)
    for seen in (
        (status, before.job.attempt + 1),
        ("running" if status != "running" else "queued", before.job.attempt),
    ):
        result = runner.act(verb, job, seen=seen, **NEEDED.get(verb, {}))
        assert (result.outcome, result.reason_code, result.status) == ("refused", "changed", status)
        assert runner.status(job, tail=1) == before
    result = runner.act(verb, job, seen=(status, before.job.attempt), **NEEDED.get(verb, {}))
    assert result.outcome in ("done", "requested")


def test_a_request_can_be_raised_and_not_lowered(runner) -> None:
    job = put(runner, "running")
    steps = [
        ("cancel", "requested", "cancel"),
        ("cancel", "already_requested", "cancel"),
        ("stop", "requested", "stop"),
    ]
    steps += [
        ("cancel", "already_requested", "stop"),
        ("stop", "already_requested", "stop"),
        ("kill", "requested", "kill"),
    ]
    steps += [("stop", "already_requested", "kill"), ("kill", "already_requested", "kill")]
    for verb, outcome, mode in steps:
        last_seq = runner.status(job).job.last_seq
        result = act(runner, verb, job)
        seen = runner.status(job).job
        assert (result.outcome, seen.cancel_mode, result.status) == (outcome, mode, "cancel_requested")
        assert seen.last_seq - last_seq == (outcome == "requested")


@pytest.mark.parametrize("status", ["failed", "stopped", "cancelled", "parked"])
def test_a_retry_begins_anew(runner, sql, status) -> None:
    job = put(runner, status, priority=3)
    sql(f"UPDATE jobrunner_job SET claim_token_hash = NULL, budget_used = 5 WHERE id = {job}")
    assert act(runner, "retry", job).status == "queued"
    seen = runner.status(job)
    assert (seen.error, seen.result) == (None, None)
    assert (seen.job.finished_at, seen.job.final_seq, seen.job.cancel_mode, seen.job.budget_used) == (
        None,
        None,
        None,
        0,
    )
    assert seen.job.available_at <= seen.job.queued_at == seen.job.updated_at
    attempt = seen.job.attempt
    claimed = take(runner, job)
    assert (claimed.attempt, claimed.fence) == (attempt + 1, attempt + 1)
    end(runner, job, Trigger.SUCCEED, result='{"sum":1}')
    assert runner.result(job) == {"sum": 1}
    assert list(runner.audit.verify()) == []


def test_a_job_that_is_not_idempotent_is_retried_by_force_only(runner) -> None:
    careful, idempotent = put(runner, "failed"), put(runner, "failed", type="t.flaky")
    refused = runner.retry(careful)
    assert (refused.outcome, refused.reason_code, refused.status) == ("refused", "not_idempotent", "failed")
    assert runner.retry(idempotent).outcome == "done"
    assert runner.retry(careful, force=True).outcome == "done"


def test_a_retry_is_refused_while_another_job_holds_the_lock_key(runner) -> None:
    job = put(runner, "failed", lock_key="k")
    holder = runner.start("t.noop", lock_key="k").job_id
    refused = act(runner, "retry", job)
    assert (refused.outcome, refused.reason_code, refused.previous_status, refused.status) == (
        "refused",
        "lock_held",
        "failed",
        "failed",
    )
    runner.cancel(holder)
    assert act(runner, "retry", job).status == "queued"
    assert runner.start("t.noop", lock_key="k").job_id == job


def test_a_release_before_its_time_leaves_the_job_scheduled(runner) -> None:
    job = runner.start("t.noop", hold=True, delay=3600).job_id
    assert (runner.release(job).status, runner.hold(job).status) == ("scheduled", "held")
    assert [move.trigger for move in runner.history(job).transitions] == [
        "create_held",
        "release_scheduled",
        "hold",
    ]


def test_hold_cancel_and_a_new_launch_void_the_token_of_a_launch(runner, sql) -> None:
    for verb in ("hold", "cancel"):
        job = put(runner, "queued")
        sql(f"UPDATE jobrunner_job SET claim_token_hash = 'x' WHERE id = {job}")
        act(runner, verb, job)
        assert sql(f"SELECT claim_token_hash FROM jobrunner_job WHERE id = {job}") == [(None,)]


def test_a_parked_job_can_be_resolved_either_way_and_nothing_else(runner) -> None:
    job = put(runner, "parked")
    with pytest.raises(InvalidField) as refused:
        runner.resolve(job, "done")
    assert list(refused.value.fields) == ["as"]
    assert runner.resolve(job, "failed", reason="half done").status == "failed"
    assert runner.status(job).job.final_seq == runner.status(job).job.last_seq


def test_a_delete_leaves_a_tombstone_and_frees_every_key_but_never_the_id(runner, sql) -> None:
    for status in STATUSES:
        job = put(runner, status, tags={"n": "v"}, lock_key=status, idempotency_key=status)
        head = sql(f"SELECT uuid, last_seq, digest, log_digest FROM jobrunner_job WHERE id = {job}")
        result = runner.delete(job, reason="tidy mysql://me:pw@host/db", actor="ann")
        if status in TERMINAL or status == "held":
            assert (result.outcome, result.previous_status, result.status) == ("done", status, None)
            assert runner.status(job).found is False
            stone = sql(
                f"SELECT uuid, final_seq, digest, log_digest, status, actor, reason FROM jobrunner_tombstone WHERE id = {job}"
            )
            assert stone == [(*head[0], status, "operator:ann", "tidy mysql://me:***@host/db")]
            assert runner.start("t.noop", lock_key=status, idempotency_key=status).job_id > job
        else:
            assert (result.outcome, result.reason_code, result.status) == ("refused", f"is_{status}", status)
            assert runner.status(job).found is True
    assert list(runner.audit.verify()) == []


def test_the_id_of_the_newest_job_is_not_used_again_after_its_delete(runner) -> None:
    job = put(runner, "held")
    runner.delete(job)
    assert put(runner, "held") > job


def test_a_job_with_many_lines_is_deleted_whole(runner, sql) -> None:
    from jobrunner.store import logs

    job = put(runner, "queued")
    tail = logs.Tail(take(runner, job))
    line = logs.Line("2026-01-01T00:00:00.000000Z", "info", "log", None, None, "x", None)
    logs.append(runner.database, tail, [line] * 25_000, {})
    end(runner, job, Trigger.SUCCEED)
    assert runner.delete(job).outcome == "done"
    assert sql("SELECT count(*) FROM jobrunner_job_log") == [(0,)]


@pytest.mark.parametrize("verb", [*EFFECTS, "delete", "launch"])
def test_a_job_that_does_not_exist_is_not_found(sqlite_url, runner, verb) -> None:
    put(runner, "queued")
    for job in (99, "99", 2**70, "0198aaaa", "nonsense", "", "-1", "0", "\0"):
        options = {"as_": "failed"} if verb == "resolve" else {}
        result = getattr(runner, verb)(job, **options)
        assert result.model_dump(exclude_none=True) == {
            "outcome": "not_found",
            "reason_code": "job_not_found",
        }


@pytest.mark.parametrize("reason", ["a\0b", "\ud800", "x" * 60_001, 5])
def test_a_reason_that_no_database_takes_is_refused_and_nothing_happens(sqlite_url, runner, reason) -> None:
    job = put(runner, "queued")
    for verb in [*EFFECTS, "delete"]:
        with pytest.raises(InvalidField) as refused:
            act(runner, verb, job, reason=reason)
        assert list(refused.value.fields) == ["reason"]
    assert runner.status(job).job.last_seq == 1


def test_an_actor_is_named_with_its_kind(runner) -> None:
    job = put(runner, "queued")
    for actor, named in (
        ("ann", "operator:ann"),
        ("http:ann", "operator:http:ann"),
        ("operator:bob", "operator:bob"),
    ):
        runner.hold(job, actor=actor)
        runner.release(job, actor=actor)
        assert runner.history(job).transitions[-1].actor == named
    for actor in ("x" * 300, "a\nb", "operator:\0", " "):
        with pytest.raises(InvalidField) as refused:
            runner.hold(job, actor=actor)
        assert list(refused.value.fields) == ["actor"]
    with pytest.raises(IllegalTransition):
        runner.hold(job, actor="worker:w")


def test_a_pool_job_is_not_launched_by_a_verb_nor_by_launch(runner, sql) -> None:
    job = put(runner, "held")
    assert runner.release(job).outcome == "done"
    refused = runner.launch(job)
    assert (refused.outcome, refused.reason_code) == ("refused", "not_detached")
    assert sql("SELECT launches FROM jobrunner_job") == [(0,)]
