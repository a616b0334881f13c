"""The log viewer as a person sees it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

_SEEN = """() => {
  const pane = document.querySelector('.log-scroll').getBoundingClientRect();
  const within = (row) => { const at = row.getBoundingClientRect(); return at.bottom > pane.top + 1 && at.top < pane.bottom - 1; };
  return [...document.querySelectorAll('.log-rows .row')].filter(within).map((row) => Number(row.id.slice(1)) || 0);
}"""


class Viewer:
    """One job page with its log."""

    def __init__(self, page: Page, job_id: int, rest: str = "") -> None:
        self.page = page
        page.goto(f"/jobs/{job_id}{rest}")
        page.wait_for_selector(".log.on .row[id]")

    @property
    def elements(self) -> int:
        """How many rows are elements, seen or not."""
        return int(self.page.evaluate("document.querySelectorAll('.row').length"))

    @property
    def seen(self) -> list[int]:
        """The seqs of the rows within the pane, from above; 0 for a row that is not loaded."""
        return [int(seq) for seq in self.page.evaluate(_SEEN)]

    @property
    def state(self) -> str:
        return self.page.inner_text("[data-part=state]")

    @property
    def note(self) -> str:
        return self.page.inner_text("[data-part=note]")

    @property
    def hits(self) -> str:
        return self.page.inner_text("[data-part=hits]")

    def focus(self) -> None:
        self.page.locator(".log-scroll").focus()

    def scroll_to(self, share: float) -> None:
        """Drags the scroll bar to a share of its way."""
        self.page.eval_on_selector(
            ".log-scroll",
            "(pane, share) => { pane.scrollTop = share * (pane.scrollHeight - pane.clientHeight) }",
            share,
        )

    def until(self, condition: str, argument: Any = None) -> None:
        """Waits until an expression of the page is true."""
        self.page.wait_for_function(condition, arg=argument)

    def settled(self) -> list[int]:
        """Waits until every row in the pane is loaded, and returns their seqs."""
        found = self.page.wait_for_function(
            f"() => {{ const seen = ({_SEEN})(); return !seen.includes(0) && seen }}"
        )
        return [int(seq) for seq in found.json_value()]

    def until_seen(self, seq: int) -> None:
        """Waits until a row is loaded and within the pane."""
        self.until(f"(seq) => ({_SEEN})().includes(seq)", seq)
