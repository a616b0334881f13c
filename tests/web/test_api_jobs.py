"""Jobs over HTTP: started once, listed, and seen as the command line sees them."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.testclient import TestClient

from jobrunner import JobRunner
from jobrunner.web import create_app
from jobrunner.web.api import shortcut
from tests.commandline import CommandLine
from tests.operations.places import put


def test_a_job_is_started_and_looks_as_it_does_at_the_command_line(
    client: TestClient, runner: Any, cli: CommandLine
) -> None:
    sent = {
        "type": "t.add", "params": {"a": 1}, "title": "Äpfel", "queue": "mail", "priority": 3, "delay": "2h",
        "lock_key": "k", "tags": {"shop": "7", "n": 5},
    }  # fmt: skip
    answer = client.post("/api/jobs", json=sent)
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/jobs/{made['job_id']}"
    assert (made["outcome"], made["type"], made["status"]) == ("scheduled", "t.add", "scheduled")
    seen = client.get(answer.headers["location"]).json()
    assert seen == cli.json("status", str(made["job_id"]))
    job = seen["job"]
    assert (job["title"], job["queue"], job["priority"], job["lock_key"]) == ("Äpfel", "mail", 3, "k")
    assert job["tags"] == {"n": "5", "shop": "7"}
    assert job["params"] == {"a": 1}
    assert client.get(f"/api/jobs/{made['uuid']}/history").json() == cli.json("history", made["uuid"])


def test_the_ledger_names_the_caller_whoever_the_job_is_for(client: TestClient, runner: Any) -> None:
    own = client.post("/api/jobs", json={"type": "t.noop"}).json()["job_id"]
    other = client.post("/api/jobs", json={"type": "t.noop", "created_by": "ann"}).json()["job_id"]
    assert [runner.status(job).job.created_by for job in (own, other)] == ["test-admin", "ann"]
    assert {runner.history(job).transitions[0].actor for job in (own, other)} == {"starter:test-admin"}


def test_a_job_is_started_once_for_a_key_and_once_for_a_lock(client: TestClient) -> None:
    def start(key: str | None = None, **sent: Any) -> tuple[int, str, int]:
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = client.post("/api/jobs", json={"type": "t.noop", **sent}, headers=headers)
        return answer.status_code, answer.json()["outcome"], answer.json()["job_id"]

    first = start("one")
    assert first[:2] == (201, "queued")
    assert start("one") == start(idempotency_key="one") == start("one", idempotency_key="one")
    assert start("one") == (200, "duplicate", first[2])
    locked = start(lock_key="k")
    assert start(lock_key="k") == (200, "already_active", locked[2])
    clash = client.post(
        "/api/jobs", json={"type": "t.noop", "idempotency_key": "two"}, headers={"Idempotency-Key": "one"}
    )
    assert (clash.status_code, list(clash.json()["fields"])) == (422, ["idempotency_key"])


@pytest.mark.databases("sqlite")
def test_what_is_wrong_with_a_start_is_named_and_no_job_exists(client: TestClient, runner: Any) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "type"),
        ({"type": 7}, "type"),
        ({"type": "t.noop", "colour": "red"}, "colour"),
        ({"type": "t.add", "params": {"b": 1}}, "a"),
        ({"type": "t.add", "params": {"a": "x"}}, "a"),
        ({"type": "t.add", "params": [1]}, "params"),
        ({"type": "t.noop", "priority": "high"}, "priority"),
        ({"type": "t.noop", "priority": 2**40}, "priority"),
        ({"type": "t.noop", "delay": "soon"}, "delay"),
        ({"type": "t.noop", "delay": {}}, "delay"),
        ({"type": "t.noop", "delay": 1, "at": "2030-01-01T00:00:00Z"}, "delay"),
        ({"type": "t.noop", "at": "tomorrow"}, "at"),
        ({"type": "t.noop", "hold": "yes"}, "hold"),
        ({"type": "t.noop", "launcher": "inline"}, "launcher"),
        ({"type": "t.noop", "launcher": "rocket"}, "launcher"),
        ({"type": "t.noop", "title": "x" * 300}, "title"),
        ({"type": "t.noop", "lock_key": "a\u0000b"}, "lock_key"),
        ({"type": "t.noop", "tags": {"n": [1]}}, "tags"),
    ]  # fmt: skip
    for sent, field in wrong:
        answer = client.post("/api/jobs", json=sent)
        told = answer.json()
        assert answer.status_code == 422, sent
        assert set(told) == {"code", "message", "hint", "fields"}
        assert any(name == field or name.startswith(f"{field}.") for name in told["fields"]), (sent, told)
    unknown = client.post("/api/jobs", json={"type": "os.system"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "handler_not_registered")
    assert runner.jobs().jobs == []


@pytest.mark.databases("sqlite")
def test_nothing_runs_in_the_server_and_no_program_is_started_over_http(runner: Any, visitor: Any) -> None:
    inline = JobRunner(
        database_url=runner.settings.database_url, handlers=["tests.handlers.basic"], launcher="inline"
    )
    own = visitor(create_app(inline, auth=False))
    refused = own.post("/api/jobs", json={"type": "t.noop"})
    assert (refused.status_code, refused.json()["code"]) == (422, "launcher_refused")
    program = own.post("/api/jobs", json={"type": "jobrunner.exec", "params": {"argv": ["true"]}})
    assert (program.status_code, program.json()["code"]) == (403, "command_line_only")
    assert runner.jobs().jobs == []


def test_a_job_is_found_by_id_uuid_or_a_beginning_and_an_unknown_one_is_404(
    client: TestClient, runner: Any
) -> None:
    first, second = put(runner, "held"), put(runner, "held")
    uuid = runner.status(first).job.uuid
    assert {client.get(f"/api/jobs/{name}").json()["job"]["id"] for name in (first, uuid, uuid.upper())} == {
        first
    }
    other = runner.status(second).job.uuid
    common = next(uuid[:size] for size in range(36, 0, -1) if other.startswith(uuid[:size]))
    for path in ("", "/history", "/logs", "/logs.txt", "/logs.ndjson", "/explain"):
        clash = client.get(f"/api/jobs/{common}{path}")
        assert (clash.status_code, clash.json()["code"]) == (422, "ambiguous_job"), path
        assert str(first) in clash.json()["message"] and str(second) in clash.json()["message"]
        for name in ("999999", "nobody", "0", "9" * 60, "%00", "%ff", "..%2f.."):
            missing = client.get(f"/api/jobs/{name}{path}")
            assert missing.status_code == 404, (name, path)
            assert set(missing.json()) == {"code", "message", "hint", "fields"}


def test_the_slice_of_a_job_follows_the_cursor(client: TestClient, runner: Any) -> None:
    job = put(runner, "failed")
    whole = client.get(f"/api/jobs/{job}").json()
    assert [event["seq"] for event in whole["events"]] == [1, 2, 3]
    page = client.get(f"/api/jobs/{job}?after_seq=1&limit=1").json()
    assert ([event["seq"] for event in page["events"]], page["last_seq"], page["has_more"]) == ([2], 2, True)
    assert [event["seq"] for event in client.get(f"/api/jobs/{job}?tail=1").json()["events"]] == [3]
    for query in (
        "after_seq=-1",
        "limit=x",
        "tail=1.5",
        "after_seq=" + "9" * 5000,
        "limit=99999999999999999999",
    ):
        assert client.get(f"/api/jobs/{job}?{query}").status_code == 422, query


def test_a_list_is_filtered_in_the_words_of_the_command_line(
    client: TestClient, runner: Any, cli: CommandLine
) -> None:
    put(
        runner,
        "queued",
        "t.add",
        {"a": 1},
        title="Import",
        queue="mail",
        tags={"shop": "7"},
        created_by="ann",
    )
    put(runner, "failed", title="import")
    put(runner, "held", tags={"shop": "7"})
    for query, options in {
        "": [],
        "status=queued,held": ["--status", "queued,held"],
        "status=queued&status=held": ["--status", "queued", "--status", "held"],
        "type=t.noop&search=import": ["--type", "t.noop", "--search", "import"],
        "tag=shop%3D7&queue=mail": ["--tag", "shop=7", "--queue", "mail"],
        "created_by=ann": ["--created-by", "ann"],
        "param=a%3D1&worker=": ["--param", "a=1"],
        "worker=nobody": ["--worker", "nobody"],
        "since=1h": ["--since", "1h"],
        "until=1h": ["--until", "1h"],
        "limit=1": ["--limit", "1"],
    }.items():
        assert client.get(f"/api/jobs?{query}").json() == cli.json("list", *options), query
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/api/jobs?limit=1&next={cursor}").json()
        seen += [job["id"] for job in page["jobs"]]
        cursor = page["next"]
    assert seen == sorted(seen, reverse=True) and len(seen) == 3
    for query, field in {
        "status=done": "status",
        "tag=shop": "tag",
        "param=shop": "param",
        "since=soon": "since",
        "next=x": "next",
    }.items():
        answer = client.get(f"/api/jobs?{query}")
        assert (answer.status_code, list(answer.json()["fields"])) == (422, [field])


@pytest.mark.databases("sqlite")
def test_a_slip_in_a_query_is_told_and_does_not_read_as_no_filter(client: TestClient, runner: Any) -> None:
    put(runner, "held")
    told = client.get("/api/jobs?statsu=failed")
    assert (told.status_code, told.json()["code"]) == (422, "invalid_field")
    assert told.json()["fields"] == {"statsu": "is not known"} and "status" in told.json()["hint"]
    for path in (
        "/api/stats?x=1",
        "/api/jobs/1?colour=red",
        "/api/jobs/1/history?limit=1",
        "/api/jobs/1/events?after=1",
    ):
        assert client.get(path).status_code == 422, path
    assert client.get("/jobs?colour=red", headers={"Accept": "text/html"}).status_code == 200
    assert client.get("/metrics?colour=red").status_code == 200


@pytest.mark.databases("sqlite")
def test_what_the_applications_own_check_forbids_is_neither_done_nor_shown(runner: Any, visitor: Any) -> None:
    def authorize(user: str, action: str, job: Any) -> bool:
        return action == "read" if job is not None and job.queue == "default" else action == "start"

    ours, theirs = put(runner, "held"), put(runner, "held", queue="secret")
    client = visitor(create_app(runner, auth=False, authorize=authorize))
    assert [job["id"] for job in client.get("/api/jobs").json()["jobs"]] == [ours]
    for path in ("", "/history", "/logs", "/logs.txt", "/logs.ndjson", "/explain"):
        assert client.get(f"/api/jobs/{ours}{path}").status_code == 200
        assert client.get(f"/api/jobs/{theirs}{path}").status_code == 403
    assert client.post(f"/api/jobs/{ours}/cancel").status_code == 403
    assert client.post("/api/jobs", json={"type": "t.noop"}).status_code == 201
    assert client.get("/api/audit/export").status_code == 403
    done = client.post("/api/jobs/bulk", json={"verb": "cancel", "ids": [ours, theirs], "expect": 2}).json()
    assert [one["reason_code"] for one in done["results"]] == ["forbidden", "forbidden"]
    assert {runner.status(job).job.status for job in (ours, theirs)} == {"held"}


def test_many_jobs_are_started_together_or_not_at_all(client: TestClient, runner: Any) -> None:
    items: list[dict[str, Any]] = [
        {"type": "t.noop", "idempotency_key": "a"},
        {"type": "t.add", "params": {"a": 1}},
    ]
    wrong = client.post("/api/jobs/many", json={"items": [*items, {"type": "t.add"}]})
    assert (wrong.status_code, list(wrong.json()["fields"])) == (422, ["2.a"])
    for item in ({"type": "jobrunner.exec"}, {"type": "t.noop", "launcher": "inline"}):
        assert client.post("/api/jobs/many", json={"items": [items[0], item]}).status_code in (403, 422)
    assert runner.jobs().jobs == []
    made = client.post("/api/jobs/many", json={"items": items})
    assert (made.status_code, [one["outcome"] for one in made.json()["results"]]) == (
        201,
        ["queued", "queued"],
    )
    again = client.post("/api/jobs/many", json={"items": items[:1]})
    assert (again.status_code, again.json()["results"][0]["outcome"]) == (200, "duplicate")
    assert {runner.history(one.id).transitions[0].actor for one in runner.jobs().jobs} == {
        "starter:test-admin"
    }


def test_the_way_to_a_job_that_is_shortened_gives_what_its_route_gives(
    app: FastAPI, runner: Any, tokens: dict[str, str], visitor: Any
) -> None:
    job_id = put(runner, "failed")
    name = runner.status(job_id).job.uuid
    queries = ("", "?tail=1", "?limit=1", "?after_seq=1&limit=2", "?tail=0&after_seq=1", "?after_seq=999")
    for token in (tokens["read"], tokens["admin"], "jobrunner_nobody"):
        client = visitor(app, token)
        for path in [f"/api/jobs/{job_id}{query}" for query in queries] + [
            f"/api/jobs/{name}", f"/api/jobs/{name[:18]}", "/api/jobs/999999", "/api/jobs/abc", f"/api/jobs/{'9' * 30}",
        ]:  # fmt: skip
            # the same address, spelled so that only the route understands it
            spelled = f"{path}{'&' if '?' in path else '?&'}"
            assert _is_short(app, path) and not _is_short(app, spelled), path
            short, long = client.get(path), client.get(spelled)
            assert (short.status_code, short.json()) == (long.status_code, long.json()), path
            assert {**short.headers} == {**long.headers}, path


def test_what_is_written_in_any_other_way_goes_to_its_route(app: FastAPI, client: TestClient) -> None:
    for path in ("/api/jobs", "/api/jobs/", "/api/jobs/1/logs", "/api/jobs/1?tail=1&tail=2", "/api/jobs/1?tail=-1",
                 "/api/jobs/1?limit=", "/api/jobs/1?after_seq=1.0", "/api/jobs/1?colour=red", "/jobs/1",
                 f"/api/jobs/1?limit={10**18}"):  # fmt: skip
        assert not _is_short(app, path), path
    for query in ("tail=-1", "limit=", "after_seq=x"):
        assert client.get(f"/api/jobs/1?{query}").status_code == 422
    assert not _is_short(app, "/api/jobs/1", "DELETE")


def test_a_job_that_the_application_hides_is_hidden_on_the_short_way_too(
    runner: Any, tokens: dict[str, str], visitor: Any
) -> None:
    mine, theirs = put(runner, "queued"), put(runner, "failed")
    app = create_app(runner, authorize=lambda _user, _action, job: job is None or job.id == mine)
    client = visitor(app, tokens["admin"])
    assert _is_short(app, f"/api/jobs/{theirs}")
    assert [client.get(f"/api/jobs/{job}").status_code for job in (mine, theirs)] == [200, 403]


def _is_short(app: FastAPI, path: str, method: str = "GET") -> bool:
    bare, _, query = path.partition("?")
    scope = {"type": "http", "method": method, "path": bare, "query_string": query.encode(), "headers": []}
    return shortcut.at_once(Request({**scope, "app": app})) is not None
