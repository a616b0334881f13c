"""Databases to measure on: a SQLite file in the scratch directory, private MariaDB and PostgreSQL servers."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from jobrunner.runner import JobRunner
from jobrunner.store import ddl
from jobrunner.store.database import Database
from jobrunner.store.dialects import MYSQL, POSTGRESQL, SQLITE
from tests.addresses import Address
from tests.servers import ServerUnavailable, private_server

TITLES = {"sqlite": "SQLite", "mariadb": "MariaDB", "postgres": "PostgreSQL"}
HANDLERS = ("bench_jobs",)
_numbers = count(1)


@dataclass(frozen=True)
class Store:
    """A store with its tables, which only this benchmark uses."""

    kind: str
    url: str
    address: Address | None
    name: str

    def runner(self, **settings: Any) -> JobRunner:
        """Returns a runner with the benchmarks' handlers on this store."""
        return JobRunner(database_url=self.url, handlers=list(HANDLERS), **settings)

    def connect(self) -> Any:
        """Returns a raw driver connection with the session settings and the durability of our own."""
        if self.kind == "sqlite":
            import sqlite3

            connection: Any = sqlite3.connect(self.name, isolation_level=None, timeout=10)
        elif self.kind == "mariadb":
            import pymysql
            from pymysql.constants.CLIENT import FOUND_ROWS

            assert self.address is not None
            connection = pymysql.connect(
                host=self.address.host, port=self.address.port, user=self.address.user,
                password=self.address.password, database=self.name, charset="utf8mb4", client_flag=FOUND_ROWS,
            )  # fmt: skip
        else:
            import psycopg

            connection = psycopg.connect(self.url)
        dialect = {"sqlite": SQLITE, "mariadb": MYSQL, "postgres": POSTGRESQL}[self.kind]
        cursor = connection.cursor()
        for statement in dialect.on_connect:
            cursor.execute(statement)
        if self.kind != "sqlite":
            connection.commit()
        return connection

    def begin(self, cursor: Any) -> None:
        """Begins a writing transaction; the servers' drivers have one open always."""
        if self.kind == "sqlite":
            cursor.execute("BEGIN IMMEDIATE")

    @property
    def mark(self) -> str:
        """What stands for a value in a statement of the raw driver."""
        return "?" if self.kind == "sqlite" else "%s"


@dataclass(frozen=True)
class Place:
    """Where stores are made: a directory or a server."""

    kind: str
    directory: Path
    address: Address | None = None

    @property
    def title(self) -> str:
        """The database's name as people write it."""
        return TITLES[self.kind]

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """Gives a new store with its tables; it is removed at the end."""
        name = f"jr_bench_{next(_numbers)}"
        if self.address is None:
            path = self.directory / f"{name}.db"
            store = Store(self.kind, f"sqlite:///{path}", None, str(path))
        else:
            self.address.create_database(name)
            store = Store(self.kind, self.address.url(name), self.address, name)
        try:
            database = Database(store.url)
            ddl.create(database)
            database.close()
            yield store
        finally:
            if self.address is None:
                for made in self.directory.glob(f"{name}.db*"):
                    shutil.rmtree(made) if made.is_dir() else made.unlink()
            else:
                self.address.drop_database(name)


@contextlib.contextmanager
def places(kinds: Sequence[str], scratch: Path, mysql_url: str | None) -> Iterator[list[Place]]:
    """Gives the places asked for; a server is private and ends with the block, unless a URL names one.

    A database that this machine does not have is told and left out.
    """
    with contextlib.ExitStack() as stack:
        found = []
        for kind in kinds:
            if kind == "sqlite":
                found.append(Place(kind, scratch))
            elif kind == "mariadb" and mysql_url:
                found.append(Place(kind, scratch, Address.of(kind, mysql_url)))
            else:
                try:
                    server = private_server(kind, scratch / kind)
                    stack.callback(server.discard)
                    server.start()
                except ServerUnavailable as error:
                    print(f"{TITLES[kind]} is left out: {error}")
                    continue
                found.append(Place(kind, scratch, server.address))
        yield found
