"""The tables are those of the entities, and every difference is named."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.dialects.mysql.reserved_words import RESERVED_WORDS_MARIADB

from jobrunner.auditor import verify
from jobrunner.errors import SchemaMissing
from jobrunner.store import ddl, views
from jobrunner.store.checking import differences
from jobrunner.store.database import Database
from tests.servers import ROOT
from tests.store.driving import finished
from tests.stores import Store

RULE = (
    "INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)"
    " VALUES ('failed', 'succeed', 'succeeded', 'operator', 'by hand')"
)
STATUS = "INSERT INTO jobrunner_status (name, is_active, is_terminal, description) VALUES ('dreaming', 1, 0, 'by hand')"


def test_a_new_store_is_as_the_entities_say(database: Database) -> None:
    assert differences(database) == []


def test_creating_it_again_changes_nothing(database: Database, sql) -> None:
    before = sql("SELECT * FROM jobrunner_schema_version")
    ddl.create(database)
    assert differences(database) == []
    assert sql("SELECT * FROM jobrunner_schema_version") == before


def test_the_generated_files_are_not_stale() -> None:
    made = ddl.generate()
    assert {path.name: path.read_text("utf-8") for path in made} == {
        path.name: body for path, body in made.items()
    }


def test_a_database_without_tables_has_no_schema(empty_url: str) -> None:
    with pytest.raises(SchemaMissing):
        differences(Database(empty_url))


@pytest.mark.databases("postgres")
def test_moments_are_read_in_a_database_that_would_write_them_otherwise(empty_url: str, store: Store) -> None:
    store.sql(f"ALTER DATABASE {store.name} SET DateStyle = 'German'")
    database = Database(empty_url)
    ddl.create(database)
    job = finished(database)
    assert views.history(database, job)[0]["at"].endswith("Z")
    assert list(verify(database)) == []


@pytest.mark.databases("mariadb")
def test_the_client_applies_the_files_twice_and_the_store_is_ours(empty_url: str, store: Store) -> None:
    address = store.address
    assert address is not None
    files = [ROOT / "db" / "schema.sql", *sorted((ROOT / "db" / "seed").glob("*.sql"))]
    text = "\n".join(file.read_text("ascii") for file in files)
    assert "DROP" not in text.upper()
    command = [
        "mariadb", "--no-defaults", f"--host={address.host}", f"--port={address.port}", "--protocol=tcp", f"--user={address.user}",
        store.name,
    ]  # fmt: skip
    for _ in range(2):
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            env={"MYSQL_PWD": address.password, "PATH": "/usr/bin:/bin"},
        )
        assert (done.returncode, done.stderr) == (0, "")
    assert differences(Database(empty_url)) == []


def test_no_name_is_a_reserved_word_and_all_bear_the_prefix() -> None:
    dialects: tuple[Any, ...] = (sqlite.dialect, mysql.dialect, postgresql.dialect)
    reserved: set[str] = set(RESERVED_WORDS_MARIADB)
    for made in dialects:
        reserved |= made().identifier_preparer.reserved_words
    assert {"trigger", "select", "user", "rank"} <= reserved
    for table in ddl.tables():
        assert table.name.startswith("jobrunner_")
        assert {column.name for column in table.columns} & reserved == set()
        assert {str(index.name)[:10] for index in table.indexes} <= {"jobrunner_"}


def test_the_servers_take_every_column_name_unquoted(sql) -> None:
    for table in ddl.tables():
        sql(f"SELECT {', '.join(column.name for column in table.columns)} FROM {table.name}")


def test_nothing_is_ever_dropped() -> None:
    for dialect in ("sqlite", "mysql", "postgresql"):
        assert "DROP" not in ddl.script(dialect).upper()


@pytest.mark.alters_schema
@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("ALTER TABLE jobrunner_job DROP COLUMN title", "jobrunner_job.title is missing"),
        ("ALTER TABLE jobrunner_job ADD COLUMN colour INTEGER", "jobrunner_job.colour is not ours"),
        ("DROP TABLE jobrunner_api_token", "jobrunner_api_token is missing"),
        ("CREATE TABLE jobrunner_stray (id INTEGER PRIMARY KEY)", "jobrunner_stray is not one of this version"),
        ("CREATE INDEX stray ON jobrunner_job (attempt)", "index stray of jobrunner_job is not ours"),
        ("CREATE UNIQUE INDEX stray ON jobrunner_job (attempt)", "unique key (attempt) of jobrunner_job is not ours"),
        (RULE, "failed --succeed was added by hand; it is not honoured"),
        (STATUS, "dreaming was added by hand; it is not honoured"),
        ("DELETE FROM jobrunner_transition_rule WHERE trigger_name = 'admit'", "scheduled --admit is missing"),
        ("UPDATE jobrunner_transition_rule SET actors = 'x' WHERE trigger_name = 'admit'", "the change is not honoured"),
        ("UPDATE jobrunner_schema_version SET version = 7", "have version 7, not"),
    ],
)  # fmt: skip
def test_a_difference_is_named(database: Database, sql, statement: str, told: str) -> None:
    sql(statement)
    found = differences(database)
    assert len(found) == 1 and told in found[0], found


@pytest.mark.alters_schema
@pytest.mark.databases("sqlite", "postgres")
def test_a_dropped_index_is_named(database: Database, sql) -> None:
    sql("DROP INDEX jobrunner_job_claim")
    assert differences(database) == ["The index jobrunner_job_claim of jobrunner_job is missing."]


@pytest.mark.alters_schema
@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("name", sorted(ddl.TRIGGERS))
def test_a_dropped_or_altered_trigger_is_named(database: Database, sql, name: str) -> None:
    sql(f"DROP TRIGGER {name}")
    assert differences(database) == [f"The trigger {name} is missing."]
    sql(ddl.TRIGGERS[name].replace("SELECT RAISE", "SELECT 1 OR RAISE"))
    assert differences(database) == [f"The trigger {name} does not say what ours says."]


@pytest.mark.alters_schema
@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (r"status <> 'new'", "status <> 'old'", "check jobrunner_job_born of jobrunner_job"),
        (r" AUTOINCREMENT", "", "jobrunner_job.id has numbering none"),
        (r"'stopped', 'abandoned'\)", "'stopped')", "jobrunner_job.active_lock_key has formula"),
        (
            r"CONSTRAINT jobrunner_job_seq CHECK \([^)]*\),",
            "",
            "check jobrunner_job_seq of jobrunner_job is missing",
        ),
    ],
)
def test_a_table_made_otherwise_is_named(empty_url: str, old: str, new: str, told: str) -> None:
    database = Database(empty_url)

    def work(connection) -> None:
        for statement in [
            re.sub(old, new, text) for text in ddl.statements("sqlite")
        ] + ddl.seed_statements():
            connection.exec_driver_sql(statement)

    database.write(work)
    assert [difference for difference in differences(database) if told in difference]


@pytest.mark.alters_schema
@pytest.mark.databases("mariadb")
@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("ALTER TABLE jobrunner_job DROP INDEX jobrunner_job_claim", "index jobrunner_job_claim"),
        ("ALTER TABLE jobrunner_job MODIFY lock_key VARCHAR(191)", "jobrunner_job.lock_key has type"),
        ("ALTER TABLE jobrunner_job MODIFY title VARCHAR(200)", "VARCHAR(200), not VARCHAR(255)"),
        ("ALTER TABLE jobrunner_job MODIFY result TEXT", "jobrunner_job.result has type TEXT"),
        ("ALTER TABLE jobrunner_job MODIFY queue VARBINARY(64) NULL", "has nullability NULL"),
        ("ALTER TABLE jobrunner_tombstone MODIFY at DATETIME NOT NULL", "has type DATETIME, not DATETIME(6)"),
        (
            "ALTER TABLE jobrunner_api_token MODIFY scope VARCHAR(16) COLLATE utf8mb4_general_ci NOT NULL",
            "has collation",
        ),
        ("ALTER TABLE jobrunner_lease ENGINE=MyISAM", "engine MyISAM"),
        ("ALTER TABLE jobrunner_lease DEFAULT COLLATE utf8mb4_general_ci", "collation utf8mb4_general_ci"),
        ("ALTER TABLE jobrunner_job DROP CONSTRAINT jobrunner_job_born", "check jobrunner_job_born"),
        ("ALTER TABLE jobrunner_job_transition DROP FOREIGN KEY jobrunner_transition_follows", "foreign key"),
        ("CREATE TRIGGER stray BEFORE UPDATE ON jobrunner_job FOR EACH ROW SET NEW.pid = 1", "trigger stray"),
        ("ALTER TABLE jobrunner_job MODIFY id BIGINT NOT NULL", "jobrunner_job.id has numbering none"),
    ],
)
def test_a_mariadb_that_was_altered_is_named(database: Database, sql, statement: str, told: str) -> None:
    sql(statement)
    assert [difference for difference in differences(database) if told in difference]


@pytest.mark.alters_schema
@pytest.mark.databases("postgres")
@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("ALTER TABLE jobrunner_job DROP CONSTRAINT jobrunner_job_born", "check jobrunner_job_born"),
        ("ALTER TABLE jobrunner_job_transition DROP CONSTRAINT jobrunner_transition_is_legal", "foreign key"),
        ("ALTER TABLE jobrunner_job_transition DROP CONSTRAINT jobrunner_transition_no_fork", "unique key"),
        ("ALTER TABLE jobrunner_job ALTER title TYPE VARCHAR(200)", "VARCHAR(200), not VARCHAR(255)"),
        ("ALTER TABLE jobrunner_job ALTER queue DROP NOT NULL", "has nullability NULL"),
        ("ALTER TABLE jobrunner_job ALTER id DROP DEFAULT", "jobrunner_job.id has numbering none"),
        (
            "ALTER TABLE jobrunner_job_tag DROP CONSTRAINT jobrunner_job_tag_pkey",
            "primary key of jobrunner_job_tag",
        ),
    ],
)
def test_a_postgresql_that_was_altered_is_named(database: Database, sql, statement: str, told: str) -> None:
    sql(statement)
    assert [difference for difference in differences(database) if told in difference]
