"""The fleet over HTTP: what is told of each worker, and a pool that is asked to drain by a program or by a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from jobrunner import JobRunner
from jobrunner.store import workers
from jobrunner.web import create_app
from jobrunner.worker.desk import identity
from tests.web.markup import Browser

POOL = identity("pool", "none")
LOAD = workers.Load(412_000_000, 163.5)


@pytest.fixture
def pool(runner: JobRunner) -> str:
    """The id of a pool that has sent a heartbeat."""
    return add(runner, labels='{"zone":"eu"}')


def add(runner: JobRunner, **changes: Any) -> str:
    worker = replace(POOL, **changes)
    workers.join(runner.database, worker, 30)
    workers.beat(runner.database, worker.id, 30, LOAD)
    return worker.id


def test_a_worker_is_told_with_its_labels_and_what_it_uses(client: TestClient, pool: str) -> None:
    (shown,) = client.get("/api/workers").json()["workers"]
    assert (shown["labels"], shown["memory_bytes"], shown["cpu_percent"]) == (
        {"zone": "eu"},
        412_000_000,
        163.5,
    )
    assert (shown["state"], shown["drain"]) == ("live", None)
    assert "jobrunner_worker_memory_bytes 412000000" in client.get("/metrics").text


def test_a_pool_is_drained_by_a_request(client: TestClient, runner: JobRunner, pool: str) -> None:
    answer = client.post(f"/api/workers/{pool}/drain", json={"reason": "new kernel"})
    assert (answer.status_code, answer.json()) == (
        202,
        {"outcome": "requested", "worker_id": pool, "host": POOL.host, "pid": POOL.pid, "state": "draining", "reason_code": None},
    )  # fmt: skip
    again = client.post(f"/api/workers/{pool}/drain")
    assert (again.status_code, again.json()["outcome"]) == (202, "already_requested")
    (shown,) = client.get("/api/workers").json()["workers"]
    assert (shown["drain"]["by"], shown["drain"]["reason"]) == ("operator:test-admin", "new kernel")
    assert 'jobrunner_workers{state="draining"} 1' in client.get("/metrics").text.splitlines()
    workers.retire(runner.database, pool)
    refused = client.post(f"/api/workers/{pool}/drain")
    assert (refused.status_code, refused.json()["code"], refused.json()["state"]) == (
        409,
        "refused",
        "stopped",
    )
    assert refused.json()["hint"]
    unknown = client.post("/api/workers/nobody/drain")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "worker_not_found")
    wrong = client.post(f"/api/workers/{pool}/drain", json={"why": "x"})
    assert (wrong.status_code, list(wrong.json()["fields"])) == (422, ["why"])


def test_an_application_may_forbid_it(
    runner: JobRunner, tokens: dict[str, str], visitor: Any, pool: str
) -> None:
    asked: list[tuple[str, str, Any]] = []

    def authorize(user: str, action: str, job: Any) -> bool:
        asked.append((user, action, job))
        return False

    client = visitor(create_app(runner, authorize=authorize), tokens["admin"])
    assert client.post(f"/api/workers/{pool}/drain").status_code == 403
    assert client.get(f"/workers/{pool}/drain").status_code == 403
    assert asked == [("test-admin", "drain", None)] * 2
    assert runner.workers()[0]["drain"] is None


def test_a_person_drains_a_pool_without_a_script(client: TestClient, runner: JobRunner, pool: str) -> None:
    other = add(runner, id=POOL.id[:-1] + ("0" if POOL.id[-1] != "0" else "1"), kind="detached")
    browser = Browser(client)
    page = browser.get("/workers")
    assert "412 MB" in page.main.text and "164 %" in page.main.text and "zone" in page.main.text
    offered = [link for link in page.links if link.endswith("/drain")]
    assert offered == [f"/workers/{pool}/drain"]
    asked = browser.get(offered[0])
    assert "Drain" in asked.main.one("h1").text and runner.workers()[-1]["drain"] is None
    done = browser.send(asked, f"/workers/{pool}/drain", reason="new <kernel>")
    assert "asked to drain" in done.main.one("p", role="status").text
    rows = [row.text for row in done.main.one("tbody").all("tr")]
    assert len([row for row in rows if "draining" in row and "new <kernel>" in row]) == 1
    assert not [link for link in done.links if link.endswith("/drain")]
    assert "1 draining" in browser.get("/").main.text
    for worker, why in ((pool, "it was asked to before"), (other, "it is no pool")):
        refused = browser.client.get(f"/workers/{worker}/drain", headers=browser.headers)
        assert refused.status_code == 409 and why in refused.text
    assert browser.client.get("/workers/nobody/drain", headers=browser.headers).status_code == 404


def test_who_may_only_read_is_not_offered_it(
    app: Any, tokens: dict[str, str], visitor: Any, pool: str
) -> None:
    browser = Browser(visitor(app, tokens["read"]))
    assert not [link for link in browser.get("/workers").links if link.endswith("/drain")]
    assert visitor(app, tokens["read"]).post(f"/api/workers/{pool}/drain").status_code == 403
