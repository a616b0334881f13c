"""A pool as a service of systemd: it says when it is ready, that it lives, and that it ends."""

from __future__ import annotations

import signal
import socket
import time

import pytest

from jobrunner.worker.notifying import Supervisor

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def systemd(tmp_path):
    """A socket on which a supervisor listens, as NOTIFY_SOCKET names it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(30)
        yield listening


def states(listening: socket.socket, until: str) -> list[str]:
    """Returns what is said, until ``until`` is."""
    found: list[str] = []
    while not found or found[-1] != until:
        found.append(listening.recv(256).decode())
    return found


def falls_silent(listening: socket.socket, within: float = 20) -> bool:
    """True when nothing is said any more for as long as the socket waits."""
    deadline = time.monotonic() + within
    try:
        while time.monotonic() < deadline:
            listening.recv(256)
    except TimeoutError:
        return True
    return False


def test_it_is_ready_with_its_handlers_lives_while_it_works_and_says_that_it_ends(pools, systemd, eventually):
    environment = {
        "NOTIFY_SOCKET": systemd.getsockname(),
        "WATCHDOG_USEC": "400000",
        "JOBRUNNER_DRAIN_TIMEOUT": "0.2",
    }
    job = pools.start("w.wait", {"seconds": 600})
    pool = pools.open(**environment)
    assert states(systemd, "READY=1")[-1] == "READY=1"
    for _ in range(5):
        states(systemd, "WATCHDOG=1")
    pools.child(job)
    pools.terminate(pool)
    said = states(systemd, "STOPPING=1")
    assert set(said) <= {"WATCHDOG=1", "READY=1", "STOPPING=1"}
    assert pools.ended_as(pool) == 0
    assert pools.status(job) == "queued"


def test_a_pool_that_stands_still_is_not_heard_of(pools, systemd):
    pool = pools.open(NOTIFY_SOCKET=systemd.getsockname(), WATCHDOG_USEC="200000")
    states(systemd, "READY=1")
    states(systemd, "WATCHDOG=1")
    pool.send_signal(signal.SIGSTOP)
    systemd.settimeout(2)
    assert falls_silent(systemd)
    pool.send_signal(signal.SIGCONT)
    systemd.settimeout(30)
    states(systemd, "WATCHDOG=1")


def test_its_jobs_and_nursery_do_not_speak_for_it(pools, systemd):
    job = pools.start("w.says", {"n": 1})
    pools.open(NOTIFY_SOCKET=systemd.getsockname())
    pools.ended(job)
    with open(f"/proc/{pools.runner.workers()[0]['pid']}/environ", "rb") as file:
        assert b"NOTIFY_SOCKET" not in file.read()


def test_an_abstract_socket_is_spoken_to_as_well():
    name = "jobrunner-test-notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(10)
        Supervisor(f"@{name}", None).tell("READY=1")
        assert listening.recv(64) == b"READY=1"


def test_without_a_supervisor_nothing_is_said_and_nothing_fails(tmp_path):
    quiet = Supervisor(None, None)
    quiet.tell("READY=1")
    assert quiet.interval is None
    Supervisor(str(tmp_path / "nobody"), "x").tell("READY=1")
