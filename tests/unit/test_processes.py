"""Who a process is, whose children, and that a signal reaches nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from jobrunner import processes


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def test_a_process_is_known_by_host_boot_namespace_pid_and_start():
    me = processes.identity()
    assert (me.pid, me.started) == (os.getpid(), processes.started(os.getpid()))
    assert me.host
    assert me.boot_id is not None
    assert len(me.boot_id) == 36
    assert me.pid_namespace == os.stat("/proc/self/ns/pid").st_ino


def test_a_name_with_blanks_and_parentheses_does_not_confuse(tmp_path):
    program = tmp_path / "a ) (b"
    os.symlink("/bin/sleep", program)
    with subprocess.Popen([str(program), "60"]) as process:
        seen = processes.look(process.pid)
        process.kill()
    assert seen is not None
    assert seen.parent == os.getpid()


def test_a_signal_to_a_pid_that_was_born_at_another_time_is_not_sent(sleeper):
    born = processes.started(sleeper.pid)
    assert born is not None
    assert not processes.send_signal(sleeper.pid, born + 1, signal.SIGKILL)
    assert sleeper.poll() is None
    assert processes.send_signal(sleeper.pid, born, signal.SIGKILL)
    assert sleeper.wait() == -signal.SIGKILL


def test_a_zombie_is_not_alive(sleeper, eventually):
    born = processes.started(sleeper.pid)
    assert processes.is_alive(sleeper.pid, born)
    os.kill(sleeper.pid, signal.SIGKILL)
    eventually(lambda: not processes.is_alive(sleeper.pid, born))
    assert processes.look(sleeper.pid) is not None


def test_descendants_are_found_parents_first(eventually):
    with subprocess.Popen(["bash", "-c", "sleep 60 & wait"]) as process:
        eventually(lambda: len(processes.descendants(process.pid)) == 1)
        found = [one.pid for one in processes.descendants(os.getpid())]
        (below,) = processes.descendants(process.pid)
        assert found.index(process.pid) < found.index(below.pid)
        for one in (process.pid, below.pid):
            os.kill(one, signal.SIGKILL)


def test_waiting_ends_with_the_process(sleeper):
    born = processes.started(sleeper.pid)
    assert not processes.wait_gone(sleeper.pid, born, 0.05)
    sleeper.kill()
    began = time.monotonic()
    assert processes.wait_gone(sleeper.pid, born, 10)
    assert time.monotonic() - began < 5


def test_orphans_come_to_who_asked_for_them():
    # In a process of its own: once asked for, orphans come for ever.
    program = (
        "import os, subprocess; from jobrunner import processes; assert processes.adopt_orphans();"
        "subprocess.run(['bash', '-c', 'sleep 60 & disown']);"
        "(one,) = processes.descendants(os.getpid()); assert one.parent == os.getpid();"
        "assert processes.send_signal(one.pid, one.started, 9)"
    )
    subprocess.run(
        [sys.executable, "-c", program], check=True, cwd=os.path.dirname(processes.__file__) + "/.."
    )


def test_the_kernels_count_of_memory_kills_never_falls():
    before, after = processes.out_of_memory_kills(), processes.out_of_memory_kills()
    assert before is None or (after is not None and after >= before >= 0)
