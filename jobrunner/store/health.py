"""Facts about a database that decide whether jobs are safe in it. Nothing here writes."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.engine import Connection

from jobrunner import clock
from jobrunner.store.database import Database
from jobrunner.store.dialects import IDLE

_OURS = "Every connection of jobrunner sets it; a proxy, a pooler or an option in the URL changes it: remove that."
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "lustre"}
)


@dataclass(frozen=True)
class Setting:
    """A setting of the server or of the connection; ``wanted`` are the values that are right."""

    name: str
    value: str
    wanted: tuple[str, ...]
    grave: bool
    fix: str

    @property
    def right(self) -> bool:
        """True when the value is one of the wanted ones."""
        return self.value in self.wanted


def server_version(database: Database) -> str:
    """Returns what the database calls itself."""
    query = {"sqlite": "SELECT 'SQLite ' || sqlite_version()"}.get(database.dialect.name, "SELECT VERSION()")
    return str(database.read(lambda c: c.execute(text(query)).scalar_one()))


def clock_difference(database: Database) -> float:
    """Returns by how many seconds the database clock is ahead of this host's; 0 on SQLite."""
    before = clock.monotonic()
    here, there = database.read(lambda c: (clock.now(), database.now(c)))
    return clock.between(here, there) - (clock.monotonic() - before) / 2


def has_log_fault(told: str) -> bool:
    """True for a version of SQLite, as ``server_version`` gave it, that is known to reset its log wrongly at times."""
    version = _numbers(told)
    return version is not None and (3, 7, 0) <= version < (3, 51, 3)


def _numbers(told: str) -> tuple[int, ...] | None:
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", told)
    return None if found is None else tuple(int(part or 0) for part in found.groups())


def version_fault(database: Database, told: str) -> str | None:
    """Returns what is wrong with the version that ``server_version`` gave; None when nothing is known against it."""
    version = _numbers(told)
    if version is None:
        return None
    kind = "mariadb" if "mariadb" in told.lower() else database.dialect.name
    oldest, why = _OLDEST[kind]
    return f"{'.'.join(map(str, oldest))} is the oldest that will do: {why}." if version < oldest else None


def is_read_only(database: Database) -> bool:
    """True when this connection can only read."""
    if database.path is not None:
        return not os.access(database.path, os.W_OK)
    return database.read(lambda c: str(c.execute(text(_READ_ONLY[database.dialect.name])).scalar()) in _YES)


_YES = ("1", "on", "True", "ON")
_READ_ONLY = {
    "mysql": "SELECT @@global.read_only + @@global.innodb_read_only > 0",
    "postgresql": "SELECT current_setting('transaction_read_only') = 'on' OR pg_is_in_recovery()",
}
_OLDEST = {
    "sqlite": ((3, 37, 0), "older ones lack what the tables use"),
    "mysql": ((8, 0, 16), "older ones take checks and ignore them"),
    "mariadb": ((10, 6, 0), "older ones cannot skip rows that others have locked"),
    "postgresql": ((12, 0, 0), "older ones have no generated columns"),
}


def settings(database: Database) -> list[Setting]:
    """Returns the settings of isolation and durability that this connection works under."""
    return database.read(_SETTINGS[database.dialect.name])


def network_file_system(path: str) -> str | None:
    """Returns the kind of the network file system that ``path`` is on, or None when it is on none."""
    best, kind = "", ""
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="replace") as mounts:
            for line in mounts:
                _, place, found, *_ = line.split()
                inside = path == place or path.startswith(place.rstrip("/") + "/")
                if inside and len(place) >= len(best):
                    best, kind = place, found
    except OSError:
        return None
    return kind if kind in _NETWORK else None


def _sqlite(connection: Connection) -> list[Setting]:
    def pragma(name: str) -> str:
        return str(connection.execute(text(f"PRAGMA {name}")).scalar())

    return [
        Setting(
            "foreign_keys",
            pragma("foreign_keys"),
            ("1",),
            True,
            "This SQLite was built without foreign keys; use another.",
        ),
        Setting(
            "synchronous",
            pragma("synchronous"),
            ("2", "3"),
            True,
            "A wrapper around the driver changes it; remove that.",
        ),
        Setting(
            "journal_mode",
            pragma("journal_mode"),
            ("wal",),
            False,
            "Run jobrunner db init; a network file system cannot have WAL.",
        ),
        _waits("busy_timeout", pragma("busy_timeout"), 1000, 60_000),
    ]


