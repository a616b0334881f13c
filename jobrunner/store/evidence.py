"""What an audit reads: jobs, transitions, lines and tombstones in order, in pages. Nothing here writes.

A page is a transaction of its own. Rows are tuples whose moments are canonical text already, and the memory
that is needed depends on the size of a page, not on the number of jobs or lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from jobrunner.errors import StoreFailure
from jobrunner.ledger import BIRTH_FIELDS, END_FIELDS, TRANSITION_FIELDS
from jobrunner.store.database import Database, Row

PAGE = 2000
JOBS_AT_ONCE = 500
BYTES_AT_ONCE = 4 * 1024 * 1024
LARGEST_ID = 2**63 - 1
MOVE, LINE = 0, 1
JOB_FIELDS = (
    "id", "uuid", *BIRTH_FIELDS, *END_FIELDS, "status", "attempt", "fence", "cancel_mode", "last_seq", "first_seq",
    "final_seq", "digest", "log_digest", "pruned_digest",
)  # fmt: skip
LINE_FIELDS = ("attempt", "at", "level", "stream", "step_key", "logger", "message", "context")
MOVE_FIELDS = (*TRANSITION_FIELDS[1:], "digest")
TOMBSTONE_FIELDS = (
    "id",
    "uuid",
    "type",
    "status",
    "final_seq",
    "digest",
    "log_digest",
    "actor",
    "reason",
    "at",
)


def ranges(database: Database) -> Iterator[tuple[int, int]]:
    """Yields (low, high) so that the jobs with low < id <= high are few and small; together they hold every id."""
    low = 0
    while found := _page(database, _SIZES, {"low": low, "n": JOBS_AT_ONCE}):
        start, size = low, 0
        for job_id, length in found:
            if size and size + length > BYTES_AT_ONCE:
                yield start, low
                start, size = low, 0
            low, size = job_id, size + length
        yield start, low
    yield low, LARGEST_ID


def jobs(database: Database, low: int, high: int) -> list[Row]:
    """Returns the jobs with low < id <= high, as far as their ledger says what they are."""
    rows = _page(database, _JOBS, {"low": low, "high": high})
    return [dict(zip(JOB_FIELDS, map(_readable, row), strict=True)) for row in rows]


def moves(database: Database, low: int, high: int) -> Iterator[tuple[Any, ...]]:
    """Yields (job_id, seq, MOVE, *MOVE_FIELDS) of the jobs with low < id <= high, in order of job and seq."""
    return _ordered(database, MOVE, low, high)


def lines(database: Database, low: int, high: int) -> Iterator[tuple[Any, ...]]:
    """Yields (job_id, seq, LINE, *LINE_FIELDS) of the jobs with low < id <= high, in order of job and seq."""
    return _ordered(database, LINE, low, high)


def _ordered(database: Database, kind: int, low: int, high: int) -> Iterator[tuple[Any, ...]]:
    # two plain ranges of the primary key, since not every server uses an index for (a, b) > (x, y)
    job_id, seq = low, None
    while seq is not None or job_id < high:
        inside = seq is not None
        bound = {"job_id": job_id, "n": PAGE} | ({"seq": seq} if inside else {"high": high})
        rows = _page(database, _rows(database.dialect.name, kind, inside), bound)
        yield from rows
        if len(rows) == PAGE:
            job_id, seq = rows[-1][0], rows[-1][1]
        elif inside:
            seq = None
        else:
            return


def standing(database: Database, job_id: int) -> tuple[int, int] | None:
    """Returns (first_seq, last_seq) of a job at this moment; None without such a job."""
    found = _page(database, _STANDING, {"id": job_id})
    return (found[0][0], found[0][1]) if found else None


def has_rows(database: Database, job_id: int) -> bool:
    """True when there is a ledger row that says it belongs to ``job_id``."""
    return bool(_page(database, _HAS_ROWS, {"id": job_id}))


def heads(database: Database) -> Iterator[tuple[int, int, str, str]]:
    """Yields (id, last_seq, digest, log_digest) of every job, in order."""
    low = 0
    while found := _page(database, _HEADS, {"low": low, "n": PAGE}):
        yield from found
        low = found[-1][0]


def tombstones(database: Database) -> Iterator[Row]:
    """Yields every tombstone, in order of the jobs' ids."""
    low = 0
    while found := _page(
        database, _tombstones(database.dialect.name), {"low": low, "high": LARGEST_ID, "n": PAGE}
    ):
        yield from (dict(zip(TOMBSTONE_FIELDS, map(_readable, row), strict=True)) for row in found)
        low = found[-1][0]


