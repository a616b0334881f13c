"""Tables that are not those of yesterday: of another version, or out of a backup."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobrunner.version import SCHEMA_VERSION
from tests.commandline import CommandLine
from tests.faults.laboratory import Laboratory
from tests.faults.test_processes import ENVIRONMENT
from tests.stores import Store
from tests.web.server import Server
from tests.worker.workbed import is_gone

BEGINNERS = (
    "start f.again --launcher pool", "work --once", "db init", "run f.again", "exec -- true", "reap --once", "list",
)  # fmt: skip


def refused(cli: CommandLine, command: str, found: int) -> None:
    """Runs a command, and sees that it is told of the version that was found."""
    told = cli(*command.split(), env=ENVIRONMENT, check=125).stderr
    assert f"version {found}" in told and "Traceback" not in told, (command, told)


@pytest.mark.fault("F36")
@pytest.mark.timeout(300)
@pytest.mark.alters_schema
def test_while_the_tables_are_of_another_version_who_is_at_work_ends_it_and_nobody_begins(
    lab: Laboratory, cli: CommandLine, tally: Any, kind: str
) -> None:
    found = SCHEMA_VERSION + 1
    lab.wait_for_launches()
    pool = cli.spawn("work", "--capacity", 2, env=ENVIRONMENT)
    jobs = [lab.begin("l.once", seconds=3.0)[0]]
    jobs.append(lab.start("l.once", {"witness": str(lab.witness), "seconds": 3.0}, launcher="pool"))
    waiting = lab.start("f.again", {"witness": str(lab.witness)}, launcher="pool", hold=True)
    lab.running(jobs[1])
    lab.sql(f"UPDATE jobrunner_schema_version SET version = {found}")
    tally.injected("tables of another version under running workers")
    before = lab.sql("SELECT id, status, last_seq FROM jobrunner_job WHERE status = 'held'")
    for command in BEGINNERS if kind == "sqlite" else BEGINNERS[:3]:
        refused(cli, command, found)
    assert f"have version {found}, not {SCHEMA_VERSION}" in cli("db", "check", check=1).stdout
    checks = cli.json("doctor", env=ENVIRONMENT, check=1)["checks"]
    assert {one["state"] for one in checks if one["name"] == "schema"} == {"fail"}
    server = Server(lab.store.directory, {}, ("--no-auth",))
    try:
        server.start()
        told = server.get("/api/jobs", token=None)
        assert (told.status, told.json["code"]) == (503, "schema_outdated")
        assert server.get("/readyz", token=None).status == 503
    finally:
        server.end()
    assert [lab.ended(job).job.status for job in jobs] == ["succeeded", "succeeded"]
    assert lab.sql("SELECT version FROM jobrunner_schema_version") == [(found,)]
    assert lab.sql("SELECT id, status, last_seq FROM jobrunner_job WHERE status = 'held'") == before
    pool.send_signal(signal.SIGTERM)
    assert pool.wait(30) == 0
    lab.sql(f"UPDATE jobrunner_schema_version SET version = {SCHEMA_VERSION - 1}")
    refused(cli, "db init", SCHEMA_VERSION - 1)
    lab.sql(f"UPDATE jobrunner_schema_version SET version = {SCHEMA_VERSION}")
    lab.runner.release(waiting)
    cli("work", "--once", env=ENVIRONMENT, check=0)
    assert [lab.triggers(job) for job in jobs] == [["create", "claim", "succeed"]] * 2
    assert lab.status(waiting) == "succeeded" and lab.starts() == lab.claims() == 3
    assert lab.sound(settled=True)


@pytest.mark.fault("F37")
@pytest.mark.timeout(300)
@pytest.mark.alters_schema
def test_a_backup_that_is_restored_when_nobody_works_is_carried_on_from(lab: Laboratory, tally: Any) -> None:
    """What the workers of the time after the backup would do is another matter: they have to be ended first."""
    lab.wait_for_launches()
    done = lab.run("f.once", {"witness": str(lab.witness), "lines": 5}).job.id
    once, worker = lab.begin("l.once")
    again, other = lab.begin("l.again")
    waiting = lab.start("f.again", {"witness": str(lab.witness)}, launcher="pool")
    restore = backup(lab.store)
    # both witnesses from outside go back in time too
    kept = {path: path.read_bytes() for path in (lab.witness, lab.history.path) if path.exists()}
    assert lab.runner.run(waiting) == 0
    late = lab.start("f.again", {"witness": str(lab.witness)}, launcher="pool")
    for pid in (worker, other):
        lab.kill(pid)
    lab.runner.reaper().once()
    lab.heal(again)
    lab.poll(lambda: all(is_gone(pid) for pid in (worker, other)))
    lab.runner.close()
    restore()
    tally.injected("backups restored")
    for path in (lab.witness, lab.history.path):
        path.write_bytes(kept.get(path, b""))
    assert lab.sql(f"SELECT id FROM jobrunner_job WHERE id = {late}") == []
    assert (lab.status(done), lab.status(once), lab.status(again)) == ("succeeded", "running", "running")
    assert lab.sound()
    assert lab.heal(again) == "succeeded" and lab.status(once) == "parked"
    assert lab.runner.run(waiting) == 0
    assert lab.triggers(again) == ["create", "claim", "requeue_lost", "claim", "succeed"]
    assert lab.triggers(once) == ["create", "claim", "park_lost"]
    new = lab.run("f.again", {"witness": str(lab.witness)}).job
    assert (new.id >= late, new.status) == (True, "succeeded")
    assert lab.starts() == lab.claims() == 6
    assert lab.sound(settled=True)


def backup(store: Store) -> Callable[[], None]:
    """Takes a backup with the database's own tool while it is at work; returns what restores it."""
    kept = store.directory / "backup"
    if store.kind == "sqlite":
        with contextlib.closing(sqlite3.connect(store.directory / "jobs.db")) as connection:
            connection.execute(f"VACUUM INTO '{kept}'")

        def put_back() -> None:
            for left in store.directory.glob("jobs.db*"):
                left.unlink()
            shutil.copy(kept, store.directory / "jobs.db")

        return put_back
    assert store.address is not None
    address = store.address
    reach = ["-h", address.host, "-u" if store.kind == "mariadb" else "-U", address.user]
    if store.kind == "mariadb":
        dump = ["mariadb-dump", "--no-defaults", *reach, "-P", str(address.port), "--single-transaction"]
        load = ["mariadb", "--no-defaults", *reach, "-P", str(address.port), store.name]
    else:
        dump = ["pg_dump", *reach, "-p", str(address.port)]
        load = ["psql", "-q", "-v", "ON_ERROR_STOP=1", *reach, "-p", str(address.port), store.name]
    secret = {"MYSQL_PWD": address.password, "PGPASSWORD": address.password}
    _tool([*dump, store.name], secret, stdout=kept)

    def load_again() -> None:
        address.create_database(store.name)
        _tool(load, secret, stdin=kept)

    return load_again


def _tool(command: list[str], secret: dict[str, str], **ends: Path) -> None:
    with contextlib.ExitStack() as stack:
        opened: Any = {
            name: stack.enter_context(path.open("rb" if name == "stdin" else "wb"))
            for name, path in ends.items()
        }
        done = subprocess.run(command, env={**os.environ, **secret}, stderr=subprocess.PIPE, **opened)
    assert done.returncode == 0, done.stderr.decode()