def _mysql(connection: Connection) -> list[Setting]:
    found = {
        str(name).lower(): str(value)
        for name, value in connection.execute(
            text(
                "SHOW VARIABLES WHERE Variable_name IN ('transaction_isolation', 'tx_isolation', 'sync_binlog', 'log_bin',"
                " 'innodb_lock_wait_timeout', 'idle_transaction_timeout', 'max_allowed_packet',"
                " 'innodb_flush_log_at_trx_commit', 'innodb_doublewrite', 'character_set_connection', 'sql_mode')"
            )
        )
    }
    isolation = found.get("transaction_isolation") or found.get("tx_isolation", "")
    strict = "strict" if "STRICT" in found.get("sql_mode", "") else "lax"
    settings = [
        Setting("isolation", isolation, ("READ-COMMITTED",), True, "A proxy or an init_connect changes it; remove that."),
        Setting("sql_mode", strict, ("strict",), True, "A proxy or an init_connect changes it; remove that."),
        Setting(
            "innodb_flush_log_at_trx_commit", found.get("innodb_flush_log_at_trx_commit", ""), ("1",), False,
            "Set it to 1: with another value a crash loses jobs that were acknowledged.",
        ),
        Setting(
            "innodb_doublewrite", found.get("innodb_doublewrite", ""), ("ON", "1", "DETECT_AND_RECOVER"), False,
            "Turn it on, unless the file system writes pages whole.",
        ),
    ]  # fmt: skip
    settings.append(_waits("innodb_lock_wait_timeout", found.get("innodb_lock_wait_timeout", ""), 1, 10))
    if "idle_transaction_timeout" in found:  # MySQL has none
        settings.append(_waits("idle_transaction_timeout", found["idle_transaction_timeout"], 1, 2 * IDLE))
    fix = "Set it to 16M at least: a result, or the lines of a moment, may take several MiB."
    settings.append(_at_least("max_allowed_packet", found.get("max_allowed_packet", ""), 8 * 1024**2, fix))
    if found.get("log_bin") == "ON":
        fix = "Set it to 1: with another value a replica may lack jobs that were acknowledged."
        settings.append(Setting("sync_binlog", found.get("sync_binlog", ""), ("1",), False, fix))
    return settings


def _postgresql(connection: Connection) -> list[Setting]:
    def show(name: str) -> str:
        return str(connection.execute(text(f"SHOW {name}")).scalar())

    lossy = "Turn it on: without it a crash loses jobs that were acknowledged."
    return [
        Setting(
            "isolation",
            show("transaction_isolation"),
            ("read committed",),
            True,
            "A pooler changes it; use session pooling.",
        ),
        Setting(
            "server_encoding",
            show("server_encoding"),
            ("UTF8",),
            True,
            "Create the database with ENCODING 'UTF8'.",
        ),
        Setting(
            "synchronous_commit",
            show("synchronous_commit"),
            ("on", "local", "remote_write", "remote_apply"),
            False,
            lossy,
        ),
        Setting("fsync", show("fsync"), ("on",), False, lossy),
        Setting("full_page_writes", show("full_page_writes"), ("on",), False, lossy),
        Setting("lock_timeout", show("lock_timeout"), ("5s",), False, _OURS),
        Setting(
            "idle_in_transaction_session_timeout",
            show("idle_in_transaction_session_timeout"),
            (f"{IDLE}s",),
            False,
            _OURS,
        ),
    ]


def _waits(name: str, value: str, least: int, most: int) -> Setting:
    right = value.isdigit() and least <= int(value) <= most
    return Setting(name, value, (value,) if right else (f"{least} to {most}",), False, _OURS)


def _at_least(name: str, value: str, least: int, fix: str) -> Setting:
    right = value.isdigit() and int(value) >= least
    return Setting(name, value, (value,) if right else (f"at least {least}",), True, fix)


_SETTINGS = {"sqlite": _sqlite, "mysql": _mysql, "postgresql": _postgresql}
