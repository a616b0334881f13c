"""A log of a million lines in a real browser: few elements, every line in reach, all of it searched."""

from __future__ import annotations

import re
import sqlite3

import pytest
from playwright.sync_api import expect

from tests.web.browser.viewer import Viewer

LINES = 1_000_000
MOST_ELEMENTS = 300
MOST_HEAP = 150 * 1024**2
FILL = f"""
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {LINES})
INSERT INTO jobrunner_job_log (job_id, seq, attempt, at, level, stream, step_key, logger, message, context)
SELECT :job, 1 + i, 1, strftime('%Y-%m-%d %H:%M:%S', 1767225600 + i / 100, 'unixepoch') || '.000000',
  CASE WHEN i % 100000 = 0 THEN 'error' WHEN i % 20000 = 0 THEN 'warning' ELSE 'info' END,
  CASE WHEN i % 5 = 0 THEN 'stdout' ELSE 'log' END, 'part ' || (i / 250000), NULL,
  'line ' || i || CASE WHEN i % 50000 = 0 THEN ' Needle' WHEN i % 17 = 0 THEN hex(zeroblob(300)) ELSE '' END, NULL FROM n
"""


@pytest.fixture
def million(runner, store):
    """A job with a million lines, written at once: seq n + 1 is line n."""
    job_id = runner.start("t.noop").job_id
    with sqlite3.connect(store.directory / "jobs.db") as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(FILL, {"job": job_id})
        connection.execute(
            "UPDATE jobrunner_job SET last_seq = ?, error_count = 10, warning_count = 40 WHERE id = ?",
            (LINES + 1, job_id),
        )
    connection.close()
    return job_id


@pytest.mark.databases("sqlite")
def test_every_line_is_in_reach_with_few_elements_and_bounded_memory(web, tab, million):
    view = Viewer(tab(web), million)
    view.until_seen(LINES + 1)
    heap = "performance.memory.usedJSHeapSize"
    at_first = view.page.evaluate(heap)
    for share in (0.1, 0.35, 0.5, 0.77, 0.999, 0.2, 0.9):
        view.scroll_to(share)
        near = int(share * LINES)
        view.page.wait_for_function(
            "([low, high]) => [...document.querySelectorAll('.row[id]')].some((row) => +row.id.slice(1) > low && +row.id.slice(1) < high)",
            arg=[near - 1000, near + 1000],
        )
        assert view.elements <= MOST_ELEMENTS
    for seq in (1, 2, 500_000, 999_999, 250_001, LINES + 1):
        view.page.evaluate("(seq) => { location.hash = `#L${seq}` }", seq)
        view.until_seen(seq)
        assert view.page.inner_text(f"#L{seq} .n") == str(seq)
        assert view.elements <= MOST_ELEMENTS
    view.focus()
    for key, seq in (("Home", 1), ("End", LINES + 1), ("Home", 1)):
        view.page.keyboard.press(key)
        view.until_seen(seq)
    last = 0
    for _ in range(10):
        view.page.keyboard.press("PageDown")
        seen = view.settled()
        assert seen == list(range(seen[0], seen[-1] + 1)) and seen[0] > last
        last = seen[0]
        assert view.elements <= MOST_ELEMENTS
    assert view.page.evaluate(heap) - at_first < MOST_HEAP


@pytest.mark.databases("sqlite")
def test_the_whole_of_it_is_searched_filtered_and_has_its_errors_found(web, tab, million):
    view = Viewer(tab(web), million)
    view.page.keyboard.press("/")
    view.page.keyboard.type("needle")
    view.until("() => document.querySelector('[data-part=hits]').textContent === '20 hits'")
    view.page.keyboard.press("Enter")
    view.until("() => document.querySelector('[data-part=hits]').textContent === '20 of 20 hits'")
    view.page.keyboard.press("Enter")
    view.until("() => document.querySelector('[data-part=hits]').textContent === '1 of 20 hits'")
    view.until_seen(50_001)
    view.page.keyboard.press("Shift+Enter")
    view.until("() => document.querySelector('[data-part=hits]').textContent === '20 of 20 hits'")
    view.until_seen(1_000_001)
    view.page.keyboard.press("Escape")
    view.page.keyboard.press("e")
    view.until_seen(100_001)
    view.page.keyboard.press("E")
    view.until_seen(1_000_001)
    view.page.click("[data-part=filter-title]")
    view.until("() => document.querySelector('[name=level]').textContent.includes('warning and above (50)')")
    assert "stdout (200,000)" in view.page.inner_text("[name=stream]")
    view.page.select_option("[name=level]", "warning")
    view.until("() => document.querySelector('[data-part=note]').textContent === '50 lines pass the filter.'")
    expect(view.page).to_have_url(re.compile("level=warning"))
    assert view.elements == 50
    assert "part 3 (12)" in view.page.inner_text("[name=step]")
    view.page.select_option("[name=step]", "part 3")
    view.until("() => document.querySelector('[data-part=note]').textContent === '12 lines pass the filter.'")
    view.page.reload()
    view.until("() => document.querySelector('[data-part=note]').textContent === '12 lines pass the filter.'")
    assert view.seen[0] == 760_001 or view.elements == 12
