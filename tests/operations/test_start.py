"""A start stores one job or says which one stands, refuses bad input before any row, and launches after the commit."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from jobrunner import JobRunner
from jobrunner.errors import (
    BadInput,
    HandlerNotRegistered,
    InvalidField,
    InvalidParams,
    InvalidTime,
    LauncherRefused,
    ParamsTooLarge,
)


def test_a_lock_key_is_free_again_when_its_job_has_ended(runner) -> None:
    first = runner.start("t.noop", lock_key="k")
    assert runner.start("t.noop", lock_key="k").job_id == first.job_id
    assert runner.start("t.add", {"a": 1}, lock_key="k").type == "t.noop"
    runner.cancel(first.job_id)
    second = runner.start("t.noop", lock_key="k")
    assert (second.outcome, second.job_id > first.job_id) == ("queued", True)


def test_an_idempotency_key_answers_with_its_job_for_ever_and_before_the_lock_key(runner) -> None:
    first = runner.start("t.noop", idempotency_key="i", lock_key="k")
    again = runner.start("t.noop", idempotency_key="i", lock_key="k")
    assert (again.outcome, again.uuid, again.status) == ("duplicate", first.uuid, "queued")
    runner.cancel(first.job_id)
    again = runner.start("t.noop", idempotency_key="i")
    assert (again.outcome, again.job_id, again.status) == ("duplicate", first.job_id, "cancelled")


@pytest.mark.parametrize("key", ["lock_key", "idempotency_key"])
def test_keys_compare_exactly(runner, key) -> None:
    alike = [
        "key",
        "KEY",
        "ke\u0301y",
        "k\u00e9y",
        "kéy\u200b",
        "key\u00ad",
        "\uff4bey",
        "\u212aey",
        "ss",
        "ß",
        "key\ufeff",
    ]
    started = [runner.start("t.noop", **{key: text}) for text in alike]
    assert [found.outcome for found in started] == ["queued"] * len(alike)
    again = [runner.start("t.noop", **{key: f" \t{text}  "}).job_id for text in alike]
    assert again == [found.job_id for found in started]


def test_a_blank_key_means_none(runner) -> None:
    for key in ("lock_key", "idempotency_key"):
        assert {runner.start("t.noop", **{key: blank}).outcome for blank in ("", " ", "\t\n ", None)} == {
            "queued"
        }


def test_the_template_of_a_type_makes_its_lock_key(runner) -> None:
    assert runner.start("t.locked", {"shop_id": 7}).outcome == "queued"
    assert runner.start("t.locked", {"shop_id": 7}).outcome == "already_active"
    assert runner.start("t.locked", {"shop_id": 7}, lock_key="").outcome == "queued"
    assert runner.start("t.locked", {"shop_id": 8}).outcome == "queued"


@pytest.mark.parametrize(
    ("field", "longest"),
    [("lock_key", 191), ("idempotency_key", 191), ("created_by", 191), ("title", 255), ("queue", 64)],
)
def test_a_limit_counts_bytes(runner, field, longest) -> None:
    for text in ("x" * longest, "é" * (longest // 2), "😀" * (longest // 4)):
        found = runner.start("t.noop", **{field: text})
        assert found.outcome == "queued"
        if field != "idempotency_key":
            assert getattr(runner.status(found.job_id).job, field) == text
    for text in ("x" * (longest + 1), "é" * (longest // 2 + 1), "😀" * (longest // 4 + 1), 5, b"x"):
        with pytest.raises(InvalidField) as refused:
            runner.start("t.noop", **{field: text})
        assert list(refused.value.fields) == [field]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"priority": 2**31}, "priority"), ({"priority": True}, "priority"), ({"priority": "1"}, "priority"),
        ({"tags": {"n" * 65: "v"}}, "tags"), ({"tags": {"n": "é" * 101}}, "tags.n"), ({"tags": {" ": "v"}}, "tags"),
        ({"tags": {"n": None}}, "tags.n"), ({"tags": ["n"]}, "tags"), ({"tags": {"n": "1", "n ": "2"}}, "tags"), ({"tags": {"n": "a\nb"}}, "tags.n"),
        ({"launcher": "cron"}, "launcher"), ({"hold": "no"}, "hold"), ({"delay": 1, "at": "2030-01-01T00:00:00Z"}, "delay"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_by_its_name(sqlite_url, runner, sql, options, field) -> None:
    with pytest.raises(InvalidField) as refused:
        runner.start("t.noop", **options)
    assert list(refused.value.fields) == [field]
    assert sql("SELECT count(*) FROM jobrunner_job") == [(0,)]


NAIVE = datetime(2030, 1, 1, tzinfo=UTC).replace(tzinfo=None)


@pytest.mark.parametrize("delay", [-1, "soon", float("nan"), "200000000000d", True])
def test_a_wrong_delay_is_refused_by_its_name(sqlite_url, runner, delay) -> None:
    with pytest.raises(InvalidTime) as refused:
        runner.start("t.noop", delay=delay)
    assert list(refused.value.fields) == ["delay"]


@pytest.mark.parametrize(
    "at", ["2030-01-01", "2030-01-01T00:00:00", 5, NAIVE, "0999-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_a_wrong_moment_is_refused_by_its_name(sqlite_url, runner, at) -> None:
    with pytest.raises(InvalidTime) as refused:
        runner.start("t.noop", at=at)
    assert list(refused.value.fields) == ["at"]


def test_a_delay_and_a_moment_make_a_scheduled_job(runner) -> None:
    later = datetime.now(UTC) + timedelta(hours=2)
    by_delay, by_moment = runner.start("t.noop", delay="2h"), runner.start("t.noop", at=later)
    assert (by_delay.outcome, by_moment.outcome) == ("scheduled", "scheduled")
    for found in (by_delay, by_moment):
        due = datetime.fromisoformat(runner.status(found.job_id).job.available_at)
        assert abs(due - later) < timedelta(seconds=30)
    zoned = runner.start("t.noop", at="2126-01-01T01:30:00.000001+01:30").job_id
    assert runner.status(zoned).job.available_at == "2126-01-01T00:00:00.000001Z"
    past = runner.start("t.noop", at="2001-01-01T00:00:00Z", delay=None)
    assert past.outcome == "queued"
    assert runner.status(past.job_id).job.available_at == "2001-01-01T00:00:00.000000Z"


def test_what_is_asked_for_is_what_the_job_shows(runner) -> None:
    options = {
        "title": " A title ",
        "queue": "mail",
        "priority": -5,
        "created_by": "ann",
        "tags": {"a": "1", "b": ""},
    }
    job = runner.status(runner.start("t.add", {"a": 1}, lock_key="k", **options).job_id).job
    assert (job.title, job.queue, job.priority, job.created_by, job.tags) == (
        "A title",
        "mail",
        -5,
        "ann",
        options["tags"],
    )
    assert (job.params, job.lock_key, job.launcher, job.idempotent) == ({"a": 1}, "k", "pool", False)
    assert runner.history(job.id).transitions[0].actor == "starter:ann"


def test_a_name_that_looks_like_an_actor_stays_a_starter(sqlite_url, runner) -> None:
    found = runner.start("t.noop", created_by=" worker:w ")
    assert runner.history(found.job_id).transitions[0].actor == "starter:worker:w"


def test_many_are_stored_in_order_with_an_outcome_each(runner) -> None:
    holder = runner.start("t.noop", lock_key="taken")
    found = runner.start_many(
        [
            ("t.noop",),
            ("t.add", {"a": 1}),
            ("t.noop", None, {"lock_key": "taken", "idempotency_key": "unused"}),
            {"type": "t.noop", "lock_key": "mine", "idempotency_key": "i", "tags": {"n": "v"}, "delay": 60},
            ("t.noop", {}, {"lock_key": "mine", "idempotency_key": "not mine"}),
            ("t.noop", {}, {"idempotency_key": "not mine"}),
            ("t.noop", {}, {"idempotency_key": "i", "lock_key": "other"}),
            ("t.noop", {}, {"lock_key": "other", "hold": True}),
        ]
    )
    outcomes = [
        "queued",
        "queued",
        "already_active",
        "scheduled",
        "already_active",
        "queued",
        "duplicate",
        "held",
    ]
    assert [item.outcome for item in found] == outcomes
    assert found[2].job_id == holder.job_id
    assert found[3].job_id == found[4].job_id == found[6].job_id
    assert len({item.job_id for item in found}) == 6
    assert runner.status(found[3].job_id).job.tags == {"n": "v"}
    assert [item.outcome for item in runner.start_many([])] == []


def test_one_invalid_item_refuses_all_and_is_named(runner, sql) -> None:
    wrong = [
        (("t.add", {"b": 1}), InvalidParams, "1.a"),
        (("t.nope",), HandlerNotRegistered, "1.type"),
        (("t.noop", {}, {"colour": "red"}), InvalidField, "1.colour"),
        (("t.noop", {}, {"actor": "operator:me"}), InvalidField, "1.actor"),
        (("t.noop", {}, {"title": "x" * 256}), InvalidField, "1.title"),
        ("t.noop", InvalidField, "1"),
        (("t.noop", {}, 5), InvalidField, "1"),
        ((), InvalidField, "1"),
    ]
    for item, error, field in wrong:
        with pytest.raises(error) as refused:
            runner.start_many([("t.noop",), item])
        assert list(refused.value.fields) == [field]
        assert str(refused.value).startswith("Item 1")
    assert sql("SELECT count(*) FROM jobrunner_job") == [(0,)]


@pytest.mark.parametrize(
    "options", [{"delay": 1}, {"at": "2030-01-01T00:00:00Z"}, {"hold": True}, {"session": object()}]
)
def test_inline_goes_with_no_delay_hold_or_session(sqlite_url, runner, options) -> None:
    with pytest.raises(LauncherRefused):
        runner.start("t.noop", launcher="inline", **options)


def test_params_of_more_than_the_limit_are_refused(sqlite_url) -> None:
    runner = JobRunner(launcher="pool", params_max_bytes=100)
    assert runner.start("t.echo", {"value": "é" * 40}).outcome == "queued"
    with pytest.raises(ParamsTooLarge) as refused:
        runner.start("t.echo", {"value": "é" * 50})
    assert list(refused.value.fields) == ["params"]
    with pytest.raises(InvalidParams):
        runner.start("t.echo", [1])  # type: ignore[arg-type]


def test_a_type_that_is_not_known_is_told_with_its_neighbour_and_with_what_failed_to_import(
    sqlite_url,
) -> None:
    with pytest.raises(BadInput, match=r"t\.noup") as refused:
        JobRunner(handlers=["tests.handlers.basic", "no.such.module"]).start("t.noup")
    assert (
        refused.value.hint is not None
        and "t.noop" in refused.value.hint
        and "no.such.module" in refused.value.hint
    )


LAUNCHLESS = """
import json, os, sys
from jobrunner import JobRunner
runner = JobRunner(launcher="detached")
runner.types(), runner.stats()
if sys.argv[1] == "no interpreter":
    sys.executable = "/nonexistent/password=pw/python"
