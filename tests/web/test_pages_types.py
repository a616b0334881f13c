"""Job types and the form that starts one, made of the schema of its parameters."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

import tests.handlers.forms  # noqa: F401 - registers its types in this process
from jobrunner import JobRunner
from jobrunner.web import create_app
from tests.web.markup import Browser, Page

FORM = "/types/t.form"
START = ("do", "start")
pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def browser(client: TestClient) -> Browser:
    return Browser(client)


def newest(runner: JobRunner) -> Any:
    job = runner.jobs(limit=1).jobs[0]
    return runner.status(job.id).job


def kinds(page: Page) -> dict[str, str]:
    """The fields of the form: the type of an input, or the name of another element."""
    fields = [node for node in page.form(FORM).walk() if node.attrs.get("name", "").startswith("p/")]
    return {
        node.attrs["name"]: node.attrs.get("type", "text") if node.name == "input" else node.name
        for node in fields
    }


def test_every_type_is_listed_with_its_parameters(browser: Browser) -> None:
    page = browser.get("/types")
    row = next(row for row in page.main.all("tr") if row.all("a") and row.all("a")[0].text == "t.add")
    assert "Returns a sum." in row.text
    assert [code.text for code in row.all("code")] == ["a", "b?"]


def test_each_kind_of_parameter_has_its_own_field(browser: Browser) -> None:
    found = kinds(browser.get(FORM))
    assert found["p/customer"] == "text"
    assert found["p/day"] == "date"
    assert found["p/speed"] == found["p/sure"] == "select"
    assert found["p/gift"] == "checkbox"
    assert found["p/goal/street"] == "text"
    assert found["p/extra="] == "textarea"
    told = browser.get(FORM).main.text
    assert "How many" in told
    assert "Where it goes." in told


def test_a_form_with_what_is_required_starts_a_job_with_nothing_else(
    browser: Browser, runner: JobRunner
) -> None:
    fields: dict[str, Any] = {"p/customer": "ann", "p/day": "2026-12-01"}
    page = browser.send(browser.get(FORM), FORM, START, **fields)
    job = newest(runner)
    assert job.params == {"customer": "ann", "day": "2026-12-01"}
    assert job.created_by == "test-admin"
    assert f"{job.id}" in page.main.one("h1").text
    assert runner.history(job.id).transitions[0].actor == "starter:test-admin"


def test_every_field_reaches_the_job_as_what_it_is(browser: Browser, runner: JobRunner) -> None:
    page = browser.get(FORM)
    for action in ("add p/labels", "add p/labels", "add p/items"):
        page = Page(browser.post(FORM, page.sent(page.form(FORM), ("do", action), **{"p/customer": "ann"})))
    fields: dict[str, Any] = {
        "p/customer": "ann\u202e", "p/day": "2026-12-01", "p/count": "7", "p/weight": "1.5", "p/speed": '"fast"',
        "p/gift": "1", "p/sure": "false", "p/at": "2026-11-22T03:00:00Z", "p/note": "", "p/labels/0": "one",
        "p/labels/1": "two", "p/items/0/name": "book", "p/items/0/count": "3", "p/goal?": "1",
        "p/goal/street": "Main 1", "p/goal/code": "12345", "p/extra=": '{"a": 1}', "o.title": "By form",
        "o.queue": "slow", "o.priority": "-3", "o.delay": "2h", "o.tags": "team=sales\nshop=7",
    }  # fmt: skip
    browser.send(page, FORM, START, **fields)
    job = newest(runner)
    assert job.params == {
        "customer": "ann\u202e", "day": "2026-12-01", "count": 7, "weight": 1.5, "speed": "fast", "gift": True,
        "sure": False, "at": "2026-11-22T03:00:00Z", "note": None, "labels": ["one", "two"],
        "items": [{"name": "book", "count": 3}], "goal": {"street": "Main 1", "code": "12345"}, "extra": {"a": 1},
    }  # fmt: skip
    assert (job.title, job.queue, job.priority, job.status) == ("By form", "slow", -3, "scheduled")
    assert job.tags == {"team": "sales", "shop": "7"}


def test_what_is_wrong_is_said_beside_its_field_in_the_words_of_the_api(
    browser: Browser, runner: JobRunner, client: TestClient
) -> None:
    page = browser.get(FORM)
    page = Page(browser.post(FORM, page.sent(page.form(FORM), ("do", "add p/items"))))
    fields: dict[str, Any] = {
        "p/customer": "ann", "p/day": "2026-99-01", "p/count": "many", "p/items/0/name": "x", "p/items/0/count": "0",
        "p/goal?": "1", "p/goal/street": "Main 1", "p/goal/code": "1234567", "p/extra=": "{broken",
    }  # fmt: skip
    broken = browser.send(page, FORM, START, status=422, **fields)
    assert "is not JSON" in broken.main.one("p", id="e-extra").text
    again = browser.send(broken, FORM, START, status=422, **{"p/extra=": ""})
    told = {node.attrs["id"][2:]: node.text for node in again.main.all("p", class_="fault")}
    assert set(told) == {"day", "count", "items.0.count", "goal.code"}
    params = {
        "customer": "ann", "day": "2026-99-01", "count": "many", "items": [{"name": "x", "count": 0}],
        "goal": {"street": "Main 1", "code": "1234567"},
    }  # fmt: skip
    assert client.post("/api/jobs", json={"type": "t.form", "params": params}).json()["fields"] == told
    assert again.main.one("input", name="p/count").attrs["value"] == "many"
    assert again.main.one("input", name="p/count").attrs["aria-invalid"] == "true"
    assert runner.stats()["jobs"] == {}


def test_an_option_that_is_wrong_is_said_beside_it(browser: Browser) -> None:
    page = browser.send(
        browser.get("/types/t.noop"),
        "/types/t.noop",
        START,
        status=422,
        **{"o.delay": "soon", "o.title": "kept"},
    )
    assert "duration" in page.main.one("p", class_="fault").text
    assert page.main.one("input", name="o.title").attrs["value"] == "kept"


def test_everything_that_is_wrong_is_said_at_once(browser: Browser, runner: JobRunner) -> None:
    options = {"o.delay": "zz", "o.priority": "high", "o.title": "x" * 300, "o.tags": "no tag"}
    for params, wrong in (
        ({"p/count": "many"}, {"customer", "day", "count"}), ({"p/extra=": "{broken"}, {"extra"}),
        ({"p/customer": "ann", "p/day": "2026-12-01"}, set()),
    ):  # fmt: skip
        page = browser.send(browser.get(FORM), FORM, START, status=422, **options, **params)
        faults = page.main.all("p", class_="fault")
        assert {fault.attrs["id"][2:] for fault in faults if "id" in fault.attrs} == wrong
        assert len(faults) == len(wrong) + len(options)
        marked = {node.attrs.get("name") for node in page.main.walk() if node.attrs.get("aria-invalid")}
        assert set(options) <= marked
        for told in ("delay 'zz'", "priority is not a whole number", "title is longer", "tags 'no tag'"):
            assert page.main.one("div", role="alert").text.count(told) == 1
    both = {"o.delay": "1h", "o.at": "2030-01-01T00:00:00Z"}
    page = browser.send(browser.get("/types/t.noop"), "/types/t.noop", START, status=422, **both)
    assert "delay or at, not both" in page.main.one("div", role="alert").text
    assert runner.stats()["jobs"] == {}


def test_sending_a_form_twice_makes_one_job(browser: Browser, runner: JobRunner) -> None:
    page = browser.get("/types/t.noop")
    first = browser.send(page, "/types/t.noop", START)
    second = browser.send(page, "/types/t.noop", START)
    assert "the form made already" in second.main.one("p", class_="notice").text
    assert first.main.one("h1").text == second.main.one("h1").text
    assert runner.stats()["jobs"] == {"queued": 1}


def test_form_and_json_are_two_ways_to_write_the_same(browser: Browser, runner: JobRunner) -> None:
    page = browser.get(FORM)
    written = browser.send(page, FORM, ("do", "json"), status=200, **{"p/customer": "ann", "p/count": "5"})
    text = written.main.one("textarea", name="json").raw
    assert json.loads(text) == {"customer": "ann", "count": 5}
    changed = json.dumps({"customer": "bob", "day": "2026-12-02", "labels": ["x"]})
    back = browser.send(written, FORM, ("do", "form"), status=200, json=changed)
    assert back.main.one("input", name="p/customer").attrs["value"] == "bob"
    assert back.main.one("input", name="p/labels/0").attrs["value"] == "x"
    broken = browser.send(written, FORM, START, status=422, json="{")
    assert broken.main.one("textarea", name="json").raw.strip() == "{"
    browser.send(written, FORM, START, json=changed)
    assert newest(runner).params == json.loads(changed)


def test_items_of_a_list_are_added_and_removed_without_a_script(browser: Browser) -> None:
    page = browser.get(FORM)
    for n in range(3):
        page = Page(browser.post(FORM, page.sent(page.form(FORM), ("do", "add p/labels"))))
        page.main.one("input", name=f"p/labels/{n}").attrs["value"] = f"label {n}"
    page = Page(browser.post(FORM, page.sent(page.form(FORM), ("do", "remove p/labels/1"))))
    left = [
        node.attrs["value"]
        for node in page.main.all("input")
        if node.attrs.get("name", "").startswith("p/labels/")
    ]
    assert left == ["label 0", "label 2"]


def test_a_job_is_started_again_as_a_new_one_that_names_the_old(browser: Browser, runner: JobRunner) -> None:
    params = {"customer": "ann", "day": "2026-12-01", "note": "a\nb", "labels": ["x"], "extra": {"a": 1}}
    old = runner.start("t.form", params, title="The old one", tags={"team": "ops"}).job_id
    runner.cancel(old)
    link = next(link for link in browser.get(f"/jobs/{old}").links if link.startswith("/types/"))
    page = browser.get(link)
    fields: dict[str, Any] = {"p/customer": "bob"}
    browser.send(page, FORM, START, **fields)
    new = newest(runner)
    assert new.params == params | {"customer": "bob"}
    assert new.tags == {"team": "ops", "restart_of": runner.status(old).job.uuid}  # type: ignore[union-attr]
    assert new.title == "The old one"
    assert f"/jobs/{new.id}" in browser.get(f"/jobs/{old}").links
    assert f"/jobs/{old}" in browser.get(f"/jobs/{new.id}").links
    assert runner.status(old).job.status == "cancelled"  # type: ignore[union-attr]


def test_a_job_that_broke_off_in_a_step_is_restarted_from_it(runner: JobRunner, visitor: Any) -> None:
    modules = ["tests.handlers.basic", "tests.handlers.resumed"]
    inline = JobRunner(database_url=runner.settings.database_url, handlers=modules, launcher="inline")
    old = inline.start("r.import", {"fail_in": "load"}).job_id
    whole = inline.start("r.whole").job_id
    done = inline.start("r.import").job_id

    pool = JobRunner(database_url=runner.settings.database_url, handlers=modules, launcher="pool")
    browser = Browser(visitor(create_app(pool, auth=False)))
    for job in (whole, done):
        assert "Restart from step" not in browser.get(f"/jobs/{job}").main.text
        assert not [link for link in browser.get(f"/jobs/{job}").links if "step=" in link]
    page = browser.get(f"/jobs/{old}")
    assert "Restart from step load" in page.main.text
    [link] = [one for one in page.links if "step=load" in one]
    form = browser.get(link)
    assert "resume at its step load" in form.main.one("p", class_="notice").text
    browser.send(form, "/types/r.import", START)

    new = newest(runner)
    uuid = runner.status(old).job.uuid  # type: ignore[union-attr]
    assert new.tags == {"restart_of": uuid, "resume_step": "load"}
    page = browser.get(f"/jobs/{new.id}")
    assert f"/jobs/{old}" in page.links
    assert f"{old} at step load" in page.main.text
    assert f"/jobs/{new.id}" in browser.get(f"/jobs/{old}").links

    refused = browser.send(
        browser.get(link.replace("step=load", "step=report")), "/types/r.import", START, 422
    )
    assert "began no step 'report'" in refused.main.one("div", role="alert").text
    assert newest(runner).id == new.id


def test_parameters_that_have_no_field_any_more_are_shown_as_json(
    browser: Browser, runner: JobRunner
) -> None:
    made = runner.start("t.echo", {"value": {"deep": [1, 2]}}).job_id
    page = browser.get(f"/types/t.add?from={made}")
    assert json.loads(page.main.one("textarea", name="json").raw) == {"value": {"deep": [1, 2]}}


def test_an_unknown_type_is_not_found_and_a_program_is_left_to_the_command_line(
    browser: Browser, runner: JobRunner
) -> None:
    assert "Did you mean t.noop?" in browser.get("/types/t.noob", 404).main.text
    assert browser.post("/types/t.noob", [START]).status_code == 404
    page = browser.get("/types/jobrunner.exec")
    assert "at a command line only: jobrunner exec --" in page.main.one("p", class_="notice").text
    assert page.main.all("form") == []
    assert browser.post("/types/jobrunner.exec", [START]).status_code == 403
    assert runner.stats()["jobs"] == {}
    job = runner.start("jobrunner.exec", {"argv": ["true"]}, hold=True).job_id
    said = browser.get(f"/jobs/{job}").main.one("section", class_="controls").text
    assert said.count("at a command line only") == 2
