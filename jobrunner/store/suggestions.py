"""What there is to filter by: the first names of each kind, each found by one step through an index."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection

from jobrunner import clock
from jobrunner.store.database import Database

MOST = 50
KEPT = 30.0


@dataclass(frozen=True)
class Known:
    """Names that lists can be filtered by, the first ones of each kind; tags as ``name=value``."""

    types: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    creators: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


_kept: WeakKeyDictionary[Database, tuple[float, Known]] = WeakKeyDictionary()
_guard = threading.Lock()


def known(database: Database, types: Sequence[str] = ()) -> Known:
    """Returns what there is to filter by, ``types`` included; up to half a minute old."""
    with _guard:
        until, found = _kept.get(database, (0.0, Known()))
    if until < clock.monotonic():
        found = database.read(_read)
        with _guard:
            _kept[database] = (clock.monotonic() + KEPT, found)
    return Known(tuple(sorted({*types, *found.types})), found.queues, found.creators, found.tags)


def _read(connection: Connection) -> Known:
    types, queues, creators = (
        tuple(_word(row[0]) for row in connection.execute(statement, {"most": MOST}))
        for statement in _COLUMNS
    )
    tags = tuple(f"{_word(row[0])}={_word(row[1])}" for row in connection.execute(_TAGS, {"most": MOST}))
    return Known(types, queues, creators, tags)


def _word(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _distinct(column: str) -> TextClause:
    # each step is one descent of the index that begins with the column
    return text(
        f"WITH RECURSIVE step (v, n) AS (SELECT MIN({column}), 1 FROM jobrunner_job UNION ALL"
        f" SELECT (SELECT MIN({column}) FROM jobrunner_job WHERE {column} > step.v), n + 1 FROM step"
        " WHERE step.v IS NOT NULL AND n < :most) SELECT v FROM step WHERE v IS NOT NULL ORDER BY v"
    )


_COLUMNS = tuple(_distinct(column) for column in ("type", "queue", "created_by"))
_TAGS = text(
    "WITH RECURSIVE step (v, n) AS (SELECT MIN(name), 1 FROM jobrunner_job_tag UNION ALL"
    " SELECT (SELECT MIN(name) FROM jobrunner_job_tag WHERE name > step.v), n + 1 FROM step"
    " WHERE step.v IS NOT NULL AND n < :most)"
    " SELECT step.v, (SELECT MIN(value) FROM jobrunner_job_tag t WHERE t.name = step.v) FROM step"
    " WHERE step.v IS NOT NULL ORDER BY step.v"
)
