"""What an idle pool's heartbeats ask, and when they are written."""

from __future__ import annotations

import pytest

from jobrunner import clock, identifiers
from jobrunner.settings import Settings
from jobrunner.store import workers
from jobrunner.store.workers import WorkerIdentity
from jobrunner.worker.membership import Membership
from tests.store import driving


@pytest.fixture
def member(database) -> Membership:
    worker = WorkerIdentity(identifiers.uuid7(), "pool", "testhost", None, None, 4711, None, "none", "0")
    one = Membership(database, Settings(), worker)
    one.join()
    return one


@pytest.fixture
def beats(database, member):
    return lambda: {one.id: one.beats for one in workers.living(database, 100)}[member.worker.id]


def test_while_its_lease_is_young_an_idle_pool_asks_and_writes_nothing(member, beats):
    assert member.beat(looks=True)
    assert member.nothing_waits and beats() == 1


def test_a_pool_with_a_job_in_hand_writes_each_heartbeat(member, beats):
    assert member.beat(looks=False)
    assert not member.nothing_waits and beats() == 2


def test_a_lease_that_is_no_longer_young_is_written_by_an_idle_pool_too(member, beats, monkeypatch):
    now = clock.monotonic()
    monkeypatch.setattr(clock, "monotonic", lambda: now + 2 * Settings().heartbeat)
    assert member.beat(looks=True)
    assert member.nothing_waits and beats() == 2


def test_a_heartbeat_tells_an_idle_pool_that_a_job_waits(member, beats, database):
    driving.create(database, delay=3600.0)
    assert member.beat(looks=True) and member.nothing_waits
    driving.create(database)
    assert member.beat(looks=True)
    assert not member.nothing_waits and beats() == 2


@pytest.mark.parametrize("looks", [True, False])
def test_any_heartbeat_tells_of_a_request_to_drain(member, database, looks):
    assert workers.drain(database, member.worker.id, "user:alice", "moving house")
    assert member.beat(looks=looks)
    assert member.drain is not None and member.drain.reason == "moving house"


@pytest.mark.parametrize("looks", [True, False])
def test_any_heartbeat_tells_a_pool_that_it_was_held_dead_and_it_goes_on_under_another_id(
    member, database, looks
):
    before = member.worker.id
    assert workers.condemn(database, before)
    assert member.beat(looks=looks)
    assert member.worker.id != before
    assert [one.id for one in workers.living(database, 100)] == [member.worker.id]
