"""What one sweep may decide, and what it leaves to another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jobrunner import clock, identifiers
from jobrunner.operations.sweep import Sweeper
from jobrunner.settings import Settings
from jobrunner.states import Trigger
from jobrunner.store import claims, workers
from jobrunner.store.database import Database
from tests.store.driving import WORKER, create, move

STRANGER = replace(
    WORKER, id=identifiers.uuid7(), host="elsewhere", boot_id="b", pid_namespace=1, process_started=1
)
HASTY = Settings(lease=0.05, launch_grace=0.0, lost_backoff=0.0)


def sweeper(database: Database, **options: Any) -> Sweeper:
    return Sweeper(database, HASTY, "reaper:h:1", **options)


def held_by_a_stranger(database: Database, lease: float) -> int:
    """Returns a job in the hands of a worker on another host."""
    job = create(database)
    assert claims.claim(database, job, STRANGER, token=None, launch_grace=0, lease=30) is not None
    workers.beat(database, STRANGER.id, lease)
    return job


@pytest.mark.databases("sqlite")
def test_who_does_not_lead_holds_nobody_dead_for_silence(database: Database, eventually: Any) -> None:
    job = held_by_a_stranger(database, -30)
    one = sweeper(database)
    one.recover(by_lease=False)
    eventually(lambda: one.memory.undecided_for(clock.monotonic()) == 0.0)
    for _ in range(3):
        assert not one.recover(by_lease=False)
    swept = eventually(one.recover)
    assert swept.workers == [STRANGER.id]
    assert [lost.job_id for lost in swept.recovered] == [job]


@pytest.mark.databases("sqlite")
def test_on_another_host_a_proved_death_is_left_to_that_host_until_the_lease_is_over(
    database: Database,
) -> None:
    job = held_by_a_stranger(database, 30)
    workers.condemn(database, STRANGER.id)
    assert not sweeper(database).recover()
    workers.beat(database, STRANGER.id, -30)
    assert [lost.job_id for lost in sweeper(database).recover().recovered] == [job]


@pytest.mark.databases("sqlite")
def test_a_job_is_launched_twice_and_then_given_up_unless_it_ran_meanwhile(database: Database) -> None:
    jobs = [create(database, launcher="detached", idempotent=True, max_attempts=2) for _ in range(2)]
    spawned: list[int] = []
    one = sweeper(database, spawn=lambda job, *_: spawned.append(job))
    for job in jobs:
        for launch in ("first", "second"):
            claims.new_launch(database, job, identifiers.secret_hash(f"{job} {launch}"))
    ran = jobs[1]
    assert claims.claim(database, ran, WORKER, token=f"{ran} second", launch_grace=0, lease=30) is not None
    move(database, ran, Trigger.INTERRUPT)
    swept = one.call_again()
    assert swept.given_up == [jobs[0]], "the other one waits for a new attempt, whose first launch it is"
    assert set(spawned) <= {ran}
