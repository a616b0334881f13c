"""The tables: printed for a dialect, created, seeded. Nothing here ever drops anything."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import StaticPool, create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.schema import CreateIndex, CreateTable, Index, Table

from jobrunner.entities import TABLES
from jobrunner.states import DESCRIPTIONS, EDGES, TERMINAL, Status
from jobrunner.store.database import Database
from jobrunner.store.dialects import by_name
from jobrunner.version import SCHEMA_VERSION

_COMPILERS: dict[str, Any] = {name: registry.load(name)() for name in ("sqlite", "mysql", "postgresql")}
_MYSQL_TABLE = "ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
_LEDGER = ("jobrunner_job_transition", "jobrunner_job_log")


def tables() -> tuple[Table, ...]:
    """Returns every table as the entities describe it, in reading order."""
    return TABLES


def statements(dialect: str) -> list[str]:
    """Returns the DDL of every table for sqlite, mysql or postgresql; running it twice changes nothing."""
    name = by_name(dialect).name
    found: list[str] = []
    for table in TABLES:
        created = _squeezed(CreateTable(table, if_not_exists=True).compile(dialect=_COMPILERS[name]))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        if name == "mysql":
            found.append(_with_indexes(created, indexes))
        else:
            found.append(created)
            found += [
                _squeezed(CreateIndex(index, if_not_exists=True).compile(dialect=_COMPILERS[name]))
                for index in indexes
            ]
    return found + (list(TRIGGERS.values()) if name == "sqlite" else [])


def _squeezed(compiled: Any) -> str:
    lines = [line.rstrip().replace("\t", "  ") for line in str(compiled).strip().splitlines()]
    return "\n".join(lines)


def _with_indexes(created: str, indexes: list[Index]) -> str:
    """MySQL has no CREATE INDEX IF NOT EXISTS, so the indexes stand inside the table."""
    body = created.rsplit("\n)", 1)[0]
    for index in indexes:
        columns = ", ".join(str(getattr(item, "name", item)) for item in index.expressions)
        body += f",\n  INDEX {index.name} ({columns})"
    return f"{body}\n) {_MYSQL_TABLE}"


def _trigger(name: str, moment: str, table: str, condition: str, message: str) -> str:
    return (
        f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {moment} ON {table}\n"
        f"{'WHEN ' + condition if condition else ''}\nBEGIN\n  SELECT RAISE(ABORT, '{message}');\nEND"
    ).replace("\n\n", "\n")


_NO_RULE = (
    "NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = NEW.from_status"
    " AND trigger_name = NEW.trigger_name AND to_status = NEW.to_status)"
)
_NO_PATH = (
    "NEW.prev_seq IS NOT NULL AND NOT EXISTS (SELECT 1 FROM jobrunner_job_transition WHERE job_id = NEW.job_id"
    " AND seq = NEW.prev_seq AND to_status = NEW.from_status)"
)
_TAKEN = " OR ".join(
    f"EXISTS (SELECT 1 FROM jobrunner_job_transition WHERE {key})"
    for key in (
        "job_id = NEW.job_id AND seq = NEW.seq",
        "job_id = NEW.job_id AND prev_seq = NEW.prev_seq",
        "op_id = NEW.op_id",
    )
)
_NO_JOB = "NOT EXISTS (SELECT 1 FROM jobrunner_job WHERE id = NEW.job_id)"
_NO_STATUS = "NOT EXISTS (SELECT 1 FROM jobrunner_status WHERE name = NEW.status)"
# SQLite checks foreign keys only for connections that ask for it; these speak to the others
TRIGGERS: dict[str, str] = {
    name: _trigger(name, *rest)
    for name, *rest in (
        (
            "jobrunner_transition_rule_holds",
            "INSERT",
            _LEDGER[0],
            _NO_RULE,
            "no such edge in the state machine table",
        ),
        (
            "jobrunner_transition_path_holds",
            "INSERT",
            _LEDGER[0],
            _NO_PATH,
            "the move does not follow the last one",
        ),
        # REPLACE takes a row away without an update; for lines such a trigger would cost a fifth of their insert
        ("jobrunner_transition_is_new", "INSERT", _LEDGER[0], _TAKEN, "transitions are never replaced"),
        ("jobrunner_transition_has_job", "INSERT", _LEDGER[0], _NO_JOB, "no such job"),
        ("jobrunner_transition_is_final", "UPDATE", _LEDGER[0], "", "transitions are never updated"),
        ("jobrunner_log_is_final", "UPDATE", _LEDGER[1], "", "log lines are never updated"),
        ("jobrunner_job_status_known", "UPDATE OF status", "jobrunner_job", _NO_STATUS, "no such status"),
        ("jobrunner_job_status_born", "INSERT", "jobrunner_job", _NO_STATUS, "no such status"),
    )
}


def script(dialect: str) -> str:
    """Returns the DDL as one script with a contents list, ready for the database's own client."""
    contents = "\n".join(f"--   {table.name}" for table in TABLES)
    head = (
        "-- The tables of jobrunner, made from jobrunner/entities.py by scripts/generate.\n"
        "-- It takes nothing away, and applied twice it changes nothing. Load db/seed/*.sql after it.\n--\n"
    )
    return (
        head
        + contents
        + "\n\n"
        + "".join(f"{statement};\n\n" for statement in statements(dialect)).rstrip()
        + "\n"
    )


