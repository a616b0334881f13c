"""The wait of a delayed job: asleep in a bare interpreter, looking now and then whether it is still wanted."""

from __future__ import annotations

import os
from typing import Any

from jobrunner import clock
from jobrunner.failpoints import failpoint

LONGEST_SLEEP = 60.0


def until_due(order: dict[str, Any], longest: float = LONGEST_SLEEP) -> bool:
    """Sleeps until the job of ``order`` is due; False as soon as its launch is void.

    Looks at least every ``longest`` seconds, each time in a process of its own that is gone before
    this one forks its child. A store that does not answer counts as still wanted.
    """
    due = clock.monotonic() + order["due_in"]
    while (left := due - clock.monotonic()) > 0:
        clock.sleep(min(left, longest))
        if left > longest and not _still_wanted(order):
            return False
    return True


def _still_wanted(order: dict[str, Any]) -> bool:
    failpoint("spawn.look.before")
    process = os.fork()
    if process == 0:
        code = 1
        try:
            code = 0 if _look(order) else 3
        finally:
            os._exit(code)
    failpoint("spawn.look.after")
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status) != 3


def _look(order: dict[str, Any]) -> bool:
    from jobrunner.store import claims
    from jobrunner.store.database import Database

    database = Database(order["settings"]["database_url"], pooled=False)
    return order["token"] is None or claims.token_is_good(database, order["job_id"], order["token"])
