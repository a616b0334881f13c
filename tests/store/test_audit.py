"""Whatever is edited, removed, swapped or inserted in the ledger is found and named."""

from __future__ import annotations

import pytest

from jobrunner.auditor import export, verify, verify_file
from jobrunner.ledger import BIRTH_FIELDS, END_FIELDS
from jobrunner.states import Status, Trigger
from jobrunner.store import views
from jobrunner.store.database import Database
from jobrunner.store.logs import Tail
from tests.store.driving import append, claim, finished, job_in, move
from tests.store.tampering import (
    JOB,
    LINES,
    MOVES,
    edit,
    found,
    literal,
    log_line,
    recompute,
    tamper,
    transition,
)
from tests.stores import Store


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("reason", "'fast enough'"), ("reason", "NULL"), ("actor", "'operator:other'"), ("context", "'{}'"), ("attempt", "2"),
        ("fence", "2"), ("at", "'2026-01-01 00:00:00.000000'"), ("op_id", "'other'"), ("log_digest", f"'{'a' * 64}'"),
        ("digest", f"'{'a' * 64}'"), ("digest", "'short'"), ("trigger_name", "'cancel'"),
    ],
)  # fmt: skip
def test_an_edited_transition_is_named(
    database: Database, store: Store, job: int, column: str, value: str
) -> None:
    tamper(store, edit(MOVES, job, 6, column, value))
    assert ("edited_transition", "transition 6") in (there := found(database))
    assert {where for _, where in there} <= {"transition 6", "cancel_mode"}


@pytest.mark.parametrize(
    ("column", "value", "kinds"),
    [
        ("to_status", "'failed'", {"edited_transition", "illegal_edge"}),
        ("from_status", "'queued'", {"edited_transition", "illegal_edge"}),
        ("prev_seq", "5", {"broken_path"}),
    ],
)
def test_a_bent_path_is_named(
    database: Database, store: Store, job: int, column: str, value: str, kinds
) -> None:
    tamper(store, edit(MOVES, job, 6, column, value))
    assert {kind for kind, where in found(database) if where == "transition 6"} == kinds


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("message", "'FOUR'"), ("message", "'four '"), ("attempt", "2"), ("at", "'2026-01-01 00:00:00.000000'"), ("level", "'error'"),
        ("stream", "'stderr'"), ("step_key", "''"), ("logger", "'x'"), ("context", "'{}'"),
    ],
)  # fmt: skip
def test_an_edited_line_is_named_by_its_range(
    database: Database, store: Store, job: int, column: str, value: str
) -> None:
    tamper(store, edit(LINES, job, 4, column, value))
    assert found(database) == {("damaged_lines", "lines between 2 and 6")}


@pytest.mark.parametrize(("seq", "where"), [(3, "seq 3"), (4, "seq 4"), (5, "seq 5"), (7, "seq 7")])
def test_a_removed_line_is_named(database: Database, store: Store, job: int, seq: int, where: str) -> None:
    tamper(store, f"DELETE FROM {LINES} WHERE job_id = {job} AND seq = {seq}")
    assert found(database) == {("missing_seq", where)}


def test_removed_lines_are_named_as_one_range(database: Database, store: Store, job: int) -> None:
    tamper(store, f"DELETE FROM {LINES} WHERE job_id = {job} AND seq < 6")
    assert found(database) == {("missing_seq", "seq 3 to 5")}


@pytest.mark.parametrize("seq", [1, 2, 6, 8])
def test_a_removed_transition_is_named(database: Database, store: Store, job: int, seq: int) -> None:
    tamper(store, f"DELETE FROM {MOVES} WHERE job_id = {job} AND seq = {seq}")
    assert ("missing_seq", f"seq {seq}") in found(database)


def test_a_job_without_any_row_is_named(database: Database, store: Store, job: int) -> None:
    tamper(store, f"DELETE FROM {MOVES} WHERE job_id = {job}", f"DELETE FROM {LINES} WHERE job_id = {job}")
    assert {("missing_seq", "seq 1 to 8"), ("missing_seq", "transition 1")} == found(database)


def swap(table: str, job_id: int, one: int, other: int) -> list[str]:
    return [
        f"UPDATE {table} SET seq = {there} WHERE job_id = {job_id} AND seq = {here}"
        for here, there in ((one, 99), (other, one), (99, other))
    ]


