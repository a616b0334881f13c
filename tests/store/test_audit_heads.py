"""An earlier head pins what was; a pruned log and an export can still be checked."""

from __future__ import annotations

import json

import pytest

from jobrunner.auditor import export, head, verify, verify_file
from jobrunner.errors import InvalidField, JobNotFound
from jobrunner.states import Trigger
from jobrunner.store import evidence
from jobrunner.store.database import Database
from jobrunner.store.logs import Tail
from tests.store.driving import append, claim, create, finished, move
from tests.store.tampering import JOB, LINES, MOVES, edit, found, log_line, prune, recompute, tamper
from tests.stores import Store


@pytest.mark.parametrize("first", [1, 3, 4, 5, 6, 7, 8, 9])
def test_a_pruned_log_verifies_and_what_is_left_is_still_sealed(
    database: Database, store: Store, job: int, first: int
) -> None:
    earlier = list(head(database))
    prune(database, store, job, first)
    assert found(database) == set()
    assert list(verify(database, against=earlier)) == []
    tamper(store, edit(MOVES, job, 2, "reason", "'x'"))
    assert found(database) == {("edited_transition", "transition 2")}
    if first <= 7:
        tamper(store, edit(LINES, job, 7, "message", "'x'"))
        assert ("damaged_lines", f"lines between {max(6, first - 1)} and 8") in found(database)
        tamper(store, f"DELETE FROM {LINES} WHERE job_id = {job} AND seq = 7")
        assert ("missing_seq", "seq 7") in found(database)
    if first > 3:
        tamper(store, log_line(job, 3))
        assert ("extra_row", "line 3") in found(database)


def test_a_recomputed_chain_is_found_by_an_earlier_head_only(
    database: Database, store: Store, job: int
) -> None:
    earlier = list(head(database))
    tamper(store, edit(MOVES, job, 6, "reason", "'nicer'"))
    recompute(store, job)
    assert found(database) == set()
    assert [(f.job_id, f.kind) for f in verify(database, against=earlier)] == [(job, "recomputed")]
    assert [(f.job_id, f.kind) for f in verify(database, job, against=earlier)] == [(job, "recomputed")]
    assert [(f.job_id, f.kind) for f in verify_file(export(database), earlier)] == [(job, "recomputed")]


def test_recomputed_lines_are_found_by_an_earlier_head(database: Database, store: Store) -> None:
    job_id = create(database)
    tail = Tail(claim(database, job_id))
    append(database, tail, ["one", "two"])
    earlier = list(head(database))
    append(database, tail, ["three"])
    move(database, job_id, Trigger.SUCCEED)
    assert list(verify(database, against=earlier)) == []
    tamper(store, edit(LINES, job_id, 3, "message", "'ONE'"))
    recompute(store, job_id)
    assert found(database) == set()
    assert {f.kind for f in verify(database, against=earlier)} == {"recomputed"}


def test_a_job_that_moved_on_holds_its_earlier_points(database: Database, store: Store) -> None:
    job_id, heads = create(database), list[str]()
    tail = Tail(claim(database, job_id))
    for message in ("a", "b", "c"):
        heads += head(database)
        append(database, tail, [message, message])
        heads += head(database)
        move(
            database,
            job_id,
            Trigger.KILL if message == "c" else Trigger.CANCEL if message == "a" else Trigger.STOP,
        )
    heads += head(database)
    assert list(verify(database, against=heads)) == []
    assert list(verify_file(export(database), heads)) == []
    for at in (3, 5):
        wrong = [" ".join([*heads[at].split()[:2], *("f" * 64, heads[at].split()[3])])]
        assert {f.kind for f in verify(database, against=wrong)} == {"recomputed"}
        wrong = [" ".join([*heads[at].split()[:3], "f" * 64])]
        assert {f.kind for f in verify(database, against=wrong)} == {"recomputed"}


