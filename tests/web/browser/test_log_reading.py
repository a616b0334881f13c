"""Reading a log in a real browser: links to lines, steps, keys, copying, hostile text, no script, a narrow screen."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.web.ansi_corpus import HOSTILE
from tests.web.browser.conftest import NARROW, WIDE
from tests.web.browser.viewer import Viewer
from tests.web.lines import line, write_log

pytestmark = pytest.mark.databases("sqlite")


def step(event: str, key: str, outcome: str | None = None) -> dict[str, Any]:
    context = {
        "event": event,
        "label": key.title(),
        "index": 1,
        "total": 2,
        "outcome": outcome,
        "seconds": 2.5,
    }
    return line(f"{key}: {event}", stream="system", step_key=key, context=json.dumps(context))


@pytest.fixture
def plain(runner):
    """A job of 2,000 lines, seqs 2 to 2001."""
    return write_log(runner, [line(f"line {n}") for n in range(1, 2001)])


@pytest.fixture
def stepped(runner, sql):
    """A failed job with a step that went well, seqs 2 to 33, and one that failed, from seq 34 on."""
    well = [
        step("step_started", "load"),
        *[line(f"loading {n}") for n in range(30)],
        step("step_finished", "load", "ok"),
    ]
    badly = [
        step("step_started", "save"),
        line("saving"),
        line("no room", level="error"),
        step("step_finished", "save", "error"),
    ]
    job_id = write_log(runner, well + badly)
    sql(f"UPDATE jobrunner_job SET status = 'failed', final_seq = last_seq WHERE id = {job_id}")
    return job_id


def in_window(seq: int) -> str:
    """Returns an expression that is true when a row stands within the window, not only within the log's pane."""
    return f"""() => {{
      const at = document.getElementById("L{seq}")?.getBoundingClientRect();
      return at && at.top >= 0 && at.bottom <= innerHeight;
    }}"""


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_a_link_into_a_step_that_went_well_unfolds_it_and_brings_the_page_there(web, tab, stepped, size):
    view = Viewer(tab(web, viewport=size), stepped, "#L10-L12")
    view.until(in_window(10))
    expect(view.page.locator(".row.marked")).to_have_count(3)
    view.page.evaluate("scrollTo(0, 0)")
    view.page.keyboard.press("e")
    view.until(in_window(36))


def test_a_failed_job_is_opened_at_its_head_with_its_log_at_the_first_error(web, tab, stepped):
    view = Viewer(tab(web), stepped)
    view.until_seen(36)
    assert view.page.evaluate("scrollY") == 0


def test_a_link_to_lines_shows_and_marks_them_and_stops_following(web, tab, plain):
    view = Viewer(tab(web), plain, "#L120-L140")
    view.until_seen(120)
    expect(view.page.locator(".row.marked")).to_have_count(21)
    expect(view.page.locator("[data-part=state]")).to_have_text("Paused")
    view.page.click("#L125 .n")
    expect(view.page).to_have_url(re.compile("#L125$"))
    view.page.click("#L130 .n", modifiers=["Shift"])
    expect(view.page).to_have_url(re.compile("#L125-L130$"))
    expect(view.page.locator(".row.marked")).to_have_count(6)


def test_a_failed_job_opens_at_its_error_with_what_went_well_folded(web, tab, stepped):
    view = Viewer(tab(web), stepped)
    load = view.page.get_by_role("button", name="Step Load")
    expect(load).to_have_attribute("aria-expanded", "false")
    expect(view.page.get_by_role("button", name="Step Save")).to_have_attribute("aria-expanded", "true")
    expect(view.page.locator("#L2 .sum")).to_have_text("done · 2.5 s · 30 lines")
    expect(view.page.locator("#L34 .sum")).to_have_text("failed · 2.5 s · 2 lines")
    expect(view.page.locator("#L5")).to_have_count(0)
    view.until_seen(36)
    load.click()
    expect(view.page.locator("#L5")).to_have_count(1)
    view.page.get_by_role("button", name="Step Load").press("Enter")
    expect(view.page.locator("#L5")).to_have_count(0)
    view.page.evaluate("location.hash = '#L10'")
    view.until_seen(10)


def test_a_selection_over_many_rows_copies_all_lines_between(web, tab, plain):
    view = Viewer(tab(web, permissions=["clipboard-read", "clipboard-write"]), plain, "#L100")
    view.until_seen(100)
    view.page.locator("#L100 .m").click(position={"x": 2, "y": 5})
    view.page.evaluate("location.hash = '#L1500'")
    view.until_seen(1500)
    assert view.elements <= 300
    view.page.locator("#L1500 .m").click(modifiers=["Shift"], position={"x": 2, "y": 5})
    view.page.keyboard.press("Control+c")
    expect(view.page.locator("[data-part=note]")).to_have_text("1,401 lines copied.")
    copied = view.page.evaluate("navigator.clipboard.readText()").splitlines()
    assert [row.rpartition("line ")[2] for row in copied] == [str(n) for n in range(99, 1500)]


