"""Tokens over HTTP: an administrator makes, lists and revokes them, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from jobrunner import JobRunner
from jobrunner.web import create_app
from tests.commandline import CommandLine

pytestmark = pytest.mark.databases("sqlite")


def test_a_token_is_made_used_listed_and_revoked(
    client: TestClient, runner: JobRunner, visitor: Any, cli: CommandLine
) -> None:
    made = client.post("/api/tokens", json={"name": "deploy", "scope": "operate", "expires": "30d"})
    assert made.status_code == 201
    assert made.json()["expires_at"] > "2026"
    theirs = visitor(create_app(runner), made.json()["token"])
    assert theirs.post("/api/jobs", json={"type": "t.noop", "launcher": "pool"}).status_code == 201
    listed = client.get("/api/tokens")
    assert listed.json() == cli.json("token", "list")
    assert made.json()["token"] not in listed.text
    mine = next(one for one in listed.json()["tokens"] if one["name"] == "deploy")
    assert (mine["scope"], mine["state"], mine["created_by"]) == ("operate", "active", "test-admin")
    ended = client.delete("/api/tokens/deploy")
    assert (ended.status_code, ended.json()["state"]) == (200, "revoked")
    assert theirs.get("/api/jobs").status_code == 401
    # again, and by its id, it says when that was
    assert client.delete(f"/api/tokens/{mine['id']}").json() == ended.json()


def test_what_is_no_token_is_refused_and_named(client: TestClient) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "name"), ({"name": ""}, "name"), ({"name": "x" * 65}, "name"), ({"name": "x", "scope": "root"}, "scope"),
        ({"name": "x", "expires": "soon"}, "expires"), ({"name": "x", "colour": "red"}, "colour"),
        ({"name": "test-read"}, "name"),
    ]  # fmt: skip
    for body, field in wrong:
        answer = client.post("/api/tokens", json=body)
        assert (answer.status_code, list(answer.json()["fields"])) == (422, [field]), body
    assert client.delete("/api/tokens/nobody").json()["code"] == "token_not_found"
    assert len(client.get("/api/tokens").json()["tokens"]) == 3


def test_only_administrators_whom_the_application_lets_do_it(
    runner: JobRunner, tokens: dict[str, str], visitor: Any
) -> None:
    asked: list[tuple[str, str]] = []

    def authorize(user: str, action: str, _job: Any) -> bool:
        asked.append((user, action))
        return action != "tokens"

    body = {"name": "more", "scope": "admin"}
    for app, token in (
        (create_app(runner), tokens["read"]), (create_app(runner), tokens["operate"]),
        (create_app(runner, authorize=authorize), tokens["admin"]), (create_app(runner, auth=False), None),
    ):  # fmt: skip
        client = visitor(app, token)
        for answer in (
            client.get("/api/tokens"), client.post("/api/tokens", json=body), client.delete("/api/tokens/test-read"),
        ):  # fmt: skip
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert set(asked) == {("test-admin", "tokens")}
    assert visitor(create_app(runner), tokens["read"]).get("/api/jobs").status_code == 200
