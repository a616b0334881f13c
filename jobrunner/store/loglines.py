"""Reads of one job's log for who looks at a part of it: windows by seq, and scans of a bounded range of seqs.

Nothing here reads more than the range it is given, so a log of ten million lines costs what a short one does, and
a reader of the whole walks it range by range.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache, partial
from heapq import merge
from itertools import compress, islice
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection

from jobrunner import clock
from jobrunner.store.database import Database, Row, plain
from jobrunner.store.views import LEVELS, LINE_COLUMNS, TRANSITION_COLUMNS

Event = tuple[str, Row]
"""A ledger row and its kind: transition or log."""

# how many seqs are read at a time where their messages are looked at here; a message has at most 16 KiB
SCAN = 2_000


@dataclass(frozen=True)
class Wanted:
    """Which lines are meant; every part that is given must hold.

    ``level`` means that and above, ``since`` a moment; ``grep`` is literal text, of any case when ``icase``, unless
    there is a ``match``: what tells of some messages which are wanted, since no two databases agree on expressions.
    It is called between transactions, with a bounded number of messages, and may raise to end the reading.
    """

    level: str | None = None
    stream: str | None = None
    step: str | None = None
    attempt: int | None = None
    logger: str | None = None
    grep: str | None = None
    icase: bool = False
    regex: bool = False
    match: Callable[[Sequence[str]], Sequence[bool]] | None = None
    since: str | None = None

    @property
    def everything(self) -> bool:
        """True when no line is left out; transitions are then part of the view."""
        return all(
            getattr(self, part.name) is None for part in fields(self) if part.name not in ("icase", "regex")
        )


def head(database: Database, job_id: int) -> Row | None:
    """Returns where a job and its log stand, by one read of its row; None without such a job."""

    def work(connection: Connection) -> Row | None:
        row = connection.execute(_HEAD, {"id": job_id}).mappings().first()
        return None if row is None else plain(row)

    return database.read(work)


def window(
    database: Database, job_id: int, low: int, high: int, wanted: Wanted
) -> tuple[Row, list[Event]] | None:
    """Returns the head of a job and what of the ledger is wanted from seq ``low`` to ``high``, of the same moment.

    Transitions are among it only when everything is wanted. None without such a job.
    """
    if wanted.match is not None:
        row = head(database, job_id)
        return None if row is None else (
            row, [("log", line) for line in scan(database, job_id, low, min(high, row["last_seq"]), wanted)]
        )  # fmt: skip
    statement, bound = _select(database, LINE_COLUMNS, wanted)

    def work(connection: Connection) -> tuple[Row, list[Event]] | None:
        found = connection.execute(_HEAD, {"id": job_id}).mappings().first()
        if found is None:
            return None
        top = plain(found)
        limits = bound | {"id": job_id, "low": low, "high": min(high, top["last_seq"])}
        lines = [("log", plain(row)) for row in connection.execute(statement, limits).mappings()]
        moves: list[Event] = []
        if wanted.everything:
            part = {name: limits[name] for name in ("id", "low", "high")}
            moves = [("transition", plain(row)) for row in connection.execute(_MOVES, part).mappings()]
        return top, list(merge(lines, moves, key=lambda event: int(event[1]["seq"])))

    return database.read(work)


def seqs(
    database: Database, job_id: int, low: int, high: int, wanted: Wanted, *, most: int, newest: bool = False
) -> list[int]:
    """Returns the seqs of the first ``most`` wanted lines from ``low`` to ``high``, or of the last ones."""
    if wanted.match is not None:
        lines = scan(database, job_id, low, high, wanted, newest=newest, columns="seq, message")
        return [int(row["seq"]) for row in islice(lines, most)]
    statement, bound = _select(
        database, "seq", wanted, " ORDER BY seq DESC LIMIT :n" if newest else " ORDER BY seq LIMIT :n"
    )
    limits = bound | {"id": job_id, "low": low, "high": high, "n": most}
    return database.read(lambda c: [int(row.seq) for row in c.execute(statement, limits)])


def scan(
    database: Database, job_id: int, low: int, high: int, wanted: Wanted, *, newest: bool = False,
    columns: str = LINE_COLUMNS,
) -> Iterator[Row]:  # fmt: skip
    """Yields the wanted lines between two seqs, the first or with ``newest`` the last first, in constant memory.

    Each few thousand seqs are a transaction of their own.
    """
    statement, bound = _select(database, columns, wanted, f" ORDER BY seq{' DESC' if newest else ''}")
    match = wanted.match or (lambda messages: [True] * len(messages))
    begins = range(low, high + 1, SCAN)
    for begin in reversed(begins) if newest else begins:
        limits = bound | {"id": job_id, "low": begin, "high": min(begin + SCAN - 1, high)}
        rows = database.read(partial(_read, statement=statement, bound=limits))
        yield from compress(rows, match([row["message"] for row in rows]))


def _read(connection: Connection, statement: TextClause, bound: Row) -> list[Row]:
    return [plain(row) for row in connection.execute(statement, bound).mappings()]


def block_counts(
    database: Database, job_id: int, low: int, high: int, wanted: Wanted, *, size: int
) -> dict[int, int]:
    """Returns how many lines of each block of ``size`` seqs are wanted; block 0 begins at seq 1, empty ones are left out."""
    if wanted.match is not None:
        lines = scan(database, job_id, low, high, wanted, columns="seq, message")
        return Counter((int(row["seq"]) - 1) // size for row in lines)
    block = _block(database, size)
    statement, bound = _select(database, f"{block} AS block, COUNT(*) AS n", wanted, f" GROUP BY {block}")
    limits = bound | {"id": job_id, "low": low, "high": high}
    return database.read(lambda c: {int(row.block): int(row.n) for row in c.execute(statement, limits)})


def notable_blocks(
    database: Database, job_id: int, low: int, high: int, *, size: int
) -> list[tuple[int, str, int]]:
    """Returns (block, level, number of lines) of the warnings and errors in a range."""
    statement = _notable(_block(database, size))
    limits = {"id": job_id, "low": low, "high": high}
    rows = database.read(lambda c: [plain(row) for row in c.execute(statement, limits).mappings()])
    return [(int(row["block"]), row["level"], int(row["n"])) for row in rows]


def kinds_of_lines(database: Database, job_id: int, low: int, high: int, *, most: int) -> list[Row]:
    """Returns how many lines of a range there are by level, stream, step, attempt and logger; the ``most`` frequent ones."""
    limits = {"id": job_id, "low": low, "high": high, "n": most}
    return database.read(lambda c: [plain(row) for row in c.execute(_KINDS, limits).mappings()])


def section_lines(
    database: Database, job_id: int, low: int, high: int, *, most: int, kind: str = ""
) -> list[Row]:
    """Returns the lines of a range in which steps and groups begin and end, oldest first; of one ``kind``, step or group.

    There may be others among them: what a line's context says of its event is for the caller to read.
    """
    like = f'{{"event":%"{kind}%' if kind else '{"event":%'
    limits = {"id": job_id, "low": low, "high": high, "n": most, "like": like}
    return database.read(lambda c: [plain(row) for row in c.execute(_SECTIONS, limits).mappings()])


def last_claim(database: Database, job_id: int) -> int | None:
    """Returns the seq with which the latest attempt of a job began, or None when none has."""

    def work(connection: Connection) -> int | None:
        found = connection.execute(_CLAIM, {"id": job_id}).scalar()
        return None if found is None else int(found)

    return database.read(work)


def _select(
    database: Database, columns: str, wanted: Wanted, end: str = " ORDER BY seq"
) -> tuple[TextClause, Row]:
    bound: dict[str, Any] = {
        name: value
        for name in ("stream", "step", "attempt", "logger", "grep", "since")
        if (value := getattr(wanted, name)) is not None and not (name == "grep" and wanted.match)
    }
    if wanted.since is not None:
        bound["since"] = clock.db_text(wanted.since)
    levels = LEVELS[LEVELS.index(wanted.level) :] if wanted.level else ()
    names = tuple(bound)
    bound |= {f"level{i}": level for i, level in enumerate(levels)}
    dialect, way = database.dialect.name, "literal"
    if "grep" in bound and wanted.grep is not None and wanted.icase:
        way = "folded" if dialect == "mysql" or wanted.grep.isascii() else "pattern"
        if way == "pattern":
            bound["grep"] = _glob(wanted.grep) if dialect == "sqlite" else _expression(wanted.grep)
    return _lines(dialect, columns, names, len(levels), way, end), bound


@lru_cache(maxsize=512)
def _lines(dialect: str, columns: str, names: tuple[str, ...], levels: int, way: str, end: str) -> TextClause:
    has = "strpos" if dialect == "postgresql" else "instr"
    grep = {
        "literal": f"{has}(message, :grep) > 0",
        "folded": f"{has}(LOWER(message), LOWER(:grep)) > 0",
        "pattern": "message GLOB :grep" if dialect == "sqlite" else "message ~ :grep",
    }
    known = {
        "stream": "stream = :stream",
        "step": "step_key = :step",
        "attempt": "attempt = :attempt",
        "logger": "logger = :logger",
        "grep": grep[way],
        "since": "at >= :since",
    }
    where = ["job_id = :id", "seq >= :low", "seq <= :high"] + [known[name] for name in names]
    if levels:
        where.append(f"level IN ({', '.join(f':level{i}' for i in range(levels))})")
    return text(f"SELECT {columns} FROM jobrunner_job_log WHERE {' AND '.join(where)}{end}")


def _glob(literal: str) -> str:
    """Returns the GLOB pattern of SQLite, whose LOWER knows ASCII only, that finds text of any case."""
    return f"*{''.join(f'[{one}]' if one in '*?[' else _either(one) for one in literal)}*"


def _expression(literal: str) -> str:
    """Returns the regular expression that finds text of any case, also where the server's locale knows ASCII only."""
    return "".join(f"\\{one}" if one in r".^$*+?()[]{}|\/-" else _either(one) for one in literal)


