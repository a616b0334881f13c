"""The one thread of a worker that speaks to the database once the job is claimed."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from jobrunner import clock
from jobrunner.errors import DatabaseUnavailable, StoreError, StoreFailure, Superseded
from jobrunner.settings import Settings
from jobrunner.states import IN_HAND, is_held
from jobrunner.store import journal, logs, workers
from jobrunner.store.claims import Claimed
from jobrunner.store.database import Database, Row
from jobrunner.store.journal import Move
from jobrunner.store.logs import JobState, Line, Tail
from jobrunner.worker.intake import Intake
from jobrunner.worker.meter import Meter
from jobrunner.worker.pulse import Pulse
from jobrunner.worker.spool import LOW_WATER, Spool

BATCH = 1000
LONGEST_PAUSE = 2.0
_REFUSALS = 3


class Writer:
    """Stores what the spool holds, polls for requests, renews the lease, and makes the last move.

    A database that is away, locked or full is tried again for ever. ``state`` is what the job row said last,
    ``stored_at`` when something was stored or read last, ``over`` is set at the end; ``superseded`` then
    tells that another worker holds the job, ``crashed`` what else went wrong, ``status`` where the
    job was left. ``wake`` is called, in this thread, when there is news for the other one.
    """

    def __init__(
        self, database: Database, claimed: Claimed, worker_id: str, spool: Spool, intake: Intake, settings: Settings,
        wake: Callable[[], object],
    ) -> None:  # fmt: skip
        self.state = JobState("running", None, claimed.fence)
        self.tail = Tail(claimed)
        self._idempotent = claimed.idempotent
        self.stored_at = clock.monotonic()
        self.over = threading.Event()
        self.superseded = False
        self.crashed: str | None = None
        self.refused_progress: dict[str, Any] = {}
        self.status: str | None = None
        self._database, self._worker_id, self._settings = database, worker_id, settings
        self._spool, self._intake, self._wake = spool, intake, wake
        self._decide: Callable[[Row, int], Sequence[Move]] | None = None
        self._pulse = Pulse(claimed.asked_at, settings.heartbeat, settings.self_fence)
        self._meter = Meter()
        self._pause = 0.0
        self._thread = threading.Thread(target=self._run, name="jobrunner-writer", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def finish(self, decide: Callable[[Row, int], Sequence[Move]]) -> None:
        """Asks for the last move: once everything queued is stored, ``decide`` gets the locked row and the line count."""
        self._decide = decide
        self._spool.wake()

    def is_healthy(self, within: float = 1.0) -> bool:
        """True when something was stored or read in the last ``within`` seconds."""
        return clock.monotonic() - self.stored_at < within

    def fences_itself_at(self) -> float | None:
        """Returns the monotonic moment from which on the job may be another worker's; None where nobody takes it unasked.

        That is so for an idempotent job on a server, since the last heartbeat that was stored.
        """
        alone = not self._idempotent or self._database.path is not None
        return None if alone else self._pulse.fences_at

    def _run(self) -> None:
        try:
            while self._decide is None or len(self._spool):
                self._turn()
            self._store([])
            self._last_move()
        except Superseded:
            self.superseded = True
        except BaseException:
            self.crashed = traceback.format_exc()
        finally:
            self.over.set()
            self._wake()

    def _turn(self) -> None:
        self._spool.wait(self._until_due(), BATCH, self._settings.flush_interval)
        lines = self._spool.peek(BATCH)
        if lines or self._intake.has_progress:
            self._store(lines)
        elif clock.monotonic() - self.stored_at >= self._settings.poll_cancel:
            self._poll()
        if clock.monotonic() >= self._pulse.due_at:
            self._beat()

    def _until_due(self) -> float:
        now = clock.monotonic()
        return max(0.0, min(self.stored_at + self._settings.poll_cancel, self._pulse.due_at) - now)

    def _store(self, lines: list[Line]) -> None:
        """Stores these lines and the latest progress, however long it takes."""
        progress = self._intake.take_progress()
        if not lines and not progress:
            return
        refused = 0
        state: JobState | None = None
        while state is None:
            try:
                state = logs.append(self._database, self.tail, lines, progress)
            except Superseded:
                self.refused_progress = progress
                raise
            except StoreError as error:
                refused += isinstance(error, StoreFailure)
                if refused >= _REFUSALS:
                    # Nothing may stop the job's other lines: what the database refuses is written as plain ASCII.
                    lines, progress, refused = [plain_ascii(line) for line in lines], {}, -_REFUSALS
                self._wait_a_little()
        full = self._spool.bytes
        self._spool.forget(len(lines))
        if self._intake.has_progress:
            self._spool.touch()
        self._told(state)
        if full > LOW_WATER >= self._spool.bytes:
            self._wake()

    def _poll(self) -> None:
        try:
            state = logs.poll(self._database, self.tail.job_id)
        except StoreError:
            self._wait_a_little()
            return
        if state is None or not is_held(state.status, state.fence, self.tail.fence):
            raise Superseded
        self._told(state)

    def _beat(self) -> None:
        began = clock.monotonic()
        self._pulse.sent(began)
        try:
            workers.beat(self._database, self._worker_id, self._settings.lease, self._meter.read())
            self._pulse.stored(began)
        except StoreError:
            self._pulse.failed(clock.monotonic())

    def _told(self, state: JobState) -> None:
        self.stored_at, self._pause = clock.monotonic(), 0.0
        news = (state.status, state.cancel_mode) != (self.state.status, self.state.cancel_mode)
        self.state = state
        if news:
            self._wake()

    def _wait_a_little(self) -> None:
        self._pause = min(LONGEST_PAUSE, self._pause * 2 or 0.05)
        clock.sleep(self._pause)

    def _last_move(self) -> None:
        decide, count = self._decide, self.tail.line_count
        if decide is None:
            return
        unsure = False
        while True:
            try:
                moved = journal.move(
                    self._database, self.tail.job_id, lambda row: decide(row, count), fence=self.tail.fence
                )
            except DatabaseUnavailable:
                unsure = True
            except StoreError:
                pass
            except Superseded:
                self.status = self._own_end() if unsure else None
                if self.status is None:
                    raise
                break
            else:
                self.status = None if moved is None else moved.after["status"]
                break
            self._wait_a_little()
        self._retire()

    def _own_end(self) -> str | None:
        """Returns the status in which a move left the job whose COMMIT gave no answer; None when it was not ours."""
        while True:
            try:
                state = logs.poll(self._database, self.tail.job_id)
            except StoreError:
                self._wait_a_little()
                continue
            mine = state is not None and state.fence == self.tail.fence and state.status not in IN_HAND
            return state.status if mine and state is not None else None

    def _retire(self) -> None:
        try:
            workers.retire(self._database, self._worker_id)
        except StoreError:
            return  # the lease runs out instead


def plain_ascii(line: Line) -> Line:
    """Returns a line that every database takes: what is not ASCII as visible escapes, without context."""

    def plain(text: str | None) -> str | None:
        return None if text is None else text.encode("ascii", "backslashreplace").decode()

    message = plain(line.message) or ""
    return line._replace(
        step_key=plain(line.step_key), logger=plain(line.logger), message=message, context=None
    )
