"""A pool worker: claims jobs, minds their children, and stores for all of them, in three processes' work.

This process has the database and never runs user code; its main thread minds every child, one more
thread speaks to the database, one sweeps, and on PostgreSQL one listens. The nursery has the handlers and forks the children.
"""

from __future__ import annotations

import os
import selectors
import sys
import threading
from typing import Any

from jobrunner import clock, processes
from jobrunner.doorbell import Doorbell
from jobrunner.errors import StoreError
from jobrunner.settings import Settings
from jobrunner.store.database import Database
from jobrunner.worker.brood import Kills
from jobrunner.worker.clerk import Clerk
from jobrunner.worker.death import Error, Exit
from jobrunner.worker.hearing import Hearing
from jobrunner.worker.notifying import Supervisor
from jobrunner.worker.nursing import Nursery
from jobrunner.worker.post import Post
from jobrunner.worker.slot import Slot
from jobrunner.worker.turns import Turn
from jobrunner.worker.verdict import Cause, Outcome, Said
from jobrunner.worker.waking import INSISTED, Waker

EXEC = "jobrunner.exec"
SWEEP_EVERY = 2.0
_NURSERY_PAUSES = (0.0, 0.5, 2.0, 5.0, 15.0)
_LONG = 3600.0
_MOST_TRIES = 3


def run(order: dict[str, Any]) -> int:
    """Works until told to end, or, as the order says, until nothing is due or so many jobs were claimed.

    Returns 0 when every job in hand was brought to its end or given back, 1 when that was not possible. Raises a
    StoreError when it could not begin.
    """
    processes.adopt_orphans()
    pool = Pool(order)
    try:
        return pool.work()
    finally:
        pool.close()


class Orders:
    """Why, and how often, the jobs in hand are told to end."""

    def __init__(self) -> None:
        self.ending = 0
        self.reason = ""


