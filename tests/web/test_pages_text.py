"""Whatever text gets into a job, a page shows it as text: nothing of it becomes an element, an attribute or an address."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from jobrunner import JobRunner
from tests.web.markup import Browser, Page

ALL_BYTES = bytes(range(1, 256)).decode("latin-1")
MARK = "zz9"
TEXTS = (
    f"<img src=x onerror=alert(1)>{MARK}",
    f'"><script>alert(1)</script>{MARK}',
    f"' onmouseover='alert(1)' {MARK}",
    f"</title></textarea></pre></script><svg onload=alert(1)>{MARK}",
    f"javascript:alert(1)//{MARK}",
    f"{{{{ 7 * 7 }}}}{{% raw %}}{MARK}",
    f"\x1b]8;;http://evil.example\x07click\x1b]8;;\x07\x1b[31mred\x1b[0m\x1b[2J{MARK}",
    f"\u202egnp.exe\u2066\u200f\ufeff{MARK}",
    f"{ALL_BYTES}{MARK}",
    f"&lt;b&gt;&#60;i&#62;{MARK}",
)
# what a template may hold; none of these can be made of text
ELEMENTS = {
    "html", "head", "meta", "title", "link", "script", "body", "a", "header", "nav", "form", "input", "details", "summary",
    "div", "p", "button", "main", "h1", "h2", "span", "svg", "path", "circle", "rect", "defs", "pattern", "marker", "g", "text",
    "dl", "dt", "dd", "section", "ul", "ol", "li", "table", "caption", "thead", "tbody", "tr", "th", "td", "time", "code",
    "pre", "b", "i", "progress", "meter", "fieldset", "legend", "label", "select", "option", "textarea", "datalist", "figure",
    "figcaption", "canvas", "output", "kbd",
}  # fmt: skip
pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def browser(client: TestClient) -> Browser:
    return Browser(client)


def storable(text: str) -> str:
    """What a name takes of a text: no control characters."""
    return "".join(one for one in text if one.isprintable() or one in "\u202e\u2066\u200f\ufeff").strip()


def examined(page: Page) -> None:
    """Fails for anything that no template makes."""
    for node in page.root.walk():
        if node.name == "root":
            continue
        assert node.name in ELEMENTS, node.name
        for name, value in node.attrs.items():
            assert not name.startswith("on"), name
            assert name not in ("style", "srcdoc", "formaction"), name
            assert name != "src" or node.name == "script", node.name
            if name in ("href", "action", "data-row", "data-stream"):
                assert value.startswith(("/", "#", "?")) and not value.startswith("//"), value
        assert node.name != "script" or (not node.raw and node.attrs["src"].startswith("/static/"))
    for node in page.root.walk():
        if node.name in ("textarea", "option"):
            continue
        for text in (child for child in node.children if isinstance(child, str)):
            assert not [one for one in text if one not in "\t\n" and not _shows(one)], repr(text[:200])


def _shows(one: str) -> bool:
    return one.isprintable() or one in "\u00a0\u00ad"


def paths(job: int) -> list[str]:
    return [
        "/", "/jobs", f"/jobs/{job}", f"/jobs/{job}/cancel", f"/jobs/{job}/delete", f"/types/t.echo?from={job}", "/workers", "/audit",
        f"/jobs/{job}/log", f"/jobs/{job}?all=params&all=history&all=attempts",
    ]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_text_of_a_job_is_text_on_every_page(browser: Browser, runner: JobRunner, text: str) -> None:
    name = storable(text)[:120]
    job = runner.start(
        "t.echo", {"value": {text: [text]}}, title=name, tags={"t": name}, queue=name[:40], lock_key=name, created_by=name,
    ).job_id  # fmt: skip
    runner.hold(job, reason=text)
    for path in paths(job):
        answer = browser.client.get(path, headers=browser.headers)
        if answer.status_code != 409:
            assert answer.status_code == 200, path
        examined(Page(answer))
    page = browser.get(f"/jobs/{job}?all=params")
    shown = page.main.one("details", id="params").one("pre").raw
    assert json.loads(shown) == {"value": {text: [text]}}
    assert MARK in page.main.one("section", id="history").text


@pytest.mark.parametrize("text", TEXTS)
def test_text_of_an_address_is_text_on_the_page(browser: Browser, text: str) -> None:
    for path in ("/jobs", "/audit", "/", "/machine", "/find", "/types/t.add", "/login"):
        params: dict[str, Any] = dict.fromkeys(("search", "queue", "type", "tag", "status", "actor", "window", "q", "told", "next", "job", "limit"), text)  # fmt: skip
        for some in (
            params,
            {"search": text},
            {"queue": text, "tag": f"a={text}"},
            {"actor": text},
            {"told": text},
            {"next": text},
        ):
            answer = browser.client.get(path, params=some, headers=browser.headers)
            assert answer.status_code in (200, 303, 404, 422), (
                path,
                some,
                answer.status_code,
                answer.text[:500],
            )
            if answer.status_code != 303:
                examined(Page(answer))
    answer = browser.client.get(f"/types/{storable(text).replace('/', '')[:50]}", headers=browser.headers)
    examined(Page(answer))


def test_errors_lines_and_results_of_a_handler_are_text_too(browser: Browser, runner: JobRunner) -> None:
    text = TEXTS[1] + TEXTS[6] + TEXTS[7]
    failed = runner.start("t.fail", {"message": text}).job_id
    echoed = runner.start("t.echo", {"value": text}).job_id
    for job in (failed, echoed):
        runner.run(job)
        for path in paths(job):
            answer = browser.client.get(path, headers=browser.headers)
            assert answer.status_code in (200, 409), path
            examined(Page(answer))
    page = browser.get(f"/jobs/{echoed}")
    assert json.loads(page.main.one("details", id="result").one("pre").raw) == {"value": text}
    assert MARK in browser.get(f"/jobs/{failed}").main.one("section", id="error").text


def test_text_of_a_form_comes_back_as_it_was(browser: Browser) -> None:
    for text in TEXTS:
        page = browser.get("/types/t.fail")
        answer = browser.post(
            "/types/t.fail", page.sent(page.form("/types/t.fail"), ("do", "json"), **{"p/message": text})
        )
        examined(Page(answer))
        back = json.loads(Page(answer).main.one("textarea", name="json").raw)
        assert back == {"message": text}, repr(text)


def test_a_message_of_ours_cannot_be_put_into_an_address(browser: Browser) -> None:
    for text in ("delete.done.", "start.started."):
        assert browser.get(f"/jobs?told={text}").main.all("p", class_="notice")
    for text in (
        "cancel.refused.is_YourBankAccountIsLocked!",
        "send money",
        "cancel.refused.call 0900",
        "x.done.",
    ):
        assert not browser.get(f"/jobs?told={text}").main.all("p", class_="notice"), text
