"""Where a job's steps begin and end. A ledger only grows, so what was read of it is kept and only the rest is read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from jobrunner import jsontext
from jobrunner.errors import NotEncodable, StoreError
from jobrunner.store import loglines
from jobrunner.store.database import Database, Row

# seqs that one request reads at most; the rest of a long log is read beside it
AT_ONCE, TAIL = 20_000, 1_000
MOST_JOBS, MOST_LINES = 200, 2_000


@dataclass(frozen=True)
class Mark:
    """The begin or end of a step."""

    seq: int
    at: str
    attempt: int
    key: str
    event: str
    label: str | None
    index: int | None
    total: int | None
    outcome: str | None


@dataclass
class Known:
    """What was read of one job, up to and including ``until``."""

    until: int = 0
    marks: list[Mark] = field(default_factory=list)
    reading: bool = False


_kept: WeakKeyDictionary[Database, OrderedDict[int, Known]] = WeakKeyDictionary()
_guard = threading.Lock()


def steps(database: Database, job_id: int, first_seq: int, last_seq: int) -> tuple[list[Mark], int]:
    """Returns the begins and ends of steps that are known by now, and up to which seq all are.

    A long log's last part is always among them; what lies between is read in a thread, for a later look.
    """
    with _guard:
        jobs = _kept.setdefault(database, OrderedDict())
        known = jobs.setdefault(job_id, Known())
        jobs.move_to_end(job_id)
        while len(jobs) > MOST_JOBS:
            jobs.popitem(last=False)
    known.until = max(known.until, first_seq - 1)
    if known.until < last_seq and not known.reading:
        _extend(database, job_id, known, min(known.until + AT_ONCE, last_seq))
    if known.until >= last_seq:
        return list(known.marks), known.until
    _read_on(database, job_id, known, last_seq)
    tail = _marks(database, job_id, max(known.until, last_seq - TAIL) + 1, last_seq)
    return [*known.marks, *tail], known.until


def _read_on(database: Database, job_id: int, known: Known, last_seq: int) -> None:
    with _guard:
        if known.reading or len(known.marks) >= MOST_LINES:
            return
        known.reading = True

    def work() -> None:
        try:
            while known.until < last_seq and len(known.marks) < MOST_LINES:
                _extend(database, job_id, known, min(known.until + AT_ONCE, last_seq))
        except StoreError:
            pass
        finally:
            known.reading = False

    threading.Thread(target=work, name="steps", daemon=True).start()


def _extend(database: Database, job_id: int, known: Known, until: int) -> None:
    begin = known.until + 1
    found = _marks(database, job_id, begin, until)
    with _guard:
        if known.until + 1 == begin:
            known.marks += found
            known.until = until


def _marks(database: Database, job_id: int, low: int, high: int) -> list[Mark]:
    rows = loglines.section_lines(database, job_id, low, high, most=MOST_LINES, kind="step")
    return [mark for row in rows if (mark := _mark(row)) is not None]


def _mark(row: Row) -> Mark | None:
    try:
        context: Any = {} if row["context"] is None else jsontext.loads(row["context"])
    except NotEncodable:
        return None
    if not isinstance(context, dict) or context.get("event") not in ("step_started", "step_finished"):
        return None
    label, outcome = (
        value if isinstance(value := context.get(name), str) else None for name in ("label", "outcome")
    )
    index, total = (
        value if isinstance(value := context.get(name), int) else None for name in ("index", "total")
    )
    return Mark(
        row["seq"], row["at"], row["attempt"], row["step_key"], context["event"], label, index, total, outcome
    )
