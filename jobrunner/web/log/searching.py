"""Counting and finding in the whole log, a bounded range of it per request.

Whoever wants the whole asks on from ``until``; who leaves stops asking, and nothing is left running.
"""

from __future__ import annotations

from typing import Any

from jobrunner.errors import JobNotFound
from jobrunner.store import loglines
from jobrunner.store.database import Database, Row
from jobrunner.store.loglines import Wanted
from jobrunner.web.log.windows import BLOCK

# the seqs that one request reads: some hundred milliseconds at most
SPAN = 400 * BLOCK
# each divides a span, so that a block is never counted in two parts
SIZES = (1, 2, 5, 10, 25, 50, 125, BLOCK)
MOST_FOUND = 1000


def counts(database: Database, job_id: int, block: int, wanted: Wanted, size: int = BLOCK) -> dict[str, Any]:
    """Returns how many lines are wanted in each block of ``size`` seqs, from ``block`` on.

    ``{counts: [n, …], until, last_seq}``: the counts cover the seqs up to ``until``.
    """
    low, until, last = bounds(database, job_id, block, size)
    found = loglines.block_counts(database, job_id, low, until, wanted, size=size)
    blocks = range(block, (until + size - 1) // size)
    return {"counts": [found.get(number, 0) for number in blocks], "until": until, "last_seq": last}


def find(
    database: Database, job_id: int, start: int, stop: int | None, wanted: Wanted, *, newest: bool, most: int
) -> dict[str, Any]:
    """Returns the wanted lines next to ``start``: ``{seqs, until, last_seq}``, nearest first.

    From ``start`` up to ``stop`` or the end of the log, or with ``newest`` down to ``stop`` or its beginning;
    ``until`` is how far this looked.
    """
    top = _head(database, job_id)
    first, last = top["first_seq"], top["last_seq"]
    if newest:
        high = min(start, last)
        low = max(high - SPAN + 1, stop or 1, min(first, high))
    else:
        low = max(start, first)
        high = min(low + SPAN - 1, stop or last, last)
    found = loglines.seqs(database, job_id, low, high, wanted, most=min(most, MOST_FOUND), newest=newest)
    return {"seqs": found, "until": low if newest else high, "last_seq": last, "first_seq": first}


def bounds(database: Database, job_id: int, block: int, size: int = BLOCK) -> tuple[int, int, int]:
    """Returns the first and last seq that one request reads from ``block`` on, and the last that there is."""
    last = _head(database, job_id)["last_seq"]
    low = block * size + 1
    return low, min(low + SPAN - 1, last), last


def _head(database: Database, job_id: int) -> Row:
    top = loglines.head(database, job_id)
    if top is None:
        raise JobNotFound(f"There is no job {job_id}.")
    return top
