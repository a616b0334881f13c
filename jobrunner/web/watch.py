"""One watched job: a window of its newest ledger rows that all its readers share, and pages for those behind it."""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from jobrunner import clock, explorer
from jobrunner.states import IN_HAND
from jobrunner.store import streaming, views
from jobrunner.store.database import Database
from jobrunner.store.streaming import Pulse

T = TypeVar("T")
Read = Callable[[Callable[[], T]], Awaitable[T]]

PAGE = 256
WINDOW_ROWS, WINDOW_BYTES = 1024, 4 * 1024**2
PAGES_KEPT = 8
# a line of a running job is told at most this long (and the time of three reads) after its commit
QUICK, CALM, RESTING = 0.1, 0.2, 0.5
CALM_AFTER = 10.0
COURSE_EVERY, STALE_EVERY = 0.25, 3.0
COURSE = (
    "status", "is_active", "is_terminal", "is_stale", "stale_reason", "attempt", "budget_used", "max_attempts", "progress",
    "counts", "worker", "cancel_mode", "available_at", "started_at", "finished_at", "updated_at", "first_seq", "last_seq",
    "final_seq",
)  # fmt: skip


class Page(NamedTuple):
    """Ledger rows as they go over the wire, and the cursor after them."""

    data: bytes
    cursor: int


class Bell:
    """Wakes everybody who waits for it, once per ring."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wakes those who wait now."""
        self._event.set()
        self._event = asyncio.Event()

    def heard(self) -> asyncio.Event:
        """Returns what the next ring sets; taken before looking, no ring is missed."""
        return self._event


