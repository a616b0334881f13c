"""What the tests of the audit look at."""

from __future__ import annotations

import pytest

from jobrunner.auditor import verify
from jobrunner.states import Trigger
from jobrunner.store.database import Database
from jobrunner.store.logs import Tail
from tests.store.driving import append, claim, create, finished, move


@pytest.fixture
def job(database: Database) -> int:
    """A stopped job between two sound ones: 1 create, 2 claim, lines 3 to 5, 6 stop, line 7, 8 confirm_stop."""
    finished(database)
    options = {"title": "T", "lock_key": "k", "idempotency_key": "i", "created_by": "c"}
    job_id = create(database, **options)
    tail = Tail(claim(database, job_id))
    append(database, tail, ["three", "four"])
    append(database, tail, ["five – ünï"])
    move(database, job_id, Trigger.STOP, reason="too slow")
    append(database, tail, ["seven"])
    move(
        database, job_id, Trigger.CONFIRM_STOP, error_class="E", error_reason_code="r", error_message="m",
        error_traceback="t",
    )  # fmt: skip
    finished(database)
    assert list(verify(database)) == []
    return job_id