def test_the_time_column_and_long_pauses(web, tab, runner):
    job_id = write_log(runner, [line("one"), line("two"), line("late", at="2026-01-01 00:01:00.000000")])
    view = Viewer(tab(web, timezone_id="Asia/Tokyo"), job_id)
    expect(view.page.locator("#L4 .gap")).to_have_text("57.0 s without a line")
    expect(view.page.locator("#L3 .gap")).to_have_count(0)
    for mode, shown in (("local", "09:00:03.000"), ("utc", "00:00:03.000Z"), ("delta", "+1.0 s")):
        view.page.eval_on_selector(
            "[data-part=time]", "(e, mode) => { e.value = mode; e.dispatchEvent(new Event('change')) }", mode
        )
        expect(view.page.locator("#L3 .t")).to_have_text(shown)
    view.page.eval_on_selector(
        "[data-part=time]", "(e) => { e.value = 'off'; e.dispatchEvent(new Event('change')) }"
    )
    expect(view.page.locator("#L3 .t")).to_be_hidden()


def test_hostile_lines_become_text_and_classes_and_nothing_else(web, tab, runner):
    stored = [text.replace("\0", "\\x00") for text in HOSTILE if "\ud800" not in text]
    job_id = write_log(runner, [line(text) for text in stored])
    view = Viewer(tab(web), job_id, "#L2")
    view.until(f"() => document.querySelectorAll('.row[id]').length === {len(stored) + 1}")
    names = view.page.evaluate(
        "[...new Set([...document.querySelectorAll('.log-rows *')].map((e) => e.tagName))]"
    )
    assert set(names) <= {"DIV", "A", "TIME", "SPAN"}
    attributes = (
        "[...new Set([...document.querySelectorAll('.log-rows *')].flatMap((e) => e.getAttributeNames()))]"
    )
    assert set(view.page.evaluate(attributes)) <= {"class", "id", "href", "datetime", "title", "tabindex"}
    assert view.page.locator(".log-rows [tabindex]:not(a.n[tabindex='-1'])").count() == 0
    assert "<script>alert(1)</script>" in view.page.inner_text(".log-rows")
    assert "\u202e" not in view.page.inner_text(".log-rows")


def test_keys_search_follow_wrap_and_leave_the_browser_its_own(web, tab, plain):
    view = Viewer(tab(web), plain)
    view.until_seen(2001)
    view.page.keyboard.press("Control+f")
    expect(view.page.locator("[data-part=needle]")).to_be_focused()
    view.page.evaluate(
        "document.addEventListener('keydown', (e) => { window.kept = e.defaultPrevented }, {once: true})"
    )
    view.page.keyboard.press("Control+f")
    assert view.page.evaluate("window.kept") is False
    view.page.keyboard.type("few")
    expect(view.page.locator("[data-part=hits]")).to_have_text("0 hits")
    assert view.state == "Live"
    view.page.keyboard.press("Escape")
    view.page.keyboard.press("f")
    expect(view.page.locator("[data-part=state]")).to_have_text("Paused")
    view.page.keyboard.press("w")
    expect(view.page.locator(".log-scroll.nowrap")).to_have_count(1)


def test_wrapped_lines_of_any_height_stay_where_they_are(web, tab, runner):
    job_id = write_log(runner, [line(f"line {n} " + "word " * (n % 97) * 3) for n in range(1, 3001)])
    view = Viewer(tab(web, viewport=NARROW), job_id, "#L1500")
    view.until_seen(1500)
    view.focus()
    met = set(view.settled())
    for _ in range(60):
        view.page.keyboard.press("PageDown")
        seen = view.settled()
        assert seen == list(range(seen[0], seen[-1] + 1))
        met |= set(seen)
    assert sorted(met) == list(range(min(met), max(met) + 1))
    view.page.keyboard.press("End")
    view.until_seen(3001)
    for _ in range(30):
        view.page.mouse.wheel(0, -100)
    view.page.keyboard.press("Home")
    view.until_seen(1)
    assert view.page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def test_without_a_script_the_newest_lines_and_a_way_to_all_are_there(web, tab, plain):
    page = tab(web, java_script_enabled=False)
    page.goto(f"/jobs/{plain}")
    expect(page.locator("#L2001")).to_be_visible()
    page.get_by_role("link", name="All lines, page by page").click()
    expect(page.locator("#L2")).to_be_visible()
    page.get_by_role("link", name="Later lines").first.click()
    expect(page.locator("#L201")).to_be_visible()
