"""The page of one job, and every verb by its form."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from jobrunner import JobRunner
from jobrunner.models import JobModel
from tests.conftest import poll
from tests.web.markup import Browser, Page


@pytest.fixture
def browser(client: TestClient) -> Browser:
    return Browser(client)


def job_of(runner: JobRunner, job: int) -> JobModel:
    found = runner.status(job).job
    assert found is not None
    return found


def verbs(page: Page) -> set[str]:
    """The verbs that the page offers."""
    offered = page.main.one("section", class_="controls").all("a")
    return {link.attrs["href"].rpartition("/")[2] for link in offered if "/jobs/" in link.attrs["href"]}


def give(browser: Browser, job: int, verb: str, **fields: Any) -> Page:
    """Gives a verb the way a person does: from the job's page to the one that asks, and there yes."""
    assert f"/jobs/{job}/{verb}" in browser.get(f"/jobs/{job}").links
    return browser.send(browser.get(f"/jobs/{job}/{verb}"), f"/jobs/{job}/{verb}", **fields)


def test_a_job_that_succeeded_shows_how_it_went(browser: Browser, runner: JobRunner) -> None:
    job = runner.start("t.steps", tags={"team": "sales"}, title="Two steps", created_by="ann").job_id
    runner.run(job)
    page = browser.get(f"/jobs/{job}")
    text = page.main.text
    assert "Two steps" in text
    assert page.main.one("p", class_="state").one("span", class_="st-succeeded").text == "succeeded"
    assert [row.one("th").text for row in page.main.one("table", class_="timeline").one("tbody").all("tr")] == [
        "The job", "Attempt 1", "1/2 The first step", "2/2 The second step",
    ]  # fmt: skip
    history = page.main.one("section", id="history").one("tbody").all("tr")
    assert [row.one("code").text for row in history] == ["succeed", "claim", "create"]
    assert "starter:ann" in history[-1].text
    kinds = ("txt", "txt.gz", "ndjson", "ndjson.gz")
    assert {f"/api/jobs/{job}/logs.{kind}" for kind in kinds} <= set(page.links)
    assert verbs(page) >= {"delete"}
    assert not verbs(page) & {"cancel", "stop", "kill", "retry", "abandon", "hold", "release", "resolve"}


def test_a_failure_tells_the_users_frames_first_and_every_attempt(
    browser: Browser, runner: JobRunner
) -> None:
    job = runner.start("t.fail", {"message": "the <feed> is damaged"}).job_id
    runner.run(job)
    page = browser.get(f"/jobs/{job}")
    box = page.main.one("section", id="error")
    assert box.one("p", class_="what").text == "ValueError: the <feed> is damaged"
    assert "basic.py" in box.one("ol", class_="frames").text
    assert "Traceback (most recent call last):" in box.text
    attempt = page.main.one("section", id="attempts").one("tbody").one("tr").text
    assert "handler_error" in attempt
    assert "MB" in attempt
    assert verbs(page) >= {"retry", "abandon", "delete"}


@pytest.mark.databases("sqlite")
def test_only_what_the_state_machine_takes_is_offered(browser: Browser, runner: JobRunner) -> None:
    queued, held = runner.start("t.noop").job_id, runner.start("t.noop", hold=True).job_id
    scheduled = runner.start("t.noop", delay="1h").job_id
    assert verbs(browser.get(f"/jobs/{queued}")) == {"cancel", "stop", "kill", "hold"}
    assert verbs(browser.get(f"/jobs/{held}")) == {"cancel", "stop", "kill", "release", "delete"}
    assert verbs(browser.get(f"/jobs/{scheduled}")) == {"cancel", "stop", "kill", "hold"}
    refused = browser.get(f"/jobs/{queued}/release", 409)
    assert "does not take release" in refused.main.text


def test_verbs_by_forms_carry_reason_and_name_into_the_ledger(browser: Browser, runner: JobRunner) -> None:
    job = runner.start("t.noop").job_id
    assert "held until" in give(browser, job, "hold", reason="not now").main.one("p", class_="notice").text
    assert "released" in give(browser, job, "release").main.one("p", class_="notice").text
    assert (
        "cancelled" in give(browser, job, "cancel", reason="not at all").main.one("p", class_="notice").text
    )
    moves = runner.history(job).transitions
    assert [(move.trigger, move.reason) for move in moves[1:]] == [
        ("hold", "not now"), ("release", None), ("cancel", "not at all"),
    ]  # fmt: skip
    assert {move.actor for move in moves[1:]} == {"operator:test-admin"}
    give(browser, job, "abandon")
    assert job_of(runner, job).status == "abandoned"


