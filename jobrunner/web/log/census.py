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
MOST_STEPS = 2000
_TOLD = ("event", "label", "index", "total", "outcome", "seconds")


def census(database: Database, job_id: int, block: int, size: int = BLOCK) -> dict[str, Any]:
    """Returns what the blocks from ``block`` on hold, as far as one request reads.

    ``kinds`` are [level, stream, step, attempt, logger, lines]; ``errors`` and ``warnings`` [block of ``size``
    seqs, lines]; ``steps`` the beginnings and ends of steps; ``until`` the last seq that was looked at, ``claimed`` where the latest
    attempt begins.
    """
    low, until, last = bounds(database, job_id, block)
    kinds = loglines.kinds_of_lines(database, job_id, low, until, most=MOST_KINDS)
    notable = loglines.notable_blocks(database, job_id, low, until, size=size)
    steps = loglines.step_lines(database, job_id, low, until, most=MOST_STEPS)
    return {
        "kinds": [
            [k["level"], k["stream"], k["step_key"], k["attempt"], k["logger"], int(k["n"])] for k in kinds
        ],
        "errors": [[number, n] for number, level, n in sorted(notable) if level == "error"],
        "warnings": [[number, n] for number, level, n in sorted(notable) if level == "warning"],
        "steps": [step for row in steps if (step := _step(row)) is not None],
        "claimed": loglines.last_claim(database, job_id),
        "until": until,
        "last_seq": last,
    }


def _step(row: Row) -> dict[str, Any] | None:
    context = None if row["context"] is None else jsontext.loads(row["context"])
    if not isinstance(context, dict) or context.get("event") not in ("step_started", "step_finished"):
        return None
    told = {name: visible(value) if isinstance(value := context.get(name), str) else value for name in _TOLD}
    return told | {"seq": row["seq"], "at": row["at"], "attempt": row["attempt"], "key": row["step_key"]}