def data_directory() -> Path:
    """Returns the directory ``db`` of this installation: inside a wheel, or beside the package in a checkout."""
    inside = Path(__file__).parent.parent / "db"
    return inside if inside.is_dir() else Path(__file__).parent.parent.parent / "db"


def seed_statements() -> list[str]:
    """Returns the statements of ``db/seed/*.sql`` in order of their file names."""
    found: list[str] = []
    for file in sorted((data_directory() / "seed").glob("*.sql")):
        lines = [line for line in file.read_text("ascii").splitlines() if not line.startswith("--")]
        found += [part.strip() for part in "\n".join(lines).split(";\n") if part.strip().rstrip(";")]
    return [statement.rstrip(";") for statement in found]


def seed_files() -> dict[str, str]:
    """Returns what ``db/seed`` must hold, by file name, made from ``states.py``."""
    statuses = [
        _seed(
            "jobrunner_status",
            {
                "name": status.value,
                "is_active": int(status.is_active),
                "is_terminal": int(status in TERMINAL),
                "description": DESCRIPTIONS[status],
            },
            ("name",),
        )
        for status in Status
    ]
    rules = [
        _seed(
            "jobrunner_transition_rule",
            {
                "from_status": edge.from_status.value,
                "trigger_name": edge.trigger.value,
                "to_status": edge.to_status.value,
                "actors": ",".join(edge.actors),
                "description": edge.description,
            },
            ("from_status", "trigger_name"),
        )
        for edge in EDGES
    ]
    head = "-- Made from jobrunner/states.py by scripts/generate. The same text on SQLite, MySQL/MariaDB and PostgreSQL.\n"
    version = (
        f"INSERT INTO jobrunner_schema_version (version, applied_at) SELECT {SCHEMA_VERSION}, CURRENT_TIMESTAMP"
        f" WHERE NOT EXISTS (SELECT 1 FROM jobrunner_schema_version WHERE version = {SCHEMA_VERSION});\n"
    )
    return {
        "010_status.sql": head + "-- What each status means.\n" + "".join(statuses),
        "020_transition_rule.sql": head
        + "-- The state machine table: one row per legal edge.\n"
        + "".join(rules),
        "030_schema_version.sql": head + "-- Which shape the tables have.\n" + version,
    }


def _seed(table: str, row: dict[str, str | int], key: tuple[str, ...]) -> str:
    literals = {
        name: str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
        for name, value in row.items()
    }
    same = " AND ".join(f"{name} = {literals[name]}" for name in key)
    return (
        f"INSERT INTO {table} ({', '.join(row)})\n  SELECT {', '.join(literals.values())}\n"
        f"  WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {same});\n"
    )


def create(database: Database) -> None:
    """Creates the tables and loads the seeds; what is there already stays as it is."""
    if database.dialect.name == "sqlite":
        # a file that cannot be written is refused here, in words
        database.write(lambda _: None)
        _use_wal(database)

    def work(connection: Connection) -> None:
        if database.dialect.name == "postgresql":
            # IF NOT EXISTS alone lets two of them collide in the catalogue
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7061646472)")
        for statement in statements(database.dialect.name) + seed_statements():
            connection.exec_driver_sql(statement)

    database.write(work, patience=30)
    database.schema_seen = True


def _use_wal(database: Database) -> None:
    """Readers and the writer of a file do not wait for each other in WAL mode; it is a property of the file."""
    raw = database.engine().raw_connection()
    try:
        raw.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        raw.close()


@lru_cache(maxsize=1)
def empty_engine() -> Engine:
    """Returns an empty store in memory, which answers for a SQLite file that does not exist yet."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    with engine.begin() as connection:
        for statement in statements("sqlite") + seed_statements():
            connection.exec_driver_sql(statement)
    return engine


def generate() -> dict[Path, str]:
    """Returns every generated file of the checkout with its contents."""
    root = data_directory()
    return {root / "schema.sql": script("mysql")} | {
        root / "seed" / name: body for name, body in seed_files().items()
    }


if __name__ == "__main__":
    for path, body in generate().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, "utf-8")