class Watch:
    """A job that somebody watches. Lives in one event loop; every read runs in a thread.

    ``pulse`` is where the job stood when it was looked at last (None before the first look), ``gone`` true when it was
    deleted, ``course`` its progress event. The window holds what came after ``begin``, up to and including ``until``.
    """

    def __init__(self, database: Database, job_id: int, read: Read[Any], read_page: Read[Any]) -> None:
        self.job_id = job_id
        self.readers = 0
        self.bell = Bell()
        self.pulse: Pulse | None = None
        self.gone = False
        self.course = b""
        self.begin = self.until = 0
        self.due = 0.0
        self._database, self._read, self._read_page = database, read, read_page
        self._in_window = 0
        self._seqs: list[int] = []
        self._parts: list[bytes] = []
        self._bytes = 0
        self._joined: tuple[int, bytes] | None = None
        self._end: asyncio.Task[Page] | None = None
        self._pages: OrderedDict[int, asyncio.Task[Page]] = OrderedDict()
        self._news_at = clock.monotonic()
        self._course_at = float("-inf")
        self._course_of: tuple[Any, ...] = ()

    def take(self, pulse: Pulse | None) -> None:
        """Notes where the job stands, and when it is to be looked at again."""
        if pulse is None:
            self.gone = True
            self.bell.ring()
            return
        if self.pulse is None:
            self.begin = self.until = pulse.last_seq
            self.bell.ring()
        elif pulse.mark != self.pulse.mark:
            self._news_at = clock.monotonic()
            self._end = None
        self.pulse = pulse
        self.due = clock.monotonic() + self._pause()

    def _pause(self) -> float:
        assert self.pulse is not None
        if clock.monotonic() - self._news_at < CALM_AFTER:
            return QUICK
        return CALM if self.pulse.status in IN_HAND else RESTING

    async def refresh(self) -> None:
        """Reads what is new of the job, one page at most, and wakes the readers; raises StoreError."""
        pulse = self.pulse
        if pulse is None or self.gone:
            return
        news = False
        try:
            news = await self._extend(pulse)
            news |= await self._look_at_course(pulse)
        finally:
            if news:
                self.bell.ring()

    async def _extend(self, pulse: Pulse) -> bool:
        if pulse.last_seq <= self.until:
            return False
        if not self._in_window and pulse.last_seq - self.until > WINDOW_ROWS:
            # nobody waits here: who is behind reads pages, and need not do so twice
            self._forget(len(self._seqs))
            self.begin = self.until = pulse.last_seq
            return True
        rows, cursor = await self._read(lambda: self._rows(self.until, pulse.last_seq))
        self._seqs += [seq for seq, _ in rows]
        self._parts += [data for _, data in rows]
        self._bytes += sum(len(data) for _, data in rows)
        self.until, self._joined = cursor, None
        self._trim()
        if cursor < pulse.last_seq:
            self.due = 0.0
        return True

    async def _look_at_course(self, pulse: Pulse) -> bool:
        """Tells the progress when it changed, a few times a second; a change of the status at once."""
        told, now = self._course_of, clock.monotonic()
        quiet = COURSE_EVERY if (pulse.mark, pulse.status) != told else STALE_EVERY
        changed = not told or told[1] != pulse.status
        if not changed and (
            now - self._course_at < quiet or (pulse.mark == told[0] and pulse.status not in IN_HAND)
        ):
            return False
        row = await self._read(lambda: streaming.course(self._database, self.job_id))
        self._course_at, self._course_of = now, (pulse.mark, pulse.status)
        if row is None:
            return False
        model = explorer.job_model(row, {})
        course = message("progress", {name: model[name] for name in COURSE})
        if course == self.course:
            return False
        self.course = course
        return True

    def _rows(self, after: int, until: int) -> tuple[list[tuple[int, bytes]], int]:
        found, more = views.between(
            self._database, self.job_id, after, until, PAGE, patience=streaming.PATIENCE
        )
        rows = [(row["seq"], _ledger_row(kind, row)) for kind, row in found]
        # pruned rows leave holes; a slice that is not cut short covers them
        return rows, rows[-1][0] if more else until

    def _trim(self) -> None:
        count = max(0, len(self._seqs) - WINDOW_ROWS)
        left = self._bytes - sum(map(len, self._parts[:count]))
        while left > WINDOW_BYTES and count < len(self._seqs) - 1:
            left -= len(self._parts[count])
            count += 1
        if count:
            self.begin = self._seqs[count - 1]
            self._forget(count)

    def _forget(self, count: int) -> None:
        self._bytes -= sum(map(len, self._parts[:count]))
        del self._seqs[:count], self._parts[:count]
        self._joined = None

    def holds(self, cursor: int) -> bool:
        """True when what follows a cursor is in the window, or is still to come."""
        return self.pulse is not None and cursor >= self.begin

    def is_told(self, cursor: int) -> bool:
        """True when nothing follows a cursor any more, as far as is known."""
        final = None if self.pulse is None else self.pulse.final_seq
        return self.gone or (final is not None and cursor >= final)

    def after(self, cursor: int) -> Page | asyncio.Task[Page]:
        """Returns what follows a cursor: at once what the window holds, else the read of a page.

        Readers that are at the same place share one read, so it is not to be cancelled; it raises StoreError.
        """
        if self.pulse is None or cursor >= self.until:
            return Page(b"", cursor)
        return self._live(cursor) if cursor >= self.begin else self._page(cursor)

    def _live(self, cursor: int) -> Page:
        place = bisect_right(self._seqs, cursor)
        if self._joined is None or self._joined[0] != place:
            self._joined = (place, b"".join(self._parts[place:]))
        return Page(self._joined[1], self.until)

    def _page(self, cursor: int) -> asyncio.Task[Page]:
        task = self._pages.get(cursor)
        if task is None or _failed(task):
            task = self._pages[cursor] = asyncio.create_task(self._read_a_page(cursor, self.until))
            while len(self._pages) > PAGES_KEPT:
                self._pages.popitem(last=False)
        return task

    async def _read_a_page(self, cursor: int, until: int) -> Page:
        rows, end = await self._read_page(lambda: self._rows(cursor, until))
        return Page(b"".join(data for _, data in rows), end)

    def end(self) -> asyncio.Task[Page]:
        """Reads the last event of a job, and the cursor that it stands at: beyond every other when the job goes on.

        All readers share one read, so it is not to be cancelled; it raises StoreError.
        """
        if self._end is None or _failed(self._end):
            self._end = asyncio.create_task(self._read_the_end())
        return self._end

    async def _read_the_end(self) -> Page:
        seen = await self._read_page(lambda: explorer.status(self._database, self.job_id, limit=0))
        final = seen.job.final_seq if seen.job is not None else 0
        if final is None:
            self._end, final = None, views.LARGEST_ID
        elif seen.found:
            # whoever gets it has read all there is
            seen = seen.model_copy(update={"last_seq": final, "has_more": False})
        return Page(message("end", seen.model_dump(mode="json")), final)

    def stands_in_window(self, yes: bool) -> None:
        """Counts the readers for which the window is kept without a gap."""
        self._in_window += 1 if yes else -1


def message(event: str, data: Any, number: int | None = None) -> bytes:
    """Returns a server-sent event with one line of JSON; only ledger rows bear a number."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {event}\ndata: {text}\n\n".encode()


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _ledger_row(kind: str, row: dict[str, Any]) -> bytes:
    return message(kind, explorer.event(kind, row), row["seq"])
