"""A deleted job leaves a tombstone, and its id is never used again."""

from __future__ import annotations

import pytest

from jobrunner.auditor import head, verify
from jobrunner.operations import delete
from jobrunner.operations.delete import DELETABLE
from jobrunner.states import Status
from jobrunner.store import views
from jobrunner.store.database import Database
from tests.store.driving import create, finished, job_in

OF_A_JOB = ("jobrunner_job_tag", "jobrunner_job_attempt", "jobrunner_job_log", "jobrunner_job_transition")


def test_what_is_left_proves_how_it_ended(database: Database, sql) -> None:
    job_id = finished(database, tags={"shop": "7"})
    earlier = list(head(database))
    (before,) = sql(
        f"SELECT id, uuid, type, status, last_seq, digest, log_digest FROM jobrunner_job WHERE id = {job_id}"
    )
    done = delete.delete(database, job_id, actor="operator:ann", reason="old")
    assert (done.outcome, done.previous_status) == ("done", "succeeded")
    assert sql("SELECT id, uuid, type, status, final_seq, digest, log_digest FROM jobrunner_tombstone") == [
        before
    ]
    assert sql("SELECT actor, reason FROM jobrunner_tombstone") == [("operator:ann", "old")]
    for table in OF_A_JOB:
        assert sql(f"SELECT count(*) FROM {table} WHERE job_id = {job_id}") == [(0,)]
    assert views.resolve(database, job_id) is None
    assert list(verify(database, against=earlier)) == []


def test_a_long_history_goes_whole(database: Database, sql) -> None:
    job_id = job_in(database, Status.ABANDONED)
    assert delete.delete(database, job_id, actor="operator:x").outcome == "done"
    assert sql("SELECT count(*) FROM jobrunner_job_transition") == [(0,)]


def test_ids_are_never_used_again(database: Database) -> None:
    used = set[int]()
    for _ in range(4):
        job_id = create(database, hold=True)
        assert job_id not in used
        assert not used or job_id > max(used)
        used.add(job_id)
        delete.delete(database, job_id, actor="operator:x")


def test_deleting_it_again_finds_nothing(database: Database, sql) -> None:
    job_id = finished(database)
    delete.delete(database, job_id, actor="operator:x")
    assert delete.delete(database, job_id, actor="operator:x").outcome == "not_found"
    assert sql("SELECT count(*) FROM jobrunner_tombstone") == [(1,)]


@pytest.mark.parametrize(
    "status", [status for status in Status if status not in (Status.NEW, Status.WAITING)]
)
def test_only_what_is_held_or_ended_can_be_deleted(database: Database, sql, status: Status) -> None:
    job_id = job_in(database, status)
    done = delete.delete(database, job_id, actor="operator:x")
    if status in DELETABLE:
        assert done.outcome == "done"
        assert views.resolve(database, job_id) is None
    else:
        assert done.outcome == "refused"
        assert sql("SELECT count(*) FROM jobrunner_tombstone") == [(0,)]
        assert list(verify(database)) == []


def test_a_lock_key_and_an_idempotency_key_are_free_after_deletion(database: Database) -> None:
    first = create(database, lock_key="k", idempotency_key="i", hold=True)
    delete.delete(database, first, actor="operator:x")
    assert create(database, lock_key="k", idempotency_key="i") > first
