"""What a database error means, and doing a whole transaction again when that is right.

Three kinds: *transient* (nothing happened, do the whole transaction again), *unknown* (COMMIT gave
no answer: look for the op_id before doing it again) and *fatal* (translated to a StoreError).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from jobrunner import failpoints
from jobrunner.errors import (
    DatabaseFull,
    DatabaseReadOnly,
    DatabaseUnavailable,
    SchemaMissing,
    SchemaOutdated,
    StoreError,
    StoreFailure,
)

T = TypeVar("T")


class Kind(StrEnum):
    """What an error says about the transaction it came from."""

    TRANSIENT = "transient"
    AWAY = "away"
    UNIQUE = "unique"
    READ_ONLY = "read_only"
    FULL = "full"
    NO_TABLE = "no_table"
    NO_COLUMN = "no_column"
    FATAL = "fatal"


_MYSQL = {
    1213: Kind.TRANSIENT, 1205: Kind.TRANSIENT, 1020: Kind.TRANSIENT,
    1040: Kind.AWAY, 1042: Kind.AWAY, 1043: Kind.AWAY, 1044: Kind.AWAY, 1045: Kind.AWAY, 1047: Kind.AWAY,
    1049: Kind.AWAY, 1053: Kind.AWAY, 1129: Kind.AWAY, 1130: Kind.AWAY, 1152: Kind.AWAY, 1158: Kind.AWAY,
    1159: Kind.AWAY, 1160: Kind.AWAY, 1161: Kind.AWAY, 1180: Kind.AWAY, 1203: Kind.AWAY, 1226: Kind.AWAY,
    1317: Kind.TRANSIENT, 1698: Kind.AWAY, 1927: Kind.AWAY, 2002: Kind.AWAY, 2003: Kind.AWAY, 2005: Kind.AWAY,
    2006: Kind.AWAY, 2013: Kind.AWAY, 2014: Kind.AWAY, 2045: Kind.AWAY, 2055: Kind.AWAY, 4031: Kind.AWAY,
    1062: Kind.UNIQUE, 1586: Kind.UNIQUE,
    1036: Kind.READ_ONLY, 1142: Kind.READ_ONLY, 1290: Kind.READ_ONLY, 1792: Kind.READ_ONLY, 1836: Kind.READ_ONLY,
    1021: Kind.FULL, 1114: Kind.FULL, 3: Kind.FULL, 1026: Kind.FULL,
    1146: Kind.NO_TABLE, 1054: Kind.NO_COLUMN,
}  # fmt: skip
_SQLITE = {
    sqlite3.SQLITE_BUSY: Kind.TRANSIENT, sqlite3.SQLITE_LOCKED: Kind.TRANSIENT,
    sqlite3.SQLITE_READONLY: Kind.READ_ONLY, sqlite3.SQLITE_FULL: Kind.FULL,
    sqlite3.SQLITE_CANTOPEN: Kind.AWAY, sqlite3.SQLITE_IOERR: Kind.AWAY, sqlite3.SQLITE_NOTADB: Kind.AWAY,
    sqlite3.SQLITE_CORRUPT: Kind.AWAY, sqlite3.SQLITE_PERM: Kind.AWAY,
}  # fmt: skip
_POSTGRES = {
    "40001": Kind.TRANSIENT, "40P01": Kind.TRANSIENT, "55P03": Kind.TRANSIENT, "57014": Kind.TRANSIENT,
    "57P01": Kind.AWAY, "57P02": Kind.AWAY, "57P03": Kind.AWAY, "57P05": Kind.AWAY, "53300": Kind.AWAY,
    "25P03": Kind.AWAY, "23505": Kind.UNIQUE, "25006": Kind.READ_ONLY, "42501": Kind.READ_ONLY,
    "53100": Kind.FULL, "42P01": Kind.NO_TABLE, "3F000": Kind.NO_TABLE, "42703": Kind.NO_COLUMN,
}  # fmt: skip


def kind_of(error: BaseException) -> Kind:
    """Returns what a driver's error (or SQLAlchemy's wrapping of it) means."""
    kind = _kind_of(error)
    if failpoints.is_armed:
        failpoints.note(f"error {_name_of(error)} {kind}")
    return kind


def _kind_of(error: BaseException) -> Kind:
    if isinstance(error, PoolTimeout):
        return Kind.AWAY
    if not isinstance(error, DBAPIError) or error.orig is None:
        return Kind.FATAL
    driver = error.orig
    if isinstance(driver, sqlite3.Error):
        return _sqlite_kind(driver)
    number = driver.args[0] if driver.args else None
    if isinstance(number, int):
        # 0 is what PyMySQL says when a connection that broke before is used again
        lost = number == 0 or error.connection_invalidated
        return _MYSQL.get(number, Kind.AWAY if lost else Kind.FATAL)
    return _postgres_kind(getattr(driver, "sqlstate", None), error)


def _name_of(error: BaseException) -> str:
    driver = getattr(error, "orig", None)
    number = driver.args[0] if driver is not None and driver.args else None
    if isinstance(number, int):
        return str(number)
    name = getattr(driver, "sqlite_errorname", None) or getattr(driver, "sqlstate", None)
    return str(name or type(driver or error).__name__)


def _sqlite_kind(driver: sqlite3.Error) -> Kind:
    if isinstance(driver, sqlite3.IntegrityError):
        return Kind.UNIQUE if "UNIQUE" in str(driver) else Kind.FATAL
    text = str(driver)
    if "no such table" in text:
        return Kind.NO_TABLE
    if "no such column" in text or "has no column" in text:
        return Kind.NO_COLUMN
    return _SQLITE.get(_code(driver), Kind.FATAL)


def _code(driver: object) -> int:
    return (getattr(driver, "sqlite_errorcode", 0) or 0) & 0xFF


def _postgres_kind(state: str | None, error: DBAPIError) -> Kind:
    if state is None:
        # connecting fails without a state; PyMySQL has InterfaceErrors without a number
        lost = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
        return Kind.AWAY if lost else Kind.FATAL
    if state[:2] in ("08", "28", "3D"):
        return Kind.AWAY
    return _POSTGRES.get(state, Kind.FATAL)


def is_unique_violation(error: BaseException) -> bool:
    """True when a unique key refused the row."""
    return isinstance(error, IntegrityError) and kind_of(error) is Kind.UNIQUE


def translate(error: SQLAlchemyError, where: str, path: str | None = None) -> StoreError:
    """Returns the StoreError that tells a user what a driver's error means.

    ``where`` is the masked URL, ``path`` the file of a SQLite database.
    """
    orig = getattr(error, "orig", None)
    detail = " ".join(str(part) for part in (orig.args if orig and orig.args else (error,)))
    detail = detail.strip().splitlines()[0][:300] if detail.strip() else type(error).__name__
    kind = kind_of(error)
    if path is not None:
        told = _of_file(_code(orig), kind, where, path, detail)
        if told is not None:
            return told
    match kind:
        case Kind.AWAY:
            return DatabaseUnavailable(f"The database {where} does not answer: {detail}")
        case Kind.TRANSIENT:
            return DatabaseUnavailable(
                f"The database {where} stayed busy: {detail}", hint="Somebody holds its locks; try again."
            )
        case Kind.READ_ONLY:
            return DatabaseReadOnly(f"The database {where} cannot be written: {detail}")
        case Kind.FULL:
            return DatabaseFull(f"The disk of the database {where} is full: {detail}")
        case Kind.NO_TABLE:
            return SchemaMissing(f"The database {where} has no jobrunner tables.")
        case Kind.NO_COLUMN:
            return SchemaOutdated(f"The tables of {where} are not those of this version: {detail}")
        case _:
            return StoreFailure(f"The database {where} refused: {detail}")


def _of_file(code: int, kind: Kind, where: str, path: str, detail: str) -> StoreError | None:
    """Returns what is wrong with a SQLite file; SQLite itself says of a full or read-only disk that it cannot be read."""
    if kind not in (Kind.AWAY, Kind.READ_ONLY):
        return None
    told = f"The database {where} cannot be used: {detail}"
    if code in _BROKEN:
        return DatabaseUnavailable(told, hint=_BROKEN[code])
    directory = os.path.dirname(path)
    if kind is Kind.READ_ONLY or not all(
        os.access(one, os.W_OK) for one in (directory, path) if os.path.exists(one)
    ):
        return DatabaseReadOnly(f"The database {where} cannot be written: {detail}", hint=_FILE_HINT)
    try:
        disk = os.statvfs(directory)
    except OSError:
        return DatabaseUnavailable(told, hint=_FILE_HINT)
    if disk.f_bavail * disk.f_frsize < _ROOM:
        return DatabaseFull(f"The disk of the database {where} is full: {detail}")
    return DatabaseUnavailable(told, hint=_FILE_HINT)


_FILE_HINT = (
    "SQLite writes beside the file even to read it: this user has to be allowed to read and write the file and its"
    " directory, and the disk must not be mounted read-only."
)
_BROKEN = {
    sqlite3.SQLITE_NOTADB: "The file holds something else: name another one in the database URL, or move this one away.",
    sqlite3.SQLITE_CORRUPT: "Restore the file from a backup; what can be read of it: sqlite3 FILE .recover",
}
# what it takes beside the file to open it
_ROOM = 64 * 1024


class TryAgain(Exception):
    """Nothing is decided yet; ``error`` is what the driver said."""

    def __init__(self, error: SQLAlchemyError) -> None:
        super().__init__(str(error))
        self.error = error


def again(attempt: Callable[[], T], *, patience: float, told: Callable[[SQLAlchemyError], StoreError]) -> T:
    """Runs a function that opens its own transaction, anew each time it raises TryAgain.

    Gives up ``patience`` seconds after the first try with what is ``told`` of the last error.
    """
    try:
        return Retrying(
            retry=retry_if_exception_type(TryAgain),
            stop=stop_after_delay(patience),
            wait=wait_random_exponential(multiplier=0.02, max=1.0),
            reraise=True,
        )(attempt)
    except TryAgain as stopped:
        raise told(stopped.error) from stopped.error