def test_running_again_what_is_not_idempotent_and_deleting_want_the_id_typed(
    browser: Browser, runner: JobRunner
) -> None:
    job = runner.start("t.noop").job_id
    runner.cancel(job)
    ask = browser.get(f"/jobs/{job}/retry")
    assert "by force" in ask.main.one("h1").text
    refused = browser.send(ask, f"/jobs/{job}/retry", status=422, typed="yes", reason="kept")
    assert refused.main.one("input", name="reason").attrs["value"] == "kept"
    assert job_of(runner, job).status == "cancelled"
    browser.send(refused, f"/jobs/{job}/retry", typed=str(job))
    assert job_of(runner, job).status == "queued"
    runner.cancel(job)
    browser.send(browser.get(f"/jobs/{job}/delete"), f"/jobs/{job}/delete", status=422, typed="")
    gone = browser.send(browser.get(f"/jobs/{job}/delete"), f"/jobs/{job}/delete", typed=str(job))
    assert "tombstone" in gone.main.one("p", class_="notice").text
    assert not runner.status(job).found


def test_a_page_that_is_out_of_date_does_nothing(browser: Browser, runner: JobRunner) -> None:
    job = runner.start("t.noop").job_id
    ask = browser.get(f"/jobs/{job}/cancel")
    runner.hold(job)
    page = browser.send(ask, f"/jobs/{job}/cancel")
    assert "moved on" in page.main.one("p", class_="notice").text
    assert job_of(runner, job).status == "held"


def test_without_the_word_yes_a_form_only_asks(browser: Browser, runner: JobRunner) -> None:
    job = runner.start("t.noop").job_id
    answer = browser.post(f"/jobs/{job}/kill", [("reason", "hurry")])
    assert answer.status_code == 200
    assert Page(answer).main.one("input", name="reason").attrs["value"] == "hurry"
    assert job_of(runner, job).status == "queued"


def test_the_three_ways_to_end_say_what_each_does_and_a_request_is_told_in_three_moments(
    browser: Browser, runner: JobRunner
) -> None:
    job = runner.start("t.stubborn", launcher="detached").job_id
    poll(lambda: "stubborn" in str(runner.logs(job).lines), timeout=30)
    page = browser.get(f"/jobs/{job}")
    said = {
        row.one("a").text: row.one("span").text
        for row in page.main.one("section", class_="controls").all("li")
    }
    assert "SIGTERM" in said["Stop…"]
    assert f"SIGKILL after {runner.settings.stop_grace:g} s" in said["Stop…"]
    assert "Asks the handler" in said["Cancel…"]
    give(browser, job, "cancel", reason="enough")
    page = browser.get(f"/jobs/{job}")
    assert verbs(page) == {"stop", "kill"}
    assert "Asked to cancel" in page.main.one("ol", class_="moments").text
    give(browser, job, "kill")
    runner.wait(job, timeout=60)
    moments = browser.get(f"/jobs/{job}").main.one("ol", class_="moments").all("li")
    assert [moment.attrs["class"] for moment in moments] == ["did", "did", "did"]


def test_parameters_are_cut_only_with_a_way_to_all_of_them(browser: Browser, runner: JobRunner) -> None:
    job = runner.start("t.echo", {"value": [f"entry number {n}" for n in range(2000)]}).job_id
    page = browser.get(f"/jobs/{job}")
    assert "entry number 1999" not in page.main.one("details", id="params").text
    onward = page.main.one("details", id="params").one("a", class_="button").attrs["href"]
    assert "entry number 1999" in browser.get(f"/jobs/{job}{onward.partition('#')[0]}").main.text
    assert browser.client.get(f"/jobs/{job}/params.json").json() == job_of(runner, job).params
    assert browser.client.get(f"/jobs/{job}/result.json").status_code == 404


def test_a_job_that_waits_says_why(browser: Browser, runner: JobRunner) -> None:
    job = runner.start("t.noop", queue="nobody").job_id
    assert (
        "No pool worker serves the queue nobody"
        in browser.get(f"/jobs/{job}").main.one("section", class_="why").text
    )


def test_a_job_that_is_not_there_is_a_readable_404(browser: Browser) -> None:
    assert "no job 4711" in browser.get("/jobs/4711", 404).main.text
