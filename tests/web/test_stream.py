"""A job's stream: backlog then live, no gap and no duplicate, resumed from any cursor, closed when all is told."""

from __future__ import annotations

import json
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from jobrunner import JobRunner
from jobrunner.states import Trigger
from jobrunner.store import logs
from jobrunner.store.database import Database
from jobrunner.store.logs import Tail
from tests.store import driving
from tests.web.server import Server
from tests.web.streams import LEDGER, Stream

Open = Callable[..., Stream]


@pytest.fixture
def stream(web: Server) -> Iterator[Open]:
    """Opens a job's stream as a reader: ``stream(job, after=0, last=None)``."""
    opened: list[Stream] = []

    def open_one(job: object, after: int | None = None, **options: Any) -> Stream:
        path = f"/api/jobs/{job}/events" + ("" if after is None else f"?after_seq={after}")
        opened.append(Stream(web.port, path, web.tokens["read"], **options))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def running(database: Database) -> tuple[int, Tail]:
    """A job that a worker holds, and where its lines are appended."""
    job = driving.create(database)
    return job, Tail(driving.claim(database, job))


def write(database: Database, tail: Tail, count: int, *, at_once: int = 100) -> None:
    for begin in range(0, count, at_once):
        driving.append(
            database, tail, [f"line {number}" for number in range(begin, min(count, begin + at_once))]
        )


def test_a_reader_gets_the_backlog_and_then_what_comes_each_row_once(
    database: Database, running: tuple[int, Tail], stream: Open
) -> None:
    job, tail = running
    write(database, tail, 700)
    reader = stream(job)
    assert reader.to_seq(702) == list(range(1, 703))
    write(database, tail, 700, at_once=7)
    driving.move(database, job, Trigger.SUCCEED)
    rest = list(reader)
    assert [event.data["seq"] for event in rest if event.kind in LEDGER] == list(range(703, 1404))
    assert rest[-1].kind == "end"


def test_a_reader_that_is_cut_off_a_hundred_times_ends_with_every_line_once(
    kind: str, database: Database, running: tuple[int, Tail], stream: Open
) -> None:
    lines = 50_000 if kind == "sqlite" else 5_000
    job, tail = running
    last = lines + 3

    def work() -> None:
        write(database, tail, lines, at_once=250)
        driving.move(database, job, Trigger.SUCCEED)

    writer = threading.Thread(target=work)
    writer.start()
    seen: list[int] = []
    chance = random.Random(7)
    cuts = sorted(chance.sample(range(1, lines), 100))
    while not seen or seen[-1] < last:
        reader = stream(job, last=seen[-1] if seen else None)
        for event in reader.rows():
            seen.append(event.data["seq"])
            if cuts and seen[-1] >= cuts[0]:
                cuts = [cut for cut in cuts if cut > seen[-1]]
                break
        reader.close()
    writer.join()
    assert seen == list(range(1, last + 1))
    assert cuts == []


@pytest.mark.databases("sqlite")
def test_it_resumes_by_the_cursor_and_the_last_event_id_wins(
    database: Database, running: tuple[int, Tail], stream: Open
) -> None:
    job, tail = running
    write(database, tail, 20)
    assert stream(job, after=10).to_seq(22) == list(range(11, 23))
    assert stream(job, after=10, last=15).to_seq(22) == list(range(16, 23))


@pytest.mark.databases("sqlite")
def test_only_ledger_rows_bear_an_id_and_all_are_as_in_the_read_model(
    database: Database, running: tuple[int, Tail], runner: JobRunner, stream: Open
) -> None:
    job, tail = running
    write(database, tail, 3)
    driving.move(database, job, Trigger.SUCCEED)
    events = list(stream(job))
    rows = [event for event in events if event.kind in LEDGER]
    assert [event.data for event in rows] == runner.status(job).model_dump(mode="json")["events"]
    assert all(event.id == event.data["seq"] and event.kind == event.data["kind"] for event in rows)
    assert [event.id for event in events if event.kind not in LEDGER] == [None] * (len(events) - len(rows))


@pytest.mark.databases("sqlite")
def test_the_end_is_the_final_status_and_then_there_is_nothing_to_come_back_for(
    database: Database, running: tuple[int, Tail], runner: JobRunner, stream: Open
) -> None:
    job, _ = running
    driving.move(database, job, Trigger.SUCCEED, result='{"made":7}')
    end = list(stream(job))[-1]
    assert end.kind == "end"
    final = end.data["job"]["final_seq"]
    assert end.data == runner.status(job, after_seq=final, limit=0).model_dump(mode="json")
    assert (end.data["last_seq"], end.data["has_more"]) == (final, False)
    assert end.data["result"] == {"made": 7}
    assert [stream(job, after=cursor).status for cursor in (final, final + 5)] == [204, 204]
    assert stream(job, last=final).status == 204
    assert stream(job, after=final - 1).to_seq(final) == [final]


