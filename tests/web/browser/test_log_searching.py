"""Searching by regular expression, nested groups, and copies to one's taste, in a real browser."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.web.browser.conftest import NARROW, WIDE
from tests.web.browser.viewer import Viewer
from tests.web.lines import line, write_log

pytestmark = pytest.mark.databases("sqlite")
MARKED = """() => {
  const text = (range) => { const live = new Range(); live.setStart(range.startContainer, range.startOffset);
    live.setEnd(range.endContainer, range.endOffset); return `${live}`; };
  return [...CSS.highlights.get('log-hit')].map(text);
}"""


def event(name: str, label: str, **parts: Any) -> dict[str, Any]:
    """Returns the line with which a step or group begins or ends."""
    context = {
        "event": name,
        "label": label,
        "outcome": "ok" if "finished" in name else None,
        "seconds": 1.5,
    } | parts
    said = f"{label}: done after 1.5 s" if "finished" in name else label
    return line(said, stream="system", step_key="load", context=json.dumps(context))


@pytest.fixture
def long(runner):
    """A job of 3,000 lines; those from seq 1001 and 2501 on are red orders."""
    return write_log(
        runner,
        [
            line(f"\x1b[31morder\x1b[0m A-{n} 🍏 lost", level="error")
            if n in (1000, 2500)
            else line(f"line {n}")
            for n in range(1, 3001)
        ],
    )


@pytest.fixture
def grouped(runner, sql):
    """A succeeded job whose step, seqs 2 to 11, holds a group, 3 to 9, that holds another one, 5 to 7."""
    lines = [
        event("step_started", "Load"),
        event("group_started", "chunk 1", group="7.1", parent=None),
        line("in the chunk"),
        event("group_started", "file a", group="7.2", parent="7.1"),
        line("in the file"),
        event("group_finished", "file a", group="7.2", parent="7.1", outcome="error"),
        line("in the chunk again"),
        event("group_finished", "chunk 1", group="7.1", parent=None),
        line("in the step"),
        event("step_finished", "Load"),
        line("after it"),
    ]
    job_id = write_log(runner, lines)
    sql(f"UPDATE jobrunner_job SET status = 'succeeded', final_seq = last_seq WHERE id = {job_id}")
    return job_id


def test_an_expression_finds_marks_and_filters_lines_that_are_not_loaded(web, tab, long):
    view = Viewer(tab(web), long)
    view.until_seen(3001)
    view.page.get_by_label("Regular expression").first.check()
    view.page.fill("[data-part=needle]", "ORDER a-\\d+ .")
    hits = view.page.locator("[data-part=hits]")
    expect(hits).to_have_text("2 hits")
    view.page.keyboard.press("Enter")
    expect(hits).to_have_text("1 of 2 hits")
    view.until_seen(1001)
    view.until(f"() => ({MARKED})().length === 1")
    # from the red word into what is not red, and a letter that is two to a browser
    assert view.page.evaluate(MARKED) == ["order A-1000 🍏"]
    view.page.keyboard.press("Shift+Enter")
    expect(hits).to_have_text("2 of 2 hits")
    view.until_seen(2501)
    view.page.get_by_label("only", exact=True).check()
    expect(view.page.locator("[data-part=note]")).to_have_text("2 lines pass the filter.")
    expect(view.page).to_have_url(re.compile("regex=1"))
    assert view.elements == 2
    view.page.reload()
    expect(view.page.locator("[data-part=note]")).to_have_text("2 lines pass the filter.")


def test_what_is_no_expression_is_said_and_typing_goes_on(web, tab, long):
    view = Viewer(tab(web), long)
    view.page.get_by_label("Regular expression").first.check()
    view.page.fill("[data-part=needle]", "order (")
    expect(view.page.locator("[data-part=hits]")).to_have_text("No: missing ): order (")
    assert view.state == "Live"
    view.page.keyboard.press("Enter")
    view.page.fill("[data-part=needle]", "order (A|B)")
    expect(view.page.locator("[data-part=hits]")).to_have_text("2 hits")
    view.page.fill("[data-part=needle]", "")
    view.until(f"() => ({MARKED})().length === 0")


def test_groups_fold_within_steps_and_a_link_unfolds_all_that_hides_a_line(web, tab, grouped):
    view = Viewer(tab(web), grouped)
    chunk, file = (view.page.get_by_role("button", name=f"Group {name}") for name in ("chunk 1", "file a"))
    expect(view.page.locator("#L3 .sum")).to_have_text("done · 1.5 s · 5 lines")
    expect(view.page.locator("#L5 .sum")).to_have_text("failed · 1.5 s · 1 line")
    expect(view.page.locator("#L2 .sum")).to_have_text("done · 1.5 s · 8 lines")
    file.click()
    expect(file).to_have_attribute("aria-expanded", "false")
    expect(view.page.locator("#L6, #L7")).to_have_count(0)
    expect(view.page.locator("#L8")).to_be_visible()
    chunk.click()
    expect(view.page.locator(".row[id]")).to_have_count(6)
    expect(view.page.locator("#L10")).to_be_visible()
    view.page.get_by_role("button", name="Step Load").click()
    expect(view.page.locator(".row[id]")).to_have_count(3)
    view.page.evaluate("location.hash = '#L6'")
    expect(view.page.locator(".row[id]")).to_have_count(12)


def test_a_copy_holds_what_was_ticked_and_the_choice_is_kept(web, tab, long):
    view = Viewer(tab(web, permissions=["clipboard-read", "clipboard-write"]), long, "#L1001-L1002")

    def copied() -> str:
        view.page.get_by_text("View", exact=True).click()
        view.page.get_by_role("button", name="Copy marked lines").click()
        expect(view.page.locator("[data-part=note]")).to_have_text("2 lines copied.")
        view.page.get_by_text("View", exact=True).click()
        return str(view.page.evaluate("navigator.clipboard.readText()"))

    view.until_seen(1001)
    assert (
        copied()
        == "2026-01-01T00:16:41.000000Z error order A-1000 🍏 lost\n2026-01-01T00:16:42.000000Z line 1001\n"
    )
    view.page.get_by_text("View", exact=True).click()
    for name in ("time", "level"):
        view.page.locator("[data-part=copying]").get_by_label(name).uncheck()
    view.page.locator("[data-part=copying]").get_by_label("ANSI codes").check()
    view.page.reload()
    view.until_seen(1001)
    assert copied() == "\x1b[31morder\x1b[0m A-1000 🍏 lost\nline 1001\n"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_what_is_new_fits_and_is_without_fault_in_both_themes(web, tab, grouped, scheme, size):
    view = Viewer(tab(web, viewport=size, color_scheme=scheme), grouped)
    view.page.get_by_label("Regular expression").first.check()
    view.page.fill("[data-part=needle]", "in the (chunk|file)")
    expect(view.page.locator("[data-part=hits]")).to_have_text("3 hits")
    view.until(f"() => ({MARKED})().length === 3")
    view.page.get_by_text("View", exact=True).click()

    def sound() -> None:
        assert view.page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        found = Axe().run(view.page).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []

    sound()
    view.page.goto(f"/jobs/{grouped}/log?grep=in+the+(chunk%7Cfile)&regex=1")
    assert view.page.locator(".row").count() == 3
    view.page.goto(f"/jobs/{grouped}/log")
    view.page.locator("#L5").click(position={"x": 200, "y": 8})
    expect(view.page.locator("#L6")).to_be_hidden()
    sound()


def test_filters_are_set_and_taken_back_in_any_order_and_go_with_what_is_searched(web, tab, long):
    view = Viewer(tab(web), long)
    note, level = view.page.locator("[data-part=note]"), view.page.locator("[name=level]")
    view.page.locator("[data-part=filter-title]").click()
    for chosen in ("error", "info", ""):
        level.select_option(chosen)
        if chosen:
            expect(note).to_contain_text("the filter")
        assert view.page.locator("[data-log] :disabled").count() == 0
    view.page.locator("[name=grep]").fill("line 77")
    view.page.keyboard.press("Enter")
    expect(note).to_have_text("11 lines pass the filter.")
    level.select_option("warning")
    expect(note).to_have_text("0 lines pass the filter.")
    view.page.get_by_role("button", name="Clear").click()
    expect(note).to_have_text("")
    expect(view.page).not_to_have_url(re.compile(r"\?"))
    level.select_option("info")
    view.page.fill("[data-part=needle]", "lost")
    view.page.get_by_label("only", exact=True).check()
    expect(note).to_have_text("2 lines pass the filter.")
    expect(view.page).to_have_url(re.compile("level=info.*grep=lost|grep=lost.*level=info"))
