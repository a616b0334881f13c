"""Reads show what is stored, in pages without gaps, and never write."""

from __future__ import annotations

import re
from typing import Any

import pytest

from jobrunner.errors import (
    InvalidField,
    InvalidTime,
    JobFailed,
    JobNotFinished,
    JobNotFound,
)
from jobrunner.states import Trigger
from jobrunner.store import logs
from tests.operations.places import end, put, take

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
JOB_FIELDS = [
    "id", "uuid", "type", "title", "status", "is_active", "is_terminal", "is_stale", "stale_reason", "queue", "priority",
    "lock_key", "tags", "created_by", "idempotent", "launcher", "attempt", "budget_used", "max_attempts", "params", "progress",
    "counts", "worker", "cancel_mode", "created_at", "available_at", "queued_at", "started_at", "heartbeat_at", "finished_at",
    "updated_at", "last_seq", "first_seq", "final_seq",
]  # fmt: skip


def line(
    message: str,
    level: str = "info",
    stream: str = "log",
    step: str | None = None,
    context: str | None = None,
) -> logs.Line:
    return logs.Line("2026-01-01T00:00:00.000000Z", level, stream, step, "shop", message, context)


@pytest.fixture
def told(runner) -> int:
    """A job that ran, said nine lines and succeeded: births 1, claim 2, lines 3 to 11, end 12."""
    job = put(runner, "queued", "t.add", {"a": 1})
    tail = logs.Tail(take(runner, job))
    lines = [
        line(f"line {number}", level)
        for number, level in enumerate(("debug", "info", "warning", "error") * 2)
    ]
    lines.append(line("50% of a_b\\", "info", "system", "load", '{"event":"step_started"}'))
    step = {
        "step_key": "load",
        "step_label": "Load",
        "step_index": 1,
        "step_total": 2,
        "progress_percent": 50.0,
    }
    logs.append(runner.database, tail, lines, step)
    end(runner, job, Trigger.SUCCEED, result='{"sum":3}')
    return job


def test_the_status_model_has_the_fields_of_the_contract_and_no_others(runner, told) -> None:
    seen = runner.status(told).model_dump(mode="json")
    assert list(seen) == [
        "schema_version",
        "found",
        "job",
        "events",
        "last_seq",
        "has_more",
        "pruned",
        "result",
        "error",
    ]
    job = seen["job"]
    assert list(job) == JOB_FIELDS
    assert job["progress"] == {
        "percent": 50, "text": None, "current": None, "total": None,
        "step": {"key": "load", "label": "Load", "index": 1, "total": 2},
    }  # fmt: skip
    assert job["counts"] == {"warnings": 2, "errors": 2}
    assert (list(job["worker"]), job["worker"]["host"], job["worker"]["pid"]) == (
        ["id", "host", "pid", "scope"],
        "here",
        1,
    )
    assert (job["status"], job["is_active"], job["is_terminal"], job["is_stale"]) == (
        "succeeded",
        False,
        True,
        False,
    )
    assert (job["last_seq"], job["first_seq"], job["final_seq"]) == (12, 1, 12)
    assert (seen["result"], seen["error"], seen["pruned"]) == ({"sum": 3}, None, False)
    times = {name: job[name] for name in JOB_FIELDS if name.endswith("_at")}
    assert [name for name, value in times.items() if not (value and MOMENT.fullmatch(value))] == []
    moves = [event for event in seen["events"] if event["kind"] == "transition"]
    assert all(
        list(move) == ["seq", "kind", "at", "attempt", "from", "trigger", "to", "actor", "reason", "context"]
        for move in moves
    )
    said = [event for event in seen["events"] if event["kind"] == "log"]
    assert all(
        list(item)
        == ["seq", "kind", "at", "attempt", "level", "stream", "step", "logger", "message", "context"]
        for item in said
    )
    assert said[-1]["context"] == {"event": "step_started"}
    assert [event["seq"] for event in seen["events"]] == list(range(1, 13))


def test_what_went_wrong_is_shown_whole(runner) -> None:
    seen = runner.status(put(runner, "failed")).model_dump(mode="json")
    assert seen["error"] == {
        "class": "ValueError",
        "reason_code": "handler_error",
        "message": "no luck",
        "traceback": None,
    }
    assert runner.status(put(runner, "queued")).job.worker is None


def test_a_cursor_reads_every_row_once(runner, told) -> None:
    cursor, seen, pages = 0, [], 0
    while True:
        page = runner.status(told, after_seq=cursor, limit=5)
        seen += [event.seq for event in page.events]
        assert page.last_seq == (page.events[-1].seq if page.events else cursor)
        cursor, pages = page.last_seq, pages + 1
        if not page.has_more:
            break
    assert (seen, pages) == (list(range(1, 13)), 3)
    after = runner.status(told, after_seq=500)
    assert (after.events, after.last_seq, after.has_more) == ([], 500, False)
    nothing = runner.status(told, limit=0)
    assert (nothing.events, nothing.last_seq, nothing.has_more) == ([], 0, True)
    newest = runner.status(told, tail=3, after_seq=11)
    assert ([event.seq for event in newest.events], newest.has_more) == ([10, 11, 12], False)
    assert runner.status(told, tail=0).events == []


