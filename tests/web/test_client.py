"""Client: what a lost answer, a stale connection, a fork and a stranger's server mean for whoever calls it."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

import jobrunner
from jobrunner import Client, JobRunner, errors
from jobrunner.client import faults
from jobrunner.client.wire import PATIENCE
from tests.handlers import basic
from tests.web.server import Server

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def client(web: Server) -> Client:
    return Client(web.base, web.tokens["admin"])


@contextmanager
def between(web: Server, swallow: Callable[[str], bool]) -> Iterator[tuple[str, list[str]]]:
    """A way to the server that loses answers: it passes a request on and hangs up where ``swallow`` says so."""
    passed: list[str] = []

    class Way(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            passed.append(self.command)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = web.request(
                self.command, self.path, body or None, token=None, headers=dict(self.headers)
            )
            if swallow(self.command):
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Way) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", passed
        server.shutdown()
        thread.join()


def first_of(method: str) -> Callable[[str], bool]:
    """Says yes once, to the first request of a method."""
    left = [method]
    return lambda found: found in left and bool(left.pop())


def test_a_start_whose_answer_is_lost_makes_one_job_and_says_what_it_became(
    web: Server, runner: JobRunner
) -> None:
    with between(web, first_of("POST")) as (url, passed):
        client = Client(url, web.tokens["admin"])
        client.stats()
        made = client.start("t.noop", launcher="pool")
        assert passed.count("POST") == 2
    assert (made.outcome, made.status) == ("queued", "queued")
    assert [job.id for job in runner.jobs().jobs] == [made.job_id]


def test_many_starts_whose_answer_is_lost_make_each_job_once(web: Server, runner: JobRunner) -> None:
    with between(web, first_of("POST")) as (url, _):
        client = Client(url, web.tokens["admin"])
        client.stats()
        made = client.start_many(
            [("t.noop", None, {"hold": True}), {"type": "t.add", "params": {"a": 1}, "launcher": "pool"}]
        )
    assert [result.outcome for result in made] == ["held", "queued"]
    assert runner.stats() == {"jobs": {"held": 1, "queued": 1}}


def test_a_verb_whose_answer_is_lost_is_not_given_twice(web: Server, runner: JobRunner) -> None:
    job = runner.start("t.noop", hold=True).job_id
    with between(web, first_of("POST")) as (url, passed):
        client = Client(url, web.tokens["admin"])
        client.stats()
        with pytest.raises(errors.ServerUnavailable) as lost:
            client.cancel(job)
        assert "may have been done" in (lost.value.hint or "")
        assert passed.count("POST") == 1
        assert client.status(job).job is not None


def test_a_connection_that_the_server_closed_meanwhile_is_not_an_error(web: Server, client: Client) -> None:
    job = client.start("t.noop", hold=True).job_id
    web.end()
    web.start()
    assert client.cancel(job).outcome == "done"


def test_a_start_with_a_key_of_the_caller_is_a_duplicate_the_second_time(client: Client) -> None:
    first, second = (client.start("t.noop", hold=True, idempotency_key="Süd 7") for _ in range(2))
    assert (first.outcome, second.outcome, second.job_id) == ("held", "duplicate", first.job_id)


def test_it_is_safe_after_a_fork(client: Client) -> None:
    job = client.start("t.noop", hold=True).job_id
    child = os.fork()
    if not child:
        seen = client.status(job).job
        os._exit(0 if seen is not None and seen.id == job else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client.status(job).found


def test_a_function_and_values_of_python_are_started_as_by_the_library(
    client: Client, runner: JobRunner
) -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    by_function = client.start(basic.add, {"a": 1}, at=moment)
    assert (by_function.type, by_function.outcome) == ("t.add", "scheduled")
    job = runner.status(by_function.job_id).job
    assert job is not None
    assert job.available_at == "2030-01-01T00:00:00.000000Z"
    echoed = client.start("t.echo", {"value": {"at": moment, "tags": {"x"}}}, hold=True)
    told = client.status(echoed.job_id).job
    assert told is not None
    assert told.params == {"value": {"at": "2030-01-01T00:00:00Z", "tags": ["x"]}}


def test_what_needs_the_database_says_so(client: Client) -> None:
    for call in (
        lambda: client.start("t.noop", session=object()),
        lambda: client.start_many([("t.noop", {}, {"session": object()})]),
        lambda: client.launch(1), lambda: client.run(1), client.init_db, client.check_db, client.reaper,
        lambda: client.prune("30d"), client.audit.head, lambda: client.audit.verify(against=[]),
    ):  # fmt: skip
        with pytest.raises(errors.NotOverHttp, match="cannot go over HTTP"):
            call()


def test_nobody_can_speak_in_another_name(client: Client) -> None:
    for call in (
        lambda: client.cancel(1, actor="operator:root"),
        lambda: client.start("t.noop", actor="starter:root"),
    ):
        with pytest.raises(errors.InvalidField) as refused:
            call()
        assert "actor" in refused.value.fields


def test_whoever_may_not_is_told_so(web: Server) -> None:
    with pytest.raises(errors.Forbidden):
        Client(web.base, web.tokens["read"]).start("t.noop")
    with pytest.raises(errors.Unauthorized):
        Client(web.base, "no-such-token").stats()
    with pytest.raises(errors.Unauthorized):
        Client(web.base).stats()
    with pytest.raises(errors.Unauthorized):
        list(Client(web.base, "no-such-token").events(1))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8080",
        "ftp://host",
        "http://",
        "http://user:pw@host",
        "http://host:x",
        "http://host/?a=1",
    ],
)
def test_what_is_no_address_of_a_server_is_refused_and_no_password_is_shown(url: str) -> None:
    with pytest.raises(errors.InvalidConfiguration) as refused:
        Client(url)
    assert "url" in refused.value.fields
    assert "pw" not in str(refused.value)


@pytest.mark.parametrize("token", ["", "two words", "line\r\nX-Evil: 1", "ü"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(errors.InvalidConfiguration) as refused:
        Client("http://localhost", token)
    assert token not in str(refused.value) or not token


def test_an_answer_that_is_not_ours_is_told_as_such() -> None:
    class Stranger(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = {
                "/api/stats": (200, b"<html>"),
                "/api/workers": (502, b"<b>Bad\x07 gateway</b>"),
            }.get(self.path, (418, b"I am a teapot"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = Client(f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(errors.ServerFailure, match="not JSON"):
            client.stats()
        with pytest.raises(errors.ServerUnavailable, match="answered 502"):
            client.workers()
        with pytest.raises(errors.ServerFailure, match="teapot"):
            client.types()
        server.shutdown()


def test_every_error_of_the_library_comes_back_as_itself() -> None:
    for kind in (errors.InvalidParams, errors.AmbiguousJob, errors.DatabaseFull, errors.JobNotFinished):
        told = kind("No.", hint="Try.", fields={"a": "is bad"}).as_dict()
        again = faults.of_answer(422, json.dumps(told).encode())
        assert type(again) is kind
        assert again.as_dict() == told
    unknown = faults.of_answer(
        409, b'{"code": "count_differs", "message": "No.", "hint": null, "fields": {}}'
    )
    assert (unknown.code, unknown.message) == ("count_differs", "No.")
    told = {"code": "command_line_only", "message": "No.", "hint": "Try.", "fields": {}}
    refused = faults.of_answer(403, json.dumps(told).encode())
    assert isinstance(refused, errors.Forbidden)
    assert refused.as_dict() == told


def test_the_package_gives_it_without_a_database() -> None:
    import subprocess
    import sys

    code = "import sys, jobrunner; jobrunner.Client; print([m for m in ('sqlalchemy', 'sqlmodel', 'typer', 'psutil') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n"
    assert jobrunner.Client is Client
    assert PATIENCE < 60
