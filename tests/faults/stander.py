"""A worker that claims a job and then stands still inside a transaction that has locked its row: URL JOB LEASE WITNESS.

When somebody lets it go on it writes to the witness file what became of its transaction.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from jobrunner.errors import JobRunnerError
from jobrunner.states import Trigger
from jobrunner.store import claims, journal
from jobrunner.store.claims import Claimed
from jobrunner.store.database import Database, Row
from jobrunner.store.journal import Move
from jobrunner.worker.desk import identity


def main(url: str, job: str, lease: str, witness: str) -> None:
    database, worker = Database(url), identity("run", "none")
    claimed = claims.claim(database, int(job), worker, token=None, launch_grace=0, lease=float(lease))
    assert isinstance(claimed, Claimed)
    stood = False

    def decide(row: Row) -> list[Move]:
        nonlocal stood
        if not stood:
            stood = True
            os.kill(os.getpid(), signal.SIGSTOP)
        return [Move(Trigger.SUCCEED, worker.actor, attempt={"line_count": 0})]

    try:
        journal.move(database, int(job), decide, fence=claimed.fence, patience=600)
    except JobRunnerError as error:
        Path(witness).write_text(error.code)
    else:
        Path(witness).write_text("stored")


if __name__ == "__main__":
    main(*sys.argv[1:])