def test_a_slice_has_at_most_a_thousand_rows(runner) -> None:
    job = put(runner, "queued")
    logs.append(runner.database, logs.Tail(take(runner, job)), [line("x")] * 1200, {})
    for page in (runner.status(job, limit=5000), runner.status(job, tail=5000)):
        assert len(page.events) == 1000
    assert runner.status(job, limit=5000).has_more is True
    assert len(runner.logs(job, limit=5000).lines) == len(runner.logs(job, tail=10**6).lines) == 1000


@pytest.mark.parametrize("value", [-1, 1.5, "3", True, None, 2**63])
def test_a_cursor_that_is_none_is_refused(sqlite_url, runner, value) -> None:
    for name in ("after_seq", "limit"):
        for read in (runner.status, runner.logs):
            with pytest.raises(InvalidField) as refused:
                read(1, **{name: value})
            assert list(refused.value.fields) == [name]


def test_lines_are_filtered_by_what_they_are(runner, told) -> None:
    def found(**options: Any) -> list[int]:
        return [item.seq for item in runner.logs(told, **options).lines]

    assert found() == list(range(3, 12))
    assert found(level="error") == [6, 10]
    assert found(level="warning", after_seq=6) == [9, 10]
    assert found(stream="system") == found(step="load") == found(grep="50% of a_b\\") == [11]
    assert found(grep="LINE") == found(grep="line_1") == []
    assert found(tail=2) == [10, 11]
    assert found(since="2026-01-01T01:00:00+01:00") == list(range(3, 12))
    assert found(since="2026-01-01T00:00:00.000001Z") == []
    page = runner.logs(told, limit=4)
    assert (page.last_seq, page.has_more) == (6, True)
    page = runner.logs(told, after_seq=11)
    assert (page.lines, page.last_seq, page.has_more) == ([], 11, False)


def test_a_filter_that_means_nothing_is_refused_by_its_name(runner, told) -> None:
    for name, value in (("level", "loud"), ("stream", "radio"), ("grep", "\0"), ("step", "\ud800")):
        with pytest.raises(InvalidField) as refused:
            runner.logs(told, **{name: value})
        assert list(refused.value.fields) == [name]
    with pytest.raises(InvalidTime):
        runner.logs(told, since="yesterday")
    wrong: list[tuple[str, Any]] = [
        ("status", "asleep"),
        ("status", "new"),
        ("search", "\0"),
        ("type", "\0"),
        ("queue", "\ud800"),
        ("created_by", 5),
        ("next", "x"),
    ]
    for name, value in wrong:
        with pytest.raises(InvalidField) as refused:
            runner.jobs(**{name: value})
        assert list(refused.value.fields) == [name]
    with pytest.raises(InvalidField):
        runner.jobs(tag={"n": "\0"})


def test_of_a_job_that_does_not_exist_reads_say_so_and_only_wait_and_result_raise(runner) -> None:
    seen = runner.status(5, after_seq=7).model_dump(mode="json")
    assert (seen["found"], seen["job"], seen["events"], seen["last_seq"]) == (False, None, [], 7)
    assert runner.history(5).transitions == []
    assert runner.logs(5, after_seq=7).model_dump() == {"lines": [], "last_seq": 7, "has_more": False}
    assert list(runner.events(5)) == []
    for read in (runner.wait, runner.result):
        with pytest.raises(JobNotFound):
            read(5)


def test_a_result_is_given_or_why_there_is_none(runner, told) -> None:
    assert runner.result(told) == {"sum": 3}
    with pytest.raises(JobFailed, match="ValueError: no luck") as failed:
        runner.result(put(runner, "failed"))
    assert (failed.value.status, failed.value.error_class, failed.value.reason_code) == (
        "failed",
        "ValueError",
        "handler_error",
    )
    with pytest.raises(JobFailed, match="cancelled"):
        runner.result(put(runner, "cancelled"))
    for status in ("queued", "parked", "cancel_requested"):
        with pytest.raises(JobNotFinished):
            runner.result(put(runner, status))


def test_a_job_whose_worker_is_silent_is_stale_and_one_at_rest_is_not(runner, sql) -> None:
    job = put(runner, "running")
    assert runner.status(job).job.is_stale is False
    sql(
        "UPDATE jobrunner_lease SET heartbeat_at = '2026-01-01 00:00:00', lease_until = '2026-01-01 00:00:30'"
    )
    seen = runner.status(job).job
    assert (seen.is_stale, seen.heartbeat_at) == (True, "2026-01-01T00:00:00.000000Z")
    assert "2026-01-01T00:00:00" in (seen.stale_reason or "")
    end(runner, job, Trigger.FAIL)
    assert runner.status(job).job.is_stale is False
    assert [worker["host"] for worker in runner.workers()] == ["here"]


def test_a_whole_second_is_a_moment_like_any_other(runner, sql) -> None:
    job = put(runner, "held")
    sql(f"UPDATE jobrunner_job SET created_at = '2026-02-03 04:05:06' WHERE id = {job}")
    assert runner.status(job).job.created_at == "2026-02-03T04:05:06.000000Z"
    assert [item.id for item in runner.jobs(until="2026-02-03T04:05:06.000001Z").jobs] == [job]


def test_a_worker_has_in_hand_what_it_runs_and_not_what_it_has_ended(runner) -> None:
    put(runner, "succeeded")
    put(runner, "running")
    put(runner, "cancel_requested")
    assert sorted(worker["jobs"] for worker in runner.workers()) == [0, 1, 1]
