"""The plain page of lines: the whole log by links and a form, without any script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobrunner.errors import JobNotFound
from jobrunner.store import loglines
from jobrunner.store.database import Database, Row
from jobrunner.store.loglines import Wanted
from jobrunner.web.log import census, windows
from jobrunner.web.log.folding import Section, folded
from jobrunner.web.log.searching import SPAN

LINES = 200
MOST_LINES = 1000
# how much of a log one page looks through for lines that pass a filter
READ = 5 * SPAN


@dataclass(frozen=True)
class LogPage:
    """Some rows, oldest first, in their sections where nothing is filtered.

    ``count`` is how many they are, ``looked`` the first and last seq that were looked at for them.
    """

    head: Row
    rows: Sequence[dict[str, Any] | Section]
    count: int
    looked: tuple[int, int]

    @property
    def before(self) -> int | None:
        """The cursor of the page before this one, None at the beginning of the log."""
        return self.looked[0] if self.looked[0] > self.head["first_seq"] else None

    @property
    def after(self) -> int | None:
        """The cursor of the page after this one, None at the end of the log."""
        return self.looked[1] if self.looked[1] < self.head["last_seq"] else None


def after(database: Database, job_id: int, cursor: int, wanted: Wanted, limit: int = LINES) -> LogPage:
    """Returns the first ``limit`` wanted rows after a cursor; fewer when a lot had to be looked through."""
    top = _head(database, job_id)
    start, last = max(cursor + 1, top["first_seq"]), top["last_seq"]
    end = min(start + limit - 1, last)
    if not wanted.everything:
        end, found = start - 1, 0
        while end < last and found < limit and end - start < READ:
            low, end = end + 1, min(end + SPAN, last)
            seqs = loglines.seqs(database, job_id, low, end, wanted, most=limit - found)
            found += len(seqs)
            end = seqs[-1] if found == limit else end
    return _page(database, job_id, top, start, end, wanted)


def before(database: Database, job_id: int, cursor: int, wanted: Wanted, limit: int = LINES) -> LogPage:
    """Returns the last ``limit`` wanted rows before a cursor; fewer when a lot had to be looked through."""
    top = _head(database, job_id)
    end, first = min(cursor - 1, top["last_seq"]), top["first_seq"]
    start = max(end - limit + 1, first)
    if not wanted.everything:
        start, found = end + 1, 0
        while start > first and found < limit and end - start < READ:
            high, start = start - 1, max(start - SPAN, first)
            seqs = loglines.seqs(database, job_id, start, high, wanted, most=limit - found, newest=True)
            found += len(seqs)
            start = seqs[-1] if found == limit else start
    return _page(database, job_id, top, start, end, wanted)


def _page(database: Database, job_id: int, top: Row, start: int, end: int, wanted: Wanted) -> LogPage:
    seen = loglines.window(database, job_id, start, end, wanted)
    events = [] if seen is None else seen[1]
    rows = [
        (windows.shown(kind, row), census.section(row) if row.get("stream") == "system" else None)
        for kind, row in events
    ]
    shown = folded(rows) if wanted.everything else [row for row, _ in rows]
    return LogPage(top, shown, len(rows), (start, end))


def _head(database: Database, job_id: int) -> Row:
    top = loglines.head(database, job_id)
    if top is None:
        raise JobNotFound(f"There is no job {job_id}.")
    return top
