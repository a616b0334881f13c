"""Answers the k-th database call of a process with a fault.

A call is what goes to the driver: a statement or a COMMIT, of any connection of one engine. Faults of the connection
are real: the socket is shut before the call, or its reading side alone, so that the server does what it is told
and nobody hears of it. Errors of the server that cannot be had at will (deadlocks, a full disk, a
cluster's refusals) are raised at the driver's level, after the rollback that the server would have done; the real
ones have tests of their own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any, Self

import psycopg.errors
import pymysql
from sqlalchemy import event

from jobrunner.store.database import Database

Fault = Callable[[Any, Callable[[], None]], None]
"""Given the driver's connection and the call: does what the fault does, then raises or lets the driver raise."""


def kill9(_connection: Any, _call: Callable[[], None]) -> None:
    """The process dies."""
    os.kill(os.getpid(), signal.SIGKILL)


def raised(make: Callable[[], Exception], *, rolls_back: bool = False) -> Fault:
    """Returns a fault that raises; where ``rolls_back``, the transaction is gone as after the server's own refusal."""

    def fault(connection: Any, _call: Callable[[], None]) -> None:
        if rolls_back:
            connection.rollback()
        raise make()

    return fault


def mysql_error(number: int, text: str) -> Callable[[], Exception]:
    return lambda: pymysql.err.OperationalError(number, text)


def sqlite_error(name: str) -> Callable[[], Exception]:
    def make() -> Exception:
        error = sqlite3.OperationalError("raised by a test")
        error.sqlite_errorcode, error.sqlite_errorname = getattr(sqlite3, name), name
        return error

    return make


def unread(connection: Any, call: Callable[[], None]) -> None:
    """The server does it; the connection breaks before the client has read so."""
    call()
    with _socket_of(connection) as own:
        own.shutdown(socket.SHUT_RDWR)
    if hasattr(connection, "_force_close"):
        connection._force_close()
        raise pymysql.err.OperationalError(2013, "Lost connection to MySQL server during query")
    connection.close()
    raise psycopg.OperationalError("server closed the connection unexpectedly")


def unsent(connection: Any, call: Callable[[], None]) -> None:
    """The connection breaks before the server is told."""
    with _socket_of(connection) as own:
        own.shutdown(socket.SHUT_RDWR)
    call()
    raise AssertionError("the driver did not notice that its connection is gone")


def forgotten(connection: Any, call: Callable[[], None]) -> None:
    """A connection that broke earlier is used once more: PyMySQL's (0, '')."""
    connection._force_close()
    call()
    raise AssertionError("the driver did not notice that its connection is gone")


@contextlib.contextmanager
def _socket_of(connection: Any) -> Iterator[socket.socket]:
    number = connection._sock.fileno() if hasattr(connection, "_sock") else connection.fileno()
    own = socket.socket(fileno=os.dup(number))
    try:
        yield own
    finally:
        own.close()


FAULTS: dict[str, dict[str, Fault]] = {
    "sqlite": {
        "SQLITE_BUSY": raised(sqlite_error("SQLITE_BUSY")),
        "SQLITE_BUSY_SNAPSHOT": raised(sqlite_error("SQLITE_BUSY_SNAPSHOT")),
        "SQLITE_FULL": raised(sqlite_error("SQLITE_FULL"), rolls_back=True),
    },
    "mariadb": {
        "1213": raised(mysql_error(1213, "Deadlock found when trying to get lock"), rolls_back=True),
        "1205": raised(mysql_error(1205, "Lock wait timeout exceeded")),
        "1020": raised(mysql_error(1020, "Record has changed since last read"), rolls_back=True),
        "1047": raised(mysql_error(1047, "WSREP has not yet prepared node for application use")),
        "1180": raised(mysql_error(1180, "Got error during COMMIT"), rolls_back=True),
        "1317": raised(mysql_error(1317, "Query execution was interrupted")),
        "2006": unsent,
        "2013": unread,
        "0": forgotten,
    },
    "postgres": {
        "40001": raised(psycopg.errors.SerializationFailure, rolls_back=True),
        "40P01": raised(psycopg.errors.DeadlockDetected, rolls_back=True),
        "57P01": raised(psycopg.errors.AdminShutdown, rolls_back=True),
        "unsent": unsent,
        "unread": unread,
    },
}


class KthCall:
    """Counts the calls of a database in this process, and answers the ``k``-th with the fault, once."""

    def __init__(self, database: Database, k: int, fault: Fault) -> None:
        self.calls = 0
        self._k, self._fault, self._guard = k, fault, threading.Lock()
        self._engine = database.engine()
        self._commit = self._engine.dialect.do_commit

    @property
    def has_struck(self) -> bool:
        """True when there was a k-th call."""
        return self.calls >= self._k

    def __enter__(self) -> Self:
        event.listen(self._engine, "do_execute", self._execute)
        event.listen(self._engine, "do_executemany", self._execute_many)
        setattr(self._engine.dialect, "do_commit", self._committing)  # noqa: B010
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "do_execute", self._execute)
        event.remove(self._engine, "do_executemany", self._execute_many)
        del self._engine.dialect.do_commit

    def _execute(self, cursor: Any, statement: str, values: Any, context: Any) -> None:
        if self._is_it():
            self._fault(cursor.connection, lambda: cursor.execute(statement, values))

    def _execute_many(self, cursor: Any, statement: str, values: Any, context: Any) -> None:
        if self._is_it():
            self._fault(cursor.connection, lambda: cursor.executemany(statement, values))

    def _committing(self, connection: Any) -> None:
        if self._is_it():
            driver = getattr(connection, "dbapi_connection", connection)
            self._fault(driver, driver.commit)
        self._commit(connection)

    def _is_it(self) -> bool:
        with self._guard:
            self.calls += 1
            return self.calls == self._k
