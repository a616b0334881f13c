"""Any program is a job: no shell, its exit code kept, its end asked for by a signal."""

from __future__ import annotations

import os
import signal

import pytest

from tests.worker.childbed import Start


def test_a_program_runs_without_a_shell_and_keeps_its_exit_code(bed: Start):
    child = bed().run("jobrunner.exec", argv=["echo", "$HOME; ls"])
    assert child.finish()["result"] == '{"exit_code":0}'
    assert child.output[1].endswith(b"$HOME; ls\n")


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["sh", "-c", "exit 3"], "exited_3"),
        (["sh", "-c", "kill -9 $$"], "killed_by_signal_9"),
        (["no-such-program-here"], "exited_127"),
        (["/"], "exited_126"),
        ([], "invalid_params"),
    ],
)
def test_a_program_that_fails_says_how(bed: Start, argv: list[str], reason: str):
    done = bed().run("jobrunner.exec", argv=argv).finish()
    assert (done["outcome"], done["reason_code"]) == ("raised", reason)


def test_a_program_in_a_directory_that_is_not_there_says_so(bed: Start):
    done = bed().run("jobrunner.exec", argv=["true"], cwd="/no/such/place").finish()
    assert done["reason_code"] == "exited_126"
    assert "/no/such/place" in done["message"]


@pytest.mark.parametrize("mode", ["cancel", "stop"])
def test_a_program_gets_the_signal_when_its_job_is_asked_to_end(bed: Start, mode: str):
    script = "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.05; done"
    child = bed().run("jobrunner.exec", argv=["sh", "-c", script])
    child.until(lambda: b"up\n" in child.output[1])
    child.channel.send({"kind": "cancel", "mode": mode})
    if mode == "stop":
        os.kill(child.pid, signal.SIGTERM)
    assert child.finish()["outcome"] == "cancelled"
    assert child.output[1].endswith(b"bye\n")
