"""The inline launcher: in the caller's thread, with the same ledger."""

from __future__ import annotations

import sys
import threading

import pytest

from jobrunner import JobCancelled, JobContext, JobRunner, job


@job("i.voices")
def voices(ctx: JobContext, name: str = "you") -> dict[str, str]:
    """Speaks in every way."""
    print("printed")
    print("to stderr", file=sys.stderr)
    ctx.info("by context\r\n10%\r20%\r", a=1)
    with ctx.step("one", "First", index=1, total=1):
        ctx.progress(50, "half")
        print("inside")
    return {"hello": name}


@job("i.raises")
def raises() -> None:
    """Fails."""
    raise ValueError("no")


@job("i.asks", timeout=30)
def asks(ctx: JobContext) -> None:
    """Cancels itself, as somebody else would, and heeds it."""
    JobRunner().cancel(ctx.job_id)
    while True:
        ctx.check_cancelled()


@job("i.returns")
def returns(ctx: JobContext, mode: str) -> dict[str, object]:
    """Returns what is no JSON, after it was asked to end."""
    getattr(JobRunner(), mode)(ctx.job_id)
    return {"no": object()}


@job("i.slow", timeout=0.2)
def slow(ctx: JobContext) -> None:
    """Goes on until its time is over."""
    while True:
        ctx.check_cancelled()


@job("i.interrupted")
def interrupted() -> None:
    """Is interrupted at the keyboard."""
    raise KeyboardInterrupt


@job("i.gives_up")
def gives_up() -> None:
    """Ends as if it had been asked to."""
    raise JobCancelled("nobody asked")


@pytest.fixture
def inline(url):
    runner = JobRunner(database_url=url, launcher="inline")
    yield runner
    runner.database.close()


def test_an_inline_job_has_ended_when_start_returns(inline, capsys):
    started = inline.start("i.voices", {"name": "me"})
    assert started.status == "succeeded"
    assert inline.result(started.job_id) == {"hello": "me"}
    said = [(line.stream, line.message, line.step) for line in inline.logs(started.job_id).lines]
    assert ("stdout", "printed", None) in said
    assert ("stderr", "to stderr", None) in said
    assert ("log", "by context\n20%", None) in said
    assert ("stdout", "inside", "one") in said
    assert capsys.readouterr() == ("", "")


def test_its_failure_is_the_jobs_not_the_callers(inline):
    started = inline.start("i.raises")
    ended = inline.status(started.job_id)
    assert (ended.job.status, ended.error.reason_code) == ("failed", "handler_error")


def test_a_cancel_is_a_flag_that_it_looks_at(inline):
    assert inline.start("i.asks").status == "cancelled"


@pytest.mark.parametrize(
    ("mode", "status"), [("cancel", "cancelled"), ("stop", "stopped"), ("kill", "stopped")]
)
def test_what_a_handler_returns_after_a_request_does_not_decide(inline, mode, status):
    assert inline.start("i.returns", {"mode": mode}).status == status


def test_a_timeout_is_a_flag_too(inline):
    started = inline.start("i.slow")
    assert inline.status(started.job_id).error.reason_code == "timeout"


def test_an_end_that_nobody_asked_for_is_a_failure(inline):
    assert inline.start("i.gives_up").status == "failed"


def test_an_interrupt_fails_the_job_and_reaches_the_caller(inline):
    with pytest.raises(KeyboardInterrupt):
        inline.start("i.interrupted")
    (left,) = inline.jobs(type="i.interrupted").jobs
    assert left.status == "failed"


def test_it_leaves_no_thread_and_no_handler_behind(inline):
    inline.start("i.voices")
    assert not [one for one in threading.enumerate() if one.name.startswith("jobrunner")]
