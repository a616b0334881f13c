"""Login: a token becomes a session that a page cannot steal, another site cannot use, and time ends."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from jobrunner import JobRunner, clock
from jobrunner.operations import tokens as operation
from jobrunner.web import create_app
from jobrunner.web.sessions import Sessions

pytestmark = pytest.mark.databases("sqlite")
Visitor = Callable[..., TestClient]
PAGE = {"Accept": "text/html"}
OURS = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}


def log_in(client: TestClient, token: str, next: str = ""):
    return client.post("/login", data={"token": token, "next": next}, headers=OURS)


def csrf(client: TestClient, app: FastAPI) -> str:
    sessions: Sessions = app.state.web.security.sessions
    session = sessions.read(client.cookies[sessions.cookie])
    assert session is not None
    return sessions.csrf(session)


def test_a_page_leads_to_the_login_and_the_login_back_to_the_page(app: FastAPI, tokens, visitor: Visitor):
    client = visitor(app, headers=PAGE)
    asked = client.get("/openapi.json?a=b&c=%20d")
    assert asked.status_code == 303
    assert asked.headers["location"] == "/login?next=%2Fopenapi.json%3Fa%3Db%26c%3D%2520d"
    form = client.get(asked.headers["location"])
    assert form.status_code == 200 and 'value="/openapi.json?a=b&amp;c=%20d"' in form.text
    answer = log_in(client, tokens["read"], "/openapi.json?a=b&c=%20d")
    assert (answer.status_code, answer.headers["location"]) == (303, "/openapi.json?a=b&c=%20d")
    assert client.get("/openapi.json").status_code == 200


def test_the_cookie_is_hidden_from_scripts_and_sent_over_https_only_where_that_is_spoken(
    app, tokens, visitor
):
    plain = log_in(visitor(app), tokens["read"]).headers["set-cookie"].lower()
    assert "httponly" in plain and "samesite=lax" in plain and "path=/" in plain and "secure" not in plain
    safe = visitor(app, base_url="https://localhost")
    sent = safe.post("/login", data={"token": tokens["read"]}, headers={"Origin": "https://localhost"})
    assert "secure" in sent.headers["set-cookie"].lower()
    assert tokens["read"] not in plain


def test_every_login_makes_a_new_session(app, tokens, visitor):
    client = visitor(app)
    cookies = {log_in(client, tokens["read"]).headers["set-cookie"] for _ in range(2)}
    assert len(cookies) == 2


@pytest.mark.parametrize(
    "next",
    [
        "https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "jobs",
        "/jobs\r\nSet-Cookie: a=b", "/\tevil", "http:/jobs", "/jobs" + "a" * 3000, "\x00/jobs",
    ],
)  # fmt: skip
def test_a_login_leads_to_our_own_pages_only(app, tokens, visitor, next: str):
    answer = log_in(visitor(app), tokens["read"], next)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_a_wrong_token_is_told_and_after_five_the_address_waits(app, tokens, visitor):
    client = visitor(app)
    for _ in range(5):
        answer = log_in(client, "jobrunner_" + "0" * 64)
        assert answer.status_code == 401 and "set-cookie" not in answer.headers
    answer = log_in(client, tokens["admin"])
    assert answer.status_code == 429 and 0 < int(answer.headers["retry-after"]) <= 61
    elsewhere = visitor(app, client=("192.0.2.7", 1))
    assert log_in(elsewhere, tokens["admin"]).status_code == 303


def test_a_session_ends_with_its_token(app, runner: JobRunner, tokens, visitor):
    client = visitor(app)
    log_in(client, tokens["read"])
    assert client.get("/openapi.json").status_code == 200
    operation.revoke(runner.database, "test-read")
    assert client.get("/openapi.json").status_code == 401


def test_a_session_ends_at_logout_also_for_a_copy_of_its_cookie(app, tokens, visitor):
    client, thief = visitor(app), visitor(app)
    log_in(client, tokens["read"])
    thief.cookies = client.cookies
    answer = client.post("/logout", data={"csrf": csrf(client, app)}, headers=OURS)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert client.get("/openapi.json").status_code == 401
    assert thief.get("/openapi.json").status_code == 401


def test_a_session_ends_when_nobody_uses_it_and_at_last_in_any_case(app, tokens, visitor, monkeypatch):
    client = visitor(app)
    log_in(client, tokens["read"])
    begun, sessions = clock.now(), app.state.web.security.sessions
    first = client.cookies[sessions.cookie]

    def at(hours: float) -> int:
        monkeypatch.setattr(clock, "now", lambda: clock.shift(begun, hours * 3600))
        return client.get("/openapi.json").status_code

    assert sessions.longest == 12 * 3600 and sessions.idle == 3 * 3600
    assert [at(hours) for hours in (2.9, 5.8, 8.7, 11.6, 11.9)] == [200] * 5
    assert at(12.1) == 401
    client.cookies.clear()
    client.cookies.set(sessions.cookie, first)
    assert at(3.1) == 401


@pytest.mark.parametrize("text", ["", "x", "WyJhIl0.x", '["a","b","c","d"]', "." * 5000])
def test_a_forged_cookie_opens_nothing(app, tokens, visitor, text: str):
    client = visitor(app)
    client.cookies.set(app.state.web.security.sessions.cookie, text)
    assert client.get("/openapi.json").status_code == 401


def test_a_session_of_another_server_opens_nothing(app, runner, tokens, visitor, tmp_path):
    client = visitor(app)
    log_in(client, tokens["admin"])
    other = create_app(runner, state=tmp_path)
    assert visitor(other, cookies=dict(client.cookies)).get("/openapi.json").status_code == 401
    ours, theirs = (a.state.web.security.sessions.cookie for a in (app, other))
    assert ours != theirs
    renamed = visitor(other, cookies={theirs: client.cookies[ours]})
    assert renamed.get("/openapi.json").status_code == 401


def test_the_key_of_sessions_survives_a_restart_and_only_its_user_can_read_it(app, runner, tokens, visitor):
    client = visitor(app)
    log_in(client, tokens["read"])
    key = app.state.web.security.state / "session-key"
    assert key.stat().st_mode & 0o777 == 0o600 and key.parent.stat().st_mode & 0o777 == 0o700
    again = visitor(create_app(runner), cookies=dict(client.cookies))
    assert again.get("/openapi.json").status_code == 200
    key.chmod(0o644)
    refused = visitor(create_app(runner), cookies=dict(client.cookies)).get("/openapi.json")
    assert refused.status_code == 503 and refused.json()["code"] == "invalid_configuration"


def test_the_form_asks_for_what_it_needs_without_a_script(app, visitor):
    text = visitor(app).get("/login", headers=PAGE).text
    assert re.search(r'<form[^>]*method="post"[^>]*action="/login"', text)
    assert 'name="token"' in text and 'type="password"' in text and "style=" not in text
