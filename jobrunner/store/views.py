"""Reads of one job: its row, a slice of its ledger, its lines. Nothing here writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import merge
from itertools import islice
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection

from jobrunner import clock
from jobrunner.errors import AmbiguousJob
from jobrunner.store.database import PATIENCE, Database, Row, plain

LARGEST_ID = 2**63 - 1
_LOWEST, _HIGHEST = ("-".join(digit * size for size in (8, 4, 4, 4, 12)) for digit in "0f")
LEVELS = ("debug", "info", "warning", "error")
STREAMS = ("log", "stdout", "stderr", "system", "response")
# characters of a step or logger, and of a text, that lines are looked for by
NAME_LENGTH, GREP_LENGTH = 255, 200
TRANSITION_COLUMNS = (
    "seq, prev_seq, attempt, fence, from_status, trigger_name, to_status, actor, reason, context, at, op_id,"
    " log_digest, digest"
)
LINE_COLUMNS = "seq, attempt, at, level, stream, step_key, logger, message, context"
ROW_COLUMNS = (
    "j.id, j.uuid, j.type, j.title, j.status, j.queue, j.priority, j.lock_key, j.created_by, j.idempotent, j.launcher,"
    " j.attempt, j.budget_used, j.max_attempts, j.progress_percent, j.progress_text, j.progress_current,"
    " j.progress_total, j.step_key, j.step_label, j.step_index, j.step_total, j.warning_count, j.error_count,"
    " j.worker_id, j.host, j.pid, j.cancel_mode, j.created_at, j.available_at, j.queued_at, j.started_at,"
    " j.finished_at, j.updated_at, j.last_seq, j.first_seq, j.final_seq, l.heartbeat_at, l.lease_until, w.scope,"
    " w.boot_id, w.pid_namespace, w.process_started, w.stopped_at AS worker_stopped_at"
)
JOINS = (
    " FROM jobrunner_job j LEFT JOIN jobrunner_worker w ON w.id = j.worker_id"
    " LEFT JOIN jobrunner_lease l ON l.name = j.worker_id"
)
_WHOLE = ", j.params, j.result, j.error_class, j.error_reason_code, j.error_message, j.error_traceback"


@dataclass(frozen=True)
class Glance:
    """A job row with its tags and a slice of its ledger, all of one moment.

    ``events`` are (kind, row) pairs, kind being transition or log; ``row`` is None without such a job.
    """

    row: Row | None
    tags: dict[str, str] = field(default_factory=dict)
    events: tuple[tuple[str, Row], ...] = ()
    has_more: bool = False
    pruned: bool = False


def resolve(database: Database, job: int | str) -> int | None:
    """Returns the id that ``job`` means: an id, a uuid, or an unambiguous prefix of one; None when there is none.

    A prefix has at least 6 characters and is not all digits. Raises AmbiguousJob, naming the candidates.
    """
    return database.read(lambda connection: _resolve(connection, job))


def _resolve(connection: Connection, job: int | str) -> int | None:
    wanted = str(job).strip().lower()
    if wanted.isascii() and wanted.isdigit():
        number = int(wanted) if len(wanted) < 20 else LARGEST_ID + 1
        known = number <= LARGEST_ID and connection.execute(_HAS_ID, {"id": number}).first() is not None
        return number if known else None
    bounds = bounds_of(wanted)
    if bounds is None:
        return None
    found = [row for row in connection.execute(_BY_PREFIX, bounds) if row.uuid.startswith(wanted)]
    if len(found) > 1:
        names = ", ".join(f"{row.id} ({row.uuid})" for row in found[:5])
        raise AmbiguousJob(
            f"{wanted} is the beginning of more than one job: {names}{', …' if len(found) > 5 else ''}."
        )
    return int(found[0].id) if found else None


def bounds_of(prefix: str) -> dict[str, str] | None:
    """Returns the lowest and the highest uuid that begin so; None for what is no beginning of 6 characters or more."""
    if len(prefix) < 6 or not set(prefix) <= set("0123456789abcdef-"):
        return None
    # bounds of full length compare alike in every collation
    return {"low": prefix + _LOWEST[len(prefix) :], "high": prefix + _HIGHEST[len(prefix) :]}


def glance(database: Database, job: int | str, *, after_seq: int, limit: int, tail: int | None) -> Glance:
    """Returns a job with the ``limit`` ledger rows after ``after_seq``, or with the last ``tail`` ones."""

    def work(connection: Connection) -> Glance:
        job_id = _resolve(connection, job)
        if job_id is None:
            return Glance(None)
        found = connection.execute(_one_row(database.dialect.clock), {"id": job_id}).mappings().first()
        if found is None:
            return Glance(None)
        row = plain(found)
        row["clock"] = row["clock"] or clock.now()
        tags = {str(name): str(value) for name, value in _decoded(connection.execute(_TAGS, {"id": job_id}))}
        after = after_seq if tail is None else 0
        events, has_more = _slice(
            connection, row, after, limit if tail is None else tail, newest=tail is not None
        )
        return Glance(row, tags, events, has_more, tail is None and after_seq < row["first_seq"] - 1)

    return database.read(work)


def between(
    database: Database, job_id: int, after: int, until: int, limit: int, *, patience: float = PATIENCE
) -> tuple[tuple[tuple[str, Row], ...], bool]:
    """Returns the ledger rows after one seq up to another, oldest first, ``limit`` at most, and whether more follow."""
    row: Row = {"id": job_id, "last_seq": until}
    return database.read(lambda c: _slice(c, row, after, limit, newest=False), patience=patience)


def _slice(
    connection: Connection, row: Row, after: int, limit: int, *, newest: bool
) -> tuple[tuple[tuple[str, Row], ...], bool]:
    # bounded by the row's last_seq, so that the slice is of the same moment as the row
    bound = {"id": row["id"], "after": after, "until": row["last_seq"], "n": limit + 1}
    moves = [("transition", plain(m)) for m in connection.execute(_events(True, newest), bound).mappings()]
    lines = [("log", plain(m)) for m in connection.execute(_events(False, newest), bound).mappings()]
    ordered = list(islice(merge(moves, lines, key=lambda event: event[1]["seq"], reverse=newest), limit + 1))
    kept = ordered[:limit]
    return tuple(reversed(kept) if newest else kept), len(ordered) > limit and not newest


def history(database: Database, job_id: int) -> list[Row]:
    """Returns every transition of a job, oldest first."""
    return database.read(lambda c: [plain(row) for row in c.execute(_HISTORY, {"id": job_id}).mappings()])


def lines(
    database: Database, job_id: int, *, after_seq: int = 0, limit: int = 200, tail: int | None = None,
    level: str | None = None, stream: str | None = None, step: str | None = None, grep: str | None = None,
    since: str | None = None, until_seq: int | None = None,
) -> tuple[list[Row], bool]:  # fmt: skip
    """Returns a job's lines after a cursor that pass every filter, and whether there are more.

    ``level`` means that and above, ``grep`` is literal and minds case; ``tail`` gives the last that many.
    """
    levels = LEVELS[LEVELS.index(level) :] if level else ()
    wanted = {
        "stream": stream,
        "step": step,
        "grep": grep,
        "since": since and clock.db_text(since),
        "until": until_seq,
    }
    filters = tuple(name for name, value in wanted.items() if value is not None)
    statement = _lines(database.dialect.name, filters, len(levels), tail is not None)
    count = limit if tail is None else tail
    bound = {k: v for k, v in wanted.items() if v is not None} | {
        f"level{i}": name for i, name in enumerate(levels)
    }
    bound |= {"id": job_id, "after": after_seq, "n": count + 1}
    found = database.read(lambda c: [plain(row) for row in c.execute(statement, bound).mappings()])
    kept = found[:count]
    return (kept[::-1], False) if tail is not None else (kept, len(found) > count)


def attempts(database: Database, job_id: int) -> list[Row]:
    """Returns every attempt of a job, oldest first, with what became of its process."""
    return database.read(lambda c: [plain(row) for row in c.execute(_ATTEMPTS, {"id": job_id}).mappings()])


def ended(database: Database, job_id: int) -> Row | None:
    """Returns status, last and final seq, cancel mode, result and error of a job."""

    def work(connection: Connection) -> Row | None:
        row = connection.execute(_ENDED, {"id": job_id}).mappings().first()
        return None if row is None else plain(row)

    return database.read(work)


def standing(database: Database, job_id: int) -> tuple[Row, Row] | None:
    """Returns a job's row, with its launch, its worker's lease and ``clock``, and its latest transition."""

    def work(connection: Connection) -> tuple[Row, Row] | None:
        found = connection.execute(_standing(database.dialect.clock), {"id": job_id}).mappings().first()
        last = connection.execute(_LAST_MOVE, {"id": job_id}).mappings().first()
        if found is None or last is None:
            return None
        row = plain(found)
        return row | {"clock": row["clock"] or clock.now()}, plain(last)

    return database.read(work)


def ahead(database: Database, row: Row) -> int:
    """Returns how many queued jobs of the same queue are claimed before this one, 1,000 at most."""
    bound = {"queue": row["queue"], "priority": row["priority"], "id": row["id"]}
    return int(database.read(lambda c: c.execute(_AHEAD, bound).scalar_one()))


def tags_of(connection: Connection, ids: Sequence[int]) -> Mapping[int, dict[str, str]]:
    """Returns the tags of each of ``ids``."""
    found: dict[int, dict[str, str]] = {job_id: {} for job_id in ids}
    if ids:
        marks = {f"i{n}": job_id for n, job_id in enumerate(ids)}
        for job_id, name, value in _decoded(connection.execute(_tags(len(ids)), marks)):
            found[int(job_id)][str(name)] = str(value)
    return found


def _decoded(rows: Any) -> list[tuple[Any, ...]]:
    return [tuple(v.decode() if isinstance(v, bytes) else v for v in row) for row in rows]


_HAS_ID = text("SELECT 1 FROM jobrunner_job WHERE id = :id")
_BY_PREFIX = text(
    "SELECT id, uuid FROM jobrunner_job WHERE uuid >= :low AND uuid <= :high ORDER BY uuid LIMIT 100"
)
_LAST_MOVE = text(
    f"SELECT {TRANSITION_COLUMNS} FROM jobrunner_job_transition WHERE job_id = :id ORDER BY seq DESC LIMIT 1"
)
_AHEAD = text(
    "SELECT COUNT(*) FROM (SELECT id FROM jobrunner_job WHERE queue = :queue AND status = 'queued'"
    " AND (priority > :priority OR (priority = :priority AND id < :id)) LIMIT 1000) s"
)
_TAGS = text("SELECT name, value FROM jobrunner_job_tag WHERE job_id = :id ORDER BY name")
_HISTORY = text(f"SELECT {TRANSITION_COLUMNS} FROM jobrunner_job_transition WHERE job_id = :id ORDER BY seq")
_ATTEMPTS = text("SELECT * FROM jobrunner_job_attempt WHERE job_id = :id ORDER BY attempt")
_ENDED = text(
    "SELECT id, uuid, type, status, attempt, last_seq, final_seq, cancel_mode, result, error_class, error_reason_code,"
    " error_message, error_traceback FROM jobrunner_job WHERE id = :id"
)


@lru_cache
def _one_row(now: str | None) -> TextClause:
    return text(f"SELECT {ROW_COLUMNS}{_WHOLE}, {now or 'NULL'} AS clock{JOINS} WHERE j.id = :id")


@lru_cache
def _standing(now: str | None) -> TextClause:
    launch = ", j.claim_token_hash, j.launches, j.launched_at, j.error_message"
    return text(f"SELECT {ROW_COLUMNS}{launch}, {now or 'NULL'} AS clock{JOINS} WHERE j.id = :id")


@lru_cache
def _tags(count: int) -> TextClause:
    marks = ", ".join(f":i{n}" for n in range(count))
    return text(
        f"SELECT job_id, name, value FROM jobrunner_job_tag WHERE job_id IN ({marks}) ORDER BY job_id, name"
    )


@lru_cache
def _events(moves: bool, newest: bool) -> TextClause:
    table, columns = ("transition", TRANSITION_COLUMNS) if moves else ("log", LINE_COLUMNS)
    return text(
        f"SELECT {columns} FROM jobrunner_job_{table} WHERE job_id = :id AND seq > :after AND seq <= :until"
        f" ORDER BY seq{' DESC' if newest else ''} LIMIT :n"
    )


@lru_cache
def _lines(dialect: str, filters: tuple[str, ...], levels: int, newest: bool) -> TextClause:
    parts = {
        "stream": "stream = :stream",
        "step": "step_key = :step",
        "grep": f"{'strpos' if dialect == 'postgresql' else 'instr'}(message, :grep) > 0",
        "since": "at >= :since",
        "until": "seq <= :until",
    }
    where = ["job_id = :id", "seq > :after"] + [parts[name] for name in filters]
    if levels:
        where.append(f"level IN ({', '.join(f':level{i}' for i in range(levels))})")
    order = " DESC" if newest else ""
    return text(
        f"SELECT {LINE_COLUMNS} FROM jobrunner_job_log WHERE {' AND '.join(where)} ORDER BY seq{order} LIMIT :n"
    )
