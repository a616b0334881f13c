"""The one thread of a pool that speaks to the database for all of its jobs."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence

from jobrunner import clock
from jobrunner.errors import StoreError, StoreFailure
from jobrunner.masking import Mask
from jobrunner.settings import Settings
from jobrunner.states import Status
from jobrunner.store import bundling, logs, picking
from jobrunner.store.bundling import Share
from jobrunner.store.claims import Claimed
from jobrunner.store.database import Database
from jobrunner.store.journal import Moved
from jobrunner.store.picking import Appetite, HeldDead, Picking
from jobrunner.store.workers import Drain, WorkerIdentity
from jobrunner.worker.desk import identity
from jobrunner.worker.evidence import Evidence
from jobrunner.worker.membership import Membership
from jobrunner.worker.pacing import Pace
from jobrunner.worker.post import Post
from jobrunner.worker.verdict import Outcome

AT_ONCE, LONGEST_PAUSE = 64, 2.0
_LINGER = 0.003


class Clerk:
    """Claims for the seats that are free, stores what the jobs have to store, polls for requests, renews the lease.

    Whatever is due goes into one transaction. A database that is away, locked or full is tried again for
    ever. ``wake`` is called in this thread when there is something to ``collect``. ``is_exhausted`` tells
    that the last look for jobs found none; ``crashed`` what went wrong when the thread is over before its time.
    """

    def __init__(
        self, database: Database, settings: Settings, capacity: int, queues: Sequence[str], wake: Callable[[], object]
    ) -> None:  # fmt: skip
        self.guard = threading.Condition()
        self.posts: set[Post] = set()
        self.is_exhausted = False
        self.claims_left: int | None = None
        self.crashed: str | None = None
        self._database, self._settings, self._queues = database, settings, queues
        self._member = Membership(
            database, settings, identity("pool", "none", settings.labels, capacity, queues)
        )
        self._mask, self._wake = Mask(settings.database_url, settings.mask_keys), wake
        self._appetite: Appetite | None = None
        self._seats, self._closing = 0, False
        self._claimed: list[Post] = []
        self._stirred: list[Post] = []
        self._late = Evidence(database)
        self._unsure: Picking | None = None
        self._storing, self._poll_at = False, 0.0
        self._pace = Pace(settings.poll_min, settings.poll_max, clock.monotonic)
        self._pause = self._stored_at = 0.0
        self._thread = threading.Thread(target=self._run, name="jobrunner-clerk", daemon=True)

    def start(self) -> None:
        """Makes the pool known, and starts the thread; raises a StoreError when the database cannot be used."""
        self._member.join()
        self._thread.start()

    def offer(self, seats: int, types: Sequence[str]) -> None:
        """Says that ``seats`` more jobs may be claimed, of these types."""
        with self.guard:
            self._seats += seats
            self._appetite = Appetite(tuple(types), tuple(self._queues), self._settings.launch_grace)
            self.guard.notify()

    def withdraw(self) -> None:
        """Says that no more jobs may be claimed; those that are claimed already still come."""
        with self.guard:
            self._appetite = None

    def look(self) -> None:
        """Says that there may be something to claim."""
        with self.guard:
            self._pace.hurry()
            self.is_exhausted = False
            self.guard.notify()

    def conclude(self, post: Post, outcome: Outcome, types: Sequence[str] | None) -> None:
        """Stores the end of a job after everything it said; its seat is free for a job of ``types``."""
        post.conclude(outcome, self.worker.actor)
        with self.guard:
            if types is not None:
                self._seats += 1
            self.guard.notify()

    def give_up(self, post: Post, outcome: Outcome | None) -> None:
        """Keeps what another worker's claim has made too late as evidence."""
        with self.guard:
            self._late.add(post, outcome)
            self.guard.notify()

    def collect(self) -> tuple[list[Post], list[Post]]:
        """Returns the jobs that were claimed since the last call, and those whose rows bear news."""
        with self.guard:
            claimed, self._claimed = self._claimed, []
            stirred, self._stirred = self._stirred, []
        return claimed, stirred

    def close(self, timeout: float | None = None) -> bool:
        """Ends the thread once everything is stored; True when it has ended."""
        with self.guard:
            self._closing = True
            self.guard.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def is_quiet(self) -> bool:
        """True when no job is in hand, and none is just being claimed."""
        with self.guard:
            return not self.posts and not self._storing and self._unsure is None

    @property
    def worker(self) -> WorkerIdentity:
        """Who this pool is to the others."""
        return self._member.worker

    @property
    def drain(self) -> Drain | None:
        """The request to end in order that came with a heartbeat."""
        return self._member.drain

    def _run(self) -> None:
        try:
            while not (self._closing and not self.posts and not self._late and self._unsure is None):
                self._wait()
                self._turn()
            self._member.retire()
        except BaseException:
            self.crashed = traceback.format_exc()
        finally:
            self._wake()

    def _wait(self) -> None:
        with self.guard:
            while (left := self._next_at() - clock.monotonic()) > 0:
                self.guard.wait(left)
        # what comes within some milliseconds shares a transaction
        clock.sleep(self._stored_at + _LINGER - clock.monotonic())

    def _next_at(self) -> float:
        times = [self._member.pulse.due_at]
        if self.posts:
            times.append(self._poll_at)
        if self._may_pick():
            times.append(self._pace.at)
        if self._late or self._unsure is not None or (self._closing and not self.posts):
            times.append(0.0)
        times += [due for post in self.posts if (due := post.due_at()) is not None]
        return min(times)

    def _may_pick(self) -> bool:
        return self._seats > 0 and self._appetite is not None and self.claims_left != 0 and not self._closing

    def _turn(self) -> None:
        now = clock.monotonic()
        with self.guard:
            due = [post for post in self.posts if (at := post.due_at()) is not None and at <= now][:AT_ONCE]
            wanted = self._picking(now)
            called = wanted is not None and self._pace.is_called
            self._storing = bool(due) or wanted is not None
        if due or wanted is not None:
            self._store(due, wanted, called)
            with self.guard:
                self._storing = False
            if not self.posts:
                self._wake()
        if self.posts and now >= self._poll_at:
            self._poll()
        if now >= self._member.pulse.due_at:
            self._beat()
        if self._late:
            self._late.keep(self.worker.id)

    def _picking(self, now: float) -> Picking | None:
        """Returns the claim to make now; one whose COMMIT gave no answer comes first."""
        fenced = now >= self._member.pulse.fences_at
        wanted = 0 if fenced or now < self._pace.at or not self._may_pick() else self._seats
        if self.claims_left is not None:
            wanted = min(wanted, self.claims_left)
        if self._unsure is not None:
            self._unsure.most = min(self._unsure.most, wanted)
            return self._unsure
        if wanted == 0 or self._appetite is None:
            return None
        most, lease = min(wanted, AT_ONCE), self._settings.lease
        return Picking(self.worker, self._appetite, most, lease, self._pace.begin)

    def _store(self, due: Sequence[Post], wanted: Picking | None, called: bool) -> None:
        ids = None
        try:
            # who was called claims at once; who only looks locks nothing for it
            if wanted is not None and self._appetite and not (due or self._unsure or called):
                ids = picking.due(self._database, self._appetite, wanted.most)
                if not ids:
                    return self._found(0, 0, wanted.most)
        except StoreError:
            return self._wait_a_little()
        shares = [post.share() for post in due]
        try:
            claimed = bundling.store(self._database, shares, wanted, ids)
        except HeldDead:
            self._unsure = None
            self._give_back(due, shares)
            return self._beat()
        except StoreFailure:
            self._give_back(due, shares)
            return self._store_singly(due)
        except StoreError:
            self._give_back(due, shares)
            self._unsure = wanted
            return self._wait_a_little()
        self._pause, self._unsure = 0.0, None
        if shares or claimed:
            self._stored_at = clock.monotonic()
        if wanted is not None:
            self._seat(claimed)
            self._found(len(claimed), wanted.seen, wanted.most)
        self._stored(due, shares)
        return None

    def _store_singly(self, due: Sequence[Post]) -> None:
        """Stores each job's share by itself, so that what the database refuses of one does not hold up the others."""
        for post in due:
            share = post.share()
            try:
                bundling.store(self._database, [share])
            except StoreError:
                post.refused(share.progress)
            else:
                self._stored([post], [share])
        if not due:
            self._wait_a_little()

    def _give_back(self, due: Sequence[Post], shares: Sequence[Share]) -> None:
        for post, share in zip(due, shares, strict=True):
            post.intake.give_back(share.progress)

    def _stored(self, due: Sequence[Post], shares: Sequence[Share]) -> None:
        news = False
        for post, share in zip(due, shares, strict=True):
            if share.superseded:
                post.refused_progress = share.progress
                self._lose(post)
                news = True
            elif share.ending is not None:
                post.stored(share)
                self._ended(post, share.moved)
                news = True
            elif post.stored(share):
                self._stir(post)
                news = True
        if news:
            self._wake()

    def _ended(self, post: Post, moved: Moved | None) -> None:
        if moved is not None:
            post.status = moved.after["status"]
            if post.status == Status.SCHEDULED:
                wait = clock.between(moved.after["clock"], moved.after["available_at"])
                self._pace.expect(wait)
        self._dismiss(post)

    def _seat(self, claimed: Sequence[Claimed]) -> None:
        if not claimed:
            return
        # on SQLite nobody takes a job unasked
        pulse = None if self._database.path is not None else self._member.pulse
        made = [Post(one, self._settings, self._mask, self.guard, pulse) for one in claimed]
        with self.guard:
            if not self.posts:
                # their rows have just been read
                self._poll_at = clock.monotonic() + self._settings.poll_cancel
            self.posts.update(made)
            self._claimed += made
            self._seats -= len(made)
            if self.claims_left is not None:
                self.claims_left -= len(made)
        self._wake()

    def _found(self, count: int, seen: int, wanted: int) -> None:
        with self.guard:
            self._pace.found(count, seen, wanted)
            self.is_exhausted = seen == 0
        if not seen:
            self._wake()

    def _poll(self) -> None:
        posts = {post.claimed.job_id: post for post in self.posts if post.ending is None}
        self._poll_at = clock.monotonic() + self._settings.poll_cancel
        if not posts:
            return
        try:
            found = logs.poll_many(self._database, list(posts))
        except StoreError:
            return
        for job_id, post in posts.items():
            state = found.get(job_id)
            if not post.is_mine(state):
                self._lose(post)
            elif state is not None and post.told(state):
                self._stir(post)
        self._wake()

    def _beat(self) -> None:
        asked = self.drain
        # an idle pool looks for jobs by the way
        done = self._member.beat(looks=self._may_pick() and not self.posts)
        if self._member.nothing_waits:
            self._found(0, 0, 1)
        if self.drain is not asked:
            self._wake()
        if not done:
            self._wait_a_little()

    def _lose(self, post: Post) -> None:
        post.superseded = True
        if post.outcome is not None:
            self._late.add(post, post.outcome)
        self._dismiss(post)

    def _dismiss(self, post: Post) -> None:
        with self.guard:
            self.posts.discard(post)
            if not self.posts:
                self.is_exhausted = False
                self._pace.hurry()
        post.over.set()
        self._stir(post)

    def _stir(self, post: Post) -> None:
        with self.guard:
            self._stirred.append(post)

    def _wait_a_little(self) -> None:
        self._pause = min(LONGEST_PAUSE, self._pause * 2 or 0.05)
        clock.sleep(self._pause)
