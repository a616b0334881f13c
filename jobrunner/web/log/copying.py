"""The lines of a view as text, for the clipboard."""

from __future__ import annotations

from typing import Any

from jobrunner.store import loglines
from jobrunner.store.database import Database
from jobrunner.store.loglines import Wanted
from jobrunner.web.log import windows

MOST = 20_000
# seqs that are looked through for them
READ = 500_000


def lines(
    database: Database, job_id: int, low: int, high: int, wanted: Wanted, *, ansi: bool = False
) -> tuple[list[dict[str, Any]], bool]:
    """Returns the rows between two seqs as they are shown, and whether these are all; what is more is for a download.

    With ``ansi`` messages keep their colours.
    """
    top = loglines.head(database, job_id)
    if top is None:
        return [], True
    start, last = max(low, top["first_seq"]), min(high, top["last_seq"])
    found: list[dict[str, Any]] = []
    for begin in range(start, min(last, start + READ - 1) + 1, windows.MOST):
        seen = loglines.window(database, job_id, begin, min(begin + windows.MOST - 1, last), wanted)
        found += [windows.shown(kind, row, ansi=ansi) for kind, row in (seen[1] if seen else [])]
        if len(found) > MOST:
            return found[:MOST], False
    return found, last - start < READ
