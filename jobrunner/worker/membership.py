"""A pool among the other workers: its row, its heartbeats, and what they tell it."""

from __future__ import annotations

from dataclasses import replace

from jobrunner import clock, identifiers
from jobrunner.errors import StoreError
from jobrunner.settings import Settings
from jobrunner.store import workers
from jobrunner.store.database import Database
from jobrunner.store.workers import Drain, WorkerIdentity
from jobrunner.worker.meter import Meter
from jobrunner.worker.pulse import Pulse


class Membership:
    """Who this process is as a worker, and since when it may believe so.

    ``drain`` is set once it was asked to end, ``nothing_waits`` when its last heartbeat has heard so.
    """

    def __init__(self, database: Database, settings: Settings, worker: WorkerIdentity) -> None:
        self.worker = worker
        self.drain: Drain | None = None
        self.nothing_waits = False
        self._database, self._settings, self._meter = database, settings, Meter()
        self.pulse = self._new_pulse()

    def join(self) -> None:
        """Makes the worker known to the others; raises a StoreError when the database cannot be used."""
        self.pulse = self._new_pulse()
        workers.join(self._database, self.worker, self._settings.lease)

    def beat(self, *, looks: bool) -> bool:
        """Sends a heartbeat; one that does not come through is sent again.

        A worker that ``looks`` has nothing in hand: ``nothing_waits`` may be set, and every other heartbeat only asks.
        A worker that others have held dead goes on under a new id, for what it holds is taken from it job by job; False
        when that could not be stored.
        """
        self.nothing_waits = False
        began = clock.monotonic()
        self.pulse.sent(began)
        try:
            if looks and self.pulse.is_young(began) and workers.has_no_news(self._database, self.worker.id):
                self.nothing_waits = True
                return True
            heard = workers.beat(
                self._database, self.worker.id, self._settings.lease, self._meter.read(), looks=looks
            )
        except StoreError:
            self.pulse.failed(began)
            return True
        self.drain, self.nothing_waits = self.drain or heard.drain, heard.waits is False
        if heard.lives:
            self.pulse.stored(began)
            return True
        self.worker = replace(self.worker, id=identifiers.uuid7())
        try:
            self.join()
        except StoreError:
            return False
        return True

    def retire(self) -> None:
        """Notes that the worker has ended in order; where that cannot be stored its lease runs out instead."""
        try:
            workers.retire(self._database, self.worker.id)
        except StoreError:
            return

    def _new_pulse(self) -> Pulse:
        return Pulse(clock.monotonic(), self._settings.heartbeat, self._settings.self_fence)
