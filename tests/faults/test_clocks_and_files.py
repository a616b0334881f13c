"""Wall clocks that jump, and a process that dies at a write to the database file."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading

import pytest

from tests.faults.amounts import amount, step
from tests.faults.laboratory import LEASE, TIMING
from tests.servers import ROOT

HOUR, YEAR = 3600, 365 * 86_400
SHIFTS = (HOUR, -HOUR, YEAR)


def wrong_by(seconds: int) -> dict[str, str | None]:
    """Returns the environment in which a process's wall clock is off by so much."""
    return {"PYTHONPATH": f"{ROOT}/tests/faults/shifted:{ROOT}", "JR_CLOCK_SHIFT": str(seconds)}


@pytest.mark.fault("F26")
@pytest.mark.timeout(200)
def test_a_worker_whose_wall_clock_is_wrong_is_not_held_dead(lab, monkeypatch, tally) -> None:
    over = threading.Event()
    reaper = threading.Thread(target=lab.runner.reaper().run, args=(over,))
    reaper.start()
    try:
        for shift in SHIFTS:
            with monkeypatch.context() as patch:
                for name, value in wrong_by(shift).items():
                    patch.setenv(name, str(value))
                job, _ = lab.begin("l.once", seconds=1.5 * LEASE)
            tally.injected("workers with a wrong wall clock")
            assert lab.ended(job).job.status == "succeeded"
            assert lab.triggers(job) == ["create", "claim", "succeed"]
    finally:
        over.set()
        reaper.join()
    assert lab.starts() == len(SHIFTS) and lab.sound(settled=True)


@pytest.mark.fault("F26")
@pytest.mark.timeout(200)
def test_a_reaper_whose_wall_clock_is_wrong_holds_nobody_dead(lab, cli, kind, tally) -> None:
    job, _ = lab.begin("l.once", seconds=4 * LEASE)
    if kind != "sqlite":
        # of a worker elsewhere the lease is all that speaks
        for table in ("worker", "job_attempt", "job"):
            lab.sql(f"UPDATE jobrunner_{table} SET host = 'elsewhere'")
    for shift in SHIFTS:
        settings = {f"JOBRUNNER_{name.upper()}": str(value) for name, value in TIMING.items()}
        handlers = {"JOBRUNNER_HANDLERS": "tests.handlers.lost"}
        assert cli("reap", "--once", env=wrong_by(shift) | settings | handlers, check=0).stdout == ""
        tally.injected("reapers with a wrong wall clock")
    assert lab.ended(job).job.status == "succeeded"
    assert lab.triggers(job) == ["create", "claim", "succeed"] and lab.starts() == 1
    assert lab.sound(settled=True)


@pytest.mark.fault("F26")
@pytest.mark.databases("sqlite")
def test_a_job_that_is_queued_stays_due_when_the_clock_is_set_back(lab, stage) -> None:
    play = stage.play("early")
    job = play.start()
    lab.sql(
        "UPDATE jobrunner_job SET available_at = '2999-01-01 00:00:00', queued_at = '2999-01-01 00:00:00'"
    )
    play.pool()
    assert lab.status(job) == "succeeded"


@pytest.mark.fault("F35")
@pytest.mark.timeout(300)
@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("call", "last"), [("pwrite64", 40), ("fdatasync", 12)])
def test_a_process_that_dies_at_any_write_to_the_file_loses_nothing_it_was_told(
    lab, stage, tally, not_here, call, last
) -> None:
    lab.runner.close()
    died = 0
    for k in range(1, last * amount(1, 50), step(last // 4)):
        key = f"{call}-{k}"
        command = [
            "strace", "-f", "-q", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={k}",
            sys.executable, "-m", "tests.faults.actor", lab.store.url, lab.store.directory, lab.scene, key, "finish",
        ]  # fmt: skip
        if shutil.which("strace") is None:
            not_here("strace is not installed")
            return
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if "ptrace" in done.stderr:
            not_here("this process may not trace another")
            return
        assert done.returncode in (0, 137, -9), done.stderr
        died += done.returncode != 0
        assert lab.sql("PRAGMA integrity_check") == [("ok",)]
        stage.play(key).settle()
        lab.runner.close()
    tally.injected(f"kill -9 at a {call} of the database file", died)
    assert died
    assert lab.sound(settled=True)
