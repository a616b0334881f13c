"""Every page as it is seen: in both themes, wide and narrow, axe finds nothing and nothing is out of place."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from jobrunner.states import Status
from jobrunner.store import workers
from jobrunner.worker.desk import identity
from tests.store import driving
from tests.web.browser.conftest import NARROW, WIDE
from tests.web.browser.scene import night

pytestmark = [pytest.mark.databases("sqlite"), pytest.mark.usefixtures("shop")]
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES = {"runOnly": {"type": "tag", "values": LEVELS}, "resultTypes": ["violations"]}
# no colour depends on the width, and no place on the theme: axe, which is slow, looks at each of them once
LOOKS: tuple[tuple[Any, Any, bool], ...] = (
    (WIDE, "light", True), (WIDE, "dark", False), (NARROW, "light", False), (NARROW, "dark", True),
)  # fmt: skip
FOUND = """async (rules) => (await axe.run(document, rules)).violations.flatMap(
  ({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 120)} ${node.failureSummary}`))"""
WRONG = """() => {
  const wide = document.documentElement.scrollWidth - innerWidth;
  const place = (node) => { const range = new Range(); range.selectNodeContents(node); return range; };
  const within = (box, { paddingLeft, paddingRight }) => box.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
  const tight = [...document.querySelectorAll('main :is(.button, button:not(.unseen), .tiles a)')].filter((box) =>
    box.clientWidth && place(box).getBoundingClientRect().width > within(box, getComputedStyle(box)) + 1);
  const broken = [...document.querySelectorAll('.tag')].filter((tag) => place(tag.firstChild).getClientRects().length > 1);
  const loaded = performance.getEntriesByType('resource').map((one) => one.name);
  return [
    ...loaded.filter((name) => !name.startsWith(location.origin)), ...(wide > 0 ? [`${wide} px too wide`] : []),
    ...tight.map((box) => `no room for: ${box.textContent}`), ...broken.map((tag) => `broken: ${tag.textContent}`),
  ];
}"""


class Look:
    """Looks at pages; ``wrong`` is what was not right with them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.wrong: list[str] = []

    def go(self, path: str, status: int = 200) -> None:
        """Opens a page and looks at it."""
        answer = self.page.goto(path)
        assert answer is not None and answer.status == status, path
        self.here(path)

    def here(self, name: str) -> None:
        """Looks at what is there, at each width and in each theme."""
        self.page.evaluate(AXE_SCRIPT)
        for size, theme, thoroughly in LOOKS:
            self.page.set_viewport_size(size)
            self.page.emulate_media(color_scheme=theme)
            found = self.page.evaluate(WRONG) + (self.page.evaluate(FOUND, RULES) if thoroughly else [])
            self.wrong += [f"{name}, {size['width']} {theme}: {one}" for one in found]
        self.page.set_viewport_size(LOOKS[0][0])


def test_nothing_is_wrong_with_any_page(web, tokens, tab, runner, database):
    jobs, page = night(runner, database), tab(web, scope=None)
    pool = identity("pool", "none", ["zone=eu", "cost_center=warehouse-logistics-berlin"])
    workers.join(database, pool, 600)
    look = Look(page)
    look.go("/login")
    page.fill("#token", "wrong")
    page.click("main button")
    look.here("login, refused")
    page.fill("#token", tokens["admin"])
    page.click("main button")
    page.click(".menu summary")
    look.here("overview with its menu")
    for path in (
        "/", "/jobs", "/jobs?queue=nowhere", "/types", "/types/shop.import", "/workers", "/machine", "/machine?status=running",
        *(f"/jobs/{jobs[name]}" for name in ("live", "well", "badly", "held", "parked", "failed")),
        f"/jobs/{jobs['badly']}/log", f"/jobs/{jobs['live']}/kill", f"/jobs/{jobs['parked']}/resolve",
        f"/jobs/{jobs['well']}/delete", f"/workers/{pool.id}/drain", f"/audit?verify=yes&job={jobs['badly']}",
    ):  # fmt: skip
        look.go(path)
    look.go("/jobs?since=yesterday", 422)
    look.go("/nowhere", 404)
    look.go(f"/jobs/{jobs['well']}/cancel", 409)
    assert look.wrong == []


def test_nothing_is_wrong_with_what_opens_and_what_asks(web, tab, database):
    page = tab(web)
    look = Look(page)
    driving.job_in(database, Status.FAILED)
    page.goto("/types/t.form")
    page.click("[value='add p/items']")
    page.get_by_role("button", name="Start the job").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_text("Options").click()
    look.here("a form with faults")
    page.goto("/jobs?status=failed")
    page.locator("[name=verb]").select_option("delete")
    page.get_by_role("button", name="to all that pass the filter…").click()
    look.here("many are asked about")
    page.locator("[name=typed]").fill(page.locator("[name=expect]").get_attribute("value"))
    page.locator("main form button").click()
    look.here("what became of many")
    job = driving.job_in(database, Status.FAILED)
    page.goto(f"/jobs/{job}")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    look.here("help")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Delete…").click()
    expect(page.locator("dialog h1")).to_be_visible()
    look.here("a question in a dialog")
    page.keyboard.press("Escape")
    for summary in page.locator(".log-menu summary").all():
        summary.click()
        # one at a time is open
        look.here("a menu of the log")
    reader = Look(tab(web, scope="read"))
    reader.go(f"/jobs/{job}/cancel", 403)
    assert look.wrong + reader.wrong == []
