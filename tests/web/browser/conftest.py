"""Fixtures of the pages in a real browser: Chromium of the distribution, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

from tests.stores import Store, Stores
from tests.web.browser import scene
from tests.web.server import Server

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--enable-precise-memory-info",
)  # fmt: skip
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 360, "height": 740}
# what a page may say on its console while the server is away, which some tests bring about
AWAY = ("Failed to load resource", "net::ERR_")
# how long something awaited may take on a machine that does much else
expect.set_options(timeout=45_000)


@pytest.fixture(scope="module")
def browser(stores: Stores) -> Iterator[Browser]:
    """One headless browser for the tests of a file; where there is none, the summary says what is not covered.

    While it is there, Playwright's event loop runs in this thread; so it goes before the tests of other files come.
    """
    path = os.environ.get("JOBRUNNER_TEST_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        _missing(stores, f"none of {', '.join(NAMES)} is installed")
    try:
        playwright = sync_playwright().start()
    except Exception as error:  # that is the class which Playwright raises when its driver does not start
        _missing(stores, f"its driver does not start (libatomic1 is needed): {error}")
    made = playwright.chromium.launch(executable_path=path, args=list(QUIET))
    stores.covered("browser", f"chromium {made.version}")
    yield made
    made.close()
    playwright.stop()


def _missing(stores: Stores, reason: str) -> NoReturn:
    (stores.run / "missing-browser").write_text(reason)
    if os.environ.get("JOBRUNNER_TEST_REQUIRE") == "all":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def shop(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process of the test knows the job types of the scene."""
    monkeypatch.setenv("JOBRUNNER_HANDLERS", ",".join(scene.HANDLERS))


@pytest.fixture
def tab(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages of a server as somebody with a token: ``tab(server, scope="admin", **options of the context)``.

    A test ends with an error when a page had one, or was refused something by its own content security policy.
    """
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def said(message: Any) -> None:
        if message.type == "error" and not any(known in message.text for known in AWAY):
            wrong.append(message.text)

    def open_tab(server: Server, scope: str = "admin", **options: Any) -> Page:
        given = server.tokens.get(scope)
        headers = {"Authorization": f"Bearer {given}"} if given else {}
        usual = {"viewport": WIDE, "base_url": server.base, "extra_http_headers": headers}
        context = browser.new_context(**{**usual, **options})
        context.set_default_timeout(45_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", said)
        return page

    yield open_tab
    for context in contexts:
        try:
            context.close()
        except Error as error:
            wrong.append(str(error))
    assert wrong == []
