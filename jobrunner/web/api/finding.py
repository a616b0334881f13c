"""A page of lines that pass what only the web asks for: any case, attempt, logger, regular expressions."""

from __future__ import annotations

from itertools import islice

from jobrunner import explorer
from jobrunner.models import LogPage
from jobrunner.store import loglines
from jobrunner.store.database import Database
from jobrunner.store.loglines import Wanted

# how many seqs a call looks through for its lines
READ = 500_000


def page(
    database: Database, job_id: int, wanted: Wanted, after_seq: int, until_seq: int | None, *, limit: int,
    tail: int | None,
) -> LogPage:  # fmt: skip
    """Returns the first ``limit`` wanted lines after a cursor, or the last ``tail`` of them.

    There are fewer, and ``has_more``, when ``READ`` seqs were looked through; ``last_seq`` is where to go on then.
    """
    top = loglines.head(database, job_id) or {"first_seq": 1, "last_seq": 0}
    low, last = max(after_seq + 1, top["first_seq"]), top["last_seq"]
    high = last if until_seq is None else min(last, until_seq)
    until = high if tail is not None else min(high, low + READ - 1)
    lines = loglines.scan(database, job_id, low, until, wanted, newest=tail is not None)
    rows = list(islice(lines, limit + 1 if tail is None else tail))
    more = tail is None and len(rows) > limit
    if more:
        rows.pop()
    if tail is not None:
        rows.reverse()
    cut = until < high and not more
    end = until if cut else rows[-1]["seq"] if rows else after_seq
    shown = [explorer.event("log", row) for row in rows]
    return LogPage.model_validate({"lines": shown, "last_seq": end, "has_more": more or cut})
