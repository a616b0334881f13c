"""The hub: five hundred streams cost the database what one costs, nobody waits long, and there is an end to everything."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import event

from jobrunner import JobRunner
from jobrunner.operations import tokens as operation
from jobrunner.states import Trigger
from jobrunner.store.database import Database
from jobrunner.store.logs import Tail
from jobrunner.web import create_app, reading, standing
from jobrunner.web.house import Web
from jobrunner.web.hub import Hub, TooManyOfOne, TooManyStreams
from tests.conftest import poll
from tests.store import driving
from tests.web.streams import Stream, hosted

pytestmark = pytest.mark.databases("sqlite")
MANY = 500


@pytest.fixture
def open_app(runner: JobRunner) -> FastAPI:
    """The application without authentication, so that what is counted is the stream's own."""
    return create_app(runner, auth=False)


@pytest.fixture
def running(database: Database) -> tuple[int, Tail]:
    """A job that a worker holds, and where its lines are appended."""
    job = driving.create(database)
    return job, Tail(driving.claim(database, job))


@contextmanager
def statements(runner: JobRunner) -> Iterator[list[str]]:
    """Collects every statement that the runner's connections send."""
    sent: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    engine = runner.database.engine()
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


class Crowd:
    """Many readers of one job in one thread; ``seen`` holds the seqs of each."""

    def __init__(self, port: int, job: int, count: int) -> None:
        self.seen: list[list[int]] = [[] for _ in range(count)]
        self.ends = 0
        self._port, self._job = port, job
        self._thread = threading.Thread(target=lambda: asyncio.run(self._read()))
        self._thread.start()

    def all_have(self, seq: int) -> bool:
        return all(seen and seen[-1] >= seq for seen in self.seen)

    def join(self) -> None:
        self._thread.join(60)

    async def _read(self) -> None:
        await asyncio.gather(*(self._one(seen) for seen in self.seen))

    async def _one(self, seen: list[int]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        head = f"GET /api/jobs/{self._job}/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        while line := await reader.readline():
            if line.startswith(b"id: "):
                seen.append(int(line[4:]))
            self.ends += line.startswith(b"event: end")
        writer.close()


def test_five_hundred_streams_cost_the_looks_of_one_and_each_gets_every_line(
    database: Database, runner: JobRunner, running: tuple[int, Tail], open_app: FastAPI
) -> None:
    job, tail = running
    hub: Hub = open_app.state.web.hub
    with hosted(open_app) as port:
        looks: list[float] = []
        single = Crowd(port, job, 1)
        poll(lambda: single.all_have(2))
        looks.append(_statements_per_look(runner, hub))
        crowd = Crowd(port, job, MANY)
        poll(lambda: crowd.all_have(2), timeout=60)
        looks.append(_statements_per_look(runner, hub))
        assert hub.streams == MANY + 1
        for number in range(20):
            driving.append(database, tail, [f"line {number}"])
        driving.move(database, job, Trigger.SUCCEED)
        crowd.join()
        single.join()
    assert crowd.seen == [list(range(1, 24))] * MANY
    assert crowd.ends == MANY
    # what one look costs is the same for one reader and for all of them
    assert looks[1] <= looks[0] * 1.5 + 0.5


def _statements_per_look(runner: JobRunner, hub: Hub) -> float:
    """How many statements there are for one look at the one watched job, over thirty looks."""
    with statements(runner) as sent:
        before = hub.looks
        poll(lambda: hub.looks >= before + 30, timeout=60)
        return len(sent) / (hub.looks - before)


def test_it_rests_when_nobody_watches(
    runner: JobRunner, running: tuple[int, Tail], open_app: FastAPI
) -> None:
    hub: Hub = open_app.state.web.hub
    with hosted(open_app) as port:
        reader = Stream(port, f"/api/jobs/{running[0]}/events")
        reader.to_seq(2)
        reader.close()
        poll(lambda: hub.streams == 0)
        poll(lambda: hub._task is not None and hub._task.done())
        with statements(runner) as sent:
            assert not poll_for_nothing(lambda: bool(sent))


def poll_for_nothing(condition: Callable[[], bool]) -> bool:
    """True when the condition held at any look of a second."""
    over = threading.Event()
    return any(condition() or over.wait(0.02) for _ in range(50))


def test_a_slow_reader_reads_its_own_pages_and_misses_nothing(
    database: Database, running: tuple[int, Tail], open_app: FastAPI
) -> None:
    job, tail = running
    with hosted(open_app) as port, closing(Stream(port, f"/api/jobs/{job}/events")) as slow:
        quick = Crowd(port, job, 3)
        rows = slow.rows()
        assert next(rows).id == 1
        text = "x" * 4000
        for _ in range(40):
            driving.append(database, tail, [text] * 100)
        poll(lambda: quick.all_have(4002), timeout=60)
        driving.move(database, job, Trigger.SUCCEED)
        quick.join()
        assert [event.id for event in rows] == list(range(2, 4004))
    assert quick.seen == [list(range(1, 4004))] * 3


def test_there_is_a_limit_to_all_streams_and_to_those_of_one(runner: JobRunner) -> None:
    hub = Hub(runner, most=3, most_each=2)
    hub.admit("ann")
    hub.admit("ann")
    with pytest.raises(TooManyOfOne) as one:
        hub.admit("ann")
    hub.admit("bob")
    with pytest.raises(TooManyStreams) as everybody:
        hub.admit("cy")
    assert (one.value.status, everybody.value.status) == (429, 503)
    assert int(everybody.value.headers["Retry-After"]) > 0
    hub.leave("ann")
    hub.admit("cy")
    hub.close()
    hub.leave("bob")
    with pytest.raises(TooManyStreams):
        hub.admit("bob")


def test_a_reader_too_many_is_told_when_to_come_back(
    runner: JobRunner, running: tuple[int, Tail], open_app: FastAPI
) -> None:
    web: Web = open_app.state.web
    open_app.state.web = Web(web.runner, web.security, web.assets, Hub(runner, most=1))
    path = f"/api/jobs/{running[0]}/events"
    with hosted(open_app) as port, closing(Stream(port, path)) as first:
        first.to_seq(2)
        with closing(Stream(port, path)) as second:
            assert (second.status, json.loads(second.response.read())["code"]) == (503, "too_many_streams")
            assert "retry-after" in second.headers
        first.close()
        poll(lambda: open_app.state.web.hub.streams == 0)
        with closing(Stream(port, path)) as third:
            assert third.to_seq(2) == [1, 2]


def test_a_quiet_stream_gives_signs_of_life(
    running: tuple[int, Tail], open_app: FastAPI, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    monkeypatch.setattr(reading, "KEEP_ALIVE_EVERY", 0.1)
    with hosted(open_app) as port, closing(Stream(port, f"/api/jobs/{running[0]}/events")) as reader:
        reader.to_seq(2)
        threading.Timer(1.0, lambda: driving.append(database, running[1], ["at last"])).start()
        assert reader.to_seq(3) == [3]
        assert len(reader.comments) >= 2


def test_a_token_that_is_revoked_ends_its_streams_and_no_others(
    running: tuple[int, Tail], app: FastAPI, runner: JobRunner, tokens: dict[str, str],
    database: Database, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(reading, "CHECK_EVERY", 0.2)
    monkeypatch.setattr(standing, "KEPT", 0.1)
    path = f"/api/jobs/{running[0]}/events"
    with (
        hosted(app) as port,
        closing(Stream(port, path, tokens["read"])) as theirs,
        closing(Stream(port, path, tokens["operate"])) as ours,
    ):
        assert theirs.to_seq(2) == ours.to_seq(2)
        operation.revoke(runner.database, "test-read")
        assert all(event.kind == "progress" for event in theirs)
        driving.append(database, running[1], ["still here"])
        assert ours.to_seq(3) == [3]