else:
    os.mkdir("gone"); os.chdir("gone"); os.rmdir("../gone")
found = runner.start("t.noop", lock_key="k")
verb = runner.retry(found.job_id, force=True)
many = runner.start_many([("t.noop", None, {"lock_key": "m"})])
print(json.dumps([item.model_dump() for item in (found, verb, *many)]))
"""


@pytest.mark.parametrize(
    ("cause", "told"), [("no interpreter", "password=***"), ("no directory", "the working directory is gone")]
)
def test_a_job_whose_worker_cannot_be_launched_is_failed_and_its_lock_is_free(runner, cause, told) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHLESS, cause], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found, verb, many = json.loads(done.stdout)
    for result in (found, many):
        assert (result["outcome"], result["status"], result["reason_code"]) == (
            "launch_failed",
            "failed",
            "launch_failed",
        )
    assert (verb["outcome"], verb["status"], verb["reason_code"]) == ("done", "failed", "launch_failed")
    seen = runner.status(found["job_id"])
    assert seen.error.reason_code == "launch_failed" and told in seen.error.message
    assert told in seen.events[-1].reason and "pw/" not in seen.error.message
    moves = runner.history(found["job_id"]).transitions
    assert [move.trigger for move in moves] == ["create", "fail_launch", "retry", "fail_launch"]
    assert {move.context["channel"] for move in moves} == {"python"}
    assert runner.start("t.noop", lock_key="k").outcome == "queued"


@pytest.fixture
def strict(url):
    runner = JobRunner(
        database_url=url, launcher="pool", handlers=["tests.handlers.basic"], mask_keys=["*token*", "a"]
    )
    yield runner
    runner.database.close()


def test_a_parameter_or_tag_with_a_secret_name_is_refused_by_its_place_and_nothing_is_stored(
    strict, sql
) -> None:
    with pytest.raises(InvalidParams) as refused:
        strict.start("t.add", {"a": 4711, "b": 2})
    assert list(refused.value.fields) == ["a"]
    assert "reference" in str(refused.value.hint)
    assert "4711" not in str(refused.value.as_dict())
    with pytest.raises(InvalidField) as refused_tag:
        strict.start("t.noop", tags={"shop": "7", "ApiToken": "opensesame"})
    assert list(refused_tag.value.fields) == ["tags.ApiToken"]
    with pytest.raises(InvalidParams) as refused_item:
        strict.start_many([("t.noop", {}), ("t.add", {"a": 1, "b": 2})])
    assert list(refused_item.value.fields) == ["1.a"]
    assert sql("SELECT COUNT(*) FROM jobrunner_job")[0][0] == 0
    assert strict.start("t.noop", tags={"shop": "token"}, title="token").outcome == "queued"
