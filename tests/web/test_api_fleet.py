"""What is watched from outside: types, workers, counts, evidence, health and metrics."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from jobrunner import JobRunner
from jobrunner.auditor import Audit
from jobrunner.store import counting, overview
from jobrunner.web import create_app
from jobrunner.web.api import audit, metrics
from tests.commandline import CommandLine
from tests.conftest import poll
from tests.operations.places import put
from tests.store.tampering import tamper
from tests.stores import Store

SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\.)*"(?:,[a-z]+="(?:[^"\\\n]|\\.)*")*\})? [0-9.e+-]+')


@pytest.mark.usefixtures("own_types")
def test_types_workers_and_counts_are_those_of_the_command_line(
    client: TestClient, runner: JobRunner, cli: CommandLine
) -> None:
    put(runner, "running")
    put(runner, "held")
    types = client.get("/api/types").json()
    assert types == cli.json("types")
    assert client.get("/api/types/t.add").json() == next(
        one for one in types["types"] if one["type"] == "t.add"
    )
    assert client.get("/api/types/os.system").status_code == 404
    assert client.get("/api/stats").json() == cli.json("stats") == {"jobs": {"running": 1, "held": 1}}
    ours, theirs = client.get("/api/workers").json()["workers"], cli.json("workers")["workers"]
    assert [one["id"] for one in ours] == [one["id"] for one in theirs] and len(ours) == 1
    assert client.get("/api/jobs/1/explain").status_code in (200, 404)


def test_the_ledger_is_verified_and_exported(client: TestClient, runner: JobRunner, sql: Any) -> None:
    job, other = put(runner, "failed"), put(runner, "succeeded")
    assert client.get("/api/audit/verify").json() == {"ok": True, "findings": [], "has_more": False}
    answer = client.get("/api/audit/export")
    lines = answer.text.splitlines()
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert json.loads(lines[-1]) == {"kind": "end", "jobs": 2, "tombstones": 0}
    assert list(Audit.verify_file(lines)) == []
    sql(f"UPDATE jobrunner_job SET attempt = 9 WHERE id = {job}")
    found = client.get("/api/audit/verify").json()
    assert found["ok"] is False and {one["job_id"] for one in found["findings"]} == {job}
    assert client.get(f"/api/audit/verify?job={other}").json()["ok"] is True
    assert client.get("/api/audit/verify?job=999999").json()["code"] == "job_not_found"


def test_what_a_job_that_is_gone_has_left_behind_is_named(
    client: TestClient, runner: JobRunner, store: Store
) -> None:
    job = put(runner, "failed")
    tamper(store, f"DELETE FROM jobrunner_job WHERE id = {job}")
    answer = client.get(f"/api/audit/verify?job={job}")
    assert (answer.status_code, answer.json()["ok"]) == (200, False)
    assert [(found["kind"], found["job_id"]) for found in answer.json()["findings"]] == [("orphan_rows", job)]


@pytest.mark.databases("sqlite")
def test_two_audits_at_a_time_are_enough(client: TestClient) -> None:
    taken = [audit._places.acquire(blocking=False) for _ in range(2)]
    try:
        answer = client.get("/api/audit/verify")
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
        assert "retry-after" in answer.headers
    finally:
        for _ in taken:
            audit._places.release()
    assert client.get("/api/audit/verify").status_code == 200


def test_health_is_told_to_strangers_and_nothing_else(runner: JobRunner, visitor: Any, app: Any) -> None:
    stranger = visitor(app)
    assert stranger.get("/healthz").json() == {"status": "ok"}
    assert (stranger.get("/readyz").status_code, stranger.get("/readyz").json()) == (200, {"ready": True})
    for path in ("/metrics", "/api/stats", "/openapi.json"):
        assert stranger.get(path).status_code == 401


def test_a_server_without_tables_lives_but_is_not_ready(empty_url: str, visitor: Any, kind: str) -> None:
    client = visitor(create_app(JobRunner(database_url=empty_url, launcher="pool"), auth=False))
    assert client.get("/healthz").status_code == 200
    if kind == "sqlite":  # the first write makes the file
        assert client.get("/readyz").status_code == client.get("/api/jobs").status_code == 200
        return
    answer = client.get("/readyz")
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()["ready"]) == (503, "5", False)
    assert {"code", "message", "hint", "fields"} < set(answer.json())
    for method, path in (
        ("GET", "/api/jobs"),
        ("GET", "/api/jobs/1"),
        ("GET", "/metrics"),
        ("POST", "/api/jobs/1/cancel"),
    ):
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (503, "schema_missing"), path
        assert "retry-after" in answer.headers


def test_a_server_whose_database_went_away_says_so_and_comes_back(
    own_server: Any, runner: JobRunner, visitor: Any
) -> None:
    client = visitor(create_app(runner, auth=False))
    assert client.get("/readyz").status_code == 200
    own_server.stop()
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    answer = client.get("/api/jobs/1")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert "retry-after" in answer.headers
    assert not re.search(r"127\.0\.0\.1|root|password", answer.text)
    own_server.start()
    assert client.get("/readyz").status_code == 200


def test_metrics_count_jobs_and_workers(client: TestClient, runner: JobRunner) -> None:
    for status in ("queued", "queued", "failed", "running"):
        put(runner, status)
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert all(line.startswith(("# HELP ", "# TYPE ")) or SAMPLE.fullmatch(line) for line in lines)
    for sample in (
        'jobrunner_jobs{status="queued"} 2', 'jobrunner_jobs{status="failed"} 1', 'jobrunner_jobs{status="held"} 0',
        'jobrunner_jobs_capped{status="queued"} 0', "jobrunner_worker_jobs 1",
    ):  # fmt: skip
        assert sample in lines
    waited = next(line for line in lines if line.startswith("jobrunner_oldest_waiting_seconds"))
    assert 0 <= float(waited.split()[1]) < 600
    assert sum(float(line.split()[1]) for line in lines if line.startswith("jobrunner_workers{")) == 2


@pytest.mark.databases("sqlite")
def test_a_label_of_any_text_stays_one_label() -> None:
    told = metrics.family("m", "a\\b\nc", [({"x": 'a"b\\c\nd'}, 1.5)])
    assert told == '# HELP m a\\\\b\\nc\n# TYPE m gauge\nm{x="a\\"b\\\\c\\nd"} 1.5\n'


def test_counts_are_exact_up_to_a_ceiling_and_say_when_there_are_more(runner: JobRunner) -> None:
    jobs = [put(runner, "held") for _ in range(4)]
    put(runner, "failed")
    for ceiling, shown in ((3, "3+"), (4, "4"), (10_000, "4")):
        found = counting.counts(runner.database, ceiling)
        assert (str(found["held"]), str(found["failed"]), str(found["queued"])) == (shown, "1", "0")
    runner.cancel(jobs[0])
    assert counting.counts(runner.database, 4)["held"] == counting.Count(3)
    assert str(counting.total(counting.counts(runner.database, 2))) == "4+"
    assert counting.longest_waiting(runner.database) is None
    first = put(runner, "queued")
    put(runner, "queued")
    waiting = counting.longest_waiting(runner.database)
    assert waiting is not None and waiting.job_id == first and waiting.seconds >= 0


def test_a_count_of_very_many_is_soon_right_again(runner: JobRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "LARGE", 3)
    for _ in range(3):
        put(runner, "held")
    assert counting.counts(runner.database)["held"] == counting.Count(3)
    put(runner, "held")
    put(runner, "failed")
    # what is few is never kept
    assert counting.counts(runner.database)["failed"] == counting.Count(1)
    poll(lambda: counting.counts(runner.database)["held"] == counting.Count(4))


def test_the_oldest_jobs_in_hand_are_told_by_their_worker(runner: JobRunner) -> None:
    jobs = [put(runner, status) for status in ("running", "cancel_requested", "running", "queued")]
    expected: dict[str, list[int]] = {}
    for job in runner.jobs().jobs[::-1]:
        if job.id in jobs[:3] and job.worker is not None:
            expected.setdefault(str(job.worker.id), []).append(job.id)
    assert sorted(one for mine in expected.values() for one in mine) == jobs[:3]
    assert overview.in_hand(runner.database, 10) == expected
    assert overview.in_hand(runner.database, 2) == {
        worker: kept
        for worker, mine in expected.items()
        if (kept := [job for job in mine if job in jobs[:2]])
    }


def test_lists_of_the_overview_hold_what_they_are_named_for_newest_first_and_the_longest_first(
    runner: JobRunner,
) -> None:
    longest, failed, parked = put(runner, "running"), put(runner, "failed"), put(runner, "parked")
    for status in ("succeeded", "stopped", "cancel_requested", "queued"):
        put(runner, status)
    later, last, second = put(runner, "running"), put(runner, "failed"), put(runner, "parked")
    seen = overview.lists(runner.database, 10)
    shown = [[row["id"] for row in rows] for rows in (seen.failures, seen.longest, seen.parked)]
    assert shown == [[last, failed], [longest, later], [second, parked]]
