"""The doctor finds what is wrong, and says how to mend it."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from jobrunner.store import health
from jobrunner.store.database import Database

NAMES = {"environment", "database", "schema", "writing", "settings", "indexes", "clock", "timing", "handlers"}


def checks(cli: Any, *, healthy: bool = False, **env: str) -> list[dict[str, str]]:
    return cli.json("doctor", env=env, check=0 if healthy else 1)["checks"]


def faults(found: list[dict[str, str]]) -> dict[str, str]:
    """Returns the messages of what is not ok by name, each of which has a fix."""
    wrong = [check for check in found if check["state"] != "ok"]
    assert all(check["fix"] for check in wrong), wrong
    told: dict[str, str] = {}
    for check in wrong:
        told[check["name"]] = f"{told.get(check['name'], '')} {check['message']}".strip()
    return told


def test_a_sound_store_passes_every_check(cli, url):
    found = checks(cli, healthy=True)
    assert {check["name"] for check in found} - {"wal"} == NAMES
    # the private servers of the tests are not made to be durable, and the SQLite of a system is seldom the newest
    assert set(faults(found)) <= {"settings", "wal"}


@pytest.mark.alters_schema
def test_an_index_that_is_gone_is_named_with_what_needs_it(cli, kind, sql):
    sql(f"DROP INDEX jobrunner_job_claim{' ON jobrunner_job' if kind == 'mariadb' else ''}")
    wrong = faults(checks(cli))
    assert "jobrunner_job_claim" in wrong["indexes"] and "the claim" in wrong["indexes"]
    assert "jobrunner_job_claim" in wrong["schema"]


@pytest.mark.alters_schema
def test_a_table_that_was_changed_is_named(cli, sql):
    sql("ALTER TABLE jobrunner_job DROP COLUMN title")
    assert "title" in faults(checks(cli))["schema"]


def test_a_lease_without_room_is_warned_of(cli, url):
    env = {"JOBRUNNER_LEASE": "3", "JOBRUNNER_HEARTBEAT": "1", "JOBRUNNER_SELF_FENCE": "2"}
    found = checks(cli, healthy=True, JOBRUNNER_UNSAFE_TIMING="1", **env)
    assert "held dead" in faults(found)["timing"]


@pytest.mark.databases("mariadb")
@pytest.mark.parametrize(
    ("name", "value", "state"),
    [
        ("innodb_flush_log_at_trx_commit", "2", "warn"), ("max_allowed_packet", "1048576", "fail"), ("read_only", "1", "fail"),
    ],
)  # fmt: skip
def test_a_mariadb_that_loses_or_refuses_is_found(own_server, cli, sql, name, value, state):
    ((before,),) = sql(f"SELECT @@GLOBAL.{name}")
    sql(f"SET GLOBAL {name} = {value}")
    try:
        found = checks(cli, healthy=state == "warn")
    finally:
        sql(f"SET GLOBAL {name} = {before}")
    where = "writing" if name == "read_only" else "settings"
    (wrong,) = (c for c in found if c["name"] == where and c["state"] == state)
    assert name == "read_only" or name in wrong["message"]


@pytest.mark.databases("postgres")
@pytest.mark.parametrize(
    ("setting", "where", "state"),
    [
        ("synchronous_commit = off", "settings", "warn"),
        ("default_transaction_read_only = on", "writing", "fail"),
    ],
)
def test_a_postgresql_that_loses_or_refuses_is_found(own_server, cli, store, sql, setting, where, state):
    sql(f"ALTER DATABASE {store.name} SET {setting}")
    found = checks(cli, healthy=state == "warn")
    assert (where, state) in [(check["name"], check["state"]) for check in found]
    assert where in faults(found)


@pytest.mark.databases("postgres")
def test_what_the_url_says_of_time_outs_does_not_win_over_ours(cli, url):
    other = "?options=-c%20idle_in_transaction_session_timeout%3D0"
    found = checks(cli, healthy=True, JOBRUNNER_DATABASE_URL=url + other)
    assert "timeout" not in faults(found).get("settings", "")


@pytest.mark.databases("sqlite")
def test_a_file_without_wal_is_warned_of(cli, sql):
    sql("PRAGMA journal_mode = DELETE")
    assert "journal_mode is delete" in faults(checks(cli, healthy=True))["settings"]


@pytest.mark.databases("sqlite")
def test_the_version_with_a_known_fault_of_the_log_is_warned_of(cli, url):
    found = checks(cli, healthy=True)
    assert ("wal" in faults(found)) is (sqlite3.sqlite_version_info < (3, 51, 3))


@pytest.mark.parametrize(
    ("url", "told", "fault"),
    [
        ("mysql://u@h/d", "10.5.23-MariaDB-log", "10.6"),
        ("mysql://u@h/d", "10.11.19-MariaDB", None),
        ("mysql://u@h/d", "8.0.11", "8.0.16"),
        ("mysql://u@h/d", "8.4.3", None),
        ("postgresql://u@h/d", "PostgreSQL 11.22 on x86_64", "12"),
        ("postgresql://u@h/d", "PostgreSQL 15.20 (Debian)", None),
        ("sqlite:///x.db", "SQLite 3.8.7", "3.37"),
        ("sqlite:///x.db", "SQLite 3.40.1", None),
        ("sqlite:///x.db", "something else", None),
    ],
)
def test_a_version_that_is_too_old_is_told_with_the_oldest_that_will_do(url, told, fault):
    found = health.version_fault(Database(url), told)
    assert found is None if fault is None else fault in (found or "")
