"""Workers, the machine, the audit, tastes, prefixes, and what holds for every page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import jobrunner.web
from jobrunner import JobRunner
from jobrunner.states import EDGES, Status
from jobrunner.web import create_app
from jobrunner.web.templating import PART
from tests.conftest import poll
from tests.web.markup import Browser, Page

STATIC = Path(jobrunner.web.__file__).parent / "static"
TEMPLATES = Path(jobrunner.web.__file__).parent / "templates"


@pytest.fixture
def browser(client: TestClient) -> Browser:
    return Browser(client)


def test_the_machine_is_drawn_from_its_table(browser: Browser) -> None:
    page = browser.get("/machine")
    assert len(page.main.all("g", class_="node")) == len(Status)
    arrows = {(edge.from_status, edge.to_status) for edge in EDGES}
    assert len(page.main.all("g", class_="edge")) == len(arrows)
    assert len(page.main.all("table")[1].one("tbody").all("tr")) == len(EDGES)
    chosen = browser.get("/machine?status=parked").main.all("table")[1].one("tbody").all("tr")
    assert len(chosen) == len([edge for edge in EDGES if Status.PARKED in (edge.from_status, edge.to_status)])


def test_a_worker_is_shown_with_what_it_has_in_hand(browser: Browser, runner: JobRunner) -> None:
    job = runner.start("t.sleep", {"seconds": 60}, launcher="detached").job_id
    poll(lambda: "sleeping" in str(runner.logs(job).lines), timeout=30)
    row = browser.get("/workers").main.one("tbody").one("tr")
    assert "live" in row.text
    assert f"/jobs/{job}" in [link.attrs["href"] for link in row.all("a")]
    assert str(runner.workers()[0]["pid"]) in row.text
    runner.kill(job)
    runner.wait(job, timeout=60)


def test_the_audit_lists_who_moved_what_and_finds_by_actor_trigger_and_job(
    browser: Browser, runner: JobRunner
) -> None:
    first, second = (runner.start("t.noop", created_by="ann").job_id for _ in range(2))
    runner.hold(first, reason="wait", actor="operator:bob")
    runner.cancel(second, actor="operator:eve")

    def rows(query: str) -> list[tuple[str, str]]:
        found = browser.get(f"/audit{query}").main.all("table", class_="moves")
        return [
            (row.all("a")[0].text, row.one("code").text)
            for table in found
            for row in table.one("tbody").all("tr")
        ]

    every = [(str(second), "cancel"), (str(first), "hold"), (str(second), "create"), (str(first), "create")]
    assert rows("") == every
    assert rows("?actor=operator") == every[:2]
    assert rows("?actor=operator:bob") == every[1:2]
    assert rows("?trigger=create") == every[2:]
    assert rows("?to=held") == every[1:2]
    assert rows(f"?job={first}") == [every[1], every[3]]
    assert rows("?actor=reaper") == []


def test_the_audit_walks_back_through_everything(browser: Browser, runner: JobRunner) -> None:
    runner.start_many([("t.noop",)] * 130)
    for query in ("", "?trigger=create"):
        page, seen = browser.get(f"/audit{query}"), []
        while True:
            seen += [row.all("a")[0].text for row in page.main.one("tbody").all("tr")]
            onward = page.main.all("a", rel="next")
            if not onward:
                break
            page = browser.get(onward[0].attrs["href"])
        assert sorted(map(int, seen)) == sorted({int(one) for one in seen})
        assert len(seen) == 130


def test_the_audit_says_whether_the_ledger_holds(browser: Browser, runner: JobRunner) -> None:
    job = runner.start("t.noop").job_id
    runner.hold(job)
    page = browser.send_get("/audit", verify="yes")
    assert "holds" in page.main.one("p", role="status").text
    assert browser.send_get("/audit", verify="yes", job=str(job)).main.one("p", class_="good")
    # who only brings an open page's rows up to date reads no ledger for it
    part = browser.client.get("/audit?verify=yes", headers={"Accept": "text/html", PART: "1"})
    assert part.status_code == 200 and "holds" in page.main.text and "holds" not in Page(part).main.text


@pytest.mark.databases("sqlite")
def test_theme_and_keyboard_are_kept_without_a_script(client: TestClient) -> None:
    browser = Browser(client)
    for theme in ("dark", "light", "system"):
        answer = browser.post("/taste", [("theme", theme), ("back", "/jobs?status=held")])
        assert answer.headers["location"] == "/jobs?status=held"
        assert browser.get("/jobs").root.one("html").attrs["data-theme"] == theme
    browser.post("/taste", [("keys", "off"), ("back", "/")])
    assert browser.get("/").root.one("html").attrs["data-keys"] == "off"
    for back in ("//evil.example", "https://evil.example", "\\\\evil.example"):
        place = browser.post("/taste", [("theme", "dark"), ("back", back)]).headers["location"]
        assert place.startswith("/") and not place.startswith(("//", "/\\"))


@pytest.mark.databases("sqlite")
def test_below_a_prefix_every_address_bears_it(runner: JobRunner, visitor: Any) -> None:
    job = runner.start("t.noop").job_id
    around = FastAPI()
    around.mount("/a/b", create_app(runner, auth=False))
    browser = Browser(visitor(around))
    for path in (
        "/",
        "/jobs",
        f"/jobs/{job}",
        f"/jobs/{job}/cancel",
        "/types",
        "/types/t.add",
        "/workers",
        "/machine",
        "/audit",
    ):
        page = browser.get(f"/a/b{path}")
        for node in page.root.walk():
            for name in ("href", "action", "src", "data-row", "data-stream", "data-base", "data-root"):
                value = node.attrs.get(name)
                assert value is None or value.startswith(("/a/b/", "#", "?")), (path, name, value)
    held = browser.send(browser.get(f"/a/b/jobs/{job}/hold"), f"/a/b/jobs/{job}/hold")
    assert "held" in held.main.text


@pytest.mark.databases("sqlite")
def test_every_page_is_labelled_and_has_one_heading_and_no_id_twice(
    browser: Browser, runner: JobRunner
) -> None:
    job = runner.start("t.noop", tags={"a": "b"}).job_id
    runner.start("t.noop", hold=True)
    for path in (
        "/",
        "/jobs",
        f"/jobs/{job}",
        f"/jobs/{job}/cancel",
        "/types",
        "/types/t.lines",
        "/workers",
        "/machine",
        "/audit",
    ):
        page = browser.get(path)
        assert len(page.root.all("h1")) == 1, path
        ids = [node.attrs["id"] for node in page.root.walk() if "id" in node.attrs]
        assert len(ids) == len(set(ids)), path
        labelled = {node.attrs.get("for") for node in page.root.all("label")}
        for node in page.root.walk():
            if node.name in ("input", "select", "textarea") and node.attrs.get("type") != "hidden":
                inside = any(parent.name == "label" for parent in _parents(node))
                assert inside or "aria-label" in node.attrs or node.attrs.get("id") in labelled, (
                    path,
                    node.attrs,
                )
        for table in page.root.all("table"):
            assert table.all("caption") and all("scope" in head.attrs for head in table.all("th")), path


def _parents(node: Any) -> Any:
    while node.parent is not None:
        node = node.parent
        yield node


@pytest.mark.databases("sqlite")
def test_pages_are_small_and_hold_no_code_of_their_own(browser: Browser, runner: JobRunner) -> None:
    job = runner.start("t.noop").job_id
    answer = browser.client.get(f"/jobs/{job}", headers=browser.headers)
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert not [node for node in Page(answer).root.walk() if "style" in node.attrs]
    assert (STATIC / "app.css").stat().st_size <= 24_000
    assert (STATIC / "app.js").stat().st_size <= 14_000
    for file in TEMPLATES.glob("*.html"):
        text = file.read_text()
        assert "style=" not in text and "|safe" not in text.replace(" ", "").replace("|safe|format(", ""), (
            file.name
        )


def test_a_page_that_is_kept_up_to_date_is_sent_without_its_log(browser: Browser, runner: JobRunner) -> None:
    job = runner.start("t.noop").job_id
    part = Browser(browser.client, **{"X-Jobrunner-Part": "1"}).get(f"/jobs/{job}")
    assert not part.main.all("section", id="log")
    assert browser.get(f"/jobs/{job}").main.all("section", id="log")
