"""A detached worker from its start to its end, on every database."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.worker.workbed import children_of, is_gone, parent_of


def test_a_job_runs_and_its_ledger_is_whole(work):
    ended = work.run("n.mixed", {"rounds": 3})
    assert ended.job.status == "succeeded"
    assert ended.job.final_seq == ended.job.last_seq
    triggers = [move.trigger for move in work.runner.history(ended.job.id).transitions]
    assert triggers == ["create", "claim", "succeed"]


def test_print_context_and_steps_keep_their_order(work):
    ended = work.run("n.mixed", {"rounds": 30})
    said = [line for line in work.lines(ended.job.id) if ": done after " not in line]
    each = ["print", "context", "step", "inside"]
    assert said == [f"{number} {what}" for number in range(30) for what in each]


def test_a_line_printed_in_a_step_bears_its_key(work, sql):
    ended = work.run("n.mixed", {"rounds": 1})
    rows = sql(f"SELECT message, step_key FROM jobrunner_job_log WHERE job_id = {ended.job.id}")
    assert ("0 inside", "s0") in rows
    assert ("0 print", None) in rows


def test_a_cancel_ends_the_job_by_its_own_will(work, tmp_path):
    job = work.start("n.finally", {"path": str(tmp_path / "done")})
    work.running(job)
    work.runner.cancel(job)
    time.sleep(0.3)
    assert work.status(job) == "cancel_requested"
    work.runner.stop(job)
    assert work.ended(job).job.status == "stopped"
    assert (tmp_path / "done").read_text() == "cleaned up"


@pytest.mark.parametrize("cooperate", [True, False])
def test_stop_ends_the_whole_tree(work, tmp_path, eventually, cooperate):
    pids = tmp_path / "pids"
    job = work.start("n.tree", {"pids": str(pids), "cooperate": cooperate})
    eventually(lambda: pids.exists() and len(pids.read_text().split()) == 3)
    work.runner.stop(job)
    assert work.ended(job).job.status == "stopped"
    assert all(is_gone(int(pid)) for pid in pids.read_text().split())


def test_a_timeout_fails_the_job(work):
    ended = work.run("n.slow")
    assert (ended.job.status, ended.error.reason_code) == ("failed", "timeout")
    assert any("The timeout of 0.5 s is over: SIGTERM" in line for line in work.lines(ended.job.id, "system"))


def test_silence_fails_the_job_also_of_a_stopped_process(work):
    ended = work.run("n.silent")
    assert (ended.job.status, ended.error.reason_code) == ("failed", "stalled")


def test_a_timeout_after_a_cancel_ends_stopped(work):
    job = work.start("n.patient")
    work.running(job)
    work.runner.cancel(job)
    ended = work.ended(job)
    assert (ended.job.status, ended.error.reason_code) == ("stopped", "timeout")
    told = [line for line in work.lines(job, "system") if line.startswith("Asked to cancel")]
    assert len(told) == 1, "the handler is told once, however often the row is looked at"


def test_a_request_before_the_call_ends_by_its_mode_without_a_call(work, tmp_path, eventually):
    job = work.start("n.finally", {"path": str(tmp_path / "done")}, launcher="pool")
    work.runner.cancel(job)
    assert work.status(job) == "cancelled"
    assert work.runner.run(job) == 1
    assert not (tmp_path / "done").exists()


def test_the_worker_gives_an_idempotent_job_back_when_told_to_end(work, eventually):
    job = work.start("n.idempotent")
    worker = work.running(job)
    os.kill(worker, signal.SIGTERM)
    eventually(lambda: work.status(job) == "queued")
    eventually(lambda: is_gone(worker))
    assert work.runner.status(job, limit=0).job.budget_used == 0


def test_the_worker_parks_another_job_when_told_to_end(work, tmp_path):
    job = work.start("n.finally", {"path": str(tmp_path / "done")})
    os.kill(work.running(job), signal.SIGTERM)
    assert work.ended(job).job.status == "parked"
    assert (tmp_path / "done").exists()


def test_the_child_dies_with_its_worker(work, tmp_path, eventually):
    job = work.start("n.finally", {"path": str(tmp_path / "done")})
    worker = work.running(job)
    (child,) = children_of(worker)
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: is_gone(child), timeout=1)
    assert work.status(job) == "running"


def test_the_worker_leaves_its_starter(work, tmp_path):
    job = work.start("n.finally", {"path": str(tmp_path / "done")})
    worker = work.running(job)
    assert parent_of(worker) != os.getpid()
    assert os.getsid(worker) == worker
    assert worker not in children_of(os.getpid())
    work.runner.kill(job)
    work.ended(job)


def test_a_detached_job_is_tried_again_by_fresh_processes_until_its_budget_is_gone(work, sql):
    ended = work.run("n.idempotent_failure")
    assert (ended.job.status, ended.job.attempt, ended.error.reason_code) == ("failed", 3, "handler_error")
    moves = work.runner.history(ended.job.id).transitions
    assert [move.trigger for move in moves][1:] == ["claim", "retry_later", "admit"] * 2 + ["claim", "fail"]
    assert (moves[-1].reason or "").startswith("attempts_exhausted; handler_error")
    pids = sql(f"SELECT pid, reason_code FROM jobrunner_job_attempt WHERE job_id = {ended.job.id}")
    assert len({pid for pid, _ in pids}) == 3 and {code for _, code in pids} == {"handler_error"}


def test_an_error_that_is_tried_again_stands_on_the_attempt_and_the_next_time_is_seen(work, sql):
    job = work.start("n.idempotent_failure", launcher="pool")
    assert work.runner.run(job) == 1
    seen = work.runner.status(job, limit=0)
    assert (seen.job.status, seen.error) == ("scheduled", None)
    assert seen.job.available_at > seen.job.updated_at
    assert (
        sql(f"SELECT outcome, error_message FROM jobrunner_job_attempt WHERE job_id = {job}")[0][0]
        == "scheduled"
    )


def test_passwords_do_not_reach_the_ledger(work, sql):
    ended = work.run("n.leak", {"url": "mysql://me:hunter22@db/shop"})
    assert "hunter22" not in ended.error.message + ended.error.traceback
    assert work.lines(ended.job.id, "stdout") == ["connecting to mysql://me:***@db/shop"]


def test_a_runner_in_a_handler_is_the_same_store_and_no_variable_of_ours_is_there(work):
    ended = work.run("n.same_store")
    assert ended.result["given"] == {}
    assert work.status(ended.result["started"]) == "queued"


def test_a_detached_job_that_a_handler_starts_outlives_the_handler(work):
    ended = work.run("n.starts_another")
    assert not any("still running" in line for line in work.lines(ended.job.id, "system"))
    assert work.ended(ended.result["started"]).job.status == "succeeded"


def test_an_unknown_type_is_explained(work, sql):
    job = work.start("n.sys_exit", launcher="pool")
    sql(f"UPDATE jobrunner_job SET type = 'n.gone' WHERE id = {job}")
    assert work.runner.run(job) == 1
    assert work.ended(job).error.reason_code == "handler_not_registered"


def test_run_in_the_foreground_answers_by_exit_code(work):
    good, bad = work.start("n.thread_stays", launcher="pool"), work.start("n.sys_exit", launcher="pool")
    assert work.runner.run(good) == 0
    assert work.runner.run(bad) == 1
    assert work.runner.run(good) == 1


@pytest.mark.databases("sqlite")
def test_a_delayed_job_waits_for_its_time(work):
    job = work.start("n.open_files", delay=1.5)
    assert work.status(job) == "scheduled"
    ended = work.ended(job)
    assert ended.job.status == "succeeded"
    assert ended.job.started_at >= ended.job.available_at


@pytest.mark.databases("sqlite")
def test_a_handler_inherits_the_directory_and_no_descriptor(work, tmp_path):
    with open(tmp_path / "held", "w", encoding="ascii") as held:
        os.set_inheritable(held.fileno(), True)
        ended = work.run("n.open_files")
    assert ended.result["cwd"] == os.getcwd()
    # 0, 1, 2, the directory listing itself, and the channel, which is kept out of the way
    assert len([number for number in ended.result["fds"] if number < 200]) == 4