def test_a_job_deleted_by_sql_is_found_by_an_earlier_head(database: Database, store: Store, job: int) -> None:
    earlier = list(head(database))
    for table in (LINES, MOVES, "jobrunner_job_attempt"):
        tamper(store, f"DELETE FROM {table} WHERE job_id = {job}")
    tamper(store, f"DELETE FROM {JOB} WHERE id = {job}")
    assert found(database) == set()
    assert [(f.job_id, f.kind) for f in verify(database, against=earlier)] == [(job, "deleted_job")]
    assert [(f.job_id, f.kind) for f in verify(database, job, against=earlier)] == [(job, "deleted_job")]
    assert [(f.job_id, f.kind) for f in verify_file(export(database), earlier)] == [(job, "deleted_job")]
    with pytest.raises(JobNotFound):
        verify(database, job)


def test_the_last_job_deleted_by_sql_is_found_too(database: Database, store: Store, job: int) -> None:
    earlier = [
        line.replace(f"{job} ", f"{job + 10**6} ", 1) for line in head(database) if line.startswith(f"{job} ")
    ]
    assert [f.kind for f in verify(database, against=earlier)] == ["deleted_job"]


def test_a_job_that_was_set_back_is_found_by_an_earlier_head(
    database: Database, store: Store, job: int
) -> None:
    (line,) = [line.split() for line in head(database) if line.startswith(f"{job} ")]
    assert {f.kind for f in verify(database, against=[" ".join([line[0], "12", *line[2:]])])} == {
        "recomputed"
    }


def test_a_job_with_a_tombstone_is_not_told_apart_from_one_that_was_never_deleted(
    database: Database, store: Store, job: int
) -> None:
    tamper(
        store,
        "INSERT INTO jobrunner_tombstone (id, uuid, type, status, final_seq, digest, log_digest, actor, at)"
        f" SELECT id, uuid, type, status, last_seq, digest, log_digest, 'x', created_at FROM {JOB} WHERE id = {job}",
    )
    assert [(f.job_id, f.kind) for f in verify(database)] == [(job, "tombstone")]


@pytest.mark.parametrize("wrong", ["7 8", "nonsense", f"1 1 {'a' * 64}", f"x 1 {'a' * 64} {'b' * 64}"])
def test_what_is_no_head_is_refused(sqlite_url: str, wrong: str) -> None:
    with pytest.raises(InvalidField, match="Line 1"):
        list(verify(Database(sqlite_url), against=[wrong]))


def test_an_export_that_was_cut_or_edited_is_named(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    job_id = finished(database)
    lines = list(export(database))
    assert list(verify_file(lines)) == []
    assert {f.kind for f in verify_file(lines[:-1])} == {"truncated"}
    assert {f.kind for f in verify_file(lines[:4])} >= {"truncated", "missing_seq"}
    assert {f.kind for f in verify_file(["{", *lines[1:]])} == {"unreadable"}
    without = [line for line in lines if json.loads(line).get("kind") != "job"]
    assert {f.kind for f in verify_file(without)} == {"orphan_rows", "truncated"}
    edited = [line.replace('"two"', '"TWO"') for line in lines]
    assert [(f.job_id, f.kind) for f in verify_file(edited)] == [(job_id, "damaged_lines")]


@pytest.mark.databases("sqlite")
def test_a_row_whose_number_is_text_is_exported_and_named(database: Database, store: Store) -> None:
    job_id = finished(database)
    tamper(store, edit(LINES, job_id, 3, "seq", "'three'"))
    named = {(f.job_id, f.kind) for f in verify_file(export(database))}
    assert named == {(None, "unreadable"), (job_id, "missing_seq")}


def test_a_damaged_record_of_a_job_is_named_and_the_others_are_verified(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    finished(database)
    other = finished(database, [["2"]])
    header, damaged, *rest = export(database)
    rest = [line.replace('"message":"2"', '"message":"3"') for line in rest]
    record = json.loads(damaged)
    for name in evidence.JOB_FIELDS[1:]:
        cut = {key: value for key, value in record.items() if key != name}
        for wrong in [cut] + ([record | {name: None}] if name in ("first_seq", "last_seq") else []):
            findings = verify_file([header, json.dumps(wrong), *rest])
            named = [(f.job_id, f.kind, f.where) for f in findings]
            assert named == [
                (None, "unreadable", "line 2"),
                (other, "damaged_lines", "lines between 2 and 4"),
            ]
