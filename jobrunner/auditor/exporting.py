"""The whole evidence as lines of JSON, and the check of such a file without a database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from jobrunner import clock, jsontext
from jobrunner.auditor.findings import Point
from jobrunner.auditor.heads import Head, buried
from jobrunner.auditor.verifying import is_orphaned, rows
from jobrunner.auditor.walk import Walk
from jobrunner.errors import NotEncodable
from jobrunner.findings import Finding
from jobrunner.store import evidence
from jobrunner.store.database import Database, Row

FORMAT = 1
_KINDS = {evidence.MOVE: ("transition", evidence.MOVE_FIELDS), evidence.LINE: ("log", evidence.LINE_FIELDS)}


def export(database: Database) -> Iterator[str]:
    """Yields lines of JSON: a header, every job followed by its ledger, the tombstones, and an end with counts.

    Rows of no job, and those above their job's last seq, are among them; rows that came meanwhile are not.
    A record ``sealed`` follows every few jobs; its ``void`` names those that were deleted or pruned while they
    were being read. A pruned one is exported again after it.
    """
    yield _text({"kind": "export", "format": FORMAT, "at": clock.now()})
    count = 0
    for low, high in evidence.ranges(database):
        for record in _range(database, low, high):
            count += record["kind"] == "job"
            yield _text(record)
    stones = 0
    for stone in evidence.tombstones(database):
        stones += 1
        yield _text({"kind": "tombstone", **stone})
    yield _text({"kind": "end", "jobs": count, "tombstones": stones})


def _range(database: Database, low: int, high: int) -> Iterator[Row]:
    jobs = evidence.jobs(database, low, high)
    waiting = {job["id"]: job for job in jobs}
    for job_id, group in groupby(rows(database, low, high, key=_place), key=itemgetter(0)):
        for number in [n for n in waiting if n < job_id]:
            yield {"kind": "job", **waiting.pop(number)}
        job = waiting.pop(job_id, None)
        if job is not None:
            yield {"kind": "job", **job}
        elif not is_orphaned(database, job_id):
            continue
        for _, seq, kind, *values in group if job is None else _kept(database, job, group):
            name, fields = _KINDS[kind]
            yield {"kind": name, "job_id": job_id, "seq": seq, **dict(zip(fields, values, strict=True))}
    yield from ({"kind": "job", **job} for job in waiting.values())
    now = {job["id"]: evidence.standing(database, job["id"]) for job in jobs}
    cut = [job["id"] for job in jobs if (stands := now[job["id"]]) is None or stands[0] != job["first_seq"]]
    yield {"kind": "sealed", "void": cut}
    for job_id in cut:
        if now[job_id] is not None:
            yield from _range(database, job_id - 1, job_id)


def _kept(database: Database, job: Row, group: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yields a job's rows apart from those that were committed after its own row was read."""
    last, known, stray = job["last_seq"], job["last_seq"], False
    for row in group:
        stray = stray or not isinstance(row[1], int)
        if not stray and row[1] > known:
            # the row was there before this look, so no commit explains one that stands above what it sees
            standing = evidence.standing(database, job["id"])
            known = evidence.LARGEST_ID if standing is None else standing[1]
            stray = row[1] > known
        if stray or row[1] <= last:
            yield row


def _place(row: tuple[Any, ...]) -> tuple[Any, ...]:
    # SQLite keeps text in a column of numbers, and sorts it after them
    return row[0], not isinstance(row[1], int), row[1], row[2]


def _text(record: Row) -> str:
    # ASCII, and never a refusal: what somebody forced into a column is evidence too
    return json.dumps(record, separators=(",", ":"), default=repr)


