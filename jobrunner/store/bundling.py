"""One transaction for all jobs of a pool: their lines, progress and ends, and the next claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from jobrunner.errors import Superseded
from jobrunner.store import claims, logs
from jobrunner.store.claims import ChildProcess, Claimed
from jobrunner.store.database import Database
from jobrunner.store.journal import Moved, Moving
from jobrunner.store.logs import JobState, Line, Tail
from jobrunner.store.picking import Picking


@dataclass
class Share:
    """What one job has to store, and what became of it; the caller advances ``tail`` afterwards.

    ``child`` is written to the attempt when nothing else ends it. ``superseded`` tells that the job is another
    worker's; nothing of the share is stored then.
    """

    claimed: Claimed
    tail: Tail
    lines: Sequence[Line]
    progress: dict[str, Any]
    ending: Moving | None = None
    child: ChildProcess | None = None
    state: JobState | None = None
    moved: Moved | None = None
    superseded: bool = False

    def store(self, database: Database, connection: Connection) -> None:
        """Stores the share in the caller's transaction, which may be repeated."""
        self.state, self.moved, self.superseded = None, None, False
        try:
            if self.lines or self.progress:
                self.state = logs.extend(database, connection, self.tail, self.lines, self.progress)
            if self.ending is not None:
                self.moved = self.ending.make(database, connection)
            elif self.child is not None:
                claims.note_child(connection, self.claimed, self.child)
        except Superseded:
            self.superseded = True


def store(
    database: Database,
    shares: Sequence[Share],
    picking: Picking | None = None,
    ids: Sequence[int] | None = None,
) -> list[Claimed]:
    """Stores these shares, jobs locked in the order of their ids, and claims what ``picking`` can get; returns that.

    All or nothing. Raises a StoreError, and HeldDead when this worker may claim nothing.
    """
    ordered = sorted(shares, key=lambda share: share.claimed.job_id)

    def work(connection: Connection) -> list[Claimed]:
        for share in ordered:
            share.store(database, connection)
        return [] if picking is None else picking.make(database, connection, ids)

    return database.write(work)
