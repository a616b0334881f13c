"""Processes that die, stand still, leave the family, flood, or are taken for others."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from jobrunner import processes
from tests.faults.amounts import amount
from tests.faults.laboratory import stop
from tests.servers import LIBC
from tests.worker.workbed import is_gone

MEMORY = Path("/sys/fs/cgroup/memory")
SUBREAPER = 36  # of prctl
LAST_PID = Path("/proc/sys/kernel/ns_last_pid")


@pytest.mark.fault("F01")
def test_a_killed_child_is_seen_at_once_and_its_job_goes_by_its_kind(lab, tally) -> None:
    for kind, status in [("l.again", "succeeded"), ("l.once", "failed")] * amount(1, 500):
        job, _ = lab.begin(kind)
        child = lab.child(job)
        began = time.monotonic()
        lab.kill(child, "kill -9 of a child")
        lab.poll(lambda: lab.sql(f"SELECT ended_at FROM jobrunner_job_attempt WHERE job_id = {job}")[0][0])  # noqa: B023
        assert time.monotonic() - began < 4 * 2.0, "the aim is 2 s"
        ended = lab.ended(job)
        assert ended.job.status == status
        first = lab.sql(
            f"SELECT reason_code, exit_signal FROM jobrunner_job_attempt WHERE job_id = {job} AND attempt = 1"
        )
        assert first == [("killed_by_signal_9", 9)]
    assert lab.sound(settled=True)


@pytest.mark.fault("F03")
def test_worker_and_child_killed_together_leave_every_line_that_was_stored(lab, tally) -> None:
    for kind, trigger in [("l.again", "requeue_lost"), ("l.once", "park_lost")] * amount(1, 250):
        job, worker = lab.begin(kind)
        child, stored = lab.child(job), lab.lines(job)
        os.kill(child, signal.SIGKILL)
        lab.kill(worker, "kill -9 of worker and child at once")
        lab.runner.reaper().once()
        assert trigger in lab.triggers(job)
        lab.ended(job)
        assert lab.lines(job)[: len(stored)] == stored
    assert lab.sound(settled=True)


@pytest.mark.fault("F08")
@pytest.mark.databases("mariadb")
def test_a_child_that_stands_still_is_ended_by_its_time_and_keeps_its_lease_until_then(lab, tally) -> None:
    job, _ = lab.begin("f.timed")
    stop(lab.child(job))
    tally.injected("SIGSTOP of a child")
    ended = lab.ended(job)
    assert (ended.job.status, ended.error.reason_code) == ("failed", "timeout")
    assert lab.triggers(job) == ["create", "claim", "fail"] and lab.sound(settled=True)


@pytest.mark.fault("F29")
@pytest.mark.databases("mariadb")
def test_what_holds_the_output_from_outside_the_family_is_ended_with_the_job(lab, tally) -> None:
    began = time.monotonic()
    job = lab.start("f.holder", {"witness": str(lab.witness)})
    ended = lab.ended(job)
    tally.injected("programs that hold the output in a session of their own")
    assert ended.job.status == "succeeded" and is_gone(ended.result["pid"])
    assert time.monotonic() - began < 40
    assert lab.sound(settled=True)


@pytest.mark.fault("F30")
def test_a_flood_of_odd_bytes_comes_out_whole_and_no_heartbeat_is_late(lab, tally) -> None:
    size = amount(2_000_000, 50_000_000)
    job = lab.start("f.flood", {"witness": str(lab.witness), "size": size})
    tally.injected("floods of odd output")
    ended = lab.ended(job, 100)
    assert ended.job.status == "succeeded", ended.error
    lines = lab.lines(job, "stdout")
    start = next(number for number, line in enumerate(lines) if not line.startswith("x"))
    assert "".join(lines[:start]) == "x" * size
    assert [line for line in lines if line.isdigit()] == [f"{n:08d}" for n in range(size // 200)]
    assert lines[-1] == "no newline at the end"
    odd = next(line for line in lines if "red" in line)
    assert "\\x00" in odd and "\\xff\\xfe" in odd and "\0" not in "".join(lines)
    assert not any(name.endswith("_lost") for name in lab.triggers(job))
    assert lab.sound(settled=True)


@pytest.mark.fault("F28")
@pytest.mark.databases("mariadb")
def test_a_child_that_takes_all_memory_is_named_as_such(lab, tally, not_here) -> None:
    group = MEMORY / f"jobrunner-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(300 * 1024**2))
    except OSError as error:
        not_here(f"no control group with a memory limit can be made ({error.strerror})")
        return
    try:
        job = lab.start("f.eater", {"witness": "", "megabytes": 2000}, hold=True)
        # whoever starts the worker is in the group, and so is what comes of it
        program = (
            "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid()));"
            "from jobrunner import JobRunner; import jobrunner;"
            "JobRunner(handlers=['tests.handlers.faulty'], launcher='detached').release(int(sys.argv[2]))"
        )
        subprocess.run([sys.executable, "-c", program, group / "cgroup.procs", str(job)], check=True)
        tally.injected("kills for want of memory")
        ended = lab.ended(job)
        assert (ended.job.status, ended.error.reason_code) == ("failed", "out_of_memory")
        assert lab.sound(settled=True)
    finally:
        deadline = time.monotonic() + 10
        while (group / "cgroup.procs").read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        group.rmdir()


@pytest.mark.fault("F31")
@pytest.mark.databases("mariadb")
def test_a_stranger_that_got_the_pid_of_a_dead_worker_or_child_is_let_alone(lab, tally, not_here) -> None:
    LIBC.prctl(SUBREAPER, 1)
    try:
        job, worker = lab.begin("l.once")
        child = lab.child(job)
        lab.kill(worker)
        # a pid is free again when somebody has taken leave of its process
        for pid in (worker, child):
            lab.poll(partial(_has_left, pid))
    finally:
        LIBC.prctl(SUBREAPER, 0)
    strangers = [_with_pid(pid) for pid in (worker, child)]
    try:
        if None in strangers:
            not_here("this user cannot choose the next pid")
            return
        tally.injected("pids used again", 2)
        lab.runner.reaper().once()
        assert lab.triggers(job)[-1] == "park_lost"
        assert all(stranger.poll() is None for stranger in strangers if stranger)
        assert processes.send_signal(worker, 1, signal.SIGKILL) is False
        assert all(stranger.poll() is None for stranger in strangers if stranger)
        assert lab.sound(settled=True)
    finally:
        for stranger in strangers:
            if stranger is not None:
                stranger.kill()
                stranger.wait()


def _has_left(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return not Path(f"/proc/{pid}").exists()


def _with_pid(pid: int) -> subprocess.Popen[bytes] | None:
    """Returns a process that has this pid; None when that cannot be had."""
    for _ in range(200):
        try:
            LAST_PID.write_text(str(pid - 1))
        except OSError:
            return None
        made = subprocess.Popen(["sleep", "60"])
        if made.pid == pid:
            return made
        made.kill()
        made.wait()
    return None


def test_the_evidence_of_a_death_names_who_died(lab) -> None:
    job, worker = lab.begin("l.once")
    lab.kill(worker)
    lab.runner.reaper().once()
    ((context,),) = lab.sql(
        f"SELECT context FROM jobrunner_job_transition WHERE job_id = {job} AND trigger_name = 'park_lost'"
    )
    told = json.loads(context)
    assert told["pid"] == worker and told["boot_id"] == processes.boot_id()
