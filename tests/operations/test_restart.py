"""A job started again as a new one: like the earlier one, or from the step in which that one broke off."""

from __future__ import annotations

from typing import Any

import pytest

from jobrunner import JobRunner
from jobrunner.errors import InvalidField
from jobrunner.models import JobModel
from tests.commandline import CommandLine

MODULES = ["tests.handlers.basic", "tests.handlers.resumed"]
HANDLERS: dict[str, str | None] = {"JOBRUNNER_HANDLERS": ",".join(MODULES)}


@pytest.fixture
def inline(runner: JobRunner) -> JobRunner:
    """Runs its jobs at once, and knows the handlers that resume."""
    return JobRunner(database_url=runner.settings.database_url, handlers=MODULES, launcher="inline")


def failed(inline: JobRunner, **options: Any) -> JobModel:
    """Returns a job that broke off in its second step."""
    made = inline.start("r.import", {"shop": "9", "fail_in": "load"}, **options).job_id
    job = inline.status(made).job
    assert job is not None and job.status == "failed"
    return job


@pytest.mark.parametrize("how", ["inline", "detached", "pool"])
def test_a_job_resumes_at_the_step_that_failed_in_the_earlier_one(
    inline: JobRunner, cli: CommandLine, how: str
) -> None:
    old = failed(inline, title="Nightly", tags={"team": "ops"})
    again = ("start", "--again", old.id, "-p", "fail_in=", "--from-step", "load", "--launcher", how)
    cli(*again, *(["--wait"] if how == "detached" else []), env=HANDLERS, check=0)
    if how == "pool":
        cli("work", "--once", env=HANDLERS, check=0)
    new = inline.jobs().jobs[0]
    assert inline.result(new.id) == {"resumed_at": "load", "done": ["load", "report"]}
    assert new.tags == {"team": "ops", "restart_of": old.uuid, "resume_step": "load"}
    assert (new.title, new.type) == ("Nightly", "r.import")
    seen = inline.status(old.id).job
    assert seen == old


def test_a_job_started_again_from_its_beginning_has_the_earlier_parameters_less_those_that_are_given(
    inline: JobRunner, cli: CommandLine
) -> None:
    old = failed(inline, priority=5, queue="slow")
    cli(
        "start", "--again", old.uuid[:18], "-p", "shop=10", "--queue", "fast", "--hold", env=HANDLERS, check=0
    )
    new = inline.status(inline.jobs().jobs[0].id).job
    assert new is not None and new.params == {"shop": "10", "fail_in": "load"}
    assert (new.tags, new.queue, new.priority, new.status) == ({"restart_of": old.uuid}, "fast", 5, "held")


@pytest.mark.databases("sqlite")
def test_a_handler_that_is_to_do_everything_finds_no_step_to_resume_at(inline: JobRunner) -> None:
    done = inline.start("r.import").job_id
    assert inline.result(done) == {"resumed_at": None, "done": ["fetch", "load", "report"]}


def test_only_a_step_of_the_earlier_job_can_be_resumed_at_and_only_by_a_type_that_says_so(
    inline: JobRunner,
) -> None:
    old = failed(inline)
    whole = inline.status(inline.start("r.whole").job_id).job
    assert whole is not None
    before = inline.stats()["jobs"]
    refused: list[tuple[str, dict[str, str], str, str]] = [
        ("r.import", {"restart_of": old.uuid, "resume_step": "report"}, "tags.resume_step", "'load'"),
        ("r.import", {"restart_of": old.uuid, "resume_step": ""}, "tags.resume_step", "'load'"),
        ("r.import", {"resume_step": "load"}, "tags.restart_of", "--again"),
        ("r.import", {"restart_of": whole.uuid, "resume_step": "only"}, "tags.restart_of", "--again"),
        ("r.whole", {"restart_of": whole.uuid, "resume_step": "only"}, "tags.resume_step", "resumable=True"),
    ]
    for kind, tags, field, hint in refused:
        with pytest.raises(InvalidField) as error:
            inline.start(kind, tags=tags)
        assert list(error.value.fields) == [field], tags
        assert hint in (error.value.hint or ""), tags
        with pytest.raises(InvalidField) as error:
            inline.start_many([(kind, None, {"tags": tags})])
        assert list(error.value.fields) == [f"0.{field}"], tags
    assert inline.stats()["jobs"] == before
    for step in ("fetch", "load"):
        tags = {"restart_of": old.uuid, "resume_step": step}
        assert inline.result(inline.start("r.import", tags=tags).job_id)["resumed_at"] == step


@pytest.mark.databases("sqlite")
def test_the_command_names_what_does_not_go_together(inline: JobRunner, cli: CommandLine) -> None:
    old = failed(inline)
    for words, field in (
        (["start"], "type"), (["start", "r.import", "--again", old.id], "type"),
        (["start", "r.import", "--from-step", "load"], "from_step"),
        (["start", "--again", old.id, "--from-step", "nowhere"], "tags.resume_step"),
        (["start", "--again", old.id, "--from-step", "nowhere", "--dry-run"], "tags.resume_step"),
    ):  # fmt: skip
        done = cli(*words, "--json", env=HANDLERS, check=2)
        assert f'"{field}"' in done.stderr, words
    assert cli("start", "--again", 999999, env=HANDLERS).returncode == 3
