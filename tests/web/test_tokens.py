"""Tokens: seen once, stored as a hash, bound to a scope, and ended at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from jobrunner import JobRunner, errors
from jobrunner.operations import tokens as operation
from tests.commandline import CommandLine

TOKEN = re.compile(r"jobrunner_[0-9a-f]{64}")


def make(runner: JobRunner, name: str = "ann", **options: Any) -> str:
    return operation.create(
        runner.database, name, **{"scope": "read", "created_by": "tests", **options}
    ).token


def test_the_token_is_printed_once_and_stored_as_a_hash_only(cli: CommandLine, sql):
    made = cli.json("token", "create", "ann", "--scope", "operate", "--expires", "30d")
    assert set(made) == {"name", "scope", "token", "expires_at"}
    assert (made["name"], made["scope"]) == ("ann", "operate") and TOKEN.fullmatch(made["token"])
    [row] = sql("SELECT name, token_hash, scope FROM jobrunner_api_token")
    assert row[0] == "ann" and made["token"] not in str(row) and len(row[1]) == 64
    listed = cli("token", "list", "--json", check=0).stdout
    assert made["token"] not in listed and row[1] not in listed and '"active"' in listed


@pytest.mark.databases("sqlite")
def test_only_the_token_is_on_standard_output(cli: CommandLine):
    done = cli("token", "create", "ann", check=0)
    assert TOKEN.fullmatch(done.stdout.strip()) and "not shown again" in done.stderr


@pytest.mark.databases("sqlite")
def test_the_command_line_tells_what_is_wrong_with_a_token(cli: CommandLine):
    cli("token", "create", "ann", check=0)
    assert "already" in cli("token", "create", "ann", check=2).stderr
    assert "scope" in cli("token", "create", "bob", "--scope", "root", check=2).stderr
    assert "expires" in cli("token", "create", "bob", "--expires", "soon", check=2).stderr
    cli("token", "create", "", check=2)
    cli("token", "revoke", "nobody", check=3)
    assert cli.json("token", "revoke", "ann")["state"] == "revoked"
    assert cli.json("token", "list")["tokens"][0]["state"] == "revoked"


def test_a_revoked_token_is_worth_nothing_from_the_next_request_on(runner: JobRunner, app: FastAPI, visitor):
    client = visitor(app, make(runner))
    assert client.get("/openapi.json").status_code == 200
    operation.revoke(runner.database, "ann")
    assert client.get("/openapi.json").status_code == 401
    first = operation.every(runner.database)[0].revoked_at
    assert operation.revoke(runner.database, "ann").revoked_at == first


def test_an_expired_token_is_worth_nothing(runner: JobRunner):
    assert operation.recognize(runner.database, make(runner, "later", expires="1h")) is not None
    assert operation.recognize(runner.database, make(runner, "now", expires=0)) is None
    assert [token.state for token in operation.every(runner.database)] == ["active", "expired"]


def test_a_name_is_given_once_whatever_becomes_of_its_token(runner: JobRunner):
    make(runner)
    operation.revoke(runner.database, "ann")
    with pytest.raises(errors.InvalidField, match="already") as caught:
        make(runner)
    assert caught.value.fields == {"name": "is taken"}
    make(runner, "Ann")


def test_of_many_who_take_a_name_at_once_one_gets_it(runner: JobRunner):
    gate = Barrier(6)

    def take(_: int) -> str | None:
        gate.wait(20)
        try:
            return make(runner)
        except errors.InvalidField:
            return None

    with ThreadPoolExecutor(6) as pool:
        made = [token for token in pool.map(take, range(6)) if token]
    assert len(made) == 1 and operation.recognize(runner.database, made[0]) is not None


def test_the_last_use_is_noted_and_not_at_every_request(runner: JobRunner, app: FastAPI, visitor, eventually):
    client = visitor(app, make(runner))
    assert operation.every(runner.database)[0].last_used_at is None
    assert client.get("/openapi.json").status_code == 200
    noted = eventually(lambda: operation.every(runner.database)[0].last_used_at)
    for _ in range(3):
        assert client.get("/openapi.json").status_code == 200
    assert operation.every(runner.database)[0].last_used_at == noted


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer", "Bearer ", "Basic YWRtaW46YWRtaW4=", "Bearer jobrunner_", "Bearer jobrunner_" + "0" * 64,
        "Bearer " + "x" * 4000, "Bearer jobrunner_' OR 1=1 --", "bearer \xff",
    ],
)  # fmt: skip
def test_what_is_no_token_opens_nothing(app: FastAPI, visitor: Callable[..., TestClient], header: str):
    answer = visitor(app).get("/openapi.json", headers={b"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401 and answer.json()["code"] == "unauthorized"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.databases("sqlite")
def test_a_token_is_in_no_representation_of_what_creates_it(runner: JobRunner):
    made = operation.create(runner.database, "ann", created_by="tests")
    assert made.token not in repr(made) and made.token not in str(made)
