"""Whatever a handler does, its job ends in the right status, with the right reason, and its words are kept."""

from __future__ import annotations

import signal

import pytest

from jobrunner.worker.lines import LIMIT
from tests.worker.workbed import is_gone

pytestmark = pytest.mark.databases("sqlite")


def test_a_handler_that_hogs_the_interpreter_is_killed(work):
    job = work.start("n.hog")
    work.running(job)
    work.runner.kill(job)
    ended = work.ended(job)
    assert ended.job.status == "stopped"
    assert work.attempt(job)["exit_signal"] == signal.SIGKILL


def test_a_handler_that_hogs_the_interpreter_is_stopped_after_the_grace(work):
    job = work.start("n.hog")
    work.running(job)
    work.runner.stop(job)
    assert work.ended(job).job.status == "stopped"
    told = work.lines(job, "system")
    assert any("SIGTERM" in line for line in told)
    assert any("SIGKILL to 1 process" in line for line in told)


def test_fifty_megabytes_in_one_line_come_back_whole(work):
    ended = work.run("n.one_line", {"megabytes": 50})
    assert ended.job.status == "succeeded"
    pieces = work.lines(ended.job.id, "stdout")
    assert all(len(piece) <= LIMIT for piece in pieces)
    assert "".join(pieces) == "x" * (50 * 1024 * 1024) + "end"


def test_binary_output_becomes_visible(work):
    ended = work.run("n.binary")
    assert ended.job.status == "succeeded"
    assert work.lines(ended.job.id) == ["a\\x00b \\xff\\xfe €", "100%", "last"]


def test_no_line_of_two_hundred_thousand_is_lost(work):
    ended = work.run("n.many_lines", {"n": 200_000}, timeout=110)
    assert ended.job.status == "succeeded"
    assert work.lines(ended.job.id) == [f"line {number}" for number in range(200_000)]
    assert work.attempt(ended.job.id)["line_count"] == 200_000


def test_only_the_original_of_a_forked_handler_reports(work):
    ended = work.run("n.fork")
    assert ended.job.status == "succeeded"
    assert ended.result == {"is_original": 1}
    assert sorted(work.lines(ended.job.id, "stdout")) == ["copy", "original"]


def test_a_handler_may_close_its_own_output(work):
    ended = work.run("n.close_stdout")
    assert (ended.job.status, ended.result) == ("succeeded", {"still": "here"})
    assert work.lines(ended.job.id) == ["before", "after"]


@pytest.mark.parametrize("code", [0, 7])
def test_os_exit_is_a_failure_with_its_code_and_last_words(work, code):
    ended = work.run("n.os_exit", {"code": code})
    assert (ended.job.status, ended.error.reason_code) == ("failed", f"exited_{code}")
    assert "half a line" in work.lines(ended.job.id, "stdout")
    assert work.attempt(ended.job.id)["exit_code"] == code


@pytest.mark.parametrize("type", ["n.sys_exit", "n.base_exception"])
def test_what_is_no_exception_fails_the_job_all_the_same(work, type):
    ended = work.run(type)
    assert (ended.job.status, ended.error.reason_code) == ("failed", "handler_error")


def test_a_result_that_is_not_json_is_a_failure(work):
    ended = work.run("n.not_json")
    assert (ended.job.status, ended.error.reason_code) == ("failed", "result_not_encodable")


def test_a_stopped_process_can_be_killed(work):
    job = work.start("n.freeze")
    work.running(job)
    work.runner.kill(job)
    assert work.ended(job).job.status == "stopped"


@pytest.mark.parametrize("ignores", [False, True])
def test_a_grandchild_with_a_session_of_its_own_is_ended(work, ignores):
    ended = work.run("n.grandchild", {"ignore_term": ignores})
    assert ended.job.status == "succeeded"
    assert is_gone(ended.result["pid"])
    assert any("still running after its end" in line for line in work.lines(ended.job.id, "system"))


def test_a_segfault_is_explained_with_its_last_words(work):
    ended = work.run("n.segfault")
    assert (ended.job.status, ended.error.reason_code) == ("failed", "killed_by_signal_11")
    assert "SIGSEGV" in ended.error.message
    assert "last words" in work.lines(ended.job.id, "stdout")
    attempt = work.attempt(ended.job.id)
    assert attempt["cpu_seconds"] > 0
    assert attempt["peak_rss"] > 5 * 1024 * 1024


def test_a_kill_from_outside_is_explained(work):
    ended = work.run("n.kill_self", {"number": 9})
    assert (ended.job.status, ended.error.reason_code) == ("failed", "killed_by_signal_9")


def test_a_thread_that_goes_on_does_not_hold_up_the_end(work):
    ended = work.run("n.thread_stays", timeout=10)
    assert (ended.job.status, ended.result) == ("succeeded", {"left": True})
