"""What differs between SQLite, MySQL/MariaDB and PostgreSQL, and why."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from jobrunner.errors import BadDatabaseUrl

SERVERS = {"mysql": "mysql+pymysql", "mariadb": "mysql+pymysql", "postgresql": "postgresql+psycopg"}
DRIVERS = {"mysql+pymysql": "mysql", "mariadb+pymysql": "mysql", "postgresql+psycopg": "postgresql"}

# seconds that a transaction of ours, a matter of milliseconds, may sit without a statement
IDLE = 10


@dataclass(frozen=True)
class Dialect:
    """How one kind of database is spoken to.

    ``clock`` is an SQL expression for the moment at which a row lock was got, in our own sessions; ``present``
    one for the moment of the statement in anybody's session, ``hence`` one for so many ``:seconds`` later (all None
    where the host's clock is the database's). ``lock`` makes a SELECT take the row lock, ``lock_free`` only locks that are free, ``on_connect`` is what every new
    connection is told.
    """

    name: str
    clock: str | None
    present: str | None
    hence: str | None
    lock: str
    lock_free: str
    on_connect: tuple[str, ...]
    begin_write: str | None = None
    ordered_delete: bool = False
    connect_args: dict[str, Any] = field(default_factory=dict)


SQLITE = Dialect(
    name="sqlite",
    clock=None,
    present=None,
    hence=None,
    lock="",
    lock_free="",
    # FULL: what was committed survives a power cut in WAL mode too
    on_connect=("PRAGMA foreign_keys=ON", "PRAGMA synchronous=FULL", "PRAGMA busy_timeout=5000"),
    # a deferred transaction that turns into a writer fails at once when another one wrote meanwhile
    begin_write="BEGIN IMMEDIATE",
    connect_args={"isolation_level": None, "timeout": 5.0, "check_same_thread": False},
)
MYSQL = Dialect(
    name="mysql",
    # SYSDATE is the moment itself; UTC_TIMESTAMP is when the statement began to wait for the lock
    clock="SYSDATE(6)",
    present="UTC_TIMESTAMP(6)",
    hence="UTC_TIMESTAMP(6) + INTERVAL :seconds SECOND",
    lock=" FOR UPDATE",
    lock_free=" FOR UPDATE SKIP LOCKED",
    on_connect=(
        (
            "SET SESSION time_zone='+00:00', innodb_lock_wait_timeout=5, foreign_key_checks=1, unique_checks=1,"
            # a worker that is stopped inside a transaction must not block recovery; MySQL 8 has no such setting
            f" /*M!100300 idle_transaction_timeout={IDLE}, */"
            " sql_mode='STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
        ),
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    ),
    # InnoDB checks a self-reference row by row, so a history is deleted from its end
    ordered_delete=True,
    connect_args={"connect_timeout": 5, "read_timeout": 20, "write_timeout": 20, "charset": "utf8mb4"},
)
POSTGRESQL = Dialect(
    name="postgresql",
    clock="clock_timestamp()",
    present="clock_timestamp()",
    hence="clock_timestamp() + make_interval(secs => :seconds)",
    lock=" FOR UPDATE",
    lock_free=" FOR UPDATE SKIP LOCKED",
    on_connect=(
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SET TIME ZONE 'UTC'",
        # the driver reads no other form of a moment, and a database or a role may ask for one
        "SET DateStyle TO 'ISO'",
        "SET lock_timeout='5s'",
        "SET statement_timeout='60s'",
        # a worker that is stopped inside a transaction must not block recovery
        f"SET idle_in_transaction_session_timeout='{IDLE}s'",
    ),
    # a host that vanishes without a word is noticed by the kernel
    connect_args={
        "connect_timeout": 5,
        "application_name": "jobrunner",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    },
)
_BY_NAME = {dialect.name: dialect for dialect in (SQLITE, MYSQL, POSTGRESQL)}


def by_name(name: str) -> Dialect:
    """Returns the dialect called sqlite, mysql (or mariadb) or postgresql."""
    found = _BY_NAME.get("mysql" if name == "mariadb" else name)
    if found is None:
        raise BadDatabaseUrl(f"{name!r} is none of the databases: sqlite, mysql (and mariadb), postgresql.")
    return found


def parse_url(text: str) -> tuple[URL, Dialect]:
    """Returns the URL with the driver that is used, and its dialect.

    Raises BadDatabaseUrl for anything that is no SQLite file, MySQL/MariaDB or PostgreSQL URL. The
    password is never part of a message.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError, TypeError):
        raise BadDatabaseUrl from None
    if url.get_backend_name() == "sqlite" and url.drivername in ("sqlite", "sqlite+pysqlite"):
        return _sqlite_url(url), SQLITE
    drivername = SERVERS.get(url.drivername, url.drivername)
    if drivername not in DRIVERS:
        raise BadDatabaseUrl(f"A database URL cannot begin with {url.drivername}://.")
    if "@" in (url.host or ""):
        raise BadDatabaseUrl("Write @ in a user name or password of a database URL as %40.")
    if not url.database:
        raise BadDatabaseUrl("The database URL names no database.")
    return url.set(drivername=drivername), _BY_NAME[DRIVERS[drivername]]


def _sqlite_url(url: URL) -> URL:
    if not url.database or url.database == ":memory:" or "mode=memory" in str(url.query):
        raise BadDatabaseUrl("A SQLite database in memory cannot be shared with a worker process.")
    if url.database.startswith("file:"):
        raise BadDatabaseUrl(
            "Give the SQLite file as a plain path: sqlite:///jobs.db or sqlite:////var/lib/jobs.db."
        )
    if url.query or url.host or url.username:
        raise BadDatabaseUrl("A SQLite database URL is sqlite:/// and a path, without options.")
    return url.set(drivername="sqlite+pysqlite", database=os.path.abspath(url.database))


def sqlite_uri(path: str, *, create: bool) -> str:
    """Returns the URI that opens a SQLite file, creating it only when asked to."""
    return f"file:{quote(path)}?mode={'rwc' if create else 'rw'}"


def shown(url: URL) -> str:
    """Returns a database URL without its password and its options, among which another one may be."""
    return url.set(query={}).render_as_string(hide_password=True)
