"""Everything that can be done is done from the pages, by a person with a script and by one without."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from jobrunner.states import Status
from tests.conftest import poll
from tests.store import driving
from tests.web.browser.scene import FEED

pytestmark = [pytest.mark.databases("sqlite"), pytest.mark.usefixtures("shop")]


@dataclass
class Person:
    """Somebody at a browser, with a script or without."""

    page: Page
    script: bool

    def log_in(self, token: str, path: str) -> None:
        """Asks for a page, is asked for a token, gives a wrong one, then the right one, and is where they wanted to be."""
        self.page.goto(path)
        self.page.fill("#token", "jobrunner_that-is-none")
        self.page.click("main button")
        expect(self.page.get_by_role("alert")).to_contain_text("token")
        self.page.fill("#token", token)
        self.page.click("main button")
        expect(self.page.locator("h1")).to_have_text("Jobs")
        expect(self.page).to_have_url(re.compile(re.escape(path) + "$"))

    def give(self, job: int, verb: str, told: str, status: str, **fields: str) -> None:
        """Gives a verb from the job's page: the question, an answer in each field, yes, and what it says then."""
        self.page.goto(f"/jobs/{job}")
        self.page.get_by_role("link", name=f"{verb}…", exact=True).click()
        asked = self.page.locator("[data-dialog-body]")
        asked.get_by_label("Reason").fill(f"the night says {verb}")
        for name, value in fields.items():
            if name == "as_":
                asked.get_by_label(value).check()
            else:
                asked.locator(f"[name={name}]").fill(value)
        asked.get_by_role("button").click()
        expect(self.page.locator("main .notice").first).to_contain_text(told)
        if verb != "Delete":
            self.stands(status)
            expect(self.page.locator("#history")).to_contain_text(f"the night says {verb}")

    def stands(self, status: str) -> None:
        """Waits until the job's page says so; without a script somebody loads it again."""
        shown = self.page.locator(".state .st").first
        if self.script:
            return expect(shown).to_have_text(status)
        return poll(lambda: shown.inner_text() == status or (self.page.reload() and None), every=0.2)


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def person(request, web, tab):
    """Somebody who has logged in with an admin's token."""
    page = tab(web, scope=None, java_script_enabled=request.param)
    somebody = Person(page, request.param)
    somebody.log_in(web.tokens["admin"], "/jobs?status=held")
    return somebody


def test_every_verb_is_given_from_the_pages(person, runner, database):
    slow = {verb: runner.start("t.stubborn", launcher="detached").job_id for verb in ("Stop", "Kill")}
    slow["Cancel"] = runner.start("t.sleep", launcher="detached").job_id
    held = driving.job_in(database, Status.HELD)
    person.give(held, "Release", "The job is released.", "queued")
    person.give(held, "Hold", "The job is held until it is released.", "held")
    failed = driving.job_in(database, Status.FAILED)
    person.give(failed, "Retry by force", "The job is queued again.", "queued", typed=str(failed))
    parked = driving.job_in(database, Status.PARKED)
    person.give(parked, "Resolve", "The job is resolved.", "succeeded", as_="Its work is done: succeeded")
    person.give(
        driving.job_in(database, Status.FAILED), "Abandon", "The job is closed for good.", "abandoned"
    )
    person.give(parked, "Delete", "The job is deleted; a tombstone is kept.", "", typed=str(parked))
    person.page.goto(f"/jobs/{parked}")
    expect(person.page.locator("h1")).to_have_text(f"There is no job {parked}.")
    for verb, told, status in (
        ("Cancel", "A cancel was asked for.", "cancelled"),
        ("Stop", "A stop was asked for: TERM, then KILL.", "stopped"),
        ("Kill", "A kill was asked for.", "stopped"),
    ):
        poll(lambda: runner.status(slow[verb]).job.status == "running")  # noqa: B023 - asked before the loop goes on
        person.give(slow[verb], verb, told, status)
        expect(person.page.locator(".moments .did")).to_have_count(3)
    assert list(runner.audit.verify()) == []


