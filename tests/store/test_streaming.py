"""What a page that shows many jobs is told of: any change, also one that leaves every count as it was."""

from __future__ import annotations

import pytest

from jobrunner.states import Trigger
from jobrunner.store import streaming
from jobrunner.store.database import Database
from tests.store.driving import create, move


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