def test_progress_is_told_at_the_start_and_when_it_changes(
    database: Database, running: tuple[int, Tail], stream: Open
) -> None:
    job, tail = running
    reader = stream(job)
    assert reader.until("progress").data["progress"]["percent"] is None
    logs.append(database, tail, [], {"progress_percent": 40.0, "progress_text": "Loading"})
    told = reader.until("progress").data
    assert (told["progress"]["percent"], told["progress"]["text"], told["status"]) == (
        40.0,
        "Loading",
        "running",
    )
    driving.move(database, job, Trigger.SUCCEED)
    assert reader.until("progress", status="succeeded").data["is_terminal"] is True


@pytest.mark.databases("sqlite")
def test_a_parked_job_keeps_it_open_until_a_person_decided(
    database: Database, running: tuple[int, Tail], runner: JobRunner, stream: Open
) -> None:
    job, _ = running
    driving.move(database, job, Trigger.PARK_LOST)
    reader = stream(job)
    reader.until("transition", to="parked")
    runner.resolve(job, "succeeded")
    assert [event.kind for event in reader if event.kind != "progress"] == ["transition", "end"]


def test_a_job_that_was_retried_goes_on_where_its_reader_was(
    database: Database, running: tuple[int, Tail], runner: JobRunner, stream: Open
) -> None:
    job, _ = running
    driving.move(database, job, Trigger.FAIL)
    cursor = [event for event in stream(job) if event.kind in LEDGER][-1].data["seq"]
    runner.retry(job, force=True)
    assert stream(job, last=cursor).until("transition").data["trigger"] == "retry"


def test_a_cursor_below_a_pruned_log_is_told_so(
    database: Database, running: tuple[int, Tail], sql: Callable[[str], Any], stream: Open
) -> None:
    job, tail = running
    write(database, tail, 10)
    if database.path is not None:
        sql("DROP TRIGGER IF EXISTS jobrunner_job_log_no_delete")
    sql(f"DELETE FROM jobrunner_job_log WHERE job_id = {job} AND seq < 8")
    sql(f"UPDATE jobrunner_job SET first_seq = 8 WHERE id = {job}")
    events = []
    for event in stream(job):
        events.append(event)
        if event.id == 12:
            break
    told = [event for event in events if event.kind != "progress"]
    assert (told[0].kind, told[0].data) == ("pruned", {"first_seq": 8, "after_seq": 0})
    assert [event.id for event in told[1:]] == [1, 2, 8, 9, 10, 11, 12]
    assert all(event.kind != "pruned" for event in [stream(job, after=8).until("log")])


def test_a_job_that_is_deleted_ends_its_stream(database: Database, runner: JobRunner, stream: Open) -> None:
    job = driving.create(database, hold=True)
    reader = stream(job)
    reader.to_seq(1)
    runner.delete(job)
    assert reader.until("end").data["found"] is False


@pytest.mark.databases("sqlite")
def test_what_cannot_be_streamed_is_refused_as_json(stream: Open, web: Server) -> None:
    for reader, status, code in (
        (stream(999), 404, "job_not_found"),
        (stream(1, after=-1), 422, None),
        (stream(1, last=10**20), 422, "invalid_field"),
    ):
        assert reader.status == status
        told = json.loads(reader.response.read())
        assert set(told) >= {"code", "message", "hint", "fields"}
        assert code is None or told["code"] == code
        assert status != 404 or told["hint"] == web.get("/api/jobs/999").json["hint"]
    assert web.get("/api/jobs/1/events", token=None).status == 401


@pytest.mark.databases("sqlite")
def test_its_head_keeps_proxies_from_holding_it_back(
    database: Database, running: tuple[int, Tail], stream: Open
) -> None:
    reader = stream(running[0])
    assert reader.headers["content-type"].startswith("text/event-stream")
    assert reader.headers["x-accel-buffering"] == "no"
    assert "no-" in reader.headers["cache-control"]
    reader.to_seq(2)
    assert reader.retry is not None


@pytest.mark.databases("sqlite")
def test_a_server_that_is_told_to_end_ends_its_streams(
    database: Database, running: tuple[int, Tail], stream: Open, web: Server
) -> None:
    readers = [stream(running[0]) for _ in range(20)]
    for reader in readers:
        reader.to_seq(2)
    ended: list[int] = []
    ending = threading.Thread(target=lambda: ended.append(web.end(signal.SIGTERM)))
    ending.start()
    for reader in readers:
        assert all(event.kind != "end" for event in reader)
    ending.join(15)
    assert ended == [0]


def test_a_page_hears_that_something_changed(database: Database, runner: JobRunner, web: Server) -> None:
    driving.create(database)
    with closing(Stream(web.port, "/api/events", web.tokens["read"])) as reader:
        first = reader.until("change").data
        assert first["counts"] == {"queued": 1}
        job = driving.create(database)
        second = reader.until("change").data
        assert (second["counts"], second["version"] != first["version"]) == ({"queued": 2}, True)
        tail = Tail(driving.claim(database, job))
        third = reader.until("change").data
        assert third["counts"] == {"queued": 1, "running": 1}
        driving.append(database, tail, ["getting on"])
        fourth = reader.until("change").data
        assert fourth["version"] == third["version"]
        assert fourth["progress"] != third["progress"]
