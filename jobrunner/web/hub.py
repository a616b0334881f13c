"""The hub: it looks at every watched job once for all who watch it, and counts the streams that are open."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter

from jobrunner import clock
from jobrunner.errors import StoreError
from jobrunner.runner import JobRunner
from jobrunner.store import schema, streaming
from jobrunner.store.database import Database
from jobrunner.web.faults import TooMany
from jobrunner.web.live import Feed
from jobrunner.web.standing import Standings
from jobrunner.web.watch import Watch

T = TypeVar("T")
MOST, MOST_EACH = 900, 600
RETRY_AFTER = 5
# how soon a server that was told to end is noticed, and how long the hub sleeps at most
GLANCE = 0.2
AWAY_PAUSE = 0.5
# a database that is away for longer breaks streams off: their readers are to see that nothing comes
AWAY_LONG = 5.0
BEATS_AT_ONCE, PAGES_AT_ONCE = 4, 4
_logger = logging.getLogger("jobrunner.web")


class TooManyStreams(TooMany):
    """This server has as many open streams as it bears."""

    code = "too_many_streams"
    status = 503
    default_hint = "Close streams that nobody reads, or ask again later."


class TooManyOfOne(TooMany):
    """One user has too many open streams."""

    code = "too_many_streams_of_one"
    default_hint = "Close streams that nobody reads: one per page is enough."


class Hub:
    """Watches jobs of one store for any number of readers, each job once; begins and rests by itself.

    The cost for the database is one indexed row per watched job and look, whatever the number of readers, and what is
    new is read once. A database that is away is waited for. Lives in one event loop; ``close`` may come from any thread.
    """

    def __init__(self, runner: JobRunner, *, most: int = MOST, most_each: int = MOST_EACH) -> None:
        self.closed = False
        self.looks = 0
        self._lost_at: float | None = None
        self._runner, self._most, self._most_each = runner, most, most_each
        self._open: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._watches: dict[int, Watch] = {}

    def close(self) -> None:
        """Ends every stream, and refuses new ones from now on."""
        self.closed = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ring)

    def admit(self, name: str) -> None:
        """Counts a stream of a user; raises TooManyStreams or TooManyOfOne. ``leave`` takes it back."""
        if self.closed or self._open.total() >= self._most:
            raise TooManyStreams(retry_after=RETRY_AFTER)
        if self._open[name] >= self._most_each:
            raise TooManyOfOne(retry_after=RETRY_AFTER)
        self._open[name] += 1

    def leave(self, name: str) -> None:
        """Takes back what ``admit`` counted."""
        self._open[name] -= 1
        if not self._open[name]:
            del self._open[name]

    @property
    def is_away(self) -> bool:
        """True while the database has been away for so long that readers are to come again."""
        return self._lost_at is not None and clock.monotonic() - self._lost_at >= AWAY_LONG

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return self._open.total()

    @contextmanager
    def watch(self, job_id: int) -> Iterator[Watch]:
        """Gives the watch of a job, which all its readers share, for as long as the block lasts."""
        self._begin()
        watch = self._watches.get(job_id)
        if watch is None:
            watch = self._watches[job_id] = Watch(self._database, job_id, self._read, self._read_page)
        watch.readers += 1
        self._wake.set()
        try:
            yield watch
        finally:
            watch.readers -= 1
            if not watch.readers and self._watches.get(job_id) is watch:
                del self._watches[job_id]

    @contextmanager
    def feed(self) -> Iterator[Feed]:
        """Gives the feed of the whole store, which all its readers share, for as long as the block lasts."""
        self._begin()
        feed = self._feed
        feed.readers += 1
        self._wake.set()
        try:
            yield feed
        finally:
            feed.readers -= 1

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # an application may be served by one loop after another
            self._loop, self._task, self._watches = loop, None, {}
            self._feed = Feed(lambda: self._database, self._read)
            self._wake = asyncio.Event()
            self.standings = Standings()
            self._beats, self._pages = CapacityLimiter(BEATS_AT_ONCE), CapacityLimiter(PAGES_AT_ONCE)
        if self._task is None or self._task.done():
            self._lost_at = None
            self._task = loop.create_task(self._go_on())

    @property
    def _database(self) -> Database:
        return self._runner.database

    async def _read(self, work: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(self._checked, work, limiter=self._beats)

    async def _read_page(self, work: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(self._checked, work, limiter=self._pages)

    def _checked(self, work: Callable[[], T]) -> T:
        schema.readable(self._database)
        return work()

    async def _go_on(self) -> None:
        """Looks at what is due, until nobody watches; no error ends it."""
        while self._watches or self._feed.readers:
            self._wake.clear()
            try:
                await self._beat()
                pause = self._pause()
            except StoreError:
                pause = AWAY_PAUSE
                self._lost_at = self._lost_at or clock.monotonic()
                if self.is_away:
                    self._ring()
            except Exception:
                _logger.exception("A look at the watched jobs failed; the next one follows.")
                pause = AWAY_PAUSE
            if _told_to_end():
                self.close()
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _beat(self) -> None:
        now = clock.monotonic()
        due = [watch for watch in self._watches.values() if watch.due <= now and not watch.gone]
        if due:
            ids = [watch.job_id for watch in due]
            found = await self._read(lambda: streaming.pulses(self._database, ids))
            self.looks += len(ids)
            for watch in due:
                watch.take(found.get(watch.job_id))
        works: list[Any] = [watch.refresh() for watch in due]
        if self._feed.is_due:
            works.append(self._feed.refresh())
        for failed in await asyncio.gather(*works, return_exceptions=True):
            if isinstance(failed, BaseException):
                raise failed
        if works:
            self._lost_at = None

    def _pause(self) -> float:
        dues = [watch.due for watch in self._watches.values() if not watch.gone]
        return max(0.0, min([*dues, clock.monotonic() + GLANCE]) - clock.monotonic())

    def _ring(self) -> None:
        for watch in self._watches.values():
            watch.bell.ring()
        self._feed.bell.ring()


def _told_to_end() -> bool:
    """True once the uvicorn that serves this process has had its signal: it waits for streams, which do not end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        server: Any = getattr(signal.getsignal(number), "__self__", None)
        if getattr(server, "should_exit", False) is True:
            return True
    return False
