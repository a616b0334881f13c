"""The one sweep that a detached worker makes beside its own job, so that a machine without a daemon heals."""

from __future__ import annotations

import threading
from collections.abc import Callable

from jobrunner.errors import JobRunnerError
from jobrunner.operations.relaunch import Spawn
from jobrunner.operations.sweep import Recovered, Sweeper
from jobrunner.settings import Settings
from jobrunner.store.database import Database

FIRST_LOOK = 1.0
LOOKS = 3
_PATIENCE = 5.0


class Healing:
    """Takes jobs away from dead workers while the own job runs, and starts processes once it has ended.

    Nothing is started earlier: whatever descends from this worker counts as part of its job. A short job is over
    before the first look, which then follows it.
    """

    def __init__(
        self, database: Database, settings: Settings, spawn: Spawn, knows: Callable[[str], bool]
    ) -> None:
        self._sweeper = Sweeper(database, settings, spawn=spawn, knows=knows)
        self._recovered: list[Recovered] = []
        self._looked = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_now_and_then, name="jobrunner-sweep", daemon=True)

    def start(self) -> None:
        """Begins to look, one second from now."""
        self._thread.start()

    def finish(self) -> None:
        """Launches what waits for a worker; to be called when nothing of the own job runs any more."""
        self._over.set()
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            return
        try:
            if not self._looked:
                self._look()
            self._sweeper.launch(self._recovered)
            self._sweeper.call_again()
        except JobRunnerError:
            return  # somebody else's next sweep

    def _look_now_and_then(self) -> None:
        pause: float | None = FIRST_LOOK
        for _ in range(LOOKS):
            if pause is None or self._over.wait(pause):
                return
            try:
                self._look()
            except JobRunnerError:
                return
            pause = self._sweeper.patience()

    def _look(self) -> None:
        self._looked = True
        self._recovered += self._sweeper.recover().recovered
