"""Pages without a mouse, and below a prefix."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect

from jobrunner.states import Status
from jobrunner.store.logs import Tail
from jobrunner.web import create_app
from tests.store import driving
from tests.web.browser.viewer import Viewer
from tests.web.lines import line, write_log
from tests.web.streams import hosted

pytestmark = pytest.mark.databases("sqlite")
FOCUS = """() => {
  const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
  return document.activeElement !== document.body && outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
}"""


def focused_row(page: Page) -> str:
    return str(page.evaluate("document.activeElement.closest('[data-row]')?.dataset.row ?? ''"))


def test_a_list_is_walked_ticked_and_opened_by_keys(web, tab, database):
    jobs = [driving.job_in(database, Status.QUEUED) for _ in range(4)][::-1]
    page = tab(web)
    page.goto("/jobs")
    press = page.keyboard.press
    for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1), ("k", 0), ("k", 0)):
        press(key)
        assert focused_row(page) == f"/jobs/{jobs[place]}"
        assert page.evaluate(FOCUS)
    press("x")
    press("j")
    press("x")
    expect(page.locator("[name=ids]:checked")).to_have_count(2)
    press("x")
    expect(page.locator("[name=ids]:checked")).to_have_count(1)
    press("Enter")
    expect(page).to_have_url(f"{web.base}/jobs/{jobs[1]}")
    page.wait_for_load_state()
    press("c")
    expect(page.locator("dialog [name=reason]")).to_be_focused()
    press("Escape")
    # a dialog that has closed keeps the focus until it is gone
    expect(page.locator("dialog")).to_have_count(0)
    press("r")
    expect(page).to_have_url(f"{web.base}/types/t.noop?from={jobs[1]}")


def test_every_place_is_reached_by_keys_and_what_has_the_focus_shows_it(web, tab):
    page = tab(web)
    page.goto("/")
    press = page.keyboard.press
    for key, path in (
        ("j", "/jobs"),
        ("t", "/types"),
        ("w", "/workers"),
        ("m", "/machine"),
        ("a", "/audit"),
        ("o", "/"),
    ):
        press("g")
        press(key)
        expect(page).to_have_url(web.base + path)
    press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("g?j")
    expect(page.get_by_role("searchbox")).to_have_value("g?j")
    page.goto("/jobs")
    press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    stops = 0
    while page.evaluate("document.activeElement !== document.body"):
        assert page.evaluate(FOCUS), page.evaluate("document.activeElement.outerHTML")
        press("Tab")
        stops += 1
    assert stops > 12
    page.goto("/jobs")
    press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    press("j")
    press("?")
    expect(page.locator("dialog[open]")).to_have_count(1)
    press("Enter")
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Keyboard shortcuts: on").click()
    page.locator("h1").click()
    press("?")
    press("j")
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert focused_row(page) == ""


def test_lines_of_a_log_are_walked_and_marked_by_keys(web, tab, runner):
    levels = {50: "error", 90: "error"}
    lines = [line(f"line {n}", level=levels.get(n, "info")) for n in range(1, 401)]
    view = Viewer(tab(web), write_log(runner, lines), "#L100")
    view.until_seen(100)
    marked = view.page.locator(".row.marked .n")
    press = view.page.keyboard.press
    for key, seq in (("j", 101), ("j", 102), ("k", 101), ("e", 51), ("e", 91), ("E", 51), ("j", 52)):
        press(key)
        expect(marked).to_have_text(str(seq))
        view.until_seen(seq)
        expect(view.page).to_have_url(re.compile(f"#L{seq}$"))
    view.focus()
    assert view.page.evaluate(FOCUS)
    # the lines do not stand between the log and what comes after it
    press("Tab")
    assert view.page.evaluate("!document.activeElement.closest('.log-rows')")
    press("t")
    press("w")
    expect(view.page.locator(".log-scroll.nowrap")).to_have_count(1)
    view.page.reload()
    view.until_seen(52)
    for key, path in (("j", "/jobs"), ("w", "/workers"), ("t", "/types")):
        press("g")
        press(key)
        expect(view.page).to_have_url(web.base + path)
        view.page.go_back()
        view.until_seen(52)


@dataclass
class Mounted:
    """The application within another one, as far as a tab needs to know it."""

    base: str
    tokens: dict[str, str]


def test_below_a_prefix_pages_act_follow_and_read_the_log(runner, tokens, database, tab):
    outer, inner = FastAPI(), create_app(runner)
    outer.mount("/ops/jobs", inner)
    outer.state.web = inner.state.web
    job = driving.create(database)
    tail = Tail(driving.claim(database, job))
    with hosted(outer) as port:
        base = f"http://127.0.0.1:{port}/ops/jobs"
        page = tab(Mounted(base, tokens), scope=None)
        page.goto(f"{base}/")
        page.fill("#token", tokens["admin"])
        page.click("main button")
        for name in ("Jobs", "Types", "Workers", "Machine", "Audit", "Overview"):
            page.get_by_role("link", name=name, exact=True).click()
            expect(page.get_by_role("link", name=name, exact=True)).to_have_attribute("aria-current", "page")
            expect(page).to_have_url(re.compile(re.escape(base) + "/"))
        page.keyboard.press("g")
        page.keyboard.press("j")
        page.get_by_role("link", name=str(job), exact=True).click()
        expect(page.locator("[data-part=state]")).to_have_text("Live")
        driving.append(database, tail, ["below a prefix"])
        expect(page.locator(".log-rows")).to_contain_text("below a prefix")
        page.get_by_role("link", name="Cancel…").click()
        page.locator("dialog").get_by_role("button").click()
        expect(page.locator(".notice").first).to_contain_text("A cancel was asked for.")
        expect(page).to_have_url(f"{base}/jobs/{job}")
        page.fill("[data-part=needle]", "prefix")
        expect(page.locator("[data-part=hits]")).to_have_text("1 hit")
        page.get_by_text("Download", exact=True).first.click()
        with page.expect_download() as text:
            page.get_by_role("link", name="All lines, .txt", exact=True).click()
        assert text.value.url.startswith(f"{base}/api/jobs/")
        page.locator(".menu > summary").click()
        page.get_by_role("button", name="Log out").click()
        expect(page).to_have_url(f"{base}/login")
