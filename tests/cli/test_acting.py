"""An operator's verbs on the command line."""

from __future__ import annotations

import json
import os
import pwd

import pytest

from jobrunner import JobRunner
from tests.cli.conftest import Inside
from tests.commandline import CommandLine

OPERATOR = f"operator:{pwd.getpwuid(os.getuid()).pw_name}"


def test_verbs_answer_with_an_action_and_its_exit_code(
    inside: Inside, runner: JobRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = runner.start("t.noop").job_id
    monkeypatch.setenv("LOGNAME", "mallory")
    held = inside.json("hold", job, "--reason", "why ☃")
    assert (held["outcome"], held["previous_status"], held["status"]) == ("done", "queued", "held")
    last = runner.history(job).transitions[-1]
    assert (last.actor, last.reason) == (OPERATOR, "why ☃")
    assert inside.json("release", job)["status"] == "queued"
    assert inside.json("cancel", job)["status"] == "cancelled"
    assert inside.json("cancel", job, check=5)["outcome"] == "already_terminal"
    assert inside.json("retry", job, check=5)["reason_code"] == "not_idempotent"
    assert inside.json("retry", job, "--force")["status"] == "queued"
    assert inside.json("resolve", job, "--as", "failed", check=5)["outcome"] == "refused"
    assert inside.json("delete", job, check=5)["outcome"] == "refused"
    assert inside.json("stop", job)["status"] == "cancelled"
    assert inside.json("abandon", job)["status"] == "abandoned"
    assert inside.json("delete", job)["outcome"] == "done"
    assert inside.json("cancel", job, check=3)["outcome"] == "not_found"
    refused = inside("cancel", job, check=3)
    assert (refused.stdout, refused.stderr.splitlines()[0]) == (
        "",
        f"error: cancel job {job}: there is no such job.",
    )


def test_a_refusal_of_a_lock_says_so(inside: Inside, runner: JobRunner) -> None:
    first = runner.start("t.noop", lock_key="k").job_id
    runner.cancel(first)
    runner.start("t.noop", lock_key="k")
    assert inside.json("retry", first, "--force", check=5)["reason_code"] == "lock_held"


def test_of_several_the_first_code_that_is_not_0_counts_and_all_are_answered(
    inside: Inside, runner: JobRunner
) -> None:
    one, two = (runner.start("t.noop").job_id for _ in range(2))
    prefix = inside.json("status", one)["job"]["uuid"][:6]
    answer = inside.json("cancel", one, 424242, prefix, two, check=3)
    assert [item.get("outcome", item.get("code")) for item in answer["results"]] == [
        "done",
        "not_found",
        "ambiguous_job",
        "done",
    ]
    lines = inside("cancel", one, two, check=5)
    assert lines.stdout == ""
    assert len(lines.stderr.splitlines()) == 4


def test_waiting_for_a_verb_exits_0_when_the_job_ended_as_asked(cli: CommandLine, runner: JobRunner) -> None:
    polite, stubborn, gone = (
        cli.json("start", name)["job_id"] for name in ("t.sleep", "t.stubborn", "t.fail")
    )
    assert cli.json("cancel", polite, "--wait")["status"] == "cancelled"
    assert cli.json("kill", stubborn, "--wait")["status"] in ("stopped", "cancelled")
    cli("wait", gone, check=1)
    again = cli("retry", gone, "--force", "--wait", "--json", check=1)
    assert json.loads(again.stdout)["status"] == "failed"


def test_run_runs_one_job_and_refuses_every_other_in_the_same_words(
    cli: CommandLine, runner: JobRunner
) -> None:
    job, failing, held = (runner.start(t, p, hold=h).job_id for t, p, h in (
        ("t.add", {"a": 1}, False), ("t.fail", None, False), ("t.noop", None, True),
    ))  # fmt: skip
    later = runner.start("t.noop", delay="1h").job_id
    seen = cli.json("run", job)
    assert (seen["job"]["status"], seen["result"]) == ("succeeded", {"sum": 3})
    cli("run", failing, check=1)
    refusals = [cli("run", wanted, "--json", check=1) for wanted in (job, held, later, 424242)]
    assert {json.loads(done.stderr.strip().splitlines()[-1])["code"] for done in refusals} == {"claim_failed"}
    assert len({done.stderr for done in refusals}) == 1
