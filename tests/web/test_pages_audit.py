"""Where each transition came from: the channel it took, and the bulk action that it was part of."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from jobrunner import JobRunner
from jobrunner.cli import main
from jobrunner.states import Trigger
from tests.operations.places import end, put, take
from tests.web.markup import Browser, Page
from tests.web.server import Server


@pytest.fixture
def browser(client: TestClient) -> Browser:
    return Browser(client)


def moves(page: Page) -> list[dict[str, str]]:
    """Returns what the audit says, row by row, by the heads of its columns."""
    found: list[dict[str, str]] = []
    for table in page.main.all("table", class_="moves"):
        heads = [head.text for head in table.one("thead").all("th")]
        rows = table.one("tbody").all("tr")
        found += [dict(zip(heads, [cell.text for cell in row.all("td")], strict=True)) for row in rows]
    return found


def test_every_transition_says_by_which_channel_it_came(
    browser: Browser, runner: JobRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    job = runner.start("t.noop").job_id
    assert main.call(["hold", str(job)]) == 0
    browser.client.post(f"/api/jobs/{job}/release")
    browser.send(browser.get(f"/jobs/{job}/hold"), f"/jobs/{job}/hold")
    runner.release(job)
    take(runner, job)
    end(runner, job, Trigger.SUCCEED)

    told = ["python", "cli", "api", "ui", "python", "worker", "worker"]
    assert [row["Channel"] for row in moves(browser.get(f"/audit?job={job}"))][::-1] == told
    history = browser.get(f"/jobs/{job}").main.one("section", id="history").one("tbody").all("tr")
    assert [row.one("td", **{"data-th": "channel"}).text for row in history][::-1] == told
    for channel in ("python", "cli", "api", "ui", "worker"):
        named = [row["Channel"] for row in moves(browser.get(f"/audit?channel={channel}"))]
        assert named == [channel] * told.count(channel)
    assert list(runner.audit.verify(job)) == []


def test_a_job_says_by_which_channel_it_was_started(browser: Browser, runner: JobRunner) -> None:
    runner.start("t.noop")
    runner.start_many([("t.noop",)])
    assert main.call(["start", "t.noop"]) == 0
    browser.client.post("/api/jobs", json={"type": "t.noop"})
    browser.client.post("/api/jobs/many", json={"items": [{"type": "t.noop"}]})
    browser.send(browser.get("/types/t.noop"), "/types/t.noop", ("do", "start"))
    births = moves(browser.get("/audit?trigger=create"))
    assert [row["Channel"] for row in births] == ["ui", "api", "api", "cli", "python", "python"]
    assert list(runner.audit.verify()) == []


@pytest.mark.databases("sqlite")
def test_what_a_handler_starts_inline_is_not_taken_for_a_command(runner: JobRunner) -> None:
    modules = "tests.handlers.basic,tests.handlers.resumed"
    assert main.call(["--handlers", modules, "start", "r.starts_another", "--launcher", "inline"]) == 0
    births = [runner.history(one.id).transitions[0] for one in runner.jobs().jobs]
    assert [birth.context["channel"] for birth in births] == ["python", "cli"]


def test_a_bulk_action_is_a_batch_whose_transitions_are_found_by_its_id(
    browser: Browser, runner: JobRunner
) -> None:
    held, running, other = put(runner, "held"), put(runner, "queued"), put(runner, "held")
    take(runner, running)
    ended = put(runner, "succeeded")
    sent = {"verb": "stop", "ids": [held, running, ended], "expect": 3, "reason": "old"}
    done = browser.client.post("/api/jobs/bulk", json=sent).json()
    assert done["outcomes"] == {"done": 1, "requested": 1, "already_terminal": 1}
    assert browser.client.post("/api/jobs/bulk", json=sent | {"verb": "kill"}).json()["batch"] > done["batch"]
    runner.cancel(other)

    rows = moves(browser.get(f"/audit?batch={done['batch']}"))
    assert [(row["Job"], row["Trigger"], row["Channel"]) for row in rows] == [
        (str(running), "stop", "api"), (str(held), "stop", "api"),
    ]  # fmt: skip
    for job in (held, running):
        moved = [move for move in runner.history(job).transitions if move.trigger == "stop"]
        assert [move.context["batch"] for move in moved] == [done["batch"]]
    assert moves(browser.get(f"/audit?batch={done['batch']}&job={held}&channel=ui")) == []
    assert list(runner.audit.verify()) == []


def test_a_batch_is_found_among_many_later_transitions(
    browser: Browser, runner: JobRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobrunner.store.moves.LOOKED_AT", 5)
    jobs = [str(put(runner, "held")) for _ in range(3)]
    ask = browser.send(
        browser.get("/jobs"), "/jobs/bulk", ("which", "ticked"), status=200, verb="release", ids=jobs
    )
    done = browser.send(ask, "/jobs/bulk", status=200)
    runner.start_many([("t.noop",)] * 20)
    [link] = [link for link in done.links if link.startswith("/audit?")]
    assert done.main.one("code", class_="uuid").text in link
    assert sorted(row["Job"] for row in moves(browser.get(link))) == sorted(jobs)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("batch", ["7", "x", "0193", "%", "zz37f3c-8c00-7000-8000-000000000003"])
def test_what_is_no_batch_is_refused_by_name(browser: Browser, batch: str) -> None:
    answer = browser.client.get("/audit", params={"batch": batch})
    assert (answer.status_code, list(answer.json()["fields"])) == (422, ["batch"])


@pytest.mark.databases("sqlite")
def test_a_job_that_changed_while_the_page_asked_is_skipped_and_told(
    browser: Browser, runner: JobRunner
) -> None:
    first, second = put(runner, "held"), put(runner, "held")
    ask = browser.send(
        browser.get("/jobs"), "/jobs/bulk", ("which", "ticked"), status=200, verb="cancel",
        ids=[str(first), str(second)],
    )  # fmt: skip
    runner.release(first)
    done = browser.send(ask, "/jobs/bulk", status=200)
    rows: dict[str, Any] = {row.all("td")[0].text: row.all("td") for row in done.main.one("tbody").all("tr")}
    assert [cell.text for cell in rows[str(first)][1:4]] == ["skipped", "held", "queued"]
    assert [cell.text for cell in rows[str(second)][1:4]] == ["done", "held", "cancelled"]
    assert runner.status(first).job.status == "queued"  # type: ignore[union-attr]


@pytest.mark.databases("sqlite")
def test_a_command_that_goes_over_http_comes_by_the_api(
    runner: JobRunner, web: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBRUNNER_TOKEN", web.tokens["operate"])
    first = runner.start("t.add", {"a": 1}, hold=True)
    words = ["--url", web.base, "start", "--again", str(first.job_id), "-p", "b:=5", "--hold"]
    assert main.call(words) == 0
    assert main.call(["--url", web.base, "cancel", str(first.job_id)]) == 0
    again = runner.status(runner.jobs().jobs[0].id).job
    assert again is not None
    assert (again.params, again.tags) == ({"a": 1, "b": 5}, {"restart_of": first.uuid})
    for move in (runner.history(again.id).transitions[0], runner.history(first.job_id).transitions[-1]):
        assert move.context["channel"] == "api"
