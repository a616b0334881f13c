"""Where a database server answers, and plain SQL to it through the raw driver."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

NAMES = {"sqlite": "sqlite", "mariadb": "mariadb", "postgres": "postgresql"}


@dataclass(frozen=True)
class Address:
    """A server that runs already; its user may create databases."""

    kind: str
    host: str
    port: int
    user: str
    password: str

    @classmethod
    def of(cls, kind: str, url: str) -> Address:
        """Returns the address that a URL names; its database is left out."""
        parts = urlsplit(url)
        port = parts.port or (3306 if kind == "mariadb" else 5432)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(kind, parts.hostname or "127.0.0.1", port, user, password)

    def url(self, name: str) -> str:
        """Returns the URL of a database, as a user of jobrunner writes it."""
        scheme = "mysql" if self.kind == "mariadb" else "postgresql"
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        return f"{scheme}://{quote(self.user, safe='')}{secret}@{self.host}:{self.port}/{name}"

    def connect(self, name: str | None = None) -> Any:
        """Returns a connection in autocommit, with UTC as its time zone."""
        if self.kind == "mariadb":
            import pymysql

            return pymysql.connect(
                host=self.host, port=self.port, user=self.user, password=self.password, database=name,
                charset="utf8mb4", autocommit=True, connect_timeout=5, read_timeout=60, write_timeout=60,
                init_command="SET time_zone = '+00:00'",
                # making ready for TLS costs thirty times what the rest of a connection does
                ssl_disabled=self.host == "127.0.0.1",
            )  # fmt: skip
        import psycopg

        return psycopg.connect(
            host=self.host, port=self.port, user=self.user, password=self.password, dbname=name or "postgres",
            autocommit=True, connect_timeout=5, options="-c timezone=UTC",
        )  # fmt: skip

    def version(self) -> str:
        """Returns name and version, as the summary gives them."""
        with contextlib.closing(self.connect()) as connection:
            found = re.search(r"\d+(\.\d+)+", str(query(connection, "SELECT version()")[0][0]))
        return f"{NAMES[self.kind]} {found.group() if found else '?'}"

    def create_database(self, name: str) -> None:
        """Creates an empty database; one of that name is dropped first."""
        self.drop_database(name)
        with contextlib.closing(self.connect()) as connection:
            query(
                connection,
                f"CREATE DATABASE {name}" + (" CHARACTER SET utf8mb4" if self.kind == "mariadb" else ""),
            )

    def drop_database(self, name: str) -> None:
        """Drops the database if it is there, whoever is still connected."""
        self.disconnect(name)
        with contextlib.closing(self.connect()) as connection:
            query(connection, f"DROP DATABASE IF EXISTS {name}")

    def disconnect(self, name: str) -> None:
        """Ends every session of that database."""
        with contextlib.closing(self.connect()) as connection:
            if self.kind == "postgres":
                query(
                    connection,
                    f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'",
                )
                return
            for (number,) in query(
                connection, f"SELECT id FROM information_schema.processlist WHERE db = '{name}'"
            ):
                with contextlib.suppress(Exception):
                    query(connection, f"KILL {number}")


def connect_sqlite(path: str) -> sqlite3.Connection:
    """Returns a connection in autocommit with foreign keys on."""
    connection = sqlite3.connect(path, timeout=10, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def query(connection: Any, text: str) -> list[tuple[Any, ...]]:
    """Runs one statement; returns its rows, with bytes decoded."""
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(text)
        if cursor.description is None:
            return []
        return [tuple(_readable(value) for value in row) for row in cursor.fetchall()]


def _readable(value: Any) -> Any:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes | bytearray) else value
