"""Streams while the server or its database goes away: readers wait, and then have every row once."""

from __future__ import annotations

import signal
import threading
from contextlib import closing

import pytest

from jobrunner import Client
from jobrunner.errors import ServerUnavailable
from jobrunner.states import Trigger
from jobrunner.store.database import Database
from jobrunner.store.logs import Tail
from tests.conftest import poll
from tests.servers import Server as DatabaseServer
from tests.store import driving
from tests.web.server import Server
from tests.web.streams import Stream


def running(database: Database) -> tuple[int, Tail]:
    job = driving.create(database)
    return job, Tail(driving.claim(database, job))


class Follower:
    """Somebody who reads the events of a job in a thread."""

    def __init__(self, client: Client, job: int) -> None:
        self.seen: list[int] = []
        self.thread = threading.Thread(target=self._read, args=(client, job))
        self.thread.start()

    def _read(self, client: Client, job: int) -> None:
        self.seen += (row["seq"] for row in self._noting(client, job))

    def _noting(self, client: Client, job: int):
        for row in client.events(job):
            self.latest = row["seq"]
            yield row

    latest = 0


@pytest.mark.databases("sqlite")
def test_a_follower_bears_a_server_that_is_killed_and_started_again(database: Database, web: Server) -> None:
    job, tail = running(database)
    driving.append(database, tail, [f"line {number}" for number in range(500)])
    with_token = Client(web.base, web.tokens["read"])
    follower = Follower(with_token, job)
    for wanted in (502, 1002):
        poll(lambda: follower.latest >= wanted)  # noqa: B023 - asked before the loop goes on
        web.end(signal.SIGKILL)
        driving.append(database, tail, [f"line {number}" for number in range(500)])
        web.start()
    driving.move(database, job, Trigger.SUCCEED)
    follower.thread.join(60)
    assert follower.seen == list(range(1, 1504))


def test_an_open_stream_bears_a_restart_of_the_database_and_goes_on_by_itself(
    own_server: DatabaseServer, database: Database, web: Server
) -> None:
    job, tail = running(database)
    with closing(Stream(web.port, f"/api/jobs/{job}/events", web.tokens["read"], timeout=90)) as reader:
        assert reader.to_seq(2) == [1, 2]
        own_server.restart()
        driving.append(database, tail, ["after the night"])
        assert reader.to_seq(3) == [3]
        driving.move(database, job, Trigger.SUCCEED)
        assert reader.until("end").data["job"]["status"] == "succeeded"


@pytest.mark.databases("sqlite")
def test_a_server_that_was_never_there_is_told_at_once(web: Server) -> None:
    web.end()
    client = Client(web.base, "token")
    for call in (
        client.stats,
        lambda: list(client.events(1)),
        lambda: client.wait(1),
        lambda: client.cancel(1),
    ):
        with pytest.raises(ServerUnavailable, match="does not answer"):
            call()
