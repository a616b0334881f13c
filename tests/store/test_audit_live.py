"""An audit beside writers finds nothing where nothing is wrong, and needs no more memory for more rows."""

from __future__ import annotations

import gc
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from jobrunner.auditor import export, head, verify, verify_file
from jobrunner.operations import delete
from jobrunner.states import Trigger
from jobrunner.store import evidence
from jobrunner.store.database import Database
from jobrunner.store.logs import Tail
from tests.store.driving import append, claim, create, finished, move
from tests.store.tampering import LINES, edit, prune, tamper
from tests.stores import Store

LIVES = 12


def write(url: str) -> None:
    """Goes through whole lives of jobs: lines, moves, a second run, deletion."""
    database = Database(url)
    for _ in range(LIVES):
        job_id = create(database)
        for trigger in (Trigger.FAIL, Trigger.SUCCEED):
            tail = Tail(claim(database, job_id))
            for number in range(4):
                append(database, tail, [f"line {number}"] * 5)
            move(database, job_id, trigger)
            if trigger is Trigger.FAIL:
                move(database, job_id, Trigger.RETRY)
        if job_id % 2:
            delete.delete(database, job_id, actor="operator:x")
    database.close()


def test_an_audit_of_a_busy_store_finds_nothing(url: str, database: Database, monkeypatch) -> None:
    # small pages, so that writers come between any two of them
    monkeypatch.setattr(evidence, "PAGE", 17)
    monkeypatch.setattr(evidence, "JOBS_AT_ONCE", 3)
    finished(database)
    earlier: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write, url) for _ in range(2)]
        while not all(writer.done() for writer in writers):
            assert list(verify(database, against=earlier)) == []
            earlier = list(head(database))
            assert list(verify_file(export(database))) == []
        for writer in writers:
            writer.result()
    assert list(verify(database, against=earlier)) == []


def test_a_job_that_is_deleted_or_pruned_between_two_looks_is_no_finding(
    database: Database, store: Store, monkeypatch
) -> None:
    gone, cut = finished(database), finished(database)
    lines, changed = evidence.lines, list[int]()

    def slow(looked: Database, low: int, high: int):
        if not changed:
            changed.append(gone)
            delete.delete(database, gone, actor="operator:x")
            prune(database, store, cut, 5)
        return lines(looked, low, high)

    earlier = list(head(database))
    monkeypatch.setattr(evidence, "lines", slow)
    assert list(verify(database, against=earlier)) == []
    assert changed


def test_an_export_says_what_changed_while_it_was_taken(
    database: Database, store: Store, monkeypatch
) -> None:
    gone, cut, kept = finished(database), finished(database), finished(database)
    tail = Tail(claim(database, create(database)))
    lines, changed = evidence.lines, list[int]()

    def slow(looked: Database, low: int, high: int):
        if not changed:
            changed.append(gone)
            delete.delete(database, gone, actor="operator:x")
            prune(database, store, cut, 5)
            append(database, tail, ["later"])
        if high == evidence.LARGEST_ID:
            finished(database)
        return lines(looked, low, high)

    earlier = list(head(database))
    monkeypatch.setattr(evidence, "lines", slow)
    taken = list(export(database))
    assert list(verify_file(taken, earlier)) == []
    assert '"message":"later"' not in "".join(taken)
    tamper(store, edit(LINES, kept, 3, "message", "'x'"))
    assert [(f.job_id, f.kind) for f in verify_file(export(database), earlier)] == [(kept, "damaged_lines")]


@pytest.mark.parametrize("many", ["jobs", "lines"])
def test_memory_does_not_grow_with_the_rows(sqlite_url: str, monkeypatch, many: str) -> None:
    monkeypatch.setattr(evidence, "PAGE", 200)
    monkeypatch.setattr(evidence, "JOBS_AT_ONCE", 20)
    database = Database(sqlite_url)

    def grow(times: int) -> None:
        if many == "lines":
            finished(database, [["x" * 100] * 500] * 2 * times)
        for _ in range(25 * times if many == "jobs" else 0):
            finished(database, [["x"]])

    def peak() -> int:
        gc.collect()
        tracemalloc.start()
        try:
            assert list(verify(database)) == []
            assert sum(1 for _ in verify_file(export(database))) == 0
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    grow(1)
    peak()
    before = peak()
    grow(9)
    assert peak() < before * 2
