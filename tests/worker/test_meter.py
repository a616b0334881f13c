"""What a worker uses is told of it and all that runs for it, and of nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from jobrunner import processes
from jobrunner.store.workers import NOT_KNOWN
from jobrunner.worker.meter import Meter

HELD = 64 * 1024**2
HOLDER = "import sys; held = bytearray(b'x') * int(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"


@pytest.fixture
def holding():
    """Starts processes that hold so much memory, and waits until they do."""
    started = []

    def start(*arguments: str, **environment: str) -> None:
        process = subprocess.Popen(
            [sys.executable, "-c", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, **environment},
        )  # fmt: skip
        started.append(process)
        assert process.stdout is not None and process.stdout.readline() == b"held\n"

    yield start
    for process in started:
        process.communicate()


def memory() -> int:
    found = Meter().read().memory_bytes
    assert found is not None
    return found


def test_children_and_theirs_count_whichever_thread_started_them(holding):
    before = memory()
    holding(HOLDER, str(HELD))
    one = memory()
    holding(PARENT, HOLDER, str(HELD))
    two = memory()
    threads = threading.Event(), threading.Event()

    def begin() -> None:
        holding(HOLDER, str(HELD))
        threads[0].set()
        threads[1].wait(60)

    thread = threading.Thread(target=begin)
    thread.start()
    assert threads[0].wait(60)
    three = memory()
    threads[1].set()
    thread.join()
    assert one - before > HELD and two - one > HELD and three - two > HELD


def test_a_worker_that_was_launched_apart_does_not_count(holding):
    before = memory()
    holding(PARENT, HOLDER, str(HELD), **{processes.WORKER: "another"})
    assert memory() - before < HELD


def test_cpu_is_of_the_time_since_the_reading_before_and_has_what_ended_children_used():
    meter = Meter()
    first = meter.read().cpu_percent
    subprocess.run([sys.executable, "-c", "sum(range(20_000_000))"], check=True)
    second = meter.read().cpu_percent
    assert first is not None and second is not None
    assert first >= 0 and second > 5


def test_nothing_is_told_where_the_system_does_not_tell(monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "PROC", str(tmp_path))
    assert Meter().read() == NOT_KNOWN
