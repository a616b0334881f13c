"""The guard and the gate: what a request must bring, and what every answer bears."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from jobrunner import JobRunner
from jobrunner.errors import DatabaseUnavailable
from jobrunner.web import Caller, create_app
from jobrunner.web.guard import HEADERS
from tests.web.test_login import OURS, csrf, log_in

pytestmark = pytest.mark.databases("sqlite")
Visitor = Callable[..., TestClient]
SHAPE = {"code", "message", "hint", "fields"}


@pytest.mark.parametrize(
    "path", ["/login", "/openapi.json", "/nothing", "/jobs/1", "/static/x/app.css", "/api/jobs"]
)
def test_every_answer_bears_the_headers(client: TestClient, path: str):
    for headers in ({}, {"Authorization": "Bearer no"}, {"Host": "evil.example"}):
        answer = client.get(path, headers=headers)
        assert HEADERS.items() <= {k.title(): v for k, v in answer.headers.items()}.items()
        assert answer.headers["cache-control"] == "no-store" or path.startswith("/static")
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("localhost:8080", 200), ("127.0.0.1:1", 200), ("[::1]:8080", 200), ("LOCALHOST", 200),
        ("evil.example", 421), ("localhost.evil.example", 421), ("10.0.0.1", 421), ("", 421), ("[::1", 421),
        ("localhost@evil.example", 421), ("evil.example/localhost", 421),
    ],
)  # fmt: skip
def test_only_names_of_this_host_are_answered(client: TestClient, host: str, status: int):
    answer = client.get("/openapi.json", headers={"Host": host})
    assert answer.status_code == status
    assert status == 200 or (set(answer.json()) == SHAPE and "allow-host" in answer.json()["hint"])


def test_more_names_can_be_allowed(runner: JobRunner, tokens, visitor: Visitor):
    def status(allowed: list[str], host: str) -> int:
        return (
            visitor(create_app(runner, allowed_hosts=allowed))
            .get("/login", headers={"Host": host})
            .status_code
        )

    assert status(["jobs.example.com"], "jobs.example.com:443") == 200
    assert status(["jobs.example.com"], "a.jobs.example.com") == 421
    assert status(["*.example.com"], "a.b.example.com") == 200
    assert status(["*.example.com"], "notexample.com") == 421
    assert status(["*"], "anything.example") == 200
    assert [status(["addresses"], host) for host in ("10.2.3.4", "[2001:db8::1]:80", "a.b")] == [
        200,
        200,
        421,
    ]


def crossing(client: TestClient, mark: str | None, **headers: str) -> int:
    data = {} if mark is None else {"csrf": mark}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/logout", data=data, headers=named).status_code


def test_a_form_of_a_session_needs_the_origin_and_the_mark(app: FastAPI, tokens, visitor: Visitor):
    client = visitor(app)
    log_in(client, tokens["admin"])
    mark = csrf(client, app)
    assert crossing(client, mark) == 403
    assert crossing(client, mark, Sec_Fetch_Site="cross-site", Origin="http://localhost") == 403
    assert crossing(client, mark, Sec_Fetch_Site="same-site") == 403
    assert crossing(client, mark, Sec_Fetch_Site="none") == 403
    for origin in (
        "http://evil.example",
        "null",
        "http://localhost:81",
        "http://localhost.evil.example",
        "x",
        "http://[",
    ):
        assert crossing(client, mark, Origin=origin) == 403
    for wrong in (None, "", "x", mark[:-1], csrf(client, app).upper()):
        assert crossing(client, wrong, **{"Sec-Fetch-Site": "same-origin"}) == 403
    assert client.post("/logout", content=b"x", headers=OURS | {"X-CSRF-Token": "x"}).status_code == 403
    assert (
        client.post("/logout", headers={"Origin": "http://localhost", "X-CSRF-Token": mark}).status_code
        == 303
    )


def test_a_login_from_another_site_is_refused(app: FastAPI, tokens, visitor: Visitor):
    answer = visitor(app).post(
        "/login", data={"token": tokens["read"]}, headers={"Origin": "http://evil.example"}
    )
    assert answer.status_code == 403 and "set-cookie" not in answer.headers


def test_without_authentication_another_site_is_refused_all_the_same(runner: JobRunner, visitor: Visitor):
    client = visitor(create_app(runner, auth=False))
    assert client.post("/logout", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post("/logout", headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.post("/logout").status_code == 303
    assert client.get("/openapi.json").status_code == 200


def test_a_body_is_bounded_whether_its_length_is_told_or_not(client: TestClient):
    def flood() -> Iterator[bytes]:
        for _ in range(40):
            yield b'{"a": "' + b"x" * 65536

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    told = client.post("/login", content=b"x" * (2 * 1024**2 + 1), headers=form)
    assert told.status_code == 413 and set(told.json()) == SHAPE
    assert "content-length" in told.request.headers
    untold = client.post("/login", content=flood(), headers=form)
    assert untold.status_code == 413 and set(untold.json()) == SHAPE
    assert "content-length" not in untold.request.headers


def test_a_stranger_may_send_no_more_than_a_token_needs(app: FastAPI, visitor: Visitor):
    assert visitor(app).post("/login", data={"token": "x" * 65_536}).status_code == 413
    assert visitor(app).post("/login", data={"token": "x" * 60_000}).status_code == 401


def test_what_a_method_that_is_not_there_is_told_are_all_that_are(client: TestClient):
    for method, path, allowed in (
        ("PUT", "/api/jobs", "GET, HEAD, POST"), ("PUT", "/api/jobs/1", "DELETE, GET, HEAD"),
        ("HEAD", "/api/jobs/1/cancel", "POST"), ("DELETE", "/jobs/1/cancel", "GET, HEAD, POST"),
        ("PATCH", "/login", "GET, HEAD, POST"), ("OPTIONS", "/healthz", "GET, HEAD"),
    ):  # fmt: skip
        answer = client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed), path


def test_the_api_takes_json_only(client: TestClient):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""):
        answer = client.post("/api/jobs", content=b"{}", headers={"Content-Type": kind})
        assert answer.status_code == 415 and set(answer.json()) == SHAPE


def test_every_error_has_the_one_shape(client: TestClient):
    for answer, status in (
        (client.get("/nothing"), 404),
        (client.put("/login"), 405),
        (client.request("BREW", "/login"), 405),
        (client.get("/static/1/../../../etc/passwd"), 404),
        (client.get("/static/x/%2e%2e%2fapp.py"), 404),
    ):
        assert answer.status_code == status and set(answer.json()) == SHAPE


def test_nothing_of_the_inside_is_told(
    runner: JobRunner, tokens, visitor: Visitor, caplog: pytest.LogCaptureFixture
):
    app = create_app(runner)

    @app.get("/broken/{how}")
    def broken(how: str) -> None:
        if how == "store":
            raise DatabaseUnavailable("The database mysql://root@10.0.0.9/secret does not answer: SELECT 1")
        raise RuntimeError("the secret is 1234")

    client = visitor(app, tokens["admin"])
    answer = client.get("/broken/code")
    assert answer.status_code == 500 and answer.json()["code"] == "internal" and "1234" not in answer.text
    assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]
    number = answer.json()["message"].split("error ")[1][:12]
    assert number in caplog.text and "1234" in caplog.text
    away = client.get("/broken/store")
    assert away.status_code == 503 and int(away.headers["retry-after"]) > 0 and "10.0.0.9" not in away.text
    assert "10.0.0.9" in caplog.text
    page = client.get("/broken/code", headers={"Accept": "text/html"})
    assert (
        page.status_code == 500
        and page.headers["content-type"].startswith("text/html")
        and "1234" not in page.text
    )


def test_the_applications_own_users_are_known(runner: JobRunner, visitor: Visitor):
    def authenticate(request: Any) -> Caller | None:
        name = request.headers.get("x-user")
        return None if name is None else Caller(name, "read")

    app = create_app(runner, authenticate=authenticate)
    client = visitor(app)
    assert client.get("/openapi.json").status_code == 401
    assert client.get("/openapi.json", headers={"X-User": "ann"}).status_code == 200
    mark = app.state.web.security.sessions.mark("user:ann")
    assert client.post("/logout", data={"csrf": mark}, headers={"X-User": "ann"}).status_code == 403
    assert client.post("/logout", data={"csrf": mark}, headers=OURS | {"X-User": "ann"}).status_code == 303
    assert client.post("/logout", data={"csrf": mark}, headers=OURS | {"X-User": "bob"}).status_code == 403


def test_static_files_are_the_packages_own_and_kept_forever(app: FastAPI, visitor: Visitor):
    assets, client = app.state.web.assets, visitor(app)
    assert assets.files
    for name, content in assets.files.items():
        answer = client.get(assets.path(name))
        assert answer.status_code == 200 and answer.content == content
        assert "immutable" in answer.headers["cache-control"]
        again = client.get(assets.path(name), headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
        assert client.get(f"/static/older/{name}").headers["cache-control"] == "no-cache"
    with pytest.raises(KeyError):
        assets.path("app.py")