class Pool:
    """One pool worker; to be made and used in the main thread."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._settings = Settings.from_order(order["settings"])
        self._capacity: int = order["capacity"]
        self._waker = Waker()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._waker, selectors.EVENT_READ, self._waker.rest)
        self._nursery: Nursery | None = None
        self._nursery_tries = 0
        self._nursery_at = 0.0
        self._import_nursery()
        self._database = Database(self._settings.database_url)
        self._clerk = Clerk(self._database, self._settings, self._capacity, order["queues"], self._waker.wake)
        self._clerk.claims_left = order["max_jobs"]
        self._bell = Doorbell(self._database.where)
        self._selector.register(self._bell, selectors.EVENT_READ, self._rung)
        self._hearing = Hearing(self._database, order["queues"], self._clerk.look)
        self._supervisor = Supervisor(order["notify_socket"], order["watchdog_usec"])
        self._kills = Kills()
        self._slots: dict[int, Slot] = {}
        self._stirred: set[Slot] = set()
        self._waiting: list[Post] = []
        self._keys = 0
        self._offered = False
        self._endings = 0
        self._orders = Orders()
        self._leaving = False
        self._hurry_at: float | None = None
        self._over = threading.Event()
        self._sweeping = threading.Thread(target=self._sweep, name="jobrunner-sweep", daemon=True)
        self._tell_at = 0.0

    def work(self) -> int:
        """Works until it is time to leave; returns the exit code."""
        self._clerk.start()
        self._hearing.start()
        self._sweeping.start()
        while not self._is_done():
            for key, _ in self._selector.select(self._until_next()):
                key.data()
            self._turn()
            if self._clerk.crashed is not None:
                _say(f"The thread that writes to the database has failed:\n{self._clerk.crashed}")
                return 1
            if self._endings >= INSISTED or self._is_hopeless():
                return 1
        self._supervisor.tell("STOPPING=1")
        while not self._clerk.close(0.1):
            self._heed_signals()
            if self._endings >= INSISTED:
                return 1
        return 1 if self._clerk.crashed else 0

    def close(self) -> None:
        """Ends the nursery, with every child that is left, and takes the doorbell down."""
        self._over.set()
        self._hearing.close()
        if self._nursery is not None:
            self._nursery.close()
        self._bell.close()

    def _turn(self) -> None:
        self._heed_signals()
        self._reap()
        self._tend_nursery()
        claimed, stirred = self._clerk.collect()
        self._waiting += claimed
        if self._waiting:
            self._hand_over()
        if stirred:
            keys = {slot.post: slot for slot in self._slots.values()}
            self._stirred.update(keys[post] for post in stirred if post in keys)
        now = clock.monotonic()
        for slot in list(self._slots.values()):
            if slot in self._stirred or now >= slot.due_at:
                self._stirred.discard(slot)
                slot.resume()
        self._take_leave()
        if self._supervisor.interval is not None and now >= self._tell_at:
            self._tell_at = now + self._supervisor.interval
            self._supervisor.tell("WATCHDOG=1")

    def _take_leave(self) -> None:
        for key in [key for key, slot in self._slots.items() if slot.is_over]:
            slot = self._slots.pop(key)
            self._stirred.discard(slot)
            if slot.outcome is None:
                self._clerk.give_up(slot.post, None)
                self._free_seat()
            else:
                self._conclude(slot.post, slot.outcome)

    def _conclude(self, post: Post, outcome: Outcome) -> None:
        self._clerk.conclude(post, outcome, None if self._leaving else self._types)

    def _free_seat(self) -> None:
        if not self._leaving and self._offered:
            self._clerk.offer(1, self._types)

    @property
    def _types(self) -> list[str]:
        types = [] if self._nursery is None else self._nursery.types
        return [name for name in types if name != EXEC or self._order["allow_exec"]]

    def _hand_over(self) -> None:
        """Gives the jobs that were claimed to the nursery; without one they wait for it."""
        if self._nursery is None or not self._nursery.is_ready:
            if self._orders.ending:
                waiting, self._waiting = self._waiting, []
                for post in waiting:
                    self._conclude(
                        post,
                        Outcome(Said.NOT_CALLED, cause=Cause.INTERRUPTED, cause_text=self._orders.reason),
                    )
            return
        while self._waiting:
            post = self._waiting.pop(0)
            fence_at = post.fences_itself_at()
            if fence_at is not None and clock.monotonic() >= fence_at:
                told = "No heartbeat could be stored, so the job may be another worker's"
                self._conclude(post, Outcome(Said.NOT_CALLED, cause=Cause.INTERRUPTED, cause_text=told))
                continue
            self._keys += 1
            ends = self._nursery.fork(self._keys, post.claimed, self._settings.result_max_bytes)
            if ends is None:
                self._waiting.insert(0, post)
                return
            self._slots[self._keys] = Slot(post, ends, self._selector, self._stirred.add)

    def _hear(self) -> None:
        assert self._nursery is not None
        for frame in self._nursery.hear():
            kind, slot = frame["kind"], self._slots.get(frame.get("key", 0))
            if kind == "ready":
                self._nursery_came()
            elif slot is None:
                continue
            elif kind == "born":
                slot.born(frame["pid"], frame["started"], self._settings, self._orders, self._kills)
            elif kind == "ended" and slot.brood is not None:
                slot.brood.ended(
                    Exit.of(frame["status"], frame["cpu"], frame["rss"]), orphans=frame["orphans"]
                )
                self._stirred.add(slot)
            elif kind == "refused":
                self._never_born(
                    frame["key"], "launch_failed", f"No process could be forked: {frame['message']}"
                )

    def _never_born(self, key: int, code: str, message: str) -> None:
        slot = self._slots.pop(key)
        slot.ends.close()
        self._conclude(slot.post, Outcome(Said.NOTHING, error=Error("ForkFailed", code, message)))

    def _import_nursery(self) -> None:
        self._nursery = Nursery(self._order)
        self._selector.register(self._nursery, selectors.EVENT_READ, self._hear)

    def _nursery_came(self) -> None:
        assert self._nursery is not None
        self._nursery_tries = 0
        for failure in self._nursery.failures:
            _say(f"{failure['module']} failed to import: {failure['error_class']}: {failure['message']}")
        if not self._leaving:
            self._clerk.offer(0 if self._offered else self._capacity, self._types)
            self._offered = True
            self._clerk.look()
        self._supervisor.tell("READY=1")

    def _tend_nursery(self) -> None:
        """Replaces a nursery that has died; its children died with it."""
        if self._nursery is not None and self._nursery.is_gone:
            _say("The nursery has died; its children are ended, and another one is started.")
            self._clerk.withdraw()
            self._selector.unregister(self._nursery)
            self._nursery.close()
            self._nursery = None
            pause = _NURSERY_PAUSES[min(self._nursery_tries, len(_NURSERY_PAUSES) - 1)]
            self._nursery_at, self._nursery_tries = clock.monotonic() + pause, self._nursery_tries + 1
            for key, slot in list(self._slots.items()):
                if slot.brood is None:
                    self._never_born(
                        key, "worker_lost", "The pool's nursery has died before it forked a process."
                    )
                else:
                    slot.brood.lose()
                    self._stirred.add(slot)
        wanted = not self._leaving or bool(self._waiting)
        if self._nursery is None and wanted and clock.monotonic() >= self._nursery_at:
            self._import_nursery()

    def _heed_signals(self) -> None:
        if self._clerk.drain is not None and not self._waker.ending:
            self._waker.ask(str(self._clerk.drain))
        if self._waker.ending > self._endings:
            self._endings = self._waker.ending
            if self._endings == 1:
                wait = self._settings.drain_timeout
                _say(f"{self._waker.reason}: no more jobs are claimed; those in hand have {wait:g} s to end.")
                self._leave()
                self._hurry_at = clock.monotonic() + wait
            else:
                self._hurry_at = 0.0
        if self._hurry_at is not None and clock.monotonic() >= self._hurry_at:
            self._hurry_at = None
            self._orders.ending += 1
            self._orders.reason = self._waker.reason
            self._stirred.update(self._slots.values())

    def _leave(self) -> None:
        self._leaving = True
        self._clerk.withdraw()

    def _is_done(self) -> bool:
        busy = bool(self._slots or self._waiting) or not self._clerk.is_quiet
        if not self._leaving and self._offered:
            spent = self._clerk.claims_left is not None and self._clerk.claims_left <= 0
            if spent or (self._order["once"] and self._clerk.is_exhausted and not busy):
                self._leave()
        return self._leaving and not busy

    def _is_hopeless(self) -> bool:
        """True when a pool that is to drain what is due cannot have a nursery."""
        return bool(self._order["once"]) and self._nursery_tries >= _MOST_TRIES

    def _until_next(self) -> float:
        if self._stirred:
            return 0.0
        now = clock.monotonic()
        times = [now + _LONG, *(slot.due_at for slot in self._slots.values())]
        if self._hurry_at is not None:
            times.append(self._hurry_at)
        if self._nursery is None:
            times.append(self._nursery_at)
        if self._supervisor.interval is not None:
            times.append(self._tell_at)
        return max(0.0, min(times) - now)

    def _rung(self) -> None:
        self._bell.hush()
        self._clerk.look()

    def _reap(self) -> None:
        """Takes leave of what became this process's when a nursery died."""
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return

    def _sweep(self) -> None:
        from jobrunner.worker.reaper import Reaper
        from jobrunner.worker.shepherd import spawning

        base = {**self._order, "detach": True, "scope": "none"}
        reaper = Reaper(
            self._database, self._settings, spawning(base, self._settings), lambda name: name in self._types
        )
        turn = Turn(self._database.where)
        while not self._over.wait(SWEEP_EVERY):
            try:
                if turn.is_mine():
                    reaper.turn()
            except StoreError:
                continue
        turn.end()
        reaper.stop()


def _say(text: str) -> None:
    sys.stderr.write(f"jobrunner: {text}\n")
    sys.stderr.flush()
