"""Whatever is sent, the API answers as its OpenAPI document says, and never with a server error."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from jobrunner import JobRunner
from jobrunner.web import create_app
from jobrunner.web.api import examples, openapi, routes
from tests.operations.places import put

pytestmark = pytest.mark.databases("sqlite")
CHECKS: Any = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OPERATIONS = sorted(
    (method, route.path)
    for route in (*routes.router.routes, *routes.open_router.routes)
    if isinstance(route, APIRoute) and route.include_in_schema
    for method in route.methods or ()
)
STATUSES = (
    "held",
    "scheduled",
    "queued",
    "running",
    "cancel_requested",
    "parked",
    "succeeded",
    "failed",
    "stopped",
)


@pytest.fixture(scope="module")
def described() -> Any:
    """The document as a schema; every application has the same, and to take it apart takes longer than to use it."""
    unopened = JobRunner(database_url="sqlite:///nobody-opens-this.db")
    return schemathesis.openapi.from_dict(openapi.document(create_app(unopened)))


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_operation_does_what_the_document_says(
    described: Any, app: FastAPI, runner: JobRunner, tokens: dict[str, str], method: str, path: str
) -> None:
    jobs = [put(runner, status) for status in STATUSES]
    described.app = app
    operation = described[path][method]
    assert operation.app is app
    names = st.sampled_from([*(str(job) for job in jobs), "999999", None])
    modes = st.sampled_from(list(schemathesis.GenerationMode))

    @given(data=st.data(), name=names, mode=modes)
    @settings(
        max_examples=25, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )  # fmt: skip
    def holds(data: st.DataObject, name: str | None, mode: schemathesis.GenerationMode) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        if name is not None and "job" in case.path_parameters:
            case.path_parameters["job"] = name
        if (
            isinstance(case.body, dict)
            and path == "/api/jobs"
            and mode is schemathesis.GenerationMode.POSITIVE
        ):
            # types that exist, and no worker for each of them
            case.body |= {
                "type": data.draw(st.sampled_from(["t.noop", "t.add", "t.nope"])),
                "launcher": "pool",
            }
        headers = {"Authorization": f"Bearer {tokens['admin']}"}
        case.call_and_validate("http://localhost", headers=headers, checks=CHECKS)

    holds()


def test_every_operation_is_described_with_an_example_of_its_answer(app: FastAPI) -> None:
    document = openapi.document(app)
    tags = {tag["name"] for tag in document["tags"]}
    problem = {"$ref": "#/components/schemas/Problem"}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"] and operation["description"], (method, path)
            assert set(operation["tags"]) <= tags and operation["tags"], (method, path)
            assert not operation["operationId"].endswith(f"_{method}"), (method, path)
            answers = operation["responses"]
            told = [
                answer["content"]["application/json"]
                for status, answer in answers.items()
                if "application/json" in answer.get("content", {})
            ]
            assert all("example" in content for content in told), (method, path)
            if path.startswith("/api/"):
                assert {"401", "403", "421", "422", "500", "503"} <= set(answers), (method, path)
                for status in ("422", "503"):
                    assert answers[status]["content"]["application/json"]["schema"] == problem, (method, path)
    for path in ("/api/events", "/api/jobs/{job}/events"):
        [events] = document["paths"][path].values()
        assert "Retry-After" in events["responses"]["429"]["headers"]
        assert "example" in events["responses"]["200"]["content"]["text/event-stream"]
    names = [
        operation["operationId"]
        for operations in document["paths"].values()
        for operation in operations.values()
    ]
    assert len(names) == len(set(names))


def test_every_example_is_what_its_schema_says(app: FastAPI) -> None:
    from jsonschema_rs import validator_for

    document = openapi.document(app)
    found = 0
    for operations in document["paths"].values():
        for operation in operations.values():
            contents = [*operation["responses"].values(), operation.get("requestBody", {})]
            for content in (kind for one in contents for kind in one.get("content", {}).values()):
                shown = [content["example"]] if "example" in content else []
                shown += [example["value"] for example in content.get("examples", {}).values()]
                schema = content["schema"] | {"components": document["components"]}
                for example in shown:
                    validator_for(schema).validate(example)
                    found += 1
    assert found > len([name for name in vars(examples) if name.isupper()])


def test_the_document_is_for_readers_and_names_the_prefix(
    runner: JobRunner, visitor: Any, tokens: Any
) -> None:
    app = create_app(runner, root_path="/jobs-api")
    assert visitor(app).get("/openapi.json").status_code == 401
    told = visitor(app, tokens["read"]).get("/openapi.json").json()
    assert told["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert told["security"] == [{"bearer": []}]
    assert told["servers"] == [{"url": "/jobs-api"}]
