"""What superseded attempts of a pool could not store any more, on its way to where it is kept."""

from __future__ import annotations

from jobrunner.errors import StoreError
from jobrunner.store import refusals
from jobrunner.store.database import Database
from jobrunner.worker.desk import what_was_refused
from jobrunner.worker.post import Post
from jobrunner.worker.verdict import Outcome


class Evidence:
    """A queue of attempts with their outcomes, None for one that was ended for being too late."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._late: list[tuple[Post, Outcome | None]] = []

    def __bool__(self) -> bool:
        return bool(self._late)

    def add(self, post: Post, outcome: Outcome | None) -> None:
        """Takes an attempt; safe in any thread."""
        self._late.append((post, outcome))

    def keep(self, worker_id: str) -> None:
        """Stores everything; what a database that is away does not take is lost."""
        while self._late:
            post, outcome = self._late.pop(0)
            progress = post.refused_progress | post.intake.take_progress()
            refused = what_was_refused(post.spool, progress, outcome)
            try:
                refusals.keep(self._database, post.claimed, worker_id, refused)
            except StoreError:
                continue