def _either(character: str) -> str:
    cases = sorted({case for case in (character, character.lower(), character.upper()) if len(case) == 1})
    return character if len(cases) == 1 else f"[{''.join(cases)}]"


def _block(database: Database, size: int) -> str:
    return f"(seq - 1) {'DIV' if database.dialect.name == 'mysql' else '/'} {int(size)}"


@lru_cache
def _notable(block: str) -> TextClause:
    return text(
        f"SELECT {block} AS block, level, COUNT(*) AS n FROM jobrunner_job_log WHERE job_id = :id"
        f" AND seq >= :low AND seq <= :high AND level IN ('warning', 'error') GROUP BY {block}, level"
    )


_HEAD = text(
    "SELECT id, uuid, type, title, status, attempt, first_seq, last_seq, final_seq, started_at, created_at,"
    " warning_count, error_count FROM jobrunner_job WHERE id = :id"
)
_MOVES = text(
    f"SELECT {TRANSITION_COLUMNS} FROM jobrunner_job_transition WHERE job_id = :id AND seq >= :low AND seq <= :high"
    " ORDER BY seq"
)
_KINDS = text(
    "SELECT level, stream, step_key, attempt, logger, COUNT(*) AS n FROM jobrunner_job_log WHERE job_id = :id"
    " AND seq >= :low AND seq <= :high GROUP BY level, stream, step_key, attempt, logger ORDER BY n DESC LIMIT :n"
)
_SECTIONS = text(
    "SELECT seq, at, attempt, step_key, context FROM jobrunner_job_log WHERE job_id = :id AND seq >= :low"
    " AND seq <= :high AND stream = 'system' AND context LIKE :like ORDER BY seq LIMIT :n"
)
_CLAIM = text("SELECT MAX(seq) FROM jobrunner_job_transition WHERE job_id = :id AND trigger_name = 'claim'")
