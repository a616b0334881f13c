"""Reading commands: one document with ``--json``, data on standard output only, and their exit codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobrunner import JobRunner
from jobrunner.states import EDGES, Status
from tests.cli.conftest import Inside
from tests.commandline import CommandLine


def test_status_and_history_show_a_job_by_id_uuid_and_prefix(inside: Inside, runner: JobRunner) -> None:
    job = runner.start("t.add", {"a": 1}, title="A title").job_id
    runner.cancel(job, reason="two\nlines \x1b[31m", actor="operator:ann")
    seen = inside.json("status", job)
    assert seen["schema_version"] == 1
    assert (
        seen == inside.json("status", seen["job"]["uuid"]) == inside.json("status", seen["job"]["uuid"][:20])
    )
    assert [event["seq"] for event in inside.json("status", job, "--after", 1)["events"]] == [2]
    assert inside.json("status", job, "--limit", 1)["has_more"] is True
    assert [event["seq"] for event in inside.json("status", job, "--tail", 1)["events"]] == [2]
    shown = inside("status", job, check=0)
    assert "status:   cancelled" in shown.stdout
    assert "\x1b" not in shown.stdout
    moves = inside.json("history", job)["transitions"]
    assert [(m["from"], m["trigger"], m["to"]) for m in moves] == [
        ("new", "create", "queued"),
        ("queued", "cancel", "cancelled"),
    ]
    assert (moves[1]["actor"], moves[1]["reason"]) == ("operator:ann", "two\nlines \x1b[31m")
    table = inside("history", job, check=0).stdout
    assert len(table.splitlines()) == 3
    assert "\x1b" not in table


def test_a_job_that_is_not_there_is_told_by_exit_code_3(inside: Inside) -> None:
    assert inside.json("status", 424242, check=3) == {
        "schema_version": 1, "found": False, "job": None, "events": [], "last_seq": 0, "has_more": False, "pruned": False,
        "result": None, "error": None,
    }  # fmt: skip
    assert inside("status", "0" * 6 + "-ab", check=3).stdout == "found: false\n"
    for arguments in (["history", 9], ["logs", 9], ["wait", 9], ["watch", 9]):
        done = inside(*arguments, "--json", check=3)
        assert (done.stdout, json.loads(done.stderr)["code"]) == ("", "job_not_found")


def test_a_prefix_of_several_jobs_names_them(inside: Inside, runner: JobRunner) -> None:
    uuids = [result.uuid for result in runner.start_many([("t.noop",)] * 2)]
    done = inside("status", uuids[0][:8] if uuids[0][:8] == uuids[1][:8] else "zz", "--json", check=None)
    assert done.returncode == 2
    assert all(uuid in done.stderr for uuid in uuids)


def test_list_filters_pages_and_counts(inside: Inside, runner: JobRunner) -> None:
    runner.start_many(
        [
            (
                "t.noop",
                None,
                {"tags": {"shop": str(n % 2)}, "queue": "slow" if n == 3 else None, "title": f"Job {n}"},
            )
            for n in range(5)
        ]
    )
    ids = [job["id"] for job in inside.json("list")["jobs"]]
    runner.cancel(ids[0])
    assert ids == sorted(ids, reverse=True)
    assert "params" not in inside.json("list")["jobs"][0]
    first = inside.json("list", "--limit", 2)
    assert [job["id"] for job in first["jobs"]] + [
        job["id"] for job in inside.json("list", "--next", first["next"])["jobs"]
    ] == ids
    quiet = inside("list", "-q", "--status", "queued,held", "--tag", "shop=0", "--since", "10m", check=0)
    assert quiet.stdout.split() == [str(n) for n in ids[2::2]]
    assert [job["title"] for job in inside.json("list", "--search", "JOB 3", "--queue", "slow")["jobs"]] == [
        "Job 3"
    ]
    assert inside.json("list", "--until", "1h")["jobs"] == []
    assert inside.json("stats") == {"jobs": {"queued": 4, "cancelled": 1}}
    shown = inside("list", "--limit", 1, check=0)
    assert len(shown.stdout.splitlines()) == 2
    assert "--next" in shown.stderr
    for wrong in (
        ["--status", "nope"],
        ["--since", "then"],
        ["--next", "x"],
        ["--tag", "x"],
        ["--limit", "-1"],
    ):
        assert inside("list", *wrong, "--json", check=2).stdout == ""


@pytest.mark.databases("sqlite")
def test_reading_makes_no_file_and_the_first_start_does(cli: CommandLine, tmp_path: Any) -> None:
    own: dict[str, str | None] = {"JOBRUNNER_DATABASE_URL": f"sqlite:///{tmp_path}/new.db"}
    assert cli.json("list", env=own) == {"jobs": [], "next": None}
    assert cli.json("status", 1, env=own, check=3)["found"] is False
    assert cli.json("prune", env=own)["jobs"] == {}
    cli("token", "revoke", "ann", env=own, check=3)
    assert "no database file yet" in cli("audit", "verify", env=own, check=0).stderr
    assert list(tmp_path.iterdir()) == []
    cli("start", "t.noop", "--launcher", "pool", env=own, check=0)
    assert len(cli.json("list", env=own)["jobs"]) == 1


@pytest.mark.databases("sqlite")
def test_types_and_machine_show_what_there_is(inside: Inside) -> None:
    found = {item["type"]: item for item in inside.json("types")["types"]}
    assert found["t.add"]["parameters"]["required"] == ["a"]
    assert "jobrunner.exec" in found
    machine = inside.json("machine")
    assert len(machine["rules"]) == len(EDGES)
    assert [status["name"] for status in machine["statuses"]] == [status.value for status in Status]
    diagram = inside("machine", "--mermaid", check=0).stdout
    assert diagram.startswith("stateDiagram-v2\n")
    assert "    queued --> running: claim\n" in diagram
    assert inside("--version", check=0).stdout.strip()


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("unbuffered", [None, "1"])
def test_a_reader_that_goes_away_ends_a_command_quietly(
    cli: CommandLine, runner: JobRunner, unbuffered: str | None
) -> None:
    runner.start_many([("t.noop",)] * 900)
    # far more than a pipe holds, so that it still writes when nobody reads any more
    process = cli.spawn("list", "--limit", 900, "--json", env={"PYTHONUNBUFFERED": unbuffered})
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(1)
    process.stdout.close()
    assert process.wait(30) == -13
    assert process.stderr.read() == ""
