"""Worker processes that die, stand still or fail at their own points: where they are made, signalled, and told."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

import pytest

from jobrunner import failpoints, launcher
from tests.faults.laboratory import LEASE, TIMING, Laboratory, go_on
from tests.worker.workbed import is_gone, parent_of

Arm = Callable[[str], None]
ENVIRONMENT: dict[str, str | None] = {
    "JOBRUNNER_HANDLERS": "tests.handlers.lost,tests.handlers.faulty",
    **{f"JOBRUNNER_{name.upper()}": str(value) for name, value in TIMING.items()},
}
# Each is killed once; what is left then carries the job to its end.
OF_DETACHED = (
    "spawn.detached.before", "spawn.detached.after", "spawn.child.before", "spawn.child.after",
    "commit.claims.claim.before", "commit.claims.claim.after", "commit.logs.append.before",
    "commit.logs.append.after", "commit.journal.move.before", "commit.journal.move.after",
)  # fmt: skip
OF_POOLS = (
    "spawn.pool.before", "spawn.nursery.before", "spawn.nursery.after", "spawn.job.before", "spawn.job.after",
    "commit.bundling.store.before", "commit.bundling.store.after",
)  # fmt: skip


@pytest.fixture(autouse=True)
def patience(lab: Laboratory) -> None:
    """What is launched on a busy machine takes its time to come."""
    lab.wait_for_launches(5.0)


@pytest.mark.fault("F02", "F04")
@pytest.mark.timeout(300)
def test_a_detached_worker_that_dies_at_any_of_its_points_is_followed_by_another(
    lab, armed: Arm, tally, kind
) -> None:
    points = OF_DETACHED if kind == "sqlite" else OF_DETACHED[4:]
    for point in points:
        armed(f"{point}=kill9")
        job = lab.start("f.again", {"witness": str(lab.witness), "lines": 5})
        lab.poll(lambda p=point: (lab.scene / f"fired {p}").exists(), timeout=60)
        tally.injected("kill -9 of a worker at a failpoint")
        armed("")
        # a starter that was told of no worker fails the job, unless a worker was faster
        ends = ("succeeded", "failed") if "spawn.detached" in point else ("succeeded",)
        assert lab.heal(job) in ends
    assert lab.sound(settled=True)


@pytest.mark.fault("F04")
@pytest.mark.timeout(300)
def test_a_pool_that_dies_at_any_of_its_points_is_followed_by_another(
    lab, armed: Arm, tally, cli, kind
) -> None:
    for point in OF_POOLS if kind == "sqlite" else OF_POOLS[3:]:
        job = lab.start("f.again", {"witness": str(lab.witness), "lines": 5}, launcher="pool")
        armed(f"{point}=kill9")
        first = cli.spawn("work", "--once", env=ENVIRONMENT)
        lab.poll(lambda p=point: (lab.scene / f"fired {p}").exists(), timeout=60)
        tally.injected("kill -9 of a pool or its nursery at a failpoint")
        armed("")
        first.wait(60)
        assert lab.heal(job, lambda: cli("work", "--once", env=ENVIRONMENT)) == "succeeded"
    assert lab.sound(settled=True)


@pytest.mark.fault("F04")
@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("point", ["spawn.worker.before", "spawn.worker.after"])
def test_a_starter_that_dies_beside_its_launch_leaves_a_job_that_is_run(
    lab, armed: Arm, tally, cli, point
) -> None:
    armed(f"{point}=kill9")
    done = cli("start", "f.again", "-p", f"witness={lab.witness}", "--launcher", "detached", env=ENVIRONMENT)
    assert done.returncode == -signal.SIGKILL
    tally.injected("kill -9 of a starter at a failpoint")
    armed("")
    (job,) = lab.sql("SELECT id FROM jobrunner_job")[0]
    lab.poll(
        lambda: lab.runner.reaper().sweeper.call_again().launched or lab.status(job) == "succeeded", every=0.2
    )
    assert lab.ended(job).job.status == "succeeded" and lab.starts() == 1
    assert lab.sound(settled=True)


@pytest.mark.fault("F04")
@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("point", ["spawn.foreground.before", "spawn.foreground.after"])
def test_who_runs_a_job_in_the_foreground_and_dies_leaves_nobody_behind(
    lab, armed: Arm, tally, cli, point
) -> None:
    job = lab.start("f.again", {"witness": str(lab.witness)}, launcher="pool")
    armed(f"{point}=kill9")
    assert cli("run", job, env=ENVIRONMENT).returncode == -signal.SIGKILL
    tally.injected("kill -9 of a foreground runner at a failpoint")
    armed("")
    assert lab.heal(job, lambda: cli("run", job, env=ENVIRONMENT)) == "succeeded"
    assert lab.sound(settled=True)


@pytest.mark.fault("F04")
@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("side", ["before", "after"])
def test_signals_that_are_not_passed_on_end_with_their_sender(lab, armed: Arm, tally, cli, side) -> None:
    job = lab.start("l.again", {"witness": str(lab.witness)}, launcher="pool")
    armed(f"signal.foreground.{side}=kill9")
    process = cli.spawn("run", job, env=ENVIRONMENT)
    worker = lab.running(job)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == -signal.SIGKILL
    tally.injected("kill -9 of a foreground runner at a failpoint")
    lab.poll(lambda: is_gone(worker))
    lab.runner.reaper().once()
    assert lab.status(job) in ("queued", "scheduled") and lab.sound()


@pytest.mark.fault("F04")
@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_worker_that_dies_beside_a_signal_to_its_child_is_healed(lab, armed: Arm, tally, side) -> None:
    armed(f"signal.process.{side}=kill9")
    job, worker = lab.begin("l.again")
    lab.runner.kill(job)
    lab.poll((lab.scene / f"fired signal.process.{side}").exists)
    lab.poll(lambda: is_gone(worker))
    tally.injected("kill -9 of a worker at a failpoint")
    lab.runner.reaper().once()
    assert lab.status(job) == "stopped" and lab.sound(settled=True)


@pytest.mark.fault("F04")
@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("point", ["spawn.program", "signal.program"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_the_child_of_a_program_that_dies_beside_it_takes_it_along(
    lab, armed: Arm, tally, point, side, cli
) -> None:
    armed(f"{point}.{side}=kill9")
    command = ("exec", "--launcher", "detached", "--", "sh", "-c", "echo up; exec sleep 60")
    # it is asked to end, and not forced to before it had its turn
    cli(*command, env=ENVIRONMENT | {"JOBRUNNER_STOP_GRACE": "30"}, check=0)
    job = int(lab.sql("SELECT id FROM jobrunner_job")[0][0])
    if point == "signal.program":
        lab.running(job)
        lab.runner.stop(job)
    tally.injected("kill -9 of a child at a failpoint")
    assert lab.ended(job).job.status == ("stopped" if point == "signal.program" else "failed")
    assert lab.sound(settled=True)


@pytest.mark.fault("F04")
@pytest.mark.databases("sqlite")
def test_an_orphan_that_dies_before_it_ends_its_group_is_cleared_up_by_the_reaper(
    lab, armed: Arm, tally
) -> None:
    armed("signal.orphans.before=kill9")
    _, worker = lab.begin("l.family", pids=str(lab.scene / "pids"), unbound=True)
    lab.kill(worker)
    lab.poll((lab.scene / "fired signal.orphans.before").exists)
    lab.runner.reaper().once()
    assert lab.sound()


@pytest.mark.fault("F04")
@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_follower_that_dies_beside_its_cursor_prints_no_line_twice_by_itself(
    lab, armed: Arm, tally, cli, side
) -> None:
    job = lab.run("f.once", {"witness": str(lab.witness), "lines": 5}).job.id
    cursor = lab.store.directory / "cursor"
    cursor.write_text("0\n")
    armed(f"rename.cursor.{side}=kill9")
    assert cli("logs", job, "--cursor-file", cursor, env=ENVIRONMENT).returncode == -signal.SIGKILL
    tally.injected("kill -9 of a reader at a failpoint")
    armed("")
    again = cli("logs", job, "--cursor-file", cursor, "--raw", env=ENVIRONMENT, check=0).stdout
    assert again.count("line ") == (5 if side == "before" else 0)
    assert cli("logs", job, "--cursor-file", cursor, env=ENVIRONMENT, check=0).stdout == ""


@pytest.mark.fault("F04")
@pytest.mark.databases("sqlite")
def test_a_command_that_is_interrupted_ends_by_the_signal_or_by_a_worse_one(
    lab, armed: Arm, tally, cli
) -> None:
    job, _ = lab.begin("l.once")
    armed("signal.oneself.before=kill9")
    process = cli.spawn("logs", job, "-f", env=ENVIRONMENT)
    assert process.stdout is not None and process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == -signal.SIGKILL
    tally.injected("kill -9 of a reader at a failpoint")
    assert lab.status(job) == "running"


@pytest.mark.fault("F04")
@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("side", ["before", "after"])
def test_the_look_of_a_sleeping_worker_may_die_with_it(lab, tally, scene, side) -> None:
    from jobrunner.worker import waiting

    order = {"due_in": 5.0, "token": "x", "job_id": 1, "settings": lab.runner.settings.to_order()}
    lab.runner.close()
    pid = os.fork()
    if pid == 0:
        failpoints.arm(f"spawn.look.{side}=kill9", str(scene))
        try:
            waiting.until_due(order, longest=0.05)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    tally.injected("kill -9 of a worker at a failpoint")


@pytest.mark.fault("F04")
@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_worker_that_does_not_take_its_order_in_time_is_ended(lab, monkeypatch, scene, side) -> None:
    monkeypatch.setattr(launcher, "PATIENCE", 0.3)
    # not armed as what this test is about: a slow machine is late without it
    monkeypatch.setenv(failpoints.ARMED, "spawn.detached.before=sleep:3")
    failpoints.arm(f"signal.starting.{side}=raise:OSError", str(scene))
    with pytest.raises(OSError, match="failpoint"):
        launcher.spawn(
            {"job_id": 1, "cwd": os.getcwd(), "sys_path": sys.path, "detach": True}, lab.runner.settings
        )


@pytest.mark.fault("F07")
@pytest.mark.timeout(200)
@pytest.mark.databases("mariadb", "postgres")
def test_a_worker_that_stands_still_inside_a_transaction_is_taken_over_too(lab, armed: Arm, tally) -> None:
    armed("commit.logs.append.before=stop")
    job = lab.start("l.once", {"witness": str(lab.witness)})
    lab.poll((lab.scene / "fired commit.logs.append.before").exists)
    tally.injected("SIGSTOP of a worker inside a transaction")
    worker = int(lab.sql(f"SELECT pid FROM jobrunner_job WHERE id = {job}")[0][0])
    reaper = lab.runner.reaper()
    began = time.monotonic()

    def taken() -> bool:
        try:
            return bool(reaper.once().recovered) or lab.status(job) == "parked"
        except Exception:
            return False  # the row is locked until the server ends the session

    lab.poll(taken, timeout=90)
    assert time.monotonic() - began < 20 * LEASE + 60
    go_on(worker)
    lab.poll(lambda: is_gone(worker) or parent_of(worker) is None, timeout=30)
    assert lab.triggers(job) == ["create", "claim", "park_lost"] and lab.sound()
