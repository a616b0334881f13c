"""``start`` and ``exec``: what is stored, what is said, and how they exit."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Inside
from tests.commandline import CommandLine

Sql = Callable[[str], list[tuple[Any, ...]]]
LOGIN = pwd.getpwuid(os.getuid()).pw_name


def told(stderr: str) -> Any:
    return json.loads(stderr.strip().splitlines()[-1])


def test_start_stores_what_was_typed_and_prints_the_id(inside: Inside, sql: Sql) -> None:
    options = [
        "--title",
        "Größe ☃ 𝄞",
        "--queue",
        "slow",
        "--priority",
        7,
        "--lock-key",
        " K ",
        "--tag",
        "shop=7",
        "--tag",
        "Ä=ß=☃",
    ]
    first = inside(
        "start",
        "t.echo",
        "--params",
        "-",
        *options,
        "--launcher",
        "pool",
        input='{"value": "a\\u0000é𝄞"}',
        check=0,
    )
    assert first.stdout == f"{first.stdout.strip()}\n"
    assert first.stderr == ""
    seen = inside.json("status", first.stdout.strip())
    job = seen["job"]
    assert job["params"] == {"value": "a\0é𝄞"}
    assert (job["title"], job["queue"], job["priority"], job["lock_key"]) == ("Größe ☃ 𝄞", "slow", 7, "K")
    assert job["tags"] == {"shop": "7", "Ä": "ß=☃"}
    assert (job["created_by"], seen["events"][0]["actor"]) == (LOGIN, f"starter:{LOGIN}")

    again = inside.json("start", "t.echo", *options, "--launcher", "pool")
    assert (again["outcome"], str(again["job_id"])) == ("already_active", first.stdout.strip())
    keyed = [inside.json("start", "t.noop", "--idempotency-key", "i", "--hold") for _ in (1, 2)]
    assert [item["outcome"] for item in keyed] == ["held", "duplicate"]
    later = inside.json("start", "t.noop", "--delay", "2h", "--launcher", "pool")
    assert (later["outcome"], later["status"]) == ("scheduled", "scheduled")
    assert sql("select count(*) from jobrunner_job") == [(3,)]


def test_what_cannot_be_started_leaves_no_row_and_says_why(inside: Inside, sql: Sql) -> None:
    refused: list[tuple[str, list[str], str, str]] = [
        ("invalid_params", ["t.add", "-p", "aa:=1"], "aa", "did you mean"),
        ("invalid_params", ["t.add", "-p", "a=x"], "a", ""),
        ("invalid_params", ["t.add", "--params", "[1]"], "params", "object"),
        ("payload_not_encodable", ["t.echo", "-p", 'value:="\\ud800"'], "", ""),
        ("handler_not_registered", ["t.ad"], "", "t.add"),
        ("invalid_field", ["t.noop", "--lock-key", "x" * 192], "lock_key", "191"),
        ("invalid_field", ["t.noop", "--launcher", "moon"], "launcher", ""),
        ("invalid_field", ["t.noop", "--tag", "x"], "tag", ""),
        ("invalid_time", ["t.noop", "--at", "tomorrow"], "at", ""),
        ("usage", ["t.noop", "--priority", "high"], "", ""),
        ("usage", ["t.noop", "--prioritty", "1"], "", "--priority"),
    ]
    for code, arguments, field, hint in refused:
        done = inside("start", *arguments, "--json", check=2)
        error = told(done.stderr)
        assert (error["code"], done.stdout) == (code, ""), arguments
        assert field in error["fields"] or not field, error
        assert hint in json.dumps(error), error
        assert "Traceback" not in done.stderr
    plain = inside("start", "t.ad", check=2)
    assert [line.partition(":")[0] for line in plain.stderr.splitlines()] == ["error", "hint"]
    dry = inside("start", "t.add", "-p", "a:=1", "--params", '{"a": 5}', "--dry-run", check=0)
    assert json.loads(dry.stdout)["params"] == {"a": 5}
    assert inside("start", "t.add", "--dry-run", check=2).stdout == ""
    assert sql("select count(*) from jobrunner_job") == [(0,)]


def test_waiting_exits_as_the_job_did(cli: CommandLine) -> None:
    seen = cli.json("start", "t.add", "-p", "a:=1", "--wait")
    assert (seen["job"]["status"], seen["result"]) == ("succeeded", {"sum": 3})
    failed = cli("start", "t.fail", "--wait", check=1)
    assert failed.stdout.strip().isdecimal()
    assert "no luck" in failed.stderr
    late = cli("start", "t.sleep", "--wait", "--timeout", "0.2", "--json", check=124)
    assert told(late.stderr)["code"] == "wait_timeout"
    job = json.loads(late.stdout)["job"]["id"]
    assert cli.json("kill", job, "--wait")["status"] == "stopped"
    assert cli("wait", job, check=137).stdout == f"{job}\tstopped\n"


@pytest.mark.databases("sqlite")
def test_a_start_where_the_directory_is_gone_is_a_failed_job_that_says_so(cli: CommandLine) -> None:
    def there(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        gone = cli.directory / "gone"
        gone.mkdir()
        command = ["sh", "-c", f'rmdir {gone}; exec "$@"', "sh", sys.executable, "-m", "jobrunner", *args]
        return subprocess.run(command, cwd=gone, env=os.environ | env, capture_output=True, text=True)

    started = there("start", "t.noop", "--json")
    assert (started.returncode, json.loads(started.stdout)["outcome"]) == (1, "launch_failed")
    failed = cli.json("status", json.loads(started.stdout)["job_id"])
    assert "the working directory is gone" in failed["error"]["message"]
    followed = there("start", "t.noop", "--follow", "--ndjson")
    assert (followed.returncode, told(followed.stdout)["trigger"]) == (1, "fail_launch")
    program = there("exec", "--json", "--", "true")
    assert (program.returncode, told(program.stderr)["code"]) == (1, "launch_failed")
    no_store = there("start", "t.noop", "--json", JOBRUNNER_DATABASE_URL="sqlite:///jobs.db")
    assert (no_store.returncode, told(no_store.stderr)["code"]) == (125, "database_unavailable")


def test_following_prints_the_lines_and_exits_as_the_job_did(cli: CommandLine) -> None:
    done = cli("start", "t.lines", "-p", "n:=3", "--follow", check=0)
    assert [line.split("  ")[-1].split()[-2:] for line in done.stdout.splitlines()] == [
        ["line", str(n)] for n in (1, 2, 3)
    ]
    assert "succeeded" in done.stderr
    as_json = cli("start", "t.lines", "-p", "n:=3", "--follow", "--json", check=0)
    assert json.loads(as_json.stdout)["job"]["status"] == "succeeded"
    assert "line 3" in as_json.stderr


def test_exec_keeps_the_programs_exit_code_output_and_arguments(cli: CommandLine) -> None:
    assert cli("exec", "--wait", "--", "sh", "-c", "exit 7", check=7).stdout.strip().isdecimal()
    killed = cli(
        "exec", "--follow", "--", "sh", "-c", 'echo "--json $1"; kill -9 $$', "sh", "-x y", check=137
    )
    assert "--json -x y" in killed.stdout
    done = json.loads(cli("exec", "--wait", "--json", "--", "pwd", check=0).stdout)
    assert (done["job"]["type"], done["job"]["title"]) == ("jobrunner.exec", "pwd")
    assert cli("logs", done["job"]["id"], "--raw", check=0).stdout.strip() == os.path.realpath(cli.directory)
    cli("exec", "--wait", "--", "no-such-program-here", check=127)


@pytest.mark.databases("sqlite")
def test_what_a_module_prints_while_it_is_imported_is_talk(cli: CommandLine) -> None:
    noisy: dict[str, str | None] = {"JOBRUNNER_HANDLERS": "tests.handlers.noisy"}
    done = cli("start", "t.noisy", "--launcher", "pool", "--json", env=noisy, check=0)
    assert json.loads(done.stdout)["outcome"] == "queued"
    assert "imported noisily" in done.stderr


@pytest.mark.databases("sqlite")
def test_a_module_that_fails_to_import_is_named_and_the_others_work(cli: CommandLine) -> None:
    broken: dict[str, str | None] = {"JOBRUNNER_HANDLERS": "no.such.module,tests.handlers.basic"}
    error = told(cli("start", "t.nop", "--json", env=broken, check=2).stderr)
    assert "no.such.module" in error["hint"]
    cli("start", "t.noop", "--launcher", "pool", env=broken, check=0)
    listed = cli.json("types", env=broken)
    assert [failure["module"] for failure in listed["import_failures"]] == ["no.such.module"]
    assert "t.add" in [item["type"] for item in listed["types"]]


@pytest.mark.databases("sqlite")
def test_text_that_is_no_utf8_is_refused(cli: CommandLine, sql: Sql) -> None:
    for arguments in (
        ["-p", "value=\udcff"],
        ["--title", "\udcff"],
        ["--params", '{"value": "\udcff"}'],
        ["--tag", "a=\udcff"],
    ):
        done = cli("start", "t.echo", *arguments, "--launcher", "pool", "--json", check=2)
        assert told(done.stderr)["code"] in ("invalid_params", "payload_not_encodable", "invalid_field")
    assert cli("status", "\udcff", check=3).stdout == "found: false\n"
    assert told(cli("token", "revoke", "\udcff", "--json", check=3).stderr)["code"] == "token_not_found"
    assert sql("select count(*) from jobrunner_job") == [(0,)]
