"""``db``, ``doctor`` and ``audit``, and what a database that cannot be used sounds like."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobrunner import JobRunner
from tests.cli.conftest import Inside
from tests.commandline import CommandLine

Sql = Callable[[str], list[tuple[Any, ...]]]


def error_of(done: Any) -> Any:
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return json.loads(done.stderr.strip().splitlines()[-1])


def test_init_makes_a_store_twice_and_check_finds_nothing(
    cli: CommandLine, inside: Inside, empty_url: str
) -> None:
    if not empty_url.startswith("sqlite"):
        error = error_of(inside("start", "t.noop", "--json", check=125))
        assert (error["code"], "jobrunner db init" in error["hint"]) == ("schema_missing", True)
        assert error_of(inside("list", "--json", check=125))["code"] == "schema_missing"
        failed = inside.json("doctor", check=1)
        assert ("schema", "fail") in [(check["name"], check["state"]) for check in failed["checks"]]
    assert cli.json("db", "init") == inside.json("db", "init")
    assert inside.json("db", "check")["differences"] == []
    inside("start", "t.noop", "--launcher", "pool", check=0)
    sound = inside.json("doctor")
    assert sound["ok"] is True
    assert {check["name"] for check in sound["checks"]} >= {
        "environment",
        "database",
        "schema",
        "settings",
        "clock",
        "handlers",
    }


@pytest.mark.alters_schema
def test_check_names_what_is_not_as_it_should_be(inside: Inside, sql: Sql, url: str) -> None:
    assert inside("db", "check", check=0).stdout == ""
    sql("alter table jobrunner_job drop column title")
    found = inside("db", "check", check=1)
    assert "title" in found.stdout


@pytest.mark.databases("sqlite")
def test_schema_is_printed_for_every_dialect_without_a_database(inside: Inside) -> None:
    for dialect in ("sqlite", "mysql", "postgresql"):
        assert (
            "CREATE TABLE IF NOT EXISTS jobrunner_job "
            in inside("db", "schema", "--dialect", dialect, check=0).stdout
        )
    assert (
        error_of(inside("db", "schema", "--dialect", "oracle", "--json", check=2))["code"] == "invalid_field"
    )


def test_the_audit_finds_a_changed_line_and_a_deleted_job(
    inside: Inside, runner: JobRunner, sql: Sql
) -> None:
    job, other = (runner.start("t.add", {"a": 1}).job_id for _ in range(2))
    runner.run(job)
    head = inside("audit", "head", check=0).stdout
    Path("head").write_text(head)
    Path("export").write_text(inside("audit", "export", check=0).stdout)
    assert [item["job_id"] for item in inside.json("audit", "head")["heads"]] == [job, other]
    assert inside("audit", "verify", check=0).stdout == ""
    assert inside.json("audit", "verify", job, "--against", "head") == {"ok": True, "findings": []}
    inside("audit", "verify", "--file", "export", "--against", "head", check=0)
    inside("audit", "verify", 424242, check=3)
    inside("audit", "verify", "--against", "no-such-file", check=2)
    for table in ("job_transition", "job"):
        sql(f"delete from jobrunner_{table} where {'job_id' if table != 'job' else 'id'} = {other}")
    inside("audit", "verify", check=0)
    found = inside.json("audit", "verify", "--against", "head", check=1)["findings"]
    assert [item["job_id"] for item in found] == [other]


@pytest.mark.databases("sqlite")
def test_a_database_that_cannot_be_used_is_told_in_one_message(
    cli: CommandLine, tmp_path: Path, sqlite_url: str
) -> None:
    (tmp_path / "text.db").write_bytes(b"this is no database at all, but text" * 100)
    old = sqlite3.connect(tmp_path / "old.db")
    old.executescript(
        "create table jobrunner_schema_version (version int); insert into jobrunner_schema_version values (0)"
    )
    old.close()
    wrong = {
        "oracle://x:secret@h/d": "bad_database_url",
        "nonsense": "bad_database_url",
        "mysql://x:secret@127.0.0.1:1/none": "database_unavailable",
        f"sqlite:///{tmp_path}/no/such/directory/x.db": "database_unavailable",
        f"sqlite:///{tmp_path}/text.db": "database_unavailable",
        f"sqlite:///{tmp_path}/old.db": "schema_outdated",
    }
    for url, code in wrong.items():
        done = cli(
            "start", "t.noop", "--launcher", "pool", "--json", env={"JOBRUNNER_DATABASE_URL": url}, check=125
        )
        error = error_of(done)
        assert (error["code"], bool(error["hint"])) == (code, True), url
        assert "secret" not in done.stderr
    assert (
        error_of(cli("list", "--json", env={"JOBRUNNER_LEASE": "soon"}, check=125))["code"]
        == "invalid_configuration"
    )
    assert cli.json("doctor", env={"JOBRUNNER_LEASE": "soon"}, check=1)["ok"] is False


@pytest.mark.databases("sqlite")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_cannot_be_written_is_told(inside: Inside, runner: JobRunner, sqlite_url: str) -> None:
    runner.start("t.noop")
    Path(sqlite_url.removeprefix("sqlite:///")).chmod(0o400)
    assert error_of(inside("cancel", 1, "--json", check=125))["code"] == "database_read_only"


@pytest.mark.databases("postgres")
def test_who_would_run_jobs_of_a_database_that_can_only_be_read_is_told_in_one_message(
    cli: CommandLine, runner: JobRunner, url: str
) -> None:
    job = runner.start("t.noop").job_id
    only = ["--database-url", f"{url}?options=-c%20default_transaction_read_only%3Don"]
    told = error_of(cli(*only, "run", job, "--json", check=125))
    assert (told["code"], bool(told["hint"])) == ("database_read_only", True)
    for command in (["run", job], ["work", "--once"]):
        words = cli(*only, *command, check=125).stderr.splitlines()
        assert [line.partition(" ")[0] for line in words] == ["error:", "hint:"]
        assert "read-only" in words[0] and words[1] == f"hint: {told['hint']}"


@pytest.mark.databases("sqlite")
def test_a_full_disk_under_the_answer_is_told_and_usage_is_json_too(cli: CommandLine) -> None:
    with open("/dev/full", "w") as full:
        import subprocess

        done = subprocess.run(
            cli._command(("machine",)), stdout=full, stderr=subprocess.PIPE, text=True, cwd=cli.directory
        )
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        125,
        "error: The answer could not be written: No space left on device.",
    )
    wrong = error_of(cli("lits", "--json", check=2))
    assert (wrong["code"], "list" in wrong["message"]) == ("usage", True)
    assert cli(check=2).stderr.startswith("Usage: jobrunner")


@pytest.mark.databases("sqlite")
def test_what_nobody_foresaw_has_a_code_and_a_traceback_only_when_asked(
    cli: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import jobrunner.states\n"
        "class Broken:\n    def __iter__(self):\n        raise ZeroDivisionError('foreseen by nobody')\n"
        "jobrunner.states.EDGES = Broken()\n"
    )
    path = {"PYTHONPATH": f"{tmp_path}:{os.environ['PYTHONPATH']}"}
    error = error_of(cli("machine", "--json", env={**path}, check=125))
    assert (error["code"], error["message"]) == ("internal", "ZeroDivisionError: foreseen by nobody")
    assert "Traceback" in cli("machine", env={**path, "JOBRUNNER_DEBUG": "1"}, check=1).stderr
