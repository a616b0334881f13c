"""Tokens: who may use HTTP. Only the SHA-256 of a token is stored."""

from __future__ import annotations

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from jobrunner import clock
from jobrunner.errors import StoreFailure
from jobrunner.store.database import Database, Row, plain, run
from jobrunner.store.retrying import is_unique_violation

HASTE = 2.0


def insert(database: Database, row: Row, seconds: float | None) -> Row | None:
    """Stores a new token that expires after ``seconds``; returns its row, or None when the name is taken."""

    def work(connection: Connection) -> Row | None:
        mine = connection.execute(_BY_ID, {"id": row["id"]}).mappings().first()
        if mine is not None:
            return plain(mine)  # the commit before gave no answer, and had happened
        now = database.now(connection)
        expires = None if seconds is None else clock.shift(now, seconds)
        stored = row | {"created_at": clock.db_text(now), "expires_at": expires and clock.db_text(expires)}
        if connection.execute(_BY_NAME, {"name": row["name"]}).first() is not None:
            return None
        run(connection, _INSERT, stored)
        return stored | {"created_at": now, "expires_at": expires}

    try:
        return database.write(work)
    except StoreFailure as error:
        cause = error.__cause__
        if isinstance(cause, IntegrityError) and is_unique_violation(cause):
            return None
        raise


def with_hash(database: Database, token_hash: str) -> Row | None:
    """Returns the token of that hash with ``clock``, about now; None when there is none."""
    return _one(database, _BY_HASH, {"token_hash": token_hash})


def with_id(database: Database, token_id: str) -> Row | None:
    """Returns the token of that id with ``clock``, about now; None when there is none."""
    return _one(database, _BY_ID, {"id": token_id})


def every(database: Database) -> list[Row]:
    """Returns all tokens with ``clock``, those of long ago too, by name."""

    def work(connection: Connection) -> list[Row]:
        now = database.about_now(connection)
        return [plain(row) | {"clock": now} for row in connection.execute(_ALL).mappings()]

    return database.read(work)


def any_at_all(database: Database) -> bool:
    """True when a token was ever made here."""
    return database.read(lambda connection: connection.execute(_ANY).first() is not None, patience=HASTE)


def revoke(database: Database, name: str) -> Row | None:
    """Ends a token now, or leaves the moment at which it was ended before; None when there is none of that name."""

    def work(connection: Connection) -> Row | None:
        now = database.now(connection)
        run(connection, _REVOKE, {"name": name, "at": clock.db_text(now)})
        found = connection.execute(_BY_NAME, {"name": name}).mappings().first()
        return None if found is None else plain(found) | {"clock": now}

    return database.write(work)


def touch(database: Database, token_id: str) -> None:
    """Notes that a token was used now."""

    def work(connection: Connection) -> None:
        run(connection, _TOUCH, {"id": token_id, "at": clock.db_text(database.now(connection))})

    database.write(work, patience=HASTE)


def _one(database: Database, statement: TextClause, values: Row) -> Row | None:
    def work(connection: Connection) -> Row | None:
        found = connection.execute(statement, values).mappings().first()
        return None if found is None else plain(found) | {"clock": database.about_now(connection)}

    return database.read(work, patience=HASTE)


_COLUMNS = "id, name, token_hash, scope, created_by, created_at, expires_at, last_used_at, revoked_at"
_INSERT = text(
    "INSERT INTO jobrunner_api_token (id, name, token_hash, scope, created_by, created_at, expires_at)"
    " VALUES (:id, :name, :token_hash, :scope, :created_by, :created_at, :expires_at)"
)
_BY_HASH = text(f"SELECT {_COLUMNS} FROM jobrunner_api_token WHERE token_hash = :token_hash")
_BY_ID = text(f"SELECT {_COLUMNS} FROM jobrunner_api_token WHERE id = :id")
_BY_NAME = text(f"SELECT {_COLUMNS} FROM jobrunner_api_token WHERE name = :name")
_ALL = text(f"SELECT {_COLUMNS} FROM jobrunner_api_token ORDER BY name")
_ANY = text("SELECT 1 FROM jobrunner_api_token LIMIT 1")
_REVOKE = text("UPDATE jobrunner_api_token SET revoked_at = :at WHERE name = :name AND revoked_at IS NULL")
_TOUCH = text("UPDATE jobrunner_api_token SET last_used_at = :at WHERE id = :id")
