"""A clean store for each test, made quickly, and what a test left behind ended."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import sqlite3
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from tests.addresses import Address, connect_sqlite, query
from tests.servers import GIVEN, Server, ServerUnavailable, private_server, shared_address

VOCABULARIES = ("jobrunner_status", "jobrunner_transition_rule", "jobrunner_schema_version")
MARK = "JR_TEST_STORE"
# How long processes of a test may take to end by themselves.
GRACE = 0.5


@dataclass
class Store:
    """One database for one test, and the directory in which its processes run."""

    kind: str
    url: str
    directory: Path
    mark: str
    address: Address | None = None
    name: str = ""
    own: bool = False

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        """Runs one statement in a connection of its own; raises the driver's errors."""
        with contextlib.closing(self.connect()) as connection:
            return query(connection, text)

    def connect(self) -> Any:
        """Returns a raw connection in autocommit; foreign keys are on, moments are UTC."""
        if self.address is not None:
            return self.address.connect(self.name)
        return connect_sqlite(str(self.directory / "jobs.db"))


@dataclass
class Made:
    """A database on a shared server that is emptied between tests."""

    name: str
    tables: list[str]
    fingerprint: Any


@dataclass
class Stores:
    """Makes the stores of one test process."""

    run: Path
    owner: int
    worker: str
    made: dict[str, Made] = field(default_factory=dict)
    servers: dict[str, Server] = field(default_factory=dict)
    numbers: count[int] = field(default_factory=count)

    def address(self, kind: str) -> Address:
        """Returns the shared server of a kind; raises ServerUnavailable."""
        try:
            address = shared_address(kind, self.run, self.owner)
            if not (self.run / f"covered-{kind}").exists():
                self.covered(kind, address.version())
        except (ServerUnavailable, ImportError) as error:
            (self.run / f"missing-{kind}").write_text(str(error))
            raise ServerUnavailable(str(error)) from error
        return address

    def own_server(self, kind: str) -> Server:
        """Returns a running server that no other test process uses; raises ServerUnavailable."""
        if kind not in self.servers:
            self.servers[kind] = private_server(kind, self.run / f"{kind}-{self.worker}")
        self.servers[kind].start()
        return self.servers[kind]

    def store(self, kind: str, *, empty: bool = False, server: Server | None = None) -> Store:
        """Returns a clean store: with the schema and its seeds, or without any table."""
        number = next(self.numbers)
        directory = self.run / self.worker / f"{kind}-{number}"
        directory.mkdir(parents=True)
        mark = f"{self.run.name}-{self.worker}-{number}"
        if kind == "sqlite":
            self.covered(kind, f"sqlite {sqlite3.sqlite_version}")
            if not empty:
                shutil.copyfile(self._template(), directory / "jobs.db")
            return Store(kind, f"sqlite:///{directory}/jobs.db", directory, mark)
        address = server.address if server else self.address(kind)
        name = self._name()
        if server or empty:
            name += "_own" if server else "_empty"
            address.create_database(name)
            if not empty:
                create_schema(address.url(name))
        elif kind not in self.made:
            self.made[kind] = _make(address, name)
        return Store(kind, address.url(name), directory, mark, address, name, own=bool(server))

    def clean(self, store: Store, *, altered: bool) -> None:
        """Ends what the test left running and leaves the database as the next test wants it."""
        end_processes(store)
        os.chdir(self.run)
        shutil.rmtree(store.directory, ignore_errors=True)
        if store.address is None or store.own:
            return
        made = self.made.get(store.kind)
        if made is None or made.name != store.name:
            store.address.drop_database(store.name)
        elif altered or not _emptied(store.address, made):
            store.address.drop_database(made.name)
            del self.made[store.kind]

    def covered(self, kind: str, version: str) -> None:
        """Notes for the summary that a test ran on this database."""
        (self.run / f"covered-{kind}").write_text(version)

    def close(self) -> None:
        """Drops the databases of this process on servers that stay, and ends its own servers."""
        for kind, made in self.made.items():
            if GIVEN[kind] in os.environ:
                self.address(kind).drop_database(made.name)
        for server in self.servers.values():
            server.discard()

    def _name(self) -> str:
        return re.sub(r"\W+", "_", f"{self.run.name}_{self.worker}")

    def _template(self) -> Path:
        template = self.run / self.worker / "template.db"
        if not template.exists():
            fresh = template.with_suffix(".fresh")
            create_schema(f"sqlite:///{fresh}")
            with contextlib.closing(sqlite3.connect(fresh)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            fresh.rename(template)
        return template


def create_schema(url: str) -> None:
    """Creates the tables and loads the seeds, as ``jobrunner db init`` does."""
    from jobrunner.store import ddl
    from jobrunner.store.database import Database

    database = Database(url)
    try:
        ddl.create(database)
    finally:
        database.close()


def _make(address: Address, name: str) -> Made:
    address.create_database(name)
    create_schema(address.url(name))
    with contextlib.closing(address.connect(name)) as connection:
        fingerprint = _fingerprint(connection, address.kind)
        tables = sorted({row[0] for row in fingerprint[0]} - set(VOCABULARIES))
        if address.kind == "postgres":
            edges = query(
                connection,
                "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'",
            )
            tables = _children_first(tables, {(child, parent) for child, parent in edges})
    return Made(name, tables, fingerprint)


def _children_first(tables: list[str], edges: set[tuple[str, str]]) -> list[str]:
    ordered: list[str] = []
    while len(ordered) < len(tables):
        left = [table for table in tables if table not in ordered]
        ordered += [
            table for table in left if not any(p == table and c != table and c in left for c, p in edges)
        ] or left
    return ordered


def _fingerprint(connection: Any, kind: str) -> Any:
    schema = "DATABASE()" if kind == "mariadb" else "'public'"
    columns = query(
        connection,
        f"SELECT table_name, column_name, data_type FROM information_schema.columns"
        f" WHERE table_schema = {schema} ORDER BY 1, 2",
    )
    present = {row[0] for row in columns}
    return columns, [
        sorted(query(connection, f"SELECT * FROM {v}"), key=repr) for v in VOCABULARIES if v in present
    ]


def _emptied(address: Address, made: Made) -> bool:
    """Deletes every row of the tests; answers whether the database is as it was made."""
    address.disconnect(made.name)
    try:
        with contextlib.closing(address.connect(made.name)) as connection:
            if _fingerprint(connection, address.kind) != made.fingerprint:
                return False
            if address.kind == "mariadb":
                query(connection, "SET foreign_key_checks = 0")
            query(connection, "BEGIN")
            for table in made.tables:
                query(connection, f"DELETE FROM {table}")
            query(connection, "COMMIT")
    except Exception:
        return False
    return True


def end_processes(store: Store) -> None:
    """Waits a moment for the processes of a store to end, then kills them."""
    deadline = time.monotonic() + GRACE
    while left := processes_of(store):
        if time.monotonic() > deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def processes_of(store: Store) -> list[int]:
    """Returns the living processes that inherited the store's mark or work in its directory."""
    mark = f"{MARK}={store.mark}".encode()
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            environment = Path(entry.path, "environ").read_bytes().split(b"\0")
            # A process that reads as empty is a zombie, or changes its program just now.
            if mark in environment or os.readlink(f"{entry.path}/cwd").startswith(str(store.directory)):
                found.append(int(entry.name))
    return found
