"""Why a process died, in words and codes."""

from __future__ import annotations

import os
import signal

import pytest

from jobrunner.worker.death import Exit, explain, name


def ended(code: int | None = None, killed: int | None = None) -> Exit:
    return Exit(code, killed, cpu_seconds=1.5, peak_rss=64 * 1024 * 1024)


@pytest.mark.parametrize(("code", "reason"), [(0, "exited_0"), (3, "exited_3"), (255, "exited_255")])
def test_an_exit_code_names_itself(code, reason):
    error = explain(ended(code), signalled=False, out_of_memory=False)
    assert error.reason_code == reason
    assert f"exit code {code}" in error.message
    assert "1.50 s of CPU" in error.message
    assert "64 MiB" in error.message


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_names_itself(number):
    error = explain(ended(killed=number), signalled=False, out_of_memory=False)
    assert error.reason_code == f"killed_by_signal_{int(number)}"
    assert number.name in error.message


@pytest.mark.parametrize(
    ("killed", "signalled", "grew", "reason"),
    [
        (signal.SIGKILL, False, True, "out_of_memory"),
        (signal.SIGKILL, True, True, "killed_by_signal_9"),
        (signal.SIGKILL, False, False, "killed_by_signal_9"),
        (signal.SIGSEGV, False, True, "killed_by_signal_11"),
    ],
)
def test_out_of_memory_is_a_sigkill_that_the_kernel_counted_and_nobody_else_sent(
    killed, signalled, grew, reason
):
    assert explain(ended(killed=killed), signalled=signalled, out_of_memory=grew).reason_code == reason


def test_a_death_before_the_call_is_a_failed_import():
    error = explain(ended(1), signalled=False, out_of_memory=False, importing=True)
    assert error.reason_code == "handler_import_failed"
    assert "exit code 1" in error.message


def test_memory_that_runs_out_during_the_import_is_still_said():
    error = explain(ended(killed=9), signalled=False, out_of_memory=True, importing=True)
    assert error.reason_code == "out_of_memory"


@pytest.mark.parametrize("how", [0, 7, "SIGKILL"])
def test_a_wait_status_is_read_as_the_kernel_wrote_it(how):
    pid = os.fork()
    if pid == 0:
        if how == "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(int(how))
    status = os.waitpid(pid, 0)[1]
    end = Exit.of(status)
    assert (end.code, end.signal) == ((None, 9) if how == "SIGKILL" else (how, None))


def test_a_core_dump_does_not_hide_the_signal():
    assert Exit.of(0x80 | signal.SIGSEGV).signal == signal.SIGSEGV


def test_a_real_time_signal_has_a_number_at_least():
    assert name(40) == "signal 40"
