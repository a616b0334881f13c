"""The latest transitions of all jobs. Their op_ids begin with the millisecond, and so the unique index is in order of time."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection

from jobrunner.store.database import Database, Row, plain

# transitions that one page looks at, however few of them are wanted
LOOKED_AT = 5_000
_COLUMNS = (
    "t.job_id, t.seq, t.attempt, t.from_status, t.trigger_name, t.to_status, t.actor, t.reason, t.at, t.op_id"
)


@dataclass(frozen=True)
class Wanted:
    """Which transitions are meant; ``actor`` is a kind (``operator``) or a kind and a name (``operator:ann``)."""

    job_id: int | None = None
    actor: str | None = None
    trigger_name: str | None = None
    to_status: str | None = None


@dataclass(frozen=True)
class Moves:
    """Transitions, newest first, and the op_id after which to go on; None at the end."""

    rows: list[Row]
    next: str | None


def latest(database: Database, wanted: Wanted, before: str | None, most: int) -> Moves:
    """Returns transitions older than an op_id; it may be fewer than ``most`` and yet go on, when few are wanted."""
    names = tuple(one.name for one in fields(wanted) if getattr(wanted, one.name) is not None)
    bound: dict[str, Any] = {name: getattr(wanted, name) for name in names}
    if wanted.actor is not None and ":" not in wanted.actor:
        names = tuple("kind" if name == "actor" else name for name in names)
        bound["kind"] = f"{bound.pop('actor')}:%"
    bound |= {"most": most + 1, "looked_at": LOOKED_AT} | ({"before": before} if before else {})
    filtered, one_job = bool(names), wanted.job_id is not None

    def work(connection: Connection) -> Moves:
        rows = [
            plain(row) for row in connection.execute(_latest(names, before is not None), bound).mappings()
        ]
        if len(rows) > most:
            return Moves(rows[:most], rows[most - 1]["op_id"])
        if one_job or not filtered:
            return Moves(rows, None)
        last = connection.execute(_looked(before is not None), bound).scalar()
        return Moves(rows, None if last is None else str(last))

    return database.read(work)


@lru_cache(maxsize=64)
def _latest(names: tuple[str, ...], onward: bool) -> TextClause:
    known = {
        "job_id": "t.job_id = :job_id", "actor": "t.actor = :actor", "kind": "t.actor LIKE :kind",
        "trigger_name": "t.trigger_name = :trigger_name", "to_status": "t.to_status = :to_status",
    }  # fmt: skip
    where = " AND ".join(known[name] for name in names)
    older = "op_id < :before" if onward else ""
    if "job_id" in names or not where:
        conditions = " AND ".join(part for part in (where, f"t.{older}" if older else "") if part)
        table = f"jobrunner_job_transition t{f' WHERE {conditions}' if conditions else ''}"
    else:
        # the inner part is bounded, so that a rare one costs no walk through everything
        inner = f"SELECT op_id FROM jobrunner_job_transition{f' WHERE {older}' if older else ''} ORDER BY op_id DESC LIMIT :looked_at"
        table = f"({inner}) o JOIN jobrunner_job_transition t ON t.op_id = o.op_id WHERE {where}"
    return text(f"SELECT {_COLUMNS} FROM {table} ORDER BY t.op_id DESC LIMIT :most")


@lru_cache
def _looked(onward: bool) -> TextClause:
    """The last op_id of those that were looked at, when there are as many as that."""
    older = " WHERE op_id < :before" if onward else ""
    return text(
        f"SELECT MIN(op_id) FROM (SELECT op_id FROM jobrunner_job_transition{older} ORDER BY op_id DESC"
        " LIMIT :looked_at) o HAVING COUNT(*) = :looked_at"
    )
