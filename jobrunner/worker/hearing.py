"""The thread of a pool that hears what PostgreSQL says of new jobs; without it the pool only looks by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

from jobrunner.errors import StoreError
from jobrunner.store.calling import Ear
from jobrunner.store.database import Database

_AT_MOST = 60.0
_PAUSES = (0.5, 1.0, 2.0, 5.0)


class Hearing:
    """Calls ``heard`` whenever a job may wait in one of ``queues`` (none means any), in a thread of its own.

    One connection at most, made anew at most every half second at first, then every five. Nothing on a database that does not call.
    """

    def __init__(self, database: Database, queues: Collection[str], heard: Callable[[], object]) -> None:
        self._ear, self._queues, self._heard = Ear(database), frozenset(queues), heard
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        if Ear.is_of_use(database):
            self._thread = threading.Thread(target=self._run, name="jobrunner-hearing", daemon=True)

    def start(self) -> None:
        """Begins to listen."""
        if self._thread is not None:
            self._thread.start()

    def close(self) -> None:
        """Ends it, at the next word from the database at the latest; the connection goes with the process."""
        self._over.set()

    @property
    def is_running(self) -> bool:
        """True from its start until it has ended."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        failures = 0
        while not self._over.is_set():
            try:
                queues = self._ear.hear(_AT_MOST)
            except StoreError:
                self._over.wait(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1
                continue
            failures = 0
            if queues is None or any(not self._queues or queue in self._queues for queue in queues):
                self._heard()