def test_two_swapped_lines_are_named_by_their_range(database: Database, store: Store, job: int) -> None:
    tamper(store, *swap(LINES, job, 3, 5))
    assert found(database) == {("damaged_lines", "lines between 2 and 6")}


def test_two_lines_swapped_over_a_transition_are_named(database: Database, store: Store, job: int) -> None:
    tamper(store, *swap(LINES, job, 5, 7))
    assert found(database) == {
        ("damaged_lines", "lines between 2 and 6"),
        ("damaged_lines", "lines between 6 and 8"),
    }


def test_two_swapped_transitions_are_named(database: Database, store: Store, job: int) -> None:
    rows = {row["seq"]: row for row in views.history(database, job)}
    names = [name for name in rows[2] if name not in ("seq", "prev_seq", "op_id", "at")]
    for here, there in ((2, 6), (6, 2)):
        pairs = ", ".join(f"{name} = {literal(rows[there][name])}" for name in names)
        tamper(store, f"UPDATE {MOVES} SET {pairs} WHERE job_id = {job} AND seq = {here}")
    assert {("edited_transition", "transition 2"), ("edited_transition", "transition 6")} <= found(database)


@pytest.mark.parametrize(("seq", "where"), [(9, "seq 9"), (6, "line 6"), (0, "line 0"), (500, "seq 500")])
def test_an_inserted_line_is_named(database: Database, store: Store, job: int, seq: int, where: str) -> None:
    tamper(store, log_line(job, seq))
    assert found(database) == {("extra_row", where)}


def test_an_inserted_line_whose_followers_moved_up_is_named(
    database: Database, store: Store, job: int
) -> None:
    tamper(
        store,
        f"UPDATE {MOVES} SET seq = 9, prev_seq = 7 WHERE job_id = {job} AND seq = 8",
        f"UPDATE {MOVES} SET seq = 7 WHERE job_id = {job} AND seq = 6",
        *(f"UPDATE {LINES} SET seq = {seq + 1} WHERE job_id = {job} AND seq = {seq}" for seq in (7, 5, 4)),
        log_line(job, 4),
        f"UPDATE {JOB} SET last_seq = 9, final_seq = 9 WHERE id = {job}",
    )
    assert ("edited_transition", "transition 7") in found(database)


def test_an_inserted_transition_is_named(database: Database, store: Store, job: int) -> None:
    edge = {"from_status": "stopped", "trigger_name": "abandon", "to_status": "abandoned"}
    tamper(store, transition(job, seq=9, prev_seq=8, **edge))
    assert found(database) == {("extra_row", "seq 9")}
    tamper(store, f"UPDATE {JOB} SET last_seq = 9, final_seq = 9, status = 'abandoned' WHERE id = {job}")
    assert ("edited_transition", "transition 9") in found(database)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("status", "'failed'", ("job_row", "status")), ("attempt", "2", ("job_row", "attempt")), ("fence", "2", ("job_row", "fence")),
        ("cancel_mode", "'kill'", ("job_row", "cancel_mode")), ("cancel_mode", "NULL", ("job_row", "cancel_mode")),
        ("last_seq", "9", ("job_row", "last_seq")), ("final_seq", "7", ("job_row", "final_seq")),
        ("final_seq", "NULL", ("job_row", "final_seq")), ("digest", f"'{'b' * 64}'", ("job_row", "digest")),
        ("log_digest", f"'{'b' * 64}'", ("job_row", "log_digest")), ("first_seq", "4", ("job_row", "first_seq")),
    ],
)  # fmt: skip
def test_a_job_row_that_is_not_the_fold_of_its_history_is_named(
    database: Database, store: Store, job: int, column: str, value: str, expected: tuple[str, str]
) -> None:
    tamper(store, f"UPDATE {JOB} SET {column} = {value} WHERE id = {job}")
    assert expected in found(database)


@pytest.mark.parametrize("last", [2, 4, 6, 7, 9, 12])
def test_an_edited_last_seq_is_named_before_what_no_longer_fits_it(
    database: Database, store: Store, job: int, last: int
) -> None:
    tamper(store, f"UPDATE {JOB} SET last_seq = {last} WHERE id = {job}")
    assert next(f.where for f in verify(database, job)) == "last_seq"
    tamper(store, log_line(job, 20))
    assert found(database) >= {("job_row", "last_seq"), ("extra_row", "seq 20")}


