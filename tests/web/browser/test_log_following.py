"""Following a job that runs: nothing is missed, the state is honest, and a server that goes away comes back."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.web.browser.viewer import Viewer

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def start(runner):
    """Starts a job of so many lines in a process of its own."""
    return lambda n, pause=0.02: runner.start("t.lines", {"n": n, "pause": pause}, launcher="detached").job_id


def numbers(view: Viewer) -> list[int]:
    """The numbers that the lines in the page say."""
    said = view.page.evaluate("[...document.querySelectorAll('.row .m')].map((e) => e.textContent)")
    return [int(text.removeprefix("line ")) for text in said if text.startswith("line ")]


def test_lines_appear_as_they_are_written_until_the_job_has_ended(web, tab, start):
    view = Viewer(tab(web), start(150, 0.1))
    expect(view.page.locator("[data-part=state]")).to_have_text("Live")
    expect(view.page.get_by_role("button", name="Follow")).to_be_visible()
    expect(view.page.locator("[data-part=state]")).to_have_text("Ended", timeout=60_000)
    expect(view.page.get_by_role("button", name="Follow")).to_be_hidden()
    view.until("() => [...document.querySelectorAll('.row .m')].some((e) => e.textContent === 'line 150')")
    assert numbers(view) == list(range(1, 151))
    assert "succeeded" in view.page.inner_text(".log-rows .row:last-child")


def test_scrolling_up_stops_following_and_tells_how_much_is_new(web, tab, start):
    view = Viewer(tab(web), start(2000, 0.01))
    view.until("() => document.querySelector('.log-scroll').scrollHeight > 2000")
    view.page.locator(".log-scroll").hover()
    view.page.mouse.wheel(0, -600)
    expect(view.page.locator("[data-part=state]")).to_have_text("Paused")
    top = view.seen[0]
    expect(view.page.locator("[data-part=new]")).to_contain_text("new lines")
    assert view.seen[0] == top
    view.page.locator("[data-part=new]").click()
    expect(view.page.locator("[data-part=state]")).to_have_text("Live")
    expect(view.page.locator("[data-part=new]")).to_be_hidden()
    assert view.settled()[-1] > top


def test_a_server_that_was_killed_is_waited_for_and_nothing_is_missed(web, tab, start):
    view = Viewer(tab(web), start(200, 0.05))
    view.until("() => document.querySelectorAll('.row').length > 10")
    web.end(9)
    expect(view.page.locator("[data-part=state]")).to_have_text("Reconnecting…")
    web.start()
    expect(view.page.locator("[data-part=state]")).not_to_have_text("Reconnecting…", timeout=60_000)
    expect(view.page.locator("[data-part=state]")).to_have_text("Ended", timeout=60_000)
    view.until("() => [...document.querySelectorAll('.row .m')].some((e) => e.textContent === 'line 200')")
    assert numbers(view) == list(range(1, 201))


def test_a_filter_goes_on_counting_while_the_job_runs(web, tab, start):
    view = Viewer(tab(web), start(120), "?grep=line+1&stream=log")
    expect(view.page.locator("[data-part=note]")).to_have_text("32 lines pass the filter.", timeout=60_000)
    expect(view.page.locator(".row[id]")).to_have_count(32)


def test_the_page_hears_of_every_event_by_the_one_stream(web, tab, start):
    page = tab(web)
    page.add_init_script(
        "window.heard = []; document.addEventListener('jobrunner:event', (e) => heard.push(e.detail.kind))"
    )
    view = Viewer(page, start(30))
    view.until("() => heard.includes('end')")
    assert view.page.evaluate("heard.filter((kind) => kind === 'log').length") > 10
    streams = "performance.getEntriesByType('resource').filter((e) => e.name.includes('/events')).length"
    assert view.page.evaluate(streams) <= 1
