"""Verbs over HTTP: 200 done, 202 requested, 409 refused with how the job stands; never forced on what moved on."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.operations.places import put, take


def test_every_verb_answers_with_what_became_of_it(client: TestClient, runner: Any) -> None:
    cases: list[tuple[str, str, dict[str, Any], int, str, str | None]] = [
        ("queued", "hold", {}, 200, "done", "held"),
        ("held", "release", {}, 200, "done", "queued"),
        ("queued", "cancel", {"reason": "wrong feed"}, 200, "done", "cancelled"),
        ("running", "cancel", {}, 202, "requested", "cancel_requested"),
        ("running", "stop", {}, 202, "requested", "cancel_requested"),
        ("cancel_requested", "cancel", {}, 202, "already_requested", "cancel_requested"),
        ("cancel_requested", "kill", {}, 202, "requested", "cancel_requested"),
        ("succeeded", "cancel", {}, 409, "already_terminal", "succeeded"),
        ("running", "hold", {}, 409, "refused", "running"),
        ("failed", "retry", {}, 409, "refused", "failed"),
        ("failed", "retry", {"force": True}, 200, "done", "queued"),
        ("parked", "resolve", {"as": "succeeded", "reason": "seen"}, 200, "done", "succeeded"),
        ("failed", "abandon", {}, 200, "done", "abandoned"),
    ]
    for status, verb, sent, code, outcome, after in cases:
        job = put(runner, status)
        answer = client.post(f"/api/jobs/{job}/{verb}", json=sent)
        told = answer.json()
        assert (answer.status_code, told["outcome"], told["status"]) == (code, outcome, after), (
            status,
            verb,
            told,
        )
        assert (told["job_id"], told["previous_status"]) == (job, status)
        if code == 409:
            assert {"code", "message", "hint", "fields"} <= set(told)
            assert told["code"] == outcome
        else:
            last = runner.history(job).transitions[-1]
            moved = outcome != "already_requested"
            assert (last.actor == "operator:test-admin", last.reason) == (moved, sent.get("reason"))


def test_a_deleted_job_is_gone_and_a_running_one_is_not_deleted(client: TestClient, runner: Any) -> None:
    job, running = put(runner, "failed"), put(runner, "running")
    done = client.delete(f"/api/jobs/{job}?reason=old")
    assert (done.status_code, done.json()["outcome"]) == (200, "done")
    assert client.get(f"/api/jobs/{job}").status_code == client.delete(f"/api/jobs/{job}").status_code == 404
    refused = client.delete(f"/api/jobs/{running}")
    assert (refused.status_code, refused.json()["reason_code"]) == (409, "is_running")


def test_a_job_that_moved_on_since_it_was_seen_is_left_as_it_is(client: TestClient, runner: Any) -> None:
    job = put(runner, "parked")
    seen = {"status": "parked", "attempt": 1}
    assert client.post(f"/api/jobs/{job}/retry", json={"force": True, "seen": seen}).status_code == 200
    take(runner, job)
    runner.cancel(job)
    for verb in ("retry", "cancel", "kill", "resolve", "abandon"):
        sent = {"seen": seen, **({"as": "failed"} if verb == "resolve" else {})}
        stale = client.post(f"/api/jobs/{job}/{verb}", json=sent)
        assert (stale.status_code, stale.json()["reason_code"]) == (409, "changed"), verb
        assert stale.json()["status"] == "cancel_requested"
    same_status = {"status": "cancel_requested", "attempt": 1}
    assert client.post(f"/api/jobs/{job}/kill", json={"seen": same_status}).status_code == 409
    assert (
        client.post(f"/api/jobs/{job}/kill", json={"seen": same_status | {"attempt": 2}}).status_code == 202
    )


def test_a_deleted_job_leaves_the_reason_that_was_sent_in_the_body_or_the_address(
    client: TestClient, runner: Any, sql: Any
) -> None:
    first, second, third = (put(runner, "held") for _ in range(3))
    old = client.request("DELETE", f"/api/jobs/{first}", json={"seen": {"status": "queued", "attempt": 0}})
    assert (old.status_code, old.json()["reason_code"]) == (409, "changed")
    sent = {"reason": "in the body", "seen": {"status": "held", "attempt": 0}}
    assert client.request("DELETE", f"/api/jobs/{first}", json=sent).status_code == 200
    assert client.delete(f"/api/jobs/{second}?reason=in+the+address").status_code == 200
    assert client.delete(f"/api/jobs/{third}").status_code == 200
    told = sql("SELECT reason FROM jobrunner_tombstone ORDER BY id")
    assert told == [("in the body",), ("in the address",), (None,)]


def test_an_unknown_job_takes_no_verb(client: TestClient) -> None:
    for verb in ("cancel", "stop", "kill", "hold", "release", "retry", "abandon"):
        answer = client.post(f"/api/jobs/999999/{verb}", json={})
        assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
        assert answer.json()["outcome"] == "not_found"


@pytest.mark.databases("sqlite")
def test_a_verb_needs_its_scope(visitor: Any, app: Any, tokens: dict[str, str], runner: Any) -> None:
    job = put(runner, "parked")
    for scope, verb, code in (
        ("read", "cancel", 403), ("read", "retry", 403), ("operate", "resolve", 403), ("operate", "hold", 409),
        ("admin", "resolve", 200),
    ):  # fmt: skip
        sent = {"as": "failed"} if verb == "resolve" else {}
        assert visitor(app, tokens[scope]).post(f"/api/jobs/{job}/{verb}", json=sent).status_code == code
    assert visitor(app, tokens["operate"]).delete(f"/api/jobs/{job}").status_code == 403
    bulk = {"verb": "delete", "ids": [job], "expect": 1}
    assert visitor(app, tokens["operate"]).post("/api/jobs/bulk", json=bulk).status_code == 403
    assert visitor(app, tokens["admin"]).post("/api/jobs/bulk", json=bulk).status_code == 200


@pytest.mark.databases("sqlite")
def test_a_program_is_not_begun_again_over_http_but_it_can_be_ended(client: TestClient, runner: Any) -> None:
    params = {"argv": ["true"]}
    held, failed = (
        put(runner, "held", "jobrunner.exec", params),
        put(runner, "failed", "jobrunner.exec", params),
    )
    for job, verb in ((held, "release"), (failed, "retry")):
        sent = {"force": True} if verb == "retry" else {}
        answer = client.post(f"/api/jobs/{job}/{verb}", json=sent)
        assert (answer.status_code, answer.json()["code"]) == (403, "command_line_only")
        many = client.post("/api/jobs/bulk", json={"verb": verb, "ids": [job], "expect": 1, **sent}).json()
        refused = many["results"][0]
        assert (refused["reason_code"], refused["uuid"]) == (
            "command_line_only",
            runner.status(job).job.uuid,
        )
    assert client.post(f"/api/jobs/{held}/cancel").status_code == 200


@pytest.mark.databases("sqlite")
def test_a_verb_says_what_is_wrong_with_its_body(client: TestClient, runner: Any) -> None:
    job = put(runner, "parked")
    for verb, sent, field in (
        ("resolve", {}, "as"), ("resolve", {"as": "done"}, "as"), ("retry", {"force": 1}, "force"),
        ("cancel", {"reason": 7}, "reason"), ("cancel", {"reason": "a\0b"}, "reason"), ("cancel", {"force": True}, "force"),
        ("cancel", {"seen": {"status": "parked"}}, "seen.attempt"), ("delete", {"colour": "red"}, "colour"),
    ):  # fmt: skip
        way = ("DELETE", f"/api/jobs/{job}") if verb == "delete" else ("POST", f"/api/jobs/{job}/{verb}")
        answer = client.request(*way, json=sent)
        assert (answer.status_code, list(answer.json()["fields"])) == (422, [field]), (verb, sent)
    assert runner.status(job).job.status == "parked"
