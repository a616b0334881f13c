"""Fixtures of the web floor: an application in this process, and a server in its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from jobrunner import JobRunner
from jobrunner.handlers import registry
from jobrunner.operations import tokens as operation
from jobrunner.web import create_app
from tests.stores import Store
from tests.web.server import SCOPES, Server

BASE = "http://localhost"
HANDLERS = "tests.handlers.basic"


@pytest.fixture
def tokens(runner: JobRunner) -> dict[str, str]:
    """A token of each scope, called test-read, test-operate and test-admin."""
    return {
        scope: operation.create(runner.database, f"test-{scope}", scope=scope, created_by="tests").token
        for scope in SCOPES
    }


@pytest.fixture
def app(runner: JobRunner) -> FastAPI:
    """The application in this process."""
    return create_app(runner)


@pytest.fixture
def visitor() -> Iterator[Callable[..., TestClient]]:
    """Makes clients of an application in this process: ``visitor(app, token=None, **options)``."""
    made: list[TestClient] = []

    def make(app: Any, token: str | None = None, **options: Any) -> TestClient:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        client = TestClient(
            app, **{"base_url": BASE, "follow_redirects": False, "headers": headers, **options}
        )
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(app: FastAPI, tokens: dict[str, str], visitor: Callable[..., TestClient]) -> TestClient:
    """An admin's client of the application in this process."""
    return visitor(app, tokens["admin"])


@pytest.fixture
def own_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process only the job types of the store's own handlers are registered, as in a server's."""
    import_module(HANDLERS)
    kept = {
        one.type: one for one in registry.all_types() if one.module in (HANDLERS, "jobrunner.handlers.exec")
    }
    monkeypatch.setattr(registry, "_types", kept)


@pytest.fixture
def serve(store: Store) -> Iterator[Callable[..., Server]]:
    """Starts ``jobrunner serve`` with arguments: ``serve("--no-auth", tokens={})``."""
    running: list[Server] = []

    def start(*arguments: str, tokens: dict[str, str] | None = None) -> Server:
        server = Server(store.directory, tokens or {}, arguments)
        running.append(server)
        return server.start()

    yield start
    for server in running:
        if server.process is not None:
            server.end()


@pytest.fixture
def web(serve: Callable[..., Server], tokens: dict[str, str]) -> Server:
    """A real ``jobrunner serve`` on the test's store, with a token of each scope."""
    return serve(tokens=tokens)