@pytest.mark.parametrize("column", BIRTH_FIELDS)
def test_what_a_job_was_asked_to_do_is_sealed_at_birth(
    database: Database, store: Store, job: int, column: str
) -> None:
    value = "7" if column in ("priority", "idempotent", "max_attempts") else "'{}x'"
    tamper(store, f"UPDATE {JOB} SET {column} = {value} WHERE id = {job}")
    assert found(database) == {("birth_seal", "transition 1")}


@pytest.mark.parametrize("column", END_FIELDS)
@pytest.mark.parametrize("value", ["'x'", "NULL"])
def test_how_a_job_ended_is_sealed(
    database: Database, store: Store, job: int, column: str, value: str
) -> None:
    tamper(store, f"UPDATE {JOB} SET {column} = {value} WHERE id = {job}")
    assert found(database) == (
        set() if (column, value) == ("result", "NULL") else {("end_seal", "transition 8")}
    )


def test_a_rule_added_by_hand_is_not_honoured(database: Database, store: Store, job: int) -> None:
    tamper(
        store,
        "INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)"
        " VALUES ('stopped', 'succeed', 'succeeded', 'operator', 'by hand')",
        f"UPDATE {JOB} SET last_seq = 9, final_seq = 9, status = 'succeeded' WHERE id = {job}",
        transition(
            job, seq=9, prev_seq=8, from_status="stopped", trigger_name="succeed", to_status="succeeded"
        ),
    )
    recompute(store, job)
    assert {("illegal_edge", "transition 9"), ("end_seal", "transition 9")} == found(database)


def test_rows_of_no_job_are_named(database: Database, store: Store, job: int) -> None:
    tamper(store, f"DELETE FROM {JOB} WHERE id = {job}", log_line(10**9, 1))
    assert found(database) == {("orphan_rows", f"job {job}"), ("orphan_rows", f"job {10**9}")}


def test_an_unfinished_job_is_verified_up_to_its_row(database: Database, store: Store) -> None:
    job_id = job_in(database, Status.QUEUED)
    tail = Tail(claim(database, job_id))
    append(database, tail, ["one", "two"])
    assert list(verify(database)) == []
    tamper(store, edit(LINES, job_id, 4, "message", "'TWO'"))
    assert found(database) == {("damaged_lines", "lines after 2")}


@pytest.mark.parametrize(
    "status", [status for status in Status if status not in (Status.NEW, Status.WAITING)]
)
def test_a_sound_job_of_every_status_verifies(database: Database, status: Status) -> None:
    job_id = job_in(database, status)
    assert list(verify(database, job_id)) == []
    assert list(verify_file(export(database))) == []


def test_a_job_that_was_run_again_verifies(database: Database) -> None:
    job_id = job_in(database, Status.FAILED)
    move(database, job_id, Trigger.RETRY)
    tail = Tail(claim(database, job_id))
    append(database, tail, ["again"])
    move(database, job_id, Trigger.SUCCEED, result="{}")
    assert list(verify(database)) == []


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("value", ["CAST(x'ff00' AS TEXT)", "x'ff'", "7"])
def test_sqlite_values_of_the_wrong_kind_are_findings_not_errors(
    database: Database, store: Store, job: int, value: str
) -> None:
    tamper(store, edit(LINES, job, 4, "message", value))
    assert found(database) == {("damaged_lines", "lines between 2 and 6")}
    tamper(store, edit(MOVES, job, 6, "reason", value))
    assert ("edited_transition", "transition 6") in found(database)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("table", [JOB, MOVES, LINES])
def test_text_where_a_number_belongs_is_a_finding_not_an_error(
    database: Database, store: Store, job: int, table: str
) -> None:
    column, where = ("last_seq", f"id = {job}") if table == JOB else ("seq", f"job_id = {job} AND seq > 6")
    tamper(store, f"UPDATE {table} SET {column} = 'many' WHERE {where}")
    assert {f.job_id for f in verify(database)} == {job}


def test_so_much_is_wrong_that_the_rest_is_summed_up(sqlite_url: str, store: Store) -> None:
    database = Database(sqlite_url)
    job_id = finished(database, [["x"] * 1000])
    tamper(store, f"DELETE FROM {LINES} WHERE seq % 2 = 0")
    findings = list(verify(database, job_id))
    assert len(findings) == 101
    assert findings[-1].kind == "more"
