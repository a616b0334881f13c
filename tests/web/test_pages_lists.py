"""The overview and the list of jobs: found by filters, walked page by page, and several jobs at once by forms."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from jobrunner import JobRunner, clock
from jobrunner.web import words
from tests.web.markup import Browser, Page


@pytest.fixture
def browser(client: TestClient) -> Browser:
    return Browser(client)


def ids(page: Page) -> list[int]:
    """The jobs that a list shows, in its order."""
    return [int(node.text) for node in page.main.all("td", class_="c-id")]


def start(runner: JobRunner, count: int, **options: Any) -> list[int]:
    made = runner.start_many([{"type": "t.noop", **options} for _ in range(count)])
    return [one.job_id for one in made]


def test_an_empty_store_says_what_would_fill_it(browser: Browser) -> None:
    commands = {"/": "jobrunner demo", "/jobs": "jobrunner start", "/workers": "jobrunner work"}
    for path, command in commands.items():
        assert command in browser.get(path).main.one("div", class_="empty").text


def test_the_overview_counts_every_status_and_names_what_waits_longest(
    browser: Browser, runner: JobRunner
) -> None:
    first, *_ = start(runner, 3)
    start(runner, 2, hold=True)
    tiles = {tile.text for tile in browser.get("/").main.one("ul", class_="tiles").all("li")}
    assert {"3queued", "2held", "0failed"} <= {text.replace(" ", "") for text in tiles}
    assert f"job {first}" in browser.get("/").main.text
    for window in ("1h", "24h", "7d"):
        assert browser.get(f"/?window={window}").main.all("figure", class_="chart")


def test_the_overview_shows_failures_what_ended_and_who_waits_for_a_person(
    browser: Browser, runner: JobRunner, sql: Any
) -> None:
    job = runner.start("t.fail", title="An unlucky one").job_id
    runner.run(job)
    page = browser.get("/")
    assert f"/jobs/{job}" in page.links
    table = page.main.one("details", class_="numbers").one("table")
    numbers = [cell.text for cell in table.all("td", class_="num")]
    assert numbers[:3] == ["0", "1", "0"] and numbers[3] == numbers[4] != "–"
    drawn = page.main.one("figure", **{"aria-labelledby": "f-throughput"})
    assert [title.text[-8:] for title in drawn.all("title")] == ["1 failed"]
    assert [path.attrs["class"] for path in drawn.all("path")] == ["rule", "k-failed"]
    for count, told in ((1, "1 error line"), (2, "2 error lines")):
        sql(f"UPDATE jobrunner_job SET error_count = {count}")
        assert browser.get("/").main.all("ul", class_="brief")[0].text.endswith(told)


@pytest.mark.databases("sqlite")
def test_a_moment_is_told_in_the_unit_that_is_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    now = "2026-11-22T12:00:00.000000Z"
    monkeypatch.setattr(clock, "now", lambda: now)
    for seconds, told in (
        (0.4, "now"), (7199.9, "in 2 h"), (7200 - 1801, "in 1 h"), (3569, "in 59 min"), (3571, "in 1 h"), (59.6, "in 1 min"),
        (59.4, "in 59 s"), (89, "in 1 min"), (91, "in 2 min"), (84599, "in 23 h"), (84601, "in 1 d"), (-91, "2 min ago"),
    ):  # fmt: skip
        assert words.ago(clock.shift(now, seconds)) == told


def test_pages_are_walked_forth_and_back_without_missing_a_job(browser: Browser, runner: JobRunner) -> None:
    made = start(runner, 25)[::-1]
    page, seen, back = browser.get("/jobs?limit=10"), [], []
    while True:
        seen.append(ids(page))
        onward = page.main.all("a", rel="next")
        if not onward:
            break
        page = browser.get(onward[0].attrs["href"])
    assert [one for part in seen for one in part] == made
    while page.main.all("a", rel="prev"):
        page = browser.get(page.main.one("a", rel="prev").attrs["href"])
        back.append(ids(page))
    assert [one for part in back[::-1] for one in part][:10] == made[:10]
    assert back == [made[5:15], made[:5]] or back[-1][0] == made[0]


def test_filters_stand_in_the_address_and_each_narrows_the_list(browser: Browser, runner: JobRunner) -> None:
    plain = start(runner, 2)
    held = start(
        runner, 1, hold=True, queue="slow", title="Nightly load", tags={"shop": "7"}, created_by="ann"
    )
    for query in (
        "status=held",
        "queue=slow",
        "tag=shop%3D7",
        "created_by=ann",
        "search=nightly",
        "status=held,parked",
    ):
        assert ids(browser.get(f"/jobs?{query}")) == held, query
    assert ids(browser.get("/jobs?status=held&status=queued")) == [*held, *plain[::-1]]
    assert ids(browser.get("/jobs?since=1h&type=t.noop")) == [*held, *plain[::-1]]
    assert ids(browser.get("/jobs?until=1h")) == []
    page = browser.get("/jobs?queue=slow&search=x")
    assert page.form("/jobs", "get").one("input", name="queue").attrs["value"] == "slow"
    assert page.main.one("div", class_="empty").text.endswith("jobrunner list --queue slow --search x")
    assert "slow" in [
        option.attrs["value"] for option in page.main.one("datalist", id="queues").all("option")
    ]


@pytest.mark.parametrize(
    "query", ["status=nonsense", "since=yesterdayish", "tag=x", "limit=0", "limit=x", "next=x"]
)
def test_a_filter_that_means_nothing_is_refused_in_words(browser: Browser, query: str) -> None:
    assert browser.get(f"/jobs?{query}", 422).main.one("p", role="alert").text


def test_a_job_is_found_by_id_uuid_or_words(browser: Browser, runner: JobRunner) -> None:
    made = runner.start("t.noop", title="The one")
    for asked in (str(made.job_id), f"%23{made.job_id}", made.uuid, made.uuid[:18]):
        answer = browser.client.get(f"/find?q={asked}")
        assert answer.headers["location"] == f"/jobs/{made.job_id}"
    assert browser.client.get("/find?q=one").headers["location"] == "/jobs?search=one"


def test_a_verb_on_ticked_jobs_states_their_number_and_then_what_became_of_each(
    browser: Browser, runner: JobRunner
) -> None:
    first, second, third = start(runner, 3)
    page = browser.get("/jobs")
    ask = browser.send(
        page, "/jobs/bulk", ("which", "ticked"), status=200, verb="cancel", ids=[str(first), str(second)]
    )
    assert "Cancel 2 jobs?" in ask.main.text
    assert runner.stats()["jobs"] == {"queued": 3}
    done = browser.send(ask, "/jobs/bulk", status=200, reason="a mistake")
    assert [row.all("td")[1].text for row in done.main.one("tbody").all("tr")] == ["done", "done"]
    assert runner.stats()["jobs"] == {"queued": 1, "cancelled": 2}
    assert runner.history(first).transitions[-1].reason == "a mistake"
    assert runner.history(first).transitions[-1].actor == "operator:test-admin"
    assert runner.status(third).job.status == "queued"  # type: ignore[union-attr]


def test_a_verb_on_all_that_pass_the_filter_is_refused_when_there_are_more_by_then(
    browser: Browser, runner: JobRunner
) -> None:
    start(runner, 2, queue="slow")
    start(runner, 1)
    ask = browser.send(
        browser.get("/jobs?queue=slow"), "/jobs/bulk", ("which", "all"), status=200, verb="hold"
    )
    assert "Hold 2 jobs?" in ask.main.text
    assert "slow" in ask.main.one("dl").text
    start(runner, 1, queue="slow")
    again = browser.send(ask, "/jobs/bulk", status=409)
    assert "Hold 3 jobs?" in again.main.text
    assert runner.stats()["jobs"] == {"queued": 4}
    browser.send(again, "/jobs/bulk", status=200)
    assert runner.stats()["jobs"] == {"queued": 1, "held": 3}


def test_deleting_many_wants_their_number_typed(browser: Browser, runner: JobRunner) -> None:
    made = start(runner, 2, hold=True)
    ask = browser.send(
        browser.get("/jobs"),
        "/jobs/bulk",
        ("which", "ticked"),
        status=200,
        verb="delete",
        ids=[str(one) for one in made],
    )
    refused = browser.send(ask, "/jobs/bulk", status=409, typed="3")
    assert runner.stats()["jobs"] == {"held": 2}
    browser.send(refused, "/jobs/bulk", status=200, typed="2")
    assert runner.stats()["jobs"] == {}


def test_whoever_may_only_read_sees_no_form_that_changes_anything(
    app: Any, tokens: dict[str, str], visitor: Any, runner: JobRunner
) -> None:
    job = start(runner, 1)[0]
    reader = Browser(visitor(app, tokens["read"]))
    for path in ("/", "/jobs", f"/jobs/{job}", "/types", "/types/t.add", "/workers", "/machine", "/audit"):
        page = reader.get(path)
        assert page.main.all("form", method="post") == [], path
    assert reader.post(f"/jobs/{job}/cancel", [("confirm", "yes")]).status_code == 403
    assert reader.post("/types/t.noop", []).status_code == 403