def tombstone(database: Database, job_id: int) -> Row | None:
    """Returns what is left of a deleted job."""
    bound = {"low": job_id - 1, "high": job_id, "n": 1}
    found = _page(database, _tombstones(database.dialect.name), bound)
    return dict(zip(TOMBSTONE_FIELDS, map(_readable, found[0]), strict=True)) if found else None


def risen(database: Database) -> list[int]:
    """Returns the ids, a hundred at most, of jobs that exist and have a tombstone."""
    return [row[0] for row in _page(database, _RISEN, {})]


def _page(database: Database, statement: TextClause, bound: dict[str, Any]) -> list[Any]:
    def work(connection: Connection) -> list[Any]:
        return _fetch(connection, statement, bound)

    try:
        return database.read(work)
    except StoreFailure as error:
        if database.path is None or "decode" not in error.message:
            raise
        return database.read(lambda connection: _undecodable(connection, statement, bound))


def _undecodable(connection: Connection, statement: TextClause, bound: dict[str, Any]) -> list[Any]:
    """SQLite lets anybody store bytes as text; they are read as text that no canonical form takes."""
    driver: Any = connection.connection.dbapi_connection
    usual = driver.text_factory
    driver.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    try:
        return _fetch(connection, statement, bound)
    finally:
        driver.text_factory = usual


def _fetch(connection: Connection, statement: TextClause, bound: dict[str, Any]) -> list[Any]:
    # the driver's own tuples: a SQLAlchemy row compares and unpacks several times as slowly
    with closing(connection.execute(statement, bound)) as result:
        cursor: Any = result.cursor
        try:
            return list(cursor.fetchall())
        except connection.dialect.loaded_dbapi.Error as error:
            raise DBAPIError(str(statement), bound, error) from error


def _readable(value: Any) -> Any:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


_MOMENTS = {
    # what was not written in our form does not become our form
    "sqlite": "replace(replace(at, 'T', 't'), ' ', 'T') || 'Z'",
    "mysql": "DATE_FORMAT(at, '%Y-%m-%dT%H:%i:%s.%fZ')",
    "postgresql": 'to_char(at, \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\')',
}
_LONG = ("params", "result", "error_message", "error_traceback")
_SIZE = " + ".join(f"COALESCE(LENGTH({name}), 0)" for name in _LONG)
_SIZES = text(f"SELECT id, {_SIZE} FROM jobrunner_job WHERE id > :low ORDER BY id LIMIT :n")
_JOBS = text(f"SELECT {', '.join(JOB_FIELDS)} FROM jobrunner_job WHERE id > :low AND id <= :high ORDER BY id")
_STANDING = text("SELECT first_seq, last_seq FROM jobrunner_job WHERE id = :id")
_HEADS = text(
    "SELECT id, last_seq, digest, log_digest FROM jobrunner_job WHERE id > :low ORDER BY id LIMIT :n"
)
_HAS_ROWS = text(
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM jobrunner_job_transition WHERE job_id = :id)"
    " OR EXISTS (SELECT 1 FROM jobrunner_job_log WHERE job_id = :id)"
)
_RISEN = text(
    "SELECT t.id FROM jobrunner_tombstone t JOIN jobrunner_job j ON j.id = t.id ORDER BY t.id LIMIT 100"
)


@lru_cache
def _rows(dialect: str, kind: int, inside: bool) -> TextClause:
    table, names = ("transition", MOVE_FIELDS) if kind == MOVE else ("log", LINE_FIELDS)
    columns = ", ".join(_MOMENTS[dialect] if name == "at" else name for name in names)
    where, order = ("job_id = :job_id AND seq > :seq", "seq") if inside else (
        "job_id > :job_id AND job_id <= :high", "job_id, seq"
    )  # fmt: skip
    return text(
        f"SELECT job_id, seq, {kind}, {columns} FROM jobrunner_job_{table} WHERE {where} ORDER BY {order} LIMIT :n"
    )


@lru_cache
def _tombstones(dialect: str) -> TextClause:
    columns = ", ".join(_MOMENTS[dialect] if name == "at" else name for name in TOMBSTONE_FIELDS)
    return text(
        f"SELECT {columns} FROM jobrunner_tombstone WHERE id > :low AND id <= :high ORDER BY id LIMIT :n"
    )
