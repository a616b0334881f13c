"""What one open stream tells: backlog, then live, no gap and no duplicate, and a sign of life while there is nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from jobrunner import clock
from jobrunner.errors import StoreError
from jobrunner.web.hub import Hub
from jobrunner.web.live import Feed
from jobrunner.web.watch import Page, Watch, message

RETRY = b"retry: 2000\n\n"
KEEP_ALIVE, KEEP_ALIVE_EVERY = b": keep-alive\n\n", 15.0
# how soon the end of a token or session is noticed
CHECK_EVERY = 10.0
# a read that failed is tried again after so long, or when the hub has news
AGAIN = 1.0


class Heart:
    """When a stream has to say that it lives, and whether its reader still may read."""

    def __init__(self, hub: Hub, allowed: Callable[[], Awaitable[bool]]) -> None:
        self._hub, self._allowed = hub, allowed
        self._told = self._checked = clock.monotonic()

    async def goes_on(self) -> bool:
        """False once the server ends, the database is away for long, or the reader's token or session has ended."""
        now = clock.monotonic()
        if now - self._checked >= CHECK_EVERY:
            self._checked = now
            if not await self._allowed():
                return False
        return not self._hub.closed and not self._hub.is_away

    def said(self) -> None:
        """Notes that something was told."""
        self._told = clock.monotonic()

    async def wait(self, heard: asyncio.Event, longest: float = KEEP_ALIVE_EVERY) -> bytes:
        """Waits for a bell; returns a sign of life when it is time for one, else nothing."""
        now = clock.monotonic()
        left = min(self._told + KEEP_ALIVE_EVERY, self._checked + CHECK_EVERY, now + longest) - now
        try:
            async with asyncio.timeout(max(0.0, left)):
                await heard.wait()
        except TimeoutError:
            pass
        if clock.monotonic() - self._told < KEEP_ALIVE_EVERY:
            return b""
        self.said()
        return KEEP_ALIVE

    async def bear(self, task: asyncio.Task[Page]) -> AsyncGenerator[bytes, None]:
        """Waits for a task that others may wait for too, and yields signs of life meanwhile."""
        while not task.done():
            await asyncio.wait({task}, timeout=max(0.0, self._told + KEEP_ALIVE_EVERY - clock.monotonic()))
            if not task.done():
                self.said()
                yield KEEP_ALIVE


async def of_job(watch: Watch, cursor: int, heart: Heart) -> AsyncGenerator[bytes, None]:
    """Yields the events of a job after a cursor, until it is terminal and everything was told."""
    course, first_seq, inside = b"", 0, False
    yield RETRY
    try:
        while await heart.goes_on():
            heard = watch.bell.heard()
            if watch.course is not course:
                course = watch.course
                yield course
            if watch.pulse is not None and cursor + 1 < watch.pulse.first_seq > first_seq:
                first_seq = watch.pulse.first_seq
                yield message("pruned", {"first_seq": first_seq, "after_seq": cursor})
            if inside != watch.holds(cursor):
                inside = not inside
                watch.stands_in_window(inside)
            ends = watch.is_told(cursor)
            step = watch.end() if ends else watch.after(cursor)
            if isinstance(step, asyncio.Task):
                async for sign in heart.bear(step):
                    yield sign
            page = _result(step)
            if ends and page is not None and page.cursor <= cursor:
                yield page.data
                return
            if not ends and page is not None and page.cursor > cursor:
                cursor = page.cursor
                heart.said()
                yield page.data
                continue
            sign = await heart.wait(heard, AGAIN if ends or page is None else KEEP_ALIVE_EVERY)
            if sign:
                yield sign
    finally:
        if inside:
            watch.stands_in_window(False)


async def of_store(feed: Feed, heart: Heart) -> AsyncGenerator[bytes, None]:
    """Yields a word whenever something in the store changed."""
    event = b""
    yield RETRY
    while await heart.goes_on():
        heard = feed.bell.heard()
        if feed.event is not event:
            event = feed.event
            heart.said()
            yield event
        sign = await heart.wait(heard)
        if sign:
            yield sign


def _result(step: Page | asyncio.Task[Page]) -> Page | None:
    try:
        return step if isinstance(step, Page) else step.result()
    except StoreError:
        return None
