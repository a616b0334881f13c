"""A walk of every route with every method: nobody unknown gets in, and nobody beyond their scope."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.testclient import TestClient

from jobrunner import JobRunner
from jobrunner.web import caller
from tests.web.server import Server

pytestmark = pytest.mark.databases("sqlite")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW")
ANYBODY = {"/healthz", "/readyz", "/login", "/static/{version}/{name}"}
NEEDS = {caller.reader: "read", caller.operator: "operate", caller.admin: "admin"}
REFUSED = {303, 401, 403, 404, 405, 415}
PLACES = {"job": "1", "type": "t.add", "verb": "cancel"}


def routes(app: FastAPI) -> Iterator[APIRoute]:
    """Yields every route of the application, those of included routers too."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        assert isinstance(route, APIRoute) and context.path == route.path, context
        yield route


def walk(app: FastAPI) -> list[tuple[str, str]]:
    found = sorted({route.path for route in routes(app)} - ANYBODY)
    return [(method, path) for path in found for method in METHODS]


def concrete(path: str) -> str:
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda part: PLACES.get(part[1], "1"), path)


def scope_of(route: APIRoute) -> str | None:
    pending, found = [route.dependant], []
    while pending:
        dependant = pending.pop()
        pending.extend(dependant.dependencies)
        if dependant.call in NEEDS:
            found.append(NEEDS[dependant.call])
    return max(found, key=list(NEEDS.values()).index, default=None)


def test_there_is_something_to_walk(app: FastAPI):
    paths = {path for _, path in walk(app)}
    assert (
        len(paths) > 20 and {"/", "/jobs", "/jobs/{job}", "/api/jobs", "/metrics", "/openapi.json"} <= paths
    )


def test_every_route_says_what_it_needs(app: FastAPI):
    assert {route.path for route in routes(app) if scope_of(route) is None} == ANYBODY


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_nobody_unknown_gets_in(
    app: FastAPI, runner: JobRunner, visitor: Callable[..., TestClient], accept: str
):
    runner.start("t.add", {"a": 1, "b": 2})
    client = visitor(app, headers={"Accept": accept})
    let = []
    for method, path in walk(app):
        for body in (None, b"{}"):
            answer = client.request(
                method, concrete(path), content=body, headers={"Content-Type": "application/json"}
            )
            if answer.status_code not in REFUSED:
                let.append((method, path, answer.status_code))
            if answer.status_code == 303:
                assert answer.headers["location"].startswith("/login")
    assert let == []
    assert runner.status(1).last_seq == 1


def test_nobody_gets_beyond_their_scope(
    app: FastAPI, runner: JobRunner, tokens, visitor: Callable[..., TestClient]
):
    runner.start("t.add", {"a": 1, "b": 2})
    order = ["read", "operate", "admin"]
    tried = 0
    for route in routes(app):
        needed = scope_of(route) or "read"
        for scope in order[: order.index(needed)]:
            client = visitor(app, tokens[scope])
            for method in route.methods or ():
                tried += 1
                answer = client.request(method, concrete(route.path), json={})
                assert answer.status_code == 403, (method, route.path, scope, answer.status_code)
    assert tried > 10
    assert runner.status(1).last_seq == 1


def test_what_changes_something_needs_more_than_reading(app: FastAPI):
    weak = {
        (method, route.path)
        for route in routes(app)
        if scope_of(route) in ("read", None)
        for method in route.methods or ()
        if method not in ("GET", "HEAD")
    }
    # the theme is a cookie of the browser that asks for it
    assert weak <= {("POST", "/login"), ("POST", "/logout"), ("POST", "/taste")}


def test_the_real_server_lets_nobody_in_either(web: Server, app: FastAPI):
    let = [
        (method, path, status)
        for method, path in walk(app)
        if method in ("GET", "POST", "DELETE")
        and (status := web.request(method, concrete(path), token=None).status) not in REFUSED
    ]
    assert let == []
