"""HEAD gives what GET gives, without the body, at every address and to the same people."""

from __future__ import annotations

import http.client
from collections.abc import Callable

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from jobrunner import JobRunner
from jobrunner.web import create_app
from jobrunner.web.hub import Hub
from tests.conftest import poll
from tests.operations.places import put
from tests.web.streams import hosted
from tests.web.test_walk import concrete, routes

pytestmark = pytest.mark.databases("sqlite")
# they differ from one request to the next, or have an open end
VARYING = {"content-length", "set-cookie"}


@pytest.mark.parametrize("who", ["admin", "nobody"])
def test_head_tells_what_get_would(
    app: FastAPI, runner: JobRunner, tokens: dict[str, str], visitor: Callable[..., TestClient], who: str
) -> None:
    put(runner, "succeeded")
    client = visitor(app, tokens.get(who))
    asked = 0
    for path in sorted({route.path for route in routes(app) if "GET" in (route.methods or ())}):
        for place in (concrete(path), concrete(path).replace("1", "999", 1)):
            if place == "/api/events":
                continue  # without an end; the real server's test has it
            got, head = client.get(place), client.head(place)
            assert head.content == b"", place
            assert head.status_code == got.status_code, place
            kept = [{n: v for n, v in one.headers.items() if n not in VARYING} for one in (got, head)]
            assert kept[0] == kept[1], place
            asked += head.status_code == 200
    assert asked > (25 if who == "admin" else 2)


def test_head_is_no_way_past_a_method_that_is_not_there(client: TestClient) -> None:
    assert client.head("/api/jobs/bulk").status_code == client.get("/api/jobs/bulk").status_code
    assert client.head("/api/jobs/1/cancel").status_code == 405


def test_a_stream_without_an_end_is_told_of_and_left(
    runner: JobRunner, caplog: pytest.LogCaptureFixture
) -> None:
    app, job = create_app(runner, auth=False), put(runner, "running")
    hub: Hub = app.state.web.hub
    with hosted(app) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for _ in range(3):
            for path in (
                "/api/events", f"/api/jobs/{job}/events", f"/api/jobs/{job}/logs.txt", "/api/audit/export",
            ):  # fmt: skip
                connection.request("HEAD", path)
                answer = connection.getresponse()
                assert (answer.status, answer.read()) == (200, b""), path
        connection.close()
        poll(lambda: hub.streams == 0)
    assert caplog.records == []
