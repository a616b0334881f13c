"""Pages that stay true while they are open: as jobs run, as the tab is hidden, as the server and its database go away."""

from __future__ import annotations

import re
import signal

import pytest
from playwright.sync_api import Page, expect

from jobrunner.states import Trigger
from jobrunner.store import logs
from jobrunner.store.logs import Tail
from tests.conftest import poll
from tests.store import driving

HIDE = """(hidden) => {
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event('visibilitychange'));
}"""
SAID = "[...document.querySelectorAll('.row .m')].map((e) => e.textContent).filter((text) => text.startsWith('line '))"


@pytest.fixture
def running(database):
    """A running job whose worker is this test, and its place in the log."""
    job = driving.create(database, title="The night's import", tags={"shop": "berlin"})
    return job, Tail(driving.claim(database, job))


def say(database, tail: Tail, first: int, last: int) -> None:
    driving.append(database, tail, [f"line {number}" for number in range(first, last + 1)])


def has_lines(page: Page, last: int) -> None:
    """Waits for the last line, and asserts that each line before it is there once, in order."""
    page.wait_for_function(f"() => ({SAID}).includes('line {last}')", timeout=60_000)
    assert page.evaluate(SAID) == [f"line {number}" for number in range(1, last + 1)]


def streams(web) -> int:
    """How many streams the server has open."""
    found = re.search(r"^jobrunner_streams (\d+)", web.get("/metrics").text, re.MULTILINE)
    assert found is not None
    return int(found[1])


@pytest.mark.databases("sqlite")
def test_pages_follow_what_happens_by_one_stream_each_that_rests_while_hidden(web, tab, database, running):
    job, tail = running
    driving.create(database)
    overview, listed, page = tab(web), tab(web), tab(web)
    overview.goto("/")
    listed.goto("/jobs")
    page.goto(f"/jobs/{job}")
    for one in (overview, listed, page):
        one.evaluate("window.untouched = true")
    expect(page.locator("[data-part=state]")).to_have_text("Live")
    poll(lambda: streams(web) == 3)
    row = listed.locator(f"[data-row$='/{job}']")
    row.get_by_role("checkbox").check()
    chip = listed.locator("#counts [value=queued]")
    chip.check()
    page.locator("#params summary").click()
    say(database, tail, 1, 3)
    logs.append(
        database,
        tail,
        [driving.line("look", level="warning")],
        {"progress_percent": 40.0, "progress_text": "of\u202e it"},
    )
    has_lines(page, 3)
    expect(page.locator("[data-text]")).to_have_text("of\\u202e it")
    expect(page.locator("[data-percent]")).to_have_text("40 %")
    expect(row.locator(".c-lines")).to_contain_text("1 warn")
    page.evaluate(HIDE, True)
    poll(lambda: streams(web) == 2)
    say(database, tail, 4, 6)
    driving.move(database, job, Trigger.SUCCEED)
    expect(row.locator(".st")).to_have_text("succeeded")
    expect(overview.locator("a.st-succeeded b")).to_have_text("1")
    assert page.locator(".state .st").inner_text() == "running"
    page.evaluate(HIDE, False)
    expect(page.locator(".state .st")).to_have_text("succeeded")
    expect(page.locator("[data-part=state]")).to_have_text("Ended")
    has_lines(page, 6)
    # what somebody did on the page is still there
    expect(row.get_by_role("checkbox")).to_be_checked()
    expect(chip).to_be_checked()
    assert page.locator("#params").get_attribute("open") is None
    for one in (overview, listed, page):
        assert one.evaluate("window.untouched") is True
    poll(lambda: streams(web) == 2)


@pytest.mark.databases("sqlite")
def test_a_list_misses_nothing_between_its_making_and_its_stream(web, tab, database):
    page = tab(web)
    job = driving.create(database)
    # the stream is opened only after the job has moved on
    page.route(
        "**/api/events", lambda route: (driving.move(database, job, Trigger.CANCEL), route.continue_())
    )
    page.goto("/jobs")
    expect(page.locator(f"[data-row$='/{job}'] .st")).to_have_text("cancelled")


@pytest.mark.databases("sqlite")
def test_where_streams_are_blocked_pages_ask_instead(web, tab, database, running):
    job, tail = running
    page = tab(web)
    page.route("**/events?*", lambda route: route.abort())
    page.goto(f"/jobs/{job}")
    say(database, tail, 1, 5)
    has_lines(page, 5)
    driving.move(database, job, Trigger.SUCCEED)
    expect(page.locator(".state .st")).to_have_text("succeeded", timeout=60_000)
    expect(page.locator("[data-part=state]")).to_have_text("Ended")


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "ended"])
def test_open_pages_bear_a_server_that_goes_away(web, tab, database, running, how):
    job, tail = running
    listed, page = tab(web), tab(web)
    listed.goto("/jobs")
    page.goto(f"/jobs/{job}")
    say(database, tail, 1, 5)
    has_lines(page, 5)
    web.end(how)
    expect(page.locator("[data-part=state]")).to_have_text("Reconnecting…")
    for one in (listed, page):
        expect(one.locator("#banner")).to_contain_text(
            "The server cannot be reached. This page stays as it was"
        )
    say(database, tail, 6, 9)
    web.start()
    say(database, tail, 10, 12)
    has_lines(page, 12)
    expect(page.locator("[data-part=state]")).to_have_text("Live")
    driving.move(database, job, Trigger.SUCCEED)
    for one in (listed.locator(f"[data-row$='/{job}'] .st"), page.locator(".state .st")):
        expect(one).to_have_text("succeeded", timeout=60_000)
    has_lines(page, 12)
    for one in (listed, page):
        expect(one.locator("#banner")).to_be_hidden()


@pytest.mark.databases("mariadb")
def test_open_pages_bear_a_database_that_goes_away(own_server, database, running, web, tab):
    job, tail = running
    listed, page = tab(web), tab(web)
    listed.goto("/jobs")
    page.goto(f"/jobs/{job}")
    say(database, tail, 1, 5)
    has_lines(page, 5)
    own_server.stop()
    expect(page.locator("[data-part=state]")).to_have_text("Reconnecting…", timeout=30_000)
    for one in (listed, page):
        expect(one.locator("#banner")).to_contain_text(
            "The database does not answer. This page stays as it was", timeout=30_000
        )
    late = tab(web)
    late.goto(f"/jobs/{job}")
    expect(late.get_by_role("heading")).to_contain_text("database")
    page.get_by_role("link", name="Cancel").first.click()
    expect(page).to_have_url(re.compile(f"/jobs/{job}$"))
    own_server.start()
    has_lines(late, 5)
    say(database, tail, 6, 9)
    has_lines(page, 9)
    expect(page.locator("[data-part=state]")).to_have_text("Live")
    driving.move(database, job, Trigger.SUCCEED)
    for one in (listed.locator(f"[data-row$='/{job}'] .st"), page.locator(".state .st")):
        expect(one).to_have_text("succeeded", timeout=60_000)
    for one in (listed, page):
        expect(one.locator("#banner")).to_be_hidden()
