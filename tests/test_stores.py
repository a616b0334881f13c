"""Each test gets a clean store, whatever the one before it left behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.stores import VOCABULARIES, Store, Stores, processes_of

TABLE_NAMES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "mariadb": "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
    "postgres": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
}
TOKEN = (
    "INSERT INTO jobrunner_tombstone (id, uuid, type, status, final_seq, digest, log_digest, actor, at) VALUES"
    " (1, 'u', 't', 'failed', 1, 'd', 'l', 'a', '2026-01-01 00:00:00')"
)


def test_a_store_has_its_vocabularies_and_nothing_else(sql, kind) -> None:
    tables = {row[0] for row in sql(TABLE_NAMES[kind]) if row[0].startswith("jobrunner_")}
    assert set(VOCABULARIES) <= tables
    assert {name for name in tables if sql(f"SELECT count(*) FROM {name}") != [(0,)]} == set(VOCABULARIES)


def test_an_empty_store_has_no_table(empty_url, store: Store, kind) -> None:
    if kind == "sqlite":
        assert not (store.directory / "jobs.db").exists()
    else:
        assert store.sql(TABLE_NAMES[kind]) == []


def test_rows_and_rules_of_a_test_are_gone_for_the_next(stores: Stores, kind) -> None:
    first = stores.store(kind)
    first.sql(TOKEN)
    assert first.sql("SELECT uuid FROM jobrunner_tombstone") == [("u",)]
    stores.clean(first, altered=False)
    second = stores.store(kind)
    assert second.sql("SELECT count(*) FROM jobrunner_tombstone") == [(0,)]
    second.sql("DELETE FROM jobrunner_transition_rule WHERE trigger_name = 'abandon'")
    stores.clean(second, altered=False)
    third = stores.store(kind)
    assert third.sql("SELECT count(*) > 0 FROM jobrunner_transition_rule WHERE trigger_name = 'abandon'") == [
        (1,)
    ]
    stores.clean(third, altered=False)


def test_what_a_test_started_is_ended_with_it(stores: Stores, tmp_path) -> None:
    made = stores.store("sqlite", empty=True)
    marked = subprocess.Popen(["sleep", "600"], env={**os.environ, "JR_TEST_STORE": made.mark}, cwd=tmp_path)
    placed = subprocess.Popen(["sleep", "600"], env={"PATH": os.environ["PATH"]}, cwd=made.directory)
    assert set(processes_of(made)) == {marked.pid, placed.pid}
    stores.clean(made, altered=False)
    assert (marked.wait(5), placed.wait(5)) == (-9, -9)


def test_a_test_sees_no_settings_but_its_own(url) -> None:
    assert os.environ["JOBRUNNER_DATABASE_URL"] == url
    assert not Path("jobrunner.toml").exists()


@pytest.mark.databases("sqlite")
def test_a_marker_names_the_databases_of_a_test(kind) -> None:
    assert kind == "sqlite"