class _File:
    """What is known while an export is read."""

    def __init__(self, against: Iterable[str] | None) -> None:
        self.points: dict[int, list[Point]] = (
            Head(against).upto(evidence.LARGEST_ID) if against is not None else {}
        )
        self.walk: Walk | None = None
        self.job_id: Any = None
        self.astray: Any = None
        self.held: dict[int, list[Finding]] = {}
        self.jobs = self.stones = 0
        self.gone = set(self.points)
        self.ended = False

    def job(self, record: Row) -> None:
        self.close()
        self.jobs += 1
        self.job_id = record["id"]
        self.gone.discard(self.job_id)
        job = {name: record[name] for name in evidence.JOB_FIELDS}
        if not isinstance(job["first_seq"], int) or not isinstance(job["last_seq"], int):
            raise TypeError("first_seq and last_seq are numbers")
        self.walk = Walk(job, self.points.get(job["id"], ()))

    def row(self, record: Row) -> Iterator[Finding]:
        """Takes a row of the job that is being read, if its record could be; tells once of any other job's."""
        job_id, line = record["job_id"], record["kind"] == "log"
        if job_id != self.job_id:
            if job_id != self.astray:
                message = "It has ledger rows that do not follow its job, or there is no such job."
                yield Finding(job_id, "orphan_rows", f"job {job_id}", message)
            self.astray = job_id
        elif self.walk is not None:
            names = evidence.LINE_FIELDS if line else evidence.MOVE_FIELDS
            take = self.walk.line if line else self.walk.transition
            take((job_id, record["seq"], int(line), *(record[name] for name in names)))

    def close(self) -> None:
        """Ends the job that is being read; its findings are held until its range is sealed."""
        walk, self.walk = self.walk, None
        if walk is not None and (walk.end() or walk.beyond):
            walk.stray(walk.job["last_seq"])
            self.held[walk.job["id"]] = walk.findings

    def sealed(self, void: Iterable[int] = ()) -> Iterator[Finding]:
        """Yields what was held, apart from the jobs that changed while they were read."""
        self.close()
        cut = set(void)
        self.gone |= cut & self.points.keys()
        held, self.held = self.held, {}
        for job_id, findings in held.items():
            if job_id not in cut:
                yield from findings

    def tombstone(self, stone: Row) -> list[Finding]:
        self.stones += 1
        if stone["id"] not in self.gone:
            return []
        self.gone.discard(stone["id"])
        return buried(self.points[stone["id"]], stone)


def verify_file(lines: Iterable[str], against: Iterable[str] | None = None) -> Iterator[Finding]:
    """Yields what does not hold in the lines of an export; ``against`` is read into memory here."""
    file = _File(against)
    number = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield from _take(file, jsontext.loads(line), first=number == 1)
        except (KeyError, TypeError, ValueError, AttributeError, NotEncodable) as error:
            message = f"It is not a record of an export: {type(error).__name__}: {error}"
            yield Finding(None, "unreadable", f"line {number}", message)
    yield from file.sealed()
    if not file.ended:
        yield Finding(
            None, "truncated", f"line {number}", "The export has no end; what comes after is not known."
        )
    for job_id in sorted(file.gone):
        yield from buried(file.points[job_id], None)


def _take(file: _File, record: Any, *, first: bool) -> Iterator[Finding]:
    kind = record["kind"]
    if first and (kind != "export" or record["format"] != FORMAT):
        yield Finding(None, "unreadable", "line 1", f"It is not the header of an export of format {FORMAT}.")
    if kind in ("transition", "log"):
        yield from file.row(record)
    elif kind == "job":
        file.job(record)
    elif kind == "sealed":
        yield from file.sealed(record["void"])
    elif kind == "tombstone":
        yield from file.tombstone(record)
    elif kind == "end":
        file.ended = True
        if (record["jobs"], record["tombstones"]) != (file.jobs, file.stones):
            message = f"It counts {record['jobs']} jobs, but there are {file.jobs}; {record['tombstones']} tombstones, but there are {file.stones}."
            yield Finding(None, "truncated", "end", message)
    elif kind != "export":
        raise ValueError(f"kind {kind!r} is not known")
