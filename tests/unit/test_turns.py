"""One pool of a host sweeps for all, and nobody waits for one that is gone or stands still."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from jobrunner import clock
from jobrunner.worker import turns
from jobrunner.worker.turns import Turn

WHERE = "sqlite:////somewhere/jobs.db"
OTHER = "import sys; from jobrunner.worker.turns import Turn; t = Turn(sys.argv[1])\nfor _ in sys.stdin: print(t.is_mine(), flush=True)"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def other():
    """Another process, asked whether it is its turn."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, WHERE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def asked(process) -> bool:
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline().strip() == "True"


def test_whoever_has_the_turn_keeps_it(other):
    assert asked(other) and asked(other)
    mine = Turn(WHERE)
    assert not mine.is_mine()
    assert Turn("another store").is_mine()


def test_the_turn_of_a_process_that_is_gone_is_free_at_once(other):
    assert asked(other)
    other.kill()
    other.wait()
    assert Turn(WHERE).is_mine()


def test_the_turn_of_a_process_that_stands_still_becomes_free(other, monkeypatch):
    assert asked(other)
    os.kill(other.pid, signal.SIGSTOP)
    mine = Turn(WHERE)
    assert not mine.is_mine()
    later = clock.since_boot() + turns.STALE + 0.1
    monkeypatch.setattr(clock, "since_boot", lambda: later)
    assert mine.is_mine()


def test_without_a_place_for_it_everybody_sweeps(monkeypatch, other):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/proc")
    monkeypatch.setattr("tempfile.tempdir", "/proc")
    assert Turn(WHERE).is_mine() and Turn(WHERE).is_mine()


def test_who_ends_leaves_no_file_and_takes_nobodys_turn(tmp_path, other):
    mine = Turn(WHERE)
    assert mine.is_mine()
    mine.end()
    assert list((tmp_path / "jobrunner").iterdir()) == []
    assert asked(other)
    mine.end()
    assert not mine.is_mine()


def test_what_is_written_there_by_mistake_hinders_nobody(tmp_path):
    mine = Turn(WHERE)
    assert mine.is_mine()
    (path,) = (tmp_path / "jobrunner").iterdir()
    path.write_text("nonsense")
    assert mine.is_mine()
