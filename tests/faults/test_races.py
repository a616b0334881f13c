"""Many at once: one of them wins, the others are told."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from jobrunner import JobRunner
from jobrunner.errors import Superseded
from jobrunner.operations.sweep import Sweeper
from jobrunner.store import claims, journal
from jobrunner.store.database import Database
from jobrunner.worker import verdict
from tests.faults.amounts import amount
from tests.faults.play import DONE, Play
from tests.faults.stage import Stage


def at_once(acts: Sequence[Callable[[], object]]) -> None:
    """Does all of these in threads of their own, begun together; the first error is raised."""
    ready, errors = threading.Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        ready.wait()
        try:
            act()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.mark.fault("F10")
def test_of_many_claimers_one_gets_each_job(lab, stage: Stage, tally) -> None:
    play = stage.play("storm")
    jobs = [play.start(key=f"storm-{number}") for number in range(amount(60, 50_000))]
    tally.injected("claim storms of six", len(jobs))
    won: list[tuple[int, int]] = []

    def claim(database: Database, order: Sequence[int]) -> None:
        for job in order:
            got = claims.claim(database, job, play.worker(), token=None, launch_grace=0.0, lease=5)
            if isinstance(got, claims.Claimed):
                won.append((job, got.fence))

    databases = [Database(lab.store.url) for _ in range(6)]
    at_once([partial(claim, d, jobs if n % 2 else jobs[::-1]) for n, d in enumerate(databases)])
    for database in databases:
        database.close()
    assert sorted(won) == [(job, 1) for job in sorted(jobs)]
    assert lab.sound()


@pytest.mark.fault("F11")
def test_of_cancel_end_and_reap_at_one_instant_one_wins_and_the_ledger_holds(
    lab, stage: Stage, tally
) -> None:
    for number in range(amount(20, 10_000)):
        play = stage.play(f"race-{number}")
        job = play.start("f.once" if number % 2 else "f.again")
        claimed, worker = play.claim(job)
        assert claimed is not None
        tally.injected("races of cancel, end and reap")

        def end(job=job, claimed=claimed, worker=worker) -> None:
            try:
                journal.move(
                    lab.runner.database,
                    job,
                    lambda row: verdict.decide(row, DONE, worker.actor),
                    fence=claimed.fence,
                )
            except Superseded:
                return

        def reap() -> None:
            Sweeper(lab.runner.database, lab.runner.settings).recover(by_lease=False)

        at_once([end, reap, partial(play.ask, "cancel", job)])
        moves = lab.triggers(job)
        ends = {"succeed", "confirm_cancel", "requeue_lost", "park_lost"}
        assert len([move for move in moves if move in ends]) == 1, moves
        reap()
        if lab.status(job) != "parked":
            play.settle()
    assert lab.sound(settled=True)


@pytest.mark.fault("F34")
@pytest.mark.databases("sqlite")
def test_eight_processes_write_beside_a_pinned_reader_and_the_file_stays_small(
    lab, stage: Stage, tally
) -> None:
    reader = lab.store.connect()
    reader.execute("BEGIN")
    reader.execute("SELECT COUNT(*) FROM jobrunner_job").fetchall()
    lab.runner.database.close()
    pids = []
    for number in range(8):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                _write(stage, number)
                code = 0
            finally:
                os._exit(code)
        pids.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    assert codes == [0] * 8, "a process was told that the database is busy"
    tally.injected("processes that write beside a pinned reader", 8)
    log = lab.store.directory / "jobs.db-wal"
    pinned = log.stat().st_size
    stage.play("before").finish()
    reader.execute("ROLLBACK")
    reader.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert log.stat().st_size == 0 < pinned < 64 * 1024**2
    reader.close()
    assert len(lab.runner.jobs(limit=1000).jobs) == 8 * amount(10, 100) + 1
    assert lab.sound(settled=True)


def _write(stage: Stage, number: int) -> None:
    for turn in range(amount(10, 100)):
        Play(stage.lab, f"w{number}-{turn}", stage.play("").worker_process).finish()


def test_starts_with_one_lock_key_from_several_processes_make_one_job(lab, stage: Stage) -> None:
    outcomes: list[str] = []

    def start() -> None:
        runner = JobRunner(database_url=lab.store.url, handlers=["tests.handlers.faulty"], launcher="pool")
        outcomes.append(runner.start("f.again", {"witness": ""}, lock_key="one").outcome)
        runner.close()

    at_once([start] * 6)
    assert sorted(outcomes) == ["already_active"] * 5 + ["queued"]
    assert lab.sound()
