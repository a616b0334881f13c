"""A verb on many jobs: on as many as were counted, each by itself, told one by one."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from jobrunner.web import bulk
from tests.operations.places import put


def test_a_filter_names_the_jobs_and_each_gets_a_row_of_its_own(client: TestClient, runner: Any) -> None:
    wanted = [put(runner, "held", tags={"shop": "7"}) for _ in range(3)]
    other = put(runner, "held")
    chosen = {"status": ["held"], "tag": {"shop": "7"}, "since": "1h"}
    done = client.post(
        "/api/jobs/bulk", json={"verb": "cancel", "filter": chosen, "expect": 3, "reason": "old"}
    ).json()
    assert (done["count"], done["outcomes"]) == (3, {"done": 3})
    assert [one["job_id"] for one in done["results"]] == wanted[::-1]
    for job in wanted:
        last = runner.history(job).transitions[-1]
        assert (last.to, last.actor, last.reason) == ("cancelled", "operator:test-admin", "old")
    assert runner.status(other).job.status == "held"


@pytest.mark.databases("sqlite")
def test_a_filter_is_written_as_in_a_list(client: TestClient, runner: Any) -> None:
    meant = [put(runner, "held", "t.add", {"a": n}, tags={"shop": "7", "kind": "x=y"}) for n in (1, 2)]
    put(runner, "succeeded", tags={"shop": "7"})
    counts: list[tuple[dict[str, Any], int]] = [
        ({"status": "held"}, 2), ({"status": "held,succeeded"}, 3), ({"status": ["held,queued", "succeeded"]}, 3),
        ({"tag": "shop=7"}, 3), ({"tag": ["shop=7", "kind=x=y"]}, 2), ({"tag": {"kind": "x=y"}}, 2),
        ({"param": "a=2"}, 1), ({"param": ["a=1"]}, 1), ({"param": {"a": 2}}, 1), ({"since": "1h", "until": ""}, 3),
        ({"status": "", "type": "", "tag": "", "param": [], "search": None}, 3),
    ]  # fmt: skip
    for wanted, count in counts:
        body = {"verb": "release", "filter": wanted, "expect": 99}
        assert client.post("/api/jobs/bulk", json=body).json()["count"] == count, wanted
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"tag": "shop"}, "tag"), ({"tag": [7]}, "filter.tag"), ({"param": ["=1"]}, "param"), ({"since": "soon"}, "since"),
        ({"status": 7}, "filter.status"), ({"status": "done"}, "status"), ({"tag": {"shop": [7]}}, "filter.tag"),
    ]  # fmt: skip
    for wanted, field in wrong:
        answer = client.post("/api/jobs/bulk", json={"verb": "release", "filter": wanted, "expect": 0})
        assert (answer.status_code, list(answer.json()["fields"])) == (422, [field]), wanted
    done = client.post(
        "/api/jobs/bulk",
        json={"verb": "cancel", "filter": {"tag": "kind=x=y", "status": "held"}, "expect": 2},
    ).json()
    assert [one["job_id"] for one in done["results"]] == meant[::-1]


def test_nothing_is_done_when_the_count_is_another_one(client: TestClient, runner: Any) -> None:
    jobs = [put(runner, "held") for _ in range(3)]
    both: list[dict[str, Any]] = [{"filter": {}}, {"ids": jobs}]
    for sent in both:
        for expect in (0, 2, 4):
            answer = client.post("/api/jobs/bulk", json={"verb": "cancel", "expect": expect, **sent})
            told = answer.json()
            assert (answer.status_code, told["code"], told["count"]) == (409, "count_differs", 3)
            assert {"code", "message", "hint", "fields"} <= set(told)
    assert {runner.status(job).job.status for job in jobs} == {"held"}


def test_results_are_told_job_by_job(client: TestClient, runner: Any) -> None:
    held, ended = put(runner, "held"), put(runner, "succeeded")
    uuid = runner.status(held).job.uuid
    sent = {"verb": "cancel", "ids": [held, uuid, str(held), ended, 999999, "nobody"], "expect": 4}
    done = client.post("/api/jobs/bulk", json=sent).json()
    told = [(one["outcome"], one["job_id"], one["status"]) for one in done["results"]]
    assert told == [
        ("done", held, "cancelled"), ("already_terminal", ended, "succeeded"), ("not_found", 999999, None),
        ("not_found", None, None),
    ]  # fmt: skip
    assert done["results"][3]["uuid"] == "nobody"
    assert done["outcomes"] == {"done": 1, "already_terminal": 1, "not_found": 2}


def test_a_job_that_moves_on_after_it_was_counted_is_not_forced(
    runner: Any, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = put(runner, "held"), put(runner, "held")
    counted = bulk.choose

    def then_it_moves(*args: Any, **options: Any) -> bulk.Chosen:
        found = counted(*args, **options)
        runner.release(first)
        return found

    monkeypatch.setattr(bulk, "choose", then_it_moves)
    done = client.post(
        "/api/jobs/bulk", json={"verb": "cancel", "filter": {"status": ["held"]}, "expect": 2}
    ).json()
    told = {one["job_id"]: (one["outcome"], one["reason_code"]) for one in done["results"]}
    assert told == {first: ("skipped", "changed"), second: ("done", None)}
    assert done["outcomes"] == {"skipped": 1, "done": 1}
    assert runner.status(first).job.status == "queued"


@pytest.mark.databases("sqlite")
def test_more_than_a_thousand_jobs_are_started_and_moved_in_one_request_each(client: TestClient) -> None:
    items = [{"type": "t.noop", "hold": True}] * 1200
    assert client.post("/api/jobs/many", json={"items": items}).status_code == 201
    for sent in ({"filter": {"status": "held"}}, {"ids": list(range(1, 1201))}):
        wrong = client.post("/api/jobs/bulk", json={"verb": "cancel", "expect": 12, **sent})
        assert (wrong.status_code, wrong.json()["count"]) == (409, 1200)
    done = client.post(
        "/api/jobs/bulk", json={"verb": "cancel", "filter": {"status": "held"}, "expect": 1200}
    )
    assert done.json()["outcomes"] == {"done": 1200}


@pytest.mark.databases("sqlite")
def test_a_request_is_bounded_and_says_what_it_means(
    client: TestClient, runner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [put(runner, "held") for _ in range(4)]
    monkeypatch.setattr(bulk, "MOST", 3)
    monkeypatch.setattr(bulk, "PAGE", 3)
    other = client.post("/api/jobs/bulk", json={"verb": "cancel", "filter": {"status": "held"}, "expect": 3})
    assert (other.status_code, other.json()["code"], other.json()["count"]) == (409, "count_differs", 4)
    for sent, field in (
        ({"ids": jobs, "expect": 4}, "ids"), ({"filter": {}, "expect": 4}, "filter"), ({"expect": 0}, "ids"),
        ({"ids": [], "filter": {}, "expect": 0}, "ids"), ({"filter": {"colour": "red"}, "expect": 0}, "filter.colour"),
        ({"filter": {"status": ["done"]}, "expect": 0}, "status"), ({"ids": jobs[:1]}, "expect"),
        ({"ids": jobs[:1], "expect": 1, "force": True}, "force"), ({"ids": jobs[:1], "expect": 1, "as": "failed"}, "as"),
    ):  # fmt: skip
        answer = client.post("/api/jobs/bulk", json={"verb": "cancel", **sent})
        assert (answer.status_code, list(answer.json()["fields"])) == (422, [field]), sent
    assert client.post("/api/jobs/bulk", json={"verb": "explode", "ids": [], "expect": 0}).status_code == 422
    named = {"verb": "cancel", "ids": list(range(10**6, 10**6 + 10_001)), "expect": 10_001}
    assert client.post("/api/jobs/bulk", json=named).json()["fields"].keys() == {"ids"}
    assert {runner.status(job).job.status for job in jobs} == {"held"}