def test_a_job_is_started_by_its_form_once(person, runner):
    page = person.page
    page.get_by_role("link", name="Types").click()
    page.get_by_role("link", name="t.form").click()
    page.get_by_label("Count").fill("eleven")
    page.get_by_role("button", name="Add an item to Labels").click()
    page.get_by_label("Labels 1", exact=True).fill("fragile")
    page.get_by_role("button", name="Start the job").click()
    expect(page.get_by_role("alert")).to_contain_text("do not fit")
    for label, fault in (("Customer", "is missing"), ("Day", "is missing"), ("Count", "valid integer")):
        field = page.get_by_label(label)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(page.locator(f"#{field.get_attribute('aria-describedby')}")).to_contain_text(fault)
    expect(page.get_by_label("Labels 1", exact=True)).to_have_value("fragile")
    assert runner.jobs().jobs == []
    page.goto("/types/shop.import")
    page.get_by_role("button", name="JSON").click()
    page.get_by_label("Parameters as one JSON object").fill(json.dumps({"feed": FEED, "orders": 3}))
    page.get_by_role("button", name="Form").click()
    expect(page.get_by_label("Orders")).to_have_value("3")
    page.get_by_text("Options").click()
    page.get_by_label("Title", exact=True).fill("By hand")
    page.get_by_role("button", name="Start the job").dblclick()
    person.stands("succeeded")
    (job,) = runner.jobs().jobs
    assert (job.title, runner.status(job.id).result["stored"]) == ("By hand", 3)
    page.get_by_role("link", name="Start anew…").click()
    expect(page.get_by_label("Feed")).to_have_value(FEED)
    page.get_by_role("button", name="Start the job").click()
    expect(page.locator("main")).to_contain_text("Again from")
    assert len(runner.jobs().jobs) == 2


def test_many_jobs_are_moved_at_once_and_their_number_is_said_before(person, database, runner):
    page = person.page
    jobs = [driving.job_in(database, Status.QUEUED) for _ in range(3)]
    jobs += [driving.job_in(database, Status.FAILED)]
    page.goto("/jobs")
    for job in (jobs[0], jobs[3]):
        page.get_by_label(f"Tick job {job}", exact=True).check()
    page.locator("[name=verb]").select_option("cancel")
    page.get_by_role("button", name="to the ticked ones…").click()
    expect(page.locator("h1")).to_have_text("Cancel 2 jobs?")
    page.get_by_label("Reason").fill("the feed is down")
    page.get_by_role("button", name="Cancel 2 jobs").click()
    expect(page.get_by_role("status").first).to_contain_text("done: 1")
    expect(page.locator("main tbody tr")).to_have_count(2)
    page.goto("/jobs?status=queued&type=t.noop")
    page.locator("[name=verb]").select_option("hold")
    page.get_by_role("button", name="to all that pass the filter…").click()
    expect(page.locator("h1")).to_have_text("Hold 2 jobs?")
    expect(page.locator(".facts")).to_contain_text("queued")
    runner.cancel(jobs[1])
    page.get_by_role("button", name="Hold 2 jobs").click()
    expect(page.get_by_role("alert")).to_contain_text("Look again")
    page.get_by_role("button", name="Hold 1 job").click()
    expect(page.get_by_role("status").first).to_contain_text("done: 1")
    assert [runner.status(job).job.status for job in jobs] == ["cancelled", "cancelled", "held", "failed"]


def test_the_ledger_is_verified_and_taken_home_the_theme_is_kept_and_somebody_logs_out(person, database):
    page, job = person.page, driving.job_in(database, Status.SUCCEEDED)
    page.get_by_role("link", name="Audit").click()
    page.get_by_role("button", name="Verify the ledger").click()
    expect(page.locator(".verify .notice")).to_contain_text("The ledger holds")
    with page.expect_download() as export:
        page.get_by_role("link", name="Export as NDJSON").click()
    assert f'"job_id":{job}' in Path(export.value.path()).read_text().replace(" ", "")
    page.locator(".menu summary").click()
    page.get_by_role("button", name="dark").click()
    page.goto("/workers")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.locator("h1")).to_have_text("Log in")
    page.goto("/jobs")
    expect(page.locator("h1")).to_have_text("Log in")


def test_who_may_only_read_is_offered_nothing_else(web, tab, database):
    page, job = tab(web, scope="read"), driving.job_in(database, Status.QUEUED)
    page.goto("/jobs")
    expect(page.locator("[name=ids], .bulk")).to_have_count(0)
    page.goto(f"/jobs/{job}")
    expect(page.locator(".controls")).to_have_count(0)
    page.goto(f"/jobs/{job}/cancel")
    expect(page.locator("main")).to_contain_text("403")
    page.goto("/types/shop.import")
    expect(page.locator("#start")).to_have_count(0)
