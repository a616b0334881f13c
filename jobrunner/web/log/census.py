"""What there is in a log: kinds of lines to choose from, where warnings and errors are, where steps begin and end."""

from __future__ import annotations

from typing import Any

from jobrunner import jsontext
from jobrunner.store import loglines
from jobrunner.store.database import Database, Row
from jobrunner.web.ansi import visible
from jobrunner.web.log.searching import bounds
from jobrunner.web.log.windows import BLOCK

MOST_KINDS = 2000
MOST_SECTIONS = 20_000
EVENTS = ("step_started", "step_finished", "group_started", "group_finished")
_TOLD = ("event", "group", "parent", "label", "outcome", "seconds")


def census(database: Database, job_id: int, block: int, size: int = BLOCK) -> dict[str, Any]:
    """Returns what the blocks from ``block`` on hold, as far as one request reads.

    ``kinds`` are [level, stream, step, attempt, logger, lines]; ``errors`` and ``warnings`` [block of ``size``
    seqs, lines]; ``steps`` the beginnings and ends of steps and of groups; ``until`` the last seq that was looked at, ``claimed`` where the latest
    attempt begins.
    """
    low, until, last = bounds(database, job_id, block)
    kinds = loglines.kinds_of_lines(database, job_id, low, until, most=MOST_KINDS)
    notable = loglines.notable_blocks(database, job_id, low, until, size=size)
    steps = loglines.section_lines(database, job_id, low, until, most=MOST_SECTIONS)
    return {
        "kinds": [
            [k["level"], k["stream"], k["step_key"], k["attempt"], k["logger"], int(k["n"])] for k in kinds
        ],
        "errors": [[number, n] for number, level, n in sorted(notable) if level == "error"],
        "warnings": [[number, n] for number, level, n in sorted(notable) if level == "warning"],
        "steps": [told for row in steps if (told := section(row)) is not None],
        "claimed": loglines.last_claim(database, job_id),
        "until": until,
        "last_seq": last,
    }


def section(row: Row) -> dict[str, Any] | None:
    """Returns what a line tells of a step or group that begins or ends with it; None for any other line."""
    context = None if row["context"] is None else jsontext.loads(row["context"])
    if not isinstance(context, dict) or context.get("event") not in EVENTS:
        return None
    told = {name: visible(value) if isinstance(value := context.get(name), str) else value for name in _TOLD}
    return told | {"seq": row["seq"], "at": row["at"], "attempt": row["attempt"], "key": row["step_key"]}
