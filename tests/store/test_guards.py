"""Each guard of the store by itself: who is too late, too early or not the one is refused, and nothing is written."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from jobrunner import identifiers
from jobrunner.errors import Superseded
from jobrunner.operations import relaunch
from jobrunner.states import IN_HAND, TERMINAL, Status, Trigger, is_held
from jobrunner.store import bundling, claims, journal, picking, workers
from jobrunner.store.claims import ChildProcess, Claimed, NotDue
from jobrunner.store.database import Database
from jobrunner.store.journal import Move, Moving
from jobrunner.store.logs import Tail
from jobrunner.store.picking import Appetite, HeldDead, Picking
from tests.store.driving import WORKER, append, claim, create, job_in, move
from tests.store.guarding import (
    ANY,
    OTHER,
    Forgetful,
    Undone,
    as_told,
    launched,
    lose,
    row_of,
    take,
    triggers,
)


@pytest.fixture(params=[0, 12], ids=["few wait", "many wait"])
def crowd(database: Database, request: pytest.FixtureRequest) -> None:
    """Jobs that wait for other pools: none, and so many that a look does not read all that waits."""
    for _ in range(request.param):
        create(database, type="t.foreign")


def test_a_claim_whose_reply_was_lost_is_made_once(url: str, database: Database) -> None:
    job = create(database)
    claimed = take(Forgetful(url), job)
    assert isinstance(claimed, Claimed) and claimed.fence == 1
    assert triggers(database, job) == ["create", "claim"]


def test_a_claim_whose_reply_was_lost_is_none_when_the_job_was_taken_away_meanwhile(
    url: str, database: Database
) -> None:
    job = create(database, idempotent=True, max_attempts=2)
    assert take(Forgetful(url, lambda: lose(database, job)), job) is None
    other = create(database)
    assert take(Forgetful(url, lambda: move(database, other, Trigger.SUCCEED)), other) is None


def test_a_pools_claims_whose_reply_was_lost_are_made_once_less_what_was_taken_away(
    url: str, database: Database
) -> None:
    kept, lost = create(database), create(database)
    picking = Picking(WORKER, ANY, 5, 30)
    claimed = bundling.store(Forgetful(url, lambda: lose(database, lost)), [], picking)
    assert [one.job_id for one in claimed] == [kept]
    assert triggers(database, kept) == ["create", "claim"]


def test_a_move_whose_reply_was_lost_is_made_once(url: str, database: Database) -> None:
    job = create(database)
    raises = [Trigger.CANCEL, Trigger.RETRY, Trigger.CANCEL]

    def decide(_row: dict[str, Any]) -> list[Move]:
        return [Move(raises.pop(0), "operator:x")]

    moved = journal.move(Forgetful(url), job, decide)
    assert moved is not None and moved.after["status"] == "cancelled"
    assert triggers(database, job) == ["create", "cancel"]


def test_an_attempt_whose_job_is_in_another_attempts_hands_moves_nothing(database: Database) -> None:
    job = create(database, idempotent=True, max_attempts=3)
    old = claim(database, job)
    lose(database, job)
    move(database, job, Trigger.ADMIT)
    new = claim(database, job)
    before = triggers(database, job)
    ending = Moving(job, partial(as_told, [Move(Trigger.SUCCEED, WORKER.actor)]), fence=old.fence)
    with pytest.raises(Superseded):
        database.write(lambda connection: ending.make(database, connection))
    assert triggers(database, job) == before
    assert is_held("running", new.fence, new.fence) and not is_held("running", new.fence, old.fence)


def test_lines_whose_reply_was_lost_are_stored_once(url: str, database: Database, sql) -> None:
    job = create(database)
    tail = Tail(claim(database, job))
    append(Forgetful(url), tail, ["one", "two"])
    append(database, tail, ["two"])
    assert sql(f"SELECT message FROM jobrunner_job_log WHERE job_id = {job} ORDER BY seq") == [
        ("one",), ("two",), ("two",),
    ]  # fmt: skip


def test_what_the_database_threw_away_is_done_again(url: str, database: Database) -> None:
    claimed, picked, moved = create(database), create(database), create(database)
    assert isinstance(take(Undone(url), claimed), Claimed)
    assert [one.job_id for one in bundling.store(Undone(url), [], Picking(WORKER, ANY, 1, 30), [picked])] == [
        picked
    ]
    cancels = [Move(Trigger.CANCEL, "operator:x")]
    journal.move(Undone(url), moved, partial(as_told, cancels))
    assert [triggers(database, job)[1:] for job in (claimed, picked, moved)] == [
        ["claim"],
        ["claim"],
        ["cancel"],
    ]


def test_a_launched_job_is_its_token_holders_until_the_grace_is_over(database: Database) -> None:
    job = create(database, launcher="detached")
    first, second = launched(database, job), launched(database, job)
    assert take(database, job) is None and take(database, job, token=first) is None
    assert claims.token_is_good(database, job, second) and not claims.token_is_good(database, job, first)
    assert not ANY.takes(row_of(database, job))
    assert isinstance(take(database, job, token=second), Claimed)
    assert not claims.token_is_good(database, job, second)
    later = create(database, launcher="detached")
    launched(database, later)
    assert isinstance(take(database, later, grace=0), Claimed)


@pytest.mark.parametrize(
    "status", [one for one in Status if one in (Status.HELD, Status.PARKED, *IN_HAND, *TERMINAL)]
)
def test_only_a_job_that_waits_is_claimed_or_launched(database: Database, status: Status) -> None:
    job = job_in(database, status)
    before = triggers(database, job)
    assert take(database, job, grace=0, worker=OTHER) is None
    assert claims.new_launch(database, job, "0" * 64) is None
    assert bundling.store(database, [], Picking(OTHER, ANY, 5, 30), [job]) == []
    relaunch.fail_launch(database, job, "token", "reaper:h:1", "no")
    assert not relaunch.give_up(database, job, "reaper:h:1", seen=(None, 0), launch_grace=0)
    assert triggers(database, job) == before


def test_nobody_claims_before_a_job_is_due_and_the_pool_only_what_it_may(database: Database) -> None:
    early = create(database, delay=3600.0)
    answer = take(database, early)
    assert isinstance(answer, NotDue) and 3500 < answer.seconds <= 3600
    strange, elsewhere = create(database, type="t.other"), create(database, queue="q2")
    mine = create(database)
    appetite = Appetite(("t.noop",), ("default",), 30.0)
    ids = [early, strange, elsewhere, mine]
    assert [c.job_id for c in bundling.store(database, [], Picking(WORKER, appetite, 5, 30), ids)] == [mine]


@pytest.mark.usefixtures("crowd")
def test_a_queued_job_stays_due_when_the_databases_clock_is_set_back(database: Database, sql) -> None:
    job, picked = create(database), create(database)
    sql(f"UPDATE jobrunner_job SET available_at = '2999-01-01 00:00:00' WHERE id IN ({job}, {picked})")
    assert isinstance(take(database, job), Claimed)
    assert picking.due(database, ANY, 2) == [picked]


@pytest.mark.usefixtures("crowd")
def test_a_look_names_the_more_urgent_and_then_the_older_whether_queued_or_due(
    database: Database, eventually
) -> None:
    old, due, urgent = create(database), create(database, delay=0.01), create(database, priority=5)
    eventually(lambda: picking.due(database, ANY, 5) == [urgent, old, due])
    assert picking.due(database, ANY, 2) == [urgent, old]
    assert picking.due(database, replace(ANY, types=("t.other",)), 2) == []


def test_a_look_names_only_what_may_be_claimed_and_pages_past_the_rest(database: Database) -> None:
    for _ in range(25):
        launched(database, create(database, launcher="detached", priority=1))
    create(database, delay=3600.0)
    mine = create(database)
    assert picking.due(database, ANY, 2) == [mine]


@pytest.mark.usefixtures("crowd")
def test_a_look_names_what_has_become_due_in_its_own_queues_alone(database: Database, eventually) -> None:
    late = create(database, delay=0.01, queue="q2")
    eventually(lambda: picking.due(database, ANY, 2) == [late])
    assert picking.due(database, replace(ANY, queues=("default",)), 2) == []


def test_a_launch_voids_the_one_before_unless_somebody_was_faster(database: Database) -> None:
    job = create(database, launcher="detached")
    seen = (None, 0)
    first = identifiers.secret_hash("first")
    assert claims.new_launch(database, job, first, seen=seen) is not None
    assert claims.new_launch(database, job, identifiers.secret_hash("second"), seen=seen) is None
    assert claims.new_launch(database, job, first, seen=seen) is not None
    assert claims.new_launch(database, job, identifiers.secret_hash("third"), seen=(first, 2)) is not None


def test_a_launch_tells_how_long_the_job_is_not_due_yet(database: Database) -> None:
    due, early = create(database, launcher="detached"), create(database, launcher="detached", delay=3600.0)
    assert claims.new_launch(database, due, "0" * 64) == 0.0
    wait = claims.new_launch(database, early, "0" * 64)
    assert wait is not None and 3500 < wait <= 3600


def test_a_launch_is_given_up_only_as_it_was_seen_and_when_its_grace_is_over(database: Database) -> None:
    job = create(database, launcher="detached")
    token = launched(database, job)
    seen = (identifiers.secret_hash(token), 1)

    def give_up(seen: tuple[str | None, int], grace: float) -> bool:
        return relaunch.give_up(database, job, "reaper:h:1", seen=seen, launch_grace=grace)

    assert not give_up(seen, 30.0)
    assert not give_up((seen[0], 2), 0.0)
    assert not give_up(("0" * 64, 1), 0.0)
    relaunch.fail_launch(database, job, "another token", "operator:x", "no")
    assert triggers(database, job) == ["create"]
    assert give_up(seen, 0.0)
    assert triggers(database, job) == ["create", "fail_launch"]


def test_who_was_held_dead_claims_nothing(database: Database) -> None:
    workers.join(database, OTHER, 30)
    assert workers.beat(database, OTHER.id, 30).lives
    assert workers.condemn(database, OTHER.id) and not workers.condemn(database, OTHER.id)
    assert not workers.beat(database, OTHER.id, 30).lives
    job = create(database)
    assert take(database, job, worker=OTHER) is None
    with pytest.raises(HeldDead):
        bundling.store(database, [], Picking(OTHER, ANY, 5, 30))
    assert triggers(database, job) == ["create"]
    assert isinstance(take(database, job), Claimed)


def test_the_child_is_noted_on_its_own_attempt_alone(database: Database, sql: Any) -> None:
    job = create(database, idempotent=True, max_attempts=3)
    first = claim(database, job)
    move(database, job, Trigger.INTERRUPT)
    second = claim(database, job)
    for claimed, pid in (
        (first, 11),
        (second, 12),
        (replace(second, fence=9), 13),
        (replace(first, fence=9), 14),
    ):
        database.write(partial(claims.note_child, claimed=claimed, child=ChildProcess(pid, 1)))
    assert sql("SELECT attempt, child_pid FROM jobrunner_job_attempt ORDER BY attempt") == [(1, 11), (2, 12)]


def test_an_end_closes_the_attempt_that_it_ends_and_no_other(database: Database, sql: Any) -> None:
    job = create(database, idempotent=True, max_attempts=3)
    for code in ("first", "second"):
        claim(database, job)
        leaves = [Move(Trigger.INTERRUPT, "worker:h:1", attempt={"reason_code": code})]
        journal.move(database, job, partial(as_told, leaves))
    found = sql("SELECT attempt, reason_code FROM jobrunner_job_attempt ORDER BY attempt")
    assert found == [(1, "first"), (2, "second")]


def test_an_end_that_knows_where_its_claim_stands_sees_a_request_that_came_between(
    database: Database,
) -> None:
    job = create(database)
    claimed = claim(database, job)
    move(database, job, Trigger.CANCEL)
    ends = [Move(Trigger.CONFIRM_CANCEL, "worker:h:1", attempt={"reason_code": None})]
    ending = Moving(job, partial(as_told, ends), fence=claimed.fence, claim_seq=claimed.seq)
    database.write(lambda c: ending.make(database, c))
    assert triggers(database, job) == ["create", "claim", "cancel", "confirm_cancel"]


@pytest.mark.parametrize("status", [one for one in Status if one not in (Status.NEW, Status.WAITING)])
def test_only_what_has_ended_bears_the_time_of_its_end(database: Database, status: Status) -> None:
    row = row_of(database, job_in(database, status))
    assert (row["finished_at"] is not None) is (row["final_seq"] is not None) is status.is_terminal
