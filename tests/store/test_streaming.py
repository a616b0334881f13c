"""What a page that shows many jobs is told of: any change, also one that leaves every count as it was."""

from __future__ import annotations

import pytest

from jobrunner.states import Trigger
from jobrunner.store import streaming, workers
from jobrunner.store.database import Database
from jobrunner.store.logs import Tail
from tests.store.driving import WORKER, append, claim, create, finished, move


def test_without_a_change_the_marks_stay_the_same(database: Database) -> None:
    create(database)
    assert streaming.marks(database, 10) == streaming.marks(database, 10)


@pytest.mark.parametrize("swapped", [(0, 1), (2, 3)], ids=["the oldest two", "the newest two"])
def test_two_jobs_that_change_places_change_the_marks(database: Database, swapped: tuple[int, int]) -> None:
    jobs = [create(database, hold=hold) for hold in (True, False, True, False)]
    before = streaming.marks(database, 10)
    held, queued = (jobs[one] for one in swapped)
    move(database, held, Trigger.RELEASE)
    move(database, queued, Trigger.HOLD)
    after = streaming.marks(database, 10)
    assert after.counts == before.counts and after.places != before.places


def test_a_bound_to_counting_hides_no_change(database: Database) -> None:
    for _ in range(3):
        create(database)
    before = streaming.marks(database, 2)
    create(database)
    after = streaming.marks(database, 2)
    assert after.counts == before.counts and after != before


def test_what_runs_is_seen_to_go_on_however_many_jobs_have_ended(database: Database) -> None:
    for _ in range(3):
        finished(database)
    tail = Tail(claim(database, create(database)))
    before = streaming.marks(database, 2)
    append(database, tail, ["a line"])
    assert streaming.marks(database, 2).courses != before.courses


def test_workers_that_have_ended_do_not_count(database: Database) -> None:
    workers.join(database, WORKER, 30)
    assert streaming.marks(database, 2).workers == 1
    workers.retire(database, WORKER.id)
    assert streaming.marks(database, 2).workers == 0
