"""Every difference between a database and what this version expects of it, in plain words."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.schema import Table

from jobrunner.errors import SchemaMissing
from jobrunner.states import DESCRIPTIONS, EDGES, TERMINAL, Status
from jobrunner.store import ddl, shapes
from jobrunner.store.database import Database
from jobrunner.store.shapes import Shape
from jobrunner.version import SCHEMA_VERSION

PREFIX = "jobrunner_"
_RULES, _STATUSES, _VERSIONS = "jobrunner_transition_rule", "jobrunner_status", "jobrunner_schema_version"


def differences(database: Database) -> list[str]:
    """Returns one sentence per difference: tables, columns, keys, checks, triggers, version and seeds.

    Empty when there is none. Raises SchemaMissing for a database without our tables.
    """
    if database.is_blank():
        raise SchemaMissing(f"The database {database.where} has no jobrunner tables.")

    def work(connection: Connection) -> list[str]:
        # unpatterned names may differ in case only, where the server folds them
        present = {name for name in inspect(connection).get_table_names() if name.startswith(PREFIX)}
        if not present:
            raise SchemaMissing(f"The database {database.where} has no jobrunner tables.")
        return _tables(connection, present) + _triggers(connection) + _contents(connection, present)

    return database.read(work, patience=30)


def _tables(connection: Connection, present: set[str]) -> list[str]:
    expected = {table.name: table for table in ddl.tables()}
    found = [f"The table {name} is missing." for name in expected if name not in present]
    found += [f"The table {name} is not one of this version." for name in sorted(present - expected.keys())]
    for name, table in expected.items():
        if name in present:
            found += _table(connection, table)
    return found


def _table(connection: Connection, table: Table) -> list[str]:
    wanted, there = shapes.expected(table, connection.dialect), shapes.actual(connection, table.name)
    found = [
        f"The column {table.name}.{name} is missing." for name in wanted.columns if name not in there.columns
    ]
    found += [
        f"The column {table.name}.{name} is not ours." for name in there.columns if name not in wanted.columns
    ]
    for name, column in wanted.columns.items():
        seen = there.columns.get(name)
        if seen is None or seen == column:
            continue
        for trait, value in column.items():
            if seen[trait] != value:
                found.append(
                    f"The column {table.name}.{name} has {trait} {_said(seen[trait])}, not {_said(value)}."
                )
    if there.primary_key != wanted.primary_key:
        found.append(
            f"The primary key of {table.name} is ({', '.join(there.primary_key)}), not ({', '.join(wanted.primary_key)})."
        )
    return found + _keys(table.name, wanted, there) + _options(connection, table.name)


def _keys(table: str, wanted: Shape, there: Shape) -> list[str]:
    found: list[str] = []
    for what, mine, theirs in (
        ("unique key", wanted.unique, there.unique),
        ("foreign key", wanted.foreign, there.foreign),
    ):
        found += [f"The {what} {_key(key)} of {table} is missing." for key in sorted(mine - theirs, key=str)]
        found += [f"The {what} {_key(key)} of {table} is not ours." for key in sorted(theirs - mine, key=str)]
    for what, ours, seen in (
        ("index", wanted.indexes, there.indexes),
        ("check", wanted.checks, there.checks),
    ):
        found += [f"The {what} {name} of {table} is missing." for name in ours if name not in seen]
        found += [f"The {what} {name} of {table} is not ours." for name in seen if name not in ours]
        found += [
            f"The {what} {name} of {table} is ({', '.join(seen[name])}), not ({', '.join(value)})."
            for name, value in ours.items()
            if name in seen and seen[name] != value
        ]
    return found


def _key(key: Any) -> str:
    if isinstance(key, shapes.Reference):
        extra = f" {key.options}" if key.options else ""
        return f"({', '.join(key.columns)}) to {key.table} ({', '.join(key.targets)}){extra}"
    return f"({', '.join(key)})"


def _said(value: Any) -> str:
    return "none" if value in (None, ()) else " ".join(value) if isinstance(value, tuple) else str(value)


def _options(connection: Connection, table: str) -> list[str]:
    if connection.dialect.name != "mysql":
        return []
    found = connection.execute(_TABLE_OPTIONS, {"name": table}).one()
    return [
        f"The table {table} has {what} {seen}, not {wanted}."
        for what, seen, wanted in zip(("engine", "collation"), found, ("InnoDB", "utf8mb4_bin"), strict=True)
        if seen != wanted
    ]


def _triggers(connection: Connection) -> list[str]:
    ours = ddl.TRIGGERS if connection.dialect.name == "sqlite" else {}
    rows = connection.execute(_TRIGGERS[connection.dialect.name]).all()
    seen = {str(row[0]): str(row[1]) for row in rows}
    found = [f"The trigger {name} is missing." for name in ours if name not in seen]
    found += [f"The trigger {name} is not ours." for name in seen if name not in ours]
    return found + [
        f"The trigger {name} does not say what ours says."
        for name, body in ours.items()
        if name in seen and _squeezed(seen[name]) != _squeezed(body)
    ]


def _squeezed(statement: str) -> str:
    return re.sub(r"\s+", " ", statement.replace("IF NOT EXISTS ", "")).strip()


def _contents(connection: Connection, present: set[str]) -> list[str]:
    found: list[str] = []
    if _VERSIONS in present and not _lacks(connection, _VERSIONS):
        versions = sorted(row[0] for row in connection.execute(text(f"SELECT version FROM {_VERSIONS}")))
        if not versions or versions[-1] != SCHEMA_VERSION:
            found.append(
                f"The tables have version {versions[-1] if versions else 'none'}, not {SCHEMA_VERSION}."
            )
    if _STATUSES in present and not _lacks(connection, _STATUSES):
        found += _seeds(
            connection,
            f"SELECT name, is_active, is_terminal, description FROM {_STATUSES}",
            {(s.value,): (int(s.is_active), int(s in TERMINAL), DESCRIPTIONS[s]) for s in Status},
            "status",
        )
    if _RULES in present and not _lacks(connection, _RULES):
        found += _seeds(
            connection,
            f"SELECT from_status, trigger_name, to_status, actors, description FROM {_RULES}",
            {
                (e.from_status.value, e.trigger.value): (e.to_status.value, ",".join(e.actors), e.description)
                for e in EDGES
            },
            "rule",
        )
    return found


def _lacks(connection: Connection, name: str) -> bool:
    """True when the table has lost a column that its seeds need; that is told already."""
    (table,) = [table for table in ddl.tables() if table.name == name]
    return not {column.name for column in table.columns} <= set(shapes.actual(connection, name).columns)


def _seeds(connection: Connection, query: str, wanted: dict[Any, tuple[Any, ...]], what: str) -> list[str]:
    width = len(next(iter(wanted)))
    there = {tuple(row[:width]): tuple(row[width:]) for row in connection.execute(text(query))}
    found = [f"The {what} {' --'.join(key)} is missing." for key in wanted if key not in there]
    found += [
        f"The {what} {' --'.join(key)} was added by hand; it is not honoured."
        for key in there
        if key not in wanted
    ]
    return found + [
        f"The {what} {' --'.join(key)} says {there[key]}, not {row}; the change is not honoured."
        for key, row in wanted.items()
        if key in there and there[key] != row
    ]


_TABLE_OPTIONS = text(
    "SELECT engine, table_collation FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name = :name"
)
_TRIGGERS = {
    "sqlite": text(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND substr(tbl_name, 1, 10) = 'jobrunner_' ORDER BY name"
    ),
    "mysql": text(
        "SELECT trigger_name, action_statement FROM information_schema.triggers"
        " WHERE trigger_schema = DATABASE() AND LEFT(event_object_table, 10) = 'jobrunner_' ORDER BY 1"
    ),
    "postgresql": text(
        "SELECT DISTINCT tgname, '' FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
        " WHERE NOT tgisinternal AND LEFT(relname, 10) = 'jobrunner_' AND pg_table_is_visible(pg_class.oid) ORDER BY 1"
    ),
}
