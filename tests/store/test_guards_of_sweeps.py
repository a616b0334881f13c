"""Each guard of a sweep by itself: who lives, is not known to be lost, or has not ended long enough is left alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from jobrunner import clock, identifiers
from jobrunner.operations import recovery
from jobrunner.operations.recovery import Evidence
from jobrunner.states import Status, Trigger
from jobrunner.store import claims, journal, leases, pruning, recovering, workers
from jobrunner.store.database import Database
from tests.store.driving import WORKER, claim, create, finished, job_in, move
from tests.store.guarding import (
    OTHER,
    launched,
)


def test_silence_condemns_only_with_an_expired_lease_and_no_heartbeat_since(database: Database) -> None:
    workers.join(database, OTHER, 30)
    assert not workers.condemn(database, OTHER.id, beats=1), "the lease runs"
    workers.beat(database, OTHER.id, -30)
    assert not workers.condemn(database, OTHER.id, beats=1), "a heartbeat came"
    assert workers.condemn(database, OTHER.id, beats=2)
    assert not workers.condemn(database, identifiers.uuid7()), "nobody bears that id"


def test_a_worker_without_a_lease_is_silent(database: Database, sql: Any) -> None:
    workers.join(database, OTHER, 30)
    sql("DELETE FROM jobrunner_lease")
    (seen,) = workers.living(database, 10)
    assert (seen.beats, seen.expired) == (0, True)
    assert workers.condemn(database, OTHER.id, beats=seen.beats)


def test_only_workers_that_ended_long_ago_are_forgotten(database: Database) -> None:
    for one in (WORKER, OTHER):
        workers.join(database, one, 30)
    workers.retire(database, OTHER.id)
    now = clock.now()
    assert workers.forget(database, clock.shift(now, -3600), 10) == 0
    assert workers.forget(database, clock.shift(now, 3600), 10) == 1
    assert [one.id for one in workers.living(database, 10)] == [WORKER.id]


def test_what_is_pruned_has_ended_as_asked_and_long_ago(database: Database) -> None:
    done, stopped, open_ = finished(database), job_in(database, Status.STOPPED), create(database)
    past, future = clock.shift(clock.now(), -3600), clock.shift(clock.now(), 3600)
    asked, ids = ["succeeded"], [done, stopped, open_]
    assert [one[1] for one in pruning.candidates(database, asked, future, None, 10)] == [done]
    assert pruning.counts(database, asked, future) == {"succeeded": 1}
    assert pruning.remove(database, ids, asked, past, "operator:x", None) == {}
    assert [pruning.shorten(database, job, asked, past, 1) for job in ids] == [False] * 3
    assert [pruning.shorten(database, job, asked, future, 1) for job in ids] == [True, False, False]
    assert pruning.remove(database, ids, asked, future, "operator:x", None) == {"succeeded": 1}
    assert [exists(database, job) for job in ids] == [False, True, True]


def test_a_worker_that_was_held_dead_does_not_end_in_order_too(database: Database, sql: Any) -> None:
    for name, end in ((WORKER.id, workers.retire), (OTHER.id, workers.condemn)):
        workers.join(database, replace(WORKER, id=name), 30)
        end(database, name)
        workers.retire(database, name)
        workers.condemn(database, name)
    found = dict(sql("SELECT id, status FROM jobrunner_worker"))
    assert found == {WORKER.id: "stopped", OTHER.id: "lost"}
    assert workers.living(database, 10) == []


def test_one_leads_until_the_lease_is_over_or_given_back(database: Database) -> None:
    assert leases.acquire(database, "reaper", "a", 30) == 1
    assert leases.acquire(database, "reaper", "b", 30) is None
    assert leases.acquire(database, "reaper", "a", 30) == 2
    leases.release(database, "reaper", "b")
    assert leases.acquire(database, "reaper", "b", 30) is None
    leases.release(database, "reaper", "a")
    assert leases.acquire(database, "reaper", "b", -1) == 3
    assert leases.acquire(database, "reaper", "a", 30) == 4
    assert leases.acquire(database, "other", "b", 30) == 1


def test_lost_are_the_jobs_in_hand_of_workers_that_are_gone(database: Database, sql: Any) -> None:
    alive, gone, ended = create(database), create(database), create(database)
    claim(database, alive)
    for job in (gone, ended):
        claims.claim(database, job, OTHER, token=None, launch_grace=0, lease=30)
    move(database, ended, Trigger.SUCCEED)
    assert recovering.lost(database, 10) == []
    workers.condemn(database, OTHER.id)
    assert [row["id"] for row in recovering.lost(database, 10)] == [gone]
    sql(f"UPDATE jobrunner_job SET worker_id = 'unknown' WHERE id = {alive}")
    assert [row["id"] for row in recovering.lost(database, 10)] == [alive, gone]


def test_what_is_lost_is_told_with_its_latest_attempt(database: Database) -> None:
    job = create(database, idempotent=True, max_attempts=3)
    claims.claim(database, job, OTHER, token=None, launch_grace=0, lease=30)
    move(database, job, Trigger.INTERRUPT)
    claim(database, job)
    workers.condemn(database, WORKER.id)
    assert [(row["attempt"], row["pid"]) for row in recovering.lost(database, 10)] == [(2, WORKER.pid)]


def test_a_sweep_walks_on_by_the_jobs_of_one_status(database: Database, monkeypatch: Any) -> None:
    monkeypatch.setattr(recovering, "SCANNED", 2)
    first, _, _, second = (create(database, hold=hold) for hold in (False, True, True, False))
    assert recovering.reach(database, "queued", 0) == second
    assert recovering.reach(database, "queued", first) == 0


def test_uncalled_are_detached_jobs_without_a_worker_on_its_way(database: Database) -> None:
    fresh, pool, called = (
        create(database, launcher="detached"),
        create(database),
        create(database, launcher="detached"),
    )
    early = create(database, launcher="detached", delay=3600.0)
    launched(database, called)
    launched(database, early)
    held = create(database, launcher="detached", hold=True)

    def found(status: str, grace: float, age: float) -> list[int]:
        rows = recovering.uncalled(database, {status: 0}, 10, grace=grace, age=age)
        return [row["id"] for row in rows]

    assert found("queued", 30, 30) == []
    assert found("queued", 30, -1) == [fresh]
    assert found("queued", -1, 30) == [called]
    assert found("scheduled", -1, 30) == [], "its worker sleeps until it is due"
    assert recovering.reach(database, "queued", 0) == 0
    assert pool and held


def test_a_lost_job_is_taken_only_under_the_fence_that_was_seen() -> None:
    row = {"status": "running", "worker_id": "w", "fence": 3, "idempotent": 0, "cancel_mode": None}
    evidence = Evidence("w", "It was lost.", {})
    assert recovery.take(row, 1, evidence, "reaper:h:1", 5) == []
    assert [one.trigger for one in recovery.take(row, 3, evidence, "reaper:h:1", 5)] == [Trigger.PARK_LOST]


def test_a_lost_job_is_taken_only_when_nothing_of_it_can_still_run() -> None:
    noon = "2026-11-21T12:00:00.000000Z"

    def may(until: str | None, *, here: bool, left: int = 0) -> bool:
        return recovery.may_take({"clock": noon, "lease_until": until}, here=here, left=left)

    assert may(clock.shift(noon, 10), here=True) and not may(clock.shift(noon, -10), here=True, left=1)
    assert may(clock.shift(noon, -10), here=False) and may(None, here=False)
    assert not may(clock.shift(noon, 10), here=False) and not may(noon, here=False)


def exists(database: Database, job: int) -> bool:
    return database.read(lambda c: journal.lock(database, c, job, for_update=False)) is not None
