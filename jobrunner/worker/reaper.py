"""A reaper: sweeps again and again, or once and for all; alone, or beside a pool."""

from __future__ import annotations

import threading
from collections.abc import Callable

from jobrunner import clock, identifiers
from jobrunner.errors import StoreError
from jobrunner.operations.relaunch import Spawn
from jobrunner.operations.sweep import Sweeper, Swept
from jobrunner.settings import Settings
from jobrunner.store import leases
from jobrunner.store.database import Database

LEASE_NAME = "reaper"
INTERVAL = 1.0
CALL_EVERY = 5.0
_LEAD = 15.0


class Reaper:
    """Sweeps for one process, every second while it ``run``s.

    Each looks after the deaths on its own host; what is judged by leases alone, and launches that nobody came for, are
    the leader's. Who leads is a matter of economy: several at once do no harm.
    """

    def __init__(
        self, database: Database, settings: Settings, spawn: Spawn | None = None,
        knows: Callable[[str], bool] = lambda _: True,
    ) -> None:  # fmt: skip
        self.sweeper = Sweeper(database, settings, spawn=spawn, knows=knows)
        self._database, self._id = database, identifiers.uuid7()
        self._leads = False
        self._lease_at = self._call_at = 0.0

    def turn(self) -> Swept:
        """Makes one bounded pass; a StoreError passes through."""
        leads = self._lead()
        swept = self.sweeper.recover(by_lease=leads)
        swept.launched += self.sweeper.launch(swept.recovered)
        if leads and clock.monotonic() >= self._call_at:
            self._call_at = clock.monotonic() + CALL_EVERY
            swept.add(self.sweeper.call_again())
        return swept

    def once(self) -> Swept:
        """Sweeps until everybody who is silent now was decided on, which takes as long as a lease or two."""
        swept = Swept()
        while True:
            # asked for by a person or a timer: it does not leave the work to a leader
            part = self.sweeper.recover()
            part.launched += self.sweeper.launch(part.recovered)
            part.add(self.sweeper.call_again())
            swept.add(part)
            left = self.sweeper.patience()
            if left is None:
                return swept
            clock.sleep(min(left, INTERVAL))

    def run(self, over: threading.Event, tell: Callable[[Swept], object] = lambda _: None) -> None:
        """Sweeps every second until ``over`` is set; a database that is away is waited for."""
        while not over.is_set():
            try:
                swept = self.turn()
                if swept:
                    tell(swept)
            except StoreError:
                self._leads = False
            over.wait(INTERVAL)
        self.stop()

    def stop(self) -> None:
        """Lets somebody else lead at once."""
        if self._leads:
            self._leads = False
            try:
                leases.release(self._database, LEASE_NAME, self._id)
            except StoreError:
                return

    def _lead(self) -> bool:
        if clock.monotonic() >= self._lease_at:
            try:
                self._leads = leases.acquire(self._database, LEASE_NAME, self._id, _LEAD) is not None
            except StoreError:
                if self._database.path is None:
                    raise
                # a file that nobody can write has no leader: whoever can end what locks it has to do it
                self._leads = True
            self._lease_at = clock.monotonic() + _LEAD / 3
        return self._leads
