"""One database: its connections and the transactions that run on it."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import TextClause, column, create_engine, event, text
from sqlalchemy.engine import Connection, CursorResult, Dialect, Engine, RowMapping
from sqlalchemy.exc import NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from jobrunner import clock, failpoints
from jobrunner.errors import BadDatabaseUrl, DatabaseUnavailable, DriverMissing, SchemaMissing, StoreError
from jobrunner.failpoints import AckLost, failpoint
from jobrunner.masking import Mask
from jobrunner.store import forking
from jobrunner.store.dialects import parse_url, shown, sqlite_uri
from jobrunner.store.retrying import Kind, TryAgain, again, kind_of, translate

T = TypeVar("T")
Row = dict[str, Any]
PATIENCE = 10.0


class Database:
    """Transactions on the database behind a URL. Thread-safe, and safe to use on both sides of a fork.

    ``url`` is a SQLite file, MySQL/MariaDB or PostgreSQL URL. Nothing is opened before the first
    transaction, and a SQLite file is created by writing only: until then reads are answered by the
    store that ``empty`` gives, or raise SchemaMissing.
    """

    def __init__(self, url: str, *, pooled: bool = True, empty: Callable[[], Engine] | None = None) -> None:
        try:
            self.url, self.dialect = parse_url(url)
        except OSError as error:
            raise DatabaseUnavailable(
                "The database is a file in the working directory, and that is gone.",
                hint="Change to a directory that exists, or give the whole path of the file.",
            ) from error
        self.where, self.mask = shown(self.url), Mask(url)
        self.path = self.url.database if self.dialect.name == "sqlite" else None
        self.reached = False
        self.schema_seen = False
        self._pooled, self._empty = pooled, empty
        self._guard = threading.Lock()
        self._has_schema = False
        self._clock_read = ("", float("-inf"))
        self._engine: Engine | None = None
        self._pid = 0
        forking.survive(self)

    def write(self, work: Callable[[Connection], T], *, patience: float = PATIENCE) -> T:
        """Runs ``work`` in a writing transaction and returns what it returned, once COMMIT has answered.

        A transient error runs it again, and so does a COMMIT that gave no answer: ``work`` has to know its own
        earlier success when it sees it. Raises a StoreError after ``patience`` seconds; at once when
        the server was never reached.
        """
        return self._patiently(lambda: self._once(work, write=True), patience)

    def read(self, work: Callable[[Connection], T], *, patience: float = PATIENCE) -> T:
        """Runs ``work`` in a short reading transaction of its own, again when the connection broke."""
        if self.is_blank():
            if self._empty is None:
                raise SchemaMissing(f"The database {self.where} has no jobrunner tables.")
            with self._guard, self._empty().connect() as connection:
                return work(connection)
        return self._patiently(lambda: self._once(work, write=False), patience)

    def _patiently(self, attempt: Callable[[], T], patience: float) -> T:
        # nearly every transaction succeeds at once and needs nobody who counts tries
        began = clock.monotonic()
        try:
            return attempt()
        except TryAgain as refused:
            left = patience - (clock.monotonic() - began)
            if left <= 0:
                raise self.told(refused.error) from refused.error
        return again(attempt, patience=left, told=self.told)

    def _once(self, work: Callable[[Connection], T], *, write: bool) -> T:
        if self.path is None:
            return self._transaction(work, write=write)
        with forking.gate:
            return self._transaction(work, write=write)

    def _transaction(self, work: Callable[[Connection], T], *, write: bool) -> T:
        try:
            if write:
                self._check_directory()
            with self._connect() as connection:
                connection.info["jobrunner_write"] = write
                result = work(connection)
                if write and failpoints.is_armed:
                    _commit_at_points(connection, work)
                else:
                    connection.commit()
                return result
        except SQLAlchemyError as error:
            kind = kind_of(error)
            if kind is Kind.TRANSIENT or (kind is Kind.AWAY and self.reached and self.path is None):
                raise TryAgain(error) from error
            raise self.told(error) from error

    def told(self, error: SQLAlchemyError) -> StoreError:
        """Returns what a driver's error means to a user of this database."""
        return translate(error, self.where, self.path)

    def _connect(self) -> Connection:
        try:
            connection = self.engine().connect()
        except (TypeError, ValueError, OverflowError):
            # the driver's own words may hold the password
            raise BadDatabaseUrl(f"The driver does not understand the database URL {self.where}.") from None
        self.reached = True
        return connection

    def engine(self) -> Engine:
        """Returns this process's engine; one that was made before a fork is left to the parent."""
        if self._engine is None or self._pid != os.getpid():
            with self._guard:
                if self._engine is None or self._pid != os.getpid():
                    if self._engine is not None:
                        self._engine.dispose(close=False)
                    self._engine, self._pid = self._create_engine(), os.getpid()
        return self._engine

    def before_fork(self) -> None:
        """Closes a file that no thread uses: a connection that a fork copies takes the parent's locks for its own."""
        if self.path is not None:
            self.close()

    def after_fork(self) -> None:
        """Makes anew, in the child, what another thread of the parent may have held."""
        self._guard = threading.Lock()

    def close(self) -> None:
        """Closes the pooled connections; the next transaction opens new ones."""
        if self._engine is not None and self._pid == os.getpid():
            self._engine.dispose()

    def _create_engine(self) -> Engine:
        # time-outs that the URL names win; text stays what it is whatever the URL says
        ours = {
            k: v for k, v in self.dialect.connect_args.items() if k == "charset" or k not in self.url.query
        }
        options: dict[str, Any] = {
            "connect_args": ours,
            "pool_reset_on_return": None,  # _release does that
            "hide_parameters": True,
        }
        if self._pooled:
            options |= {"poolclass": QueuePool, "pool_size": 5, "max_overflow": 20, "pool_recycle": 300}
            options |= {"pool_timeout": PATIENCE}
        else:
            options |= {"poolclass": NullPool}
        try:
            engine = create_engine(self.url, **options)
        except (NoSuchModuleError, ImportError) as error:
            raise DriverMissing(f"The driver for {self.url.drivername} is not installed: {error}") from error
        event.listen(engine, "connect", self._prepare)
        event.listen(engine, "reset", self._release)
        if self.dialect.begin_write is not None:
            event.listen(engine, "begin", self._begin)
        if self.path is not None:
            path = self.path
            event.listen(engine, "do_connect", lambda _d, _r, _a, options: _open_sqlite(path, options))
        if self.dialect.name == "mysql":
            from jobrunner.store import mysqlwire

            event.listen(engine, "do_connect", mysqlwire.connect)
        return engine

    def _prepare(self, connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for statement in self.dialect.on_connect:
            cursor.execute(statement)
        cursor.close()
        if self.dialect.name != "sqlite":
            connection.commit()

    def _release(self, connection: Any, _record: Any, _state: Any) -> None:
        # PyMySQL alone asks the server when there is nothing to roll back
        if self.dialect.name != "mysql" or connection.server_status & _IN_TRANSACTION:
            connection.rollback()

    def _begin(self, connection: Connection) -> None:
        # straight to the driver: through SQLAlchemy it costs as much as an insert
        wanted = self.dialect.begin_write if connection.info.get("jobrunner_write") else None
        statement = wanted or "BEGIN"
        try:
            connection.connection.cursor().execute(statement)
        except sqlite3.Error as error:
            raise OperationalError(statement, None, error) from error

    def is_blank(self) -> bool:
        """True while a SQLite file, or our tables in it, are still to be made.

        Raises DatabaseUnavailable without a directory for the file.
        """
        if self.path is None or self._has_schema:
            return False
        self._check_directory()
        if os.path.exists(self.path):
            found = self._patiently(
                lambda: self._once(lambda c: c.execute(text(_HAS_SCHEMA)).first(), write=False), PATIENCE
            )
            self._has_schema = found is not None
        return not self._has_schema

    def _check_directory(self) -> None:
        if self.path is not None and not os.path.isdir(os.path.dirname(self.path)):
            raise DatabaseUnavailable(
                f"There is no directory for the database file {self.path}.",
                hint="Create the directory first.",
            )

    def now(self, connection: Connection) -> str:
        """Returns the database clock as canonical text, whatever the session's time zone; on SQLite this host's."""
        if self.dialect.present is None:
            return clock.now()
        return clock.utc_text(connection.execute(text(f"SELECT {self.dialect.present}")).scalar_one())

    def about_now(self, connection: Connection) -> str:
        """Returns the database clock as read at most a second ago, carried on by this host's time since boot.

        It spares a burst of starts a round trip each. It is never ahead of the database's own clock.
        """
        read, at = self._clock_read
        passed = clock.since_boot() - at
        if self.dialect.present is not None and 0 <= passed <= _CLOCK_KEPT:
            return clock.shift(read, passed)
        read = self.now(connection)
        self._clock_read = (read, clock.since_boot())
        return read


def run(connection: Connection, statement: TextClause, values: Row | Sequence[Row]) -> CursorResult[Any]:
    """Executes a prebuilt statement with the values of one row, or of each of several.

    What it says to the driver is worked out once; values go to the driver as they are.
    """
    spoken, names = _spoken(statement, connection.dialect)
    if names is None and not isinstance(values, dict):
        return _insert(connection, spoken, values)
    if names is None:
        return connection.exec_driver_sql(spoken, values)
    if isinstance(values, dict):
        return connection.exec_driver_sql(spoken, tuple([values[name] for name in names]))
    pick = itemgetter(*names)
    return connection.exec_driver_sql(spoken, [pick(row) for row in values])


def _insert(connection: Connection, spoken: str, rows: Sequence[Row]) -> CursorResult[Any]:
    """Inserts rows by one statement, as psycopg's executemany does not.

    That makes a pipeline, whose last message is a request to flush; after it PostgreSQL 15 no longer counts the session
    as idle in its transaction, so one that stands still then would hold its locks for ever.
    """
    head, places = spoken.rsplit("VALUES ", 1)
    names = _PLACE.findall(places)
    most = _MOST_VALUES // len(names)
    if len(rows) > most:
        _insert(connection, spoken, rows[:most])
        return _insert(connection, spoken, rows[most:])
    pick, places = itemgetter(*names), _PLACE.sub("%s", places)
    told = tuple([value for row in rows for value in pick(row)])
    return connection.exec_driver_sql(f"{head}VALUES {', '.join([places] * len(rows))}", told)


class Reading:
    """A prebuilt SELECT of named columns: what its rows look like is not found out anew with each answer."""

    def __init__(self, statement: TextClause, names: Sequence[str]) -> None:
        self._statement = statement.columns(*map(column, names))
        self._names = tuple(names)
        self._moments = tuple(name for name in names if _is_moment(name))

    def rows(self, connection: Connection, values: Row) -> list[Row]:
        """Returns the rows, each as ``plain`` does."""
        found = [
            dict(zip(self._names, row, strict=True)) for row in connection.execute(self._statement, values)
        ]
        for row in found:
            for name in self._moments:
                if row[name] is not None:
                    row[name] = clock.utc_text(row[name])
            for name, value in row.items():
                if isinstance(value, bytes):
                    row[name] = value.decode()
        return found


_PLACE = re.compile(r"%\((\w+)\)s")
# PostgreSQL takes 65,535 in a statement
_MOST_VALUES = 30_000


@lru_cache(maxsize=256)
def _spoken(statement: TextClause, dialect: Dialect) -> tuple[str, tuple[str, ...] | None]:
    compiled: Any = statement.compile(dialect=dialect)
    return str(compiled), None if compiled.positiontup is None else tuple(compiled.positiontup)


def _commit_at_points(connection: Connection, work: Callable[..., Any]) -> None:
    """Commits between two failpoints, which are named by the file and the verb whose transaction this is."""
    name = f"commit.{work.__module__.rpartition('.')[2]}.{work.__qualname__.partition('.')[0]}"
    failpoint(f"{name}.before")
    connection.commit()
    try:
        failpoint(f"{name}.after")
    except AckLost as lost:
        raise OperationalError("COMMIT", None, lost, connection_invalidated=True) from lost


_CLOCK_KEPT = 1.0
_IN_TRANSACTION = 1  # MySQL's SERVER_STATUS_IN_TRANS
_HAS_SCHEMA = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'jobrunner_schema_version'"


def _open_sqlite(path: str, options: dict[str, Any]) -> Any:
    return sqlite3.connect(sqlite_uri(path, create=True), uri=True, **options)


def plain(row: RowMapping) -> Row:
    """Returns a row with bytes decoded and moments as canonical text (columns ending in ``at`` or ``until``)."""
    return {str(name): _plain(str(name), value) for name, value in row.items()}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return clock.utc_text(value) if value is not None and _is_moment(name) else value


def _is_moment(name: str) -> bool:
    return name.endswith("_at") or name in ("at", "lease_until", "clock")
