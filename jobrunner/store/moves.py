"""The latest transitions of all jobs. Their op_ids begin with the millisecond, and so the unique index is in order of time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection

from jobrunner import jsontext, provenance
from jobrunner.store.database import Database, Row, plain

# transitions that one page looks at, however few of them are wanted
LOOKED_AT = 5_000
# in milliseconds; a bulk action has a bounded number of jobs, and is over long before
_LONGEST_BATCH = 3_600_000
_COLUMNS = "t.job_id, t.seq, t.attempt, t.from_status, t.trigger_name, t.to_status, t.actor, t.reason, t.context, t.at, t.op_id"


@dataclass(frozen=True)
class Wanted:
    """Which transitions are meant.

    ``actor`` is a kind (``operator``) or a kind and a name (``operator:ann``), ``channel`` one of
    ``provenance.CHANNELS``, ``batch`` the UUID of a bulk action.
    """

    job_id: int | None = None
    actor: str | None = None
    trigger_name: str | None = None
    to_status: str | None = None
    channel: str | None = None
    batch: str | None = None


@dataclass(frozen=True)
class Moves:
    """Transitions, newest first, and the op_id after which to go on; None at the end."""

    rows: list[Row]
    next: str | None


def latest(database: Database, wanted: Wanted, before: str | None, most: int) -> Moves:
    """Returns transitions older than an op_id; it may be fewer than ``most`` and yet go on, when few are wanted."""
    conditions, bound = _conditions(wanted)
    bounds = []
    if wanted.batch is not None:
        bounds.append("op_id > :begun")
        bound["begun"] = wanted.batch
        before = min(before or _end_of(wanted.batch), _end_of(wanted.batch))
    if before is not None:
        bounds.append("op_id < :before")
        bound["before"] = before
    bound |= {"most": most + 1, "looked_at": LOOKED_AT}
    between, one_job = tuple(bounds), wanted.job_id is not None

    def work(connection: Connection) -> Moves:
        statement = _latest(conditions, between, one_job)
        rows = [plain(row) for row in connection.execute(statement, bound).mappings()]
        if len(rows) > most:
            return Moves(rows[:most], rows[most - 1]["op_id"])
        if one_job or not conditions:
            return Moves(rows, None)
        last = connection.execute(_looked(between), bound).scalar()
        return Moves(rows, None if last is None else str(last))

    return database.read(work)


def _conditions(wanted: Wanted) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Returns what a transition has to meet, and the values in it."""
    bound: dict[str, Any] = {}
    conditions = []
    for name in ("job_id", "trigger_name", "to_status"):
        if getattr(wanted, name) is not None:
            conditions.append(f"t.{name} = :{name}")
            bound[name] = getattr(wanted, name)
    if wanted.actor is not None:
        conditions.append("t.actor = :actor" if ":" in wanted.actor else "t.actor LIKE :actor")
        bound["actor"] = wanted.actor if ":" in wanted.actor else f"{wanted.actor}:%"
    facts = {"channel": wanted.channel, "batch": wanted.batch}
    if wanted.channel == "worker":
        del facts["channel"]
        conditions.append(f"({' OR '.join(f't.actor LIKE :{kind}' for kind in provenance.MACHINES)})")
        bound |= {kind: f"{kind}:%" for kind in provenance.MACHINES}
    for name, value in facts.items():
        if value is not None:
            conditions.append(f"t.context LIKE :{name}")
            # the text of the store's own compact JSON; a quotation mark within a value has a backslash before it
            bound[name] = f"%{jsontext.dumps({name: value})[1:-1]}%"
    return tuple(conditions), bound


def _end_of(batch: str) -> str:
    """Returns an op_id that is younger than all of a batch."""
    late = f"{int(batch[:8] + batch[9:13], 16) + _LONGEST_BATCH:012x}"
    return f"{late[:8]}-{late[8:12]}{batch[13:]}"


@lru_cache(maxsize=64)
def _latest(conditions: tuple[str, ...], bounds: tuple[str, ...], one_job: bool) -> TextClause:
    if one_job or not conditions:
        table = f"jobrunner_job_transition t{_where((*conditions, *(f't.{bound}' for bound in bounds)))}"
    else:
        # the inner part is bounded, so that a rare one costs no walk through everything
        inner = (
            f"SELECT op_id FROM jobrunner_job_transition{_where(bounds)} ORDER BY op_id DESC LIMIT :looked_at"
        )
        table = f"({inner}) o JOIN jobrunner_job_transition t ON t.op_id = o.op_id{_where(conditions)}"
    return text(f"SELECT {_COLUMNS} FROM {table} ORDER BY t.op_id DESC LIMIT :most")


@lru_cache
def _looked(bounds: tuple[str, ...]) -> TextClause:
    """The last op_id of those that were looked at, when there are as many as that."""
    return text(
        f"SELECT MIN(op_id) FROM (SELECT op_id FROM jobrunner_job_transition{_where(bounds)} ORDER BY op_id DESC"
        " LIMIT :looked_at) o HAVING COUNT(*) = :looked_at"
    )


def _where(conditions: tuple[str, ...]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""
