"""Is the schema there, and is it ours? The tables themselves are made by ``ddl``, which is imported only then."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from jobrunner.errors import SchemaMissing, SchemaOutdated
from jobrunner.store.database import PATIENCE, Database
from jobrunner.store.retrying import Kind, kind_of
from jobrunner.version import SCHEMA_VERSION


def open_store(url: str) -> Database:
    """Returns the database behind ``url``; a SQLite file that does not exist yet reads as an empty store."""
    return Database(url, empty=_empty)


def ensure(database: Database) -> Database:
    """Returns the store when it can be written: on SQLite a missing schema is created.

    Raises SchemaMissing on a server without tables and SchemaOutdated for another version's tables.
    """
    if not readable(database).schema_seen:
        _ddl().create(database)
    return database


def readable(database: Database) -> Database:
    """Returns the store when it can be read; a SQLite file without our tables reads as an empty one.

    Raises SchemaMissing on a server without tables and SchemaOutdated for another version's tables.
    """
    if not database.schema_seen:
        found = version(database)
        if found is not None or database.path is None:
            check(found, database.where)
            database.schema_seen = True
    return database


def check(found: int | None, where: str) -> None:
    """Raises SchemaMissing or SchemaOutdated unless the tables have this version's shape."""
    if found is None:
        raise SchemaMissing(f"The database {where} has no jobrunner tables.")
    if found != SCHEMA_VERSION:
        raise SchemaOutdated(
            f"The tables of {where} have version {found}, this jobrunner needs version {SCHEMA_VERSION}."
        )


def version(database: Database, *, patience: float = PATIENCE) -> int | None:
    """Returns the version of the tables, or None when there are none."""

    def work(connection: Connection) -> int | None:
        try:
            return connection.execute(text("SELECT MAX(version) FROM jobrunner_schema_version")).scalar()
        except SQLAlchemyError as error:
            if kind_of(error) is Kind.NO_TABLE:
                return None
            raise

    try:
        if database.is_blank():
            return None
        return database.read(work, patience=patience)
    except SchemaMissing:
        return None


def _empty() -> Engine:
    engine: Engine = _ddl().empty_engine()
    return engine


def _ddl() -> Any:
    # it imports the entities, and with them SQLModel, which takes longer than everything else together
    return import_module("jobrunner.store.ddl")
