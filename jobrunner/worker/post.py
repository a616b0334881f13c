"""One job of a pool: what waits to be stored of it, and what its row said last."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jobrunner import clock, identifiers
from jobrunner.masking import Mask
from jobrunner.settings import Settings
from jobrunner.states import is_held
from jobrunner.store.bundling import Share
from jobrunner.store.claims import ChildProcess, Claimed
from jobrunner.store.database import Row
from jobrunner.store.journal import Move, Moving
from jobrunner.store.logs import JobState, Tail
from jobrunner.worker import verdict
from jobrunner.worker.intake import Intake
from jobrunner.worker.pulse import Pulse
from jobrunner.worker.spool import Spool
from jobrunner.worker.verdict import Outcome
from jobrunner.worker.writer import plain_ascii

BATCH = 500
_REFUSALS = 3
_PAUSE = 1.0


class Post:
    """What the minder of a job and the clerk who stores for all jobs share; its lock is the clerk's ``guard``.

    ``ending`` is the last move once the job has ended here, ``status`` where it left the job. ``over`` is set when
    nothing more is stored: then, or because another worker holds the job (``superseded``).
    """

    def __init__(
        self, claimed: Claimed, settings: Settings, mask: Mask, guard: threading.Condition,
        pulse: Pulse | None,
    ) -> None:  # fmt: skip
        self.claimed, self.mask = claimed, mask.of_attempt()
        self.spool = Spool(settings.spool_max_bytes, guard)
        self.intake = Intake(
            self.spool, self.mask, log_bytes=claimed.log_bytes, log_max=settings.log_max_bytes,
            clock_offset=claimed.clock_offset,
        )  # fmt: skip
        self.state = JobState("running", None, claimed.fence)
        self.tail = Tail(claimed)
        self.over = threading.Event()
        self.superseded = False
        self.status: str | None = None
        self.outcome: Outcome | None = None
        self.ending: Moving | None = None
        self.child: ChildProcess | None = None
        self.child_is_noted = False
        self.refused_progress: dict[str, Any] = {}
        self.failures = 0
        self.not_before = 0.0
        self._stored_at = clock.monotonic()
        self._hold = settings.flush_interval
        self._lines_after = 0
        self._pulse = pulse

    @property
    def writer(self) -> Post:
        """Who stores, as the minder knows it."""
        return self

    def is_healthy(self, within: float = 1.0) -> bool:
        """True when something was stored or read in the last ``within`` seconds."""
        return clock.monotonic() - self._stored_at < within

    def fences_itself_at(self) -> float | None:
        """Returns the monotonic moment from which on the job may be another worker's, None where it cannot be."""
        return self._pulse.fences_at if self._pulse is not None and self.claimed.idempotent else None

    def conclude(self, outcome: Outcome, actor: str) -> None:
        """Makes the last move ready, to be stored after everything that waits now."""
        chance = identifiers.chance()
        self.intake.say_what_was_left_out()

        def decide(row: Row) -> Sequence[Move]:
            moves = verdict.decide(row, outcome, actor, self._lines_after, chance=chance)
            return [replace(move, attempt=self._process() | dict(move.attempt)) for move in moves]

        self.outcome = outcome
        self.ending = Moving(
            self.claimed.job_id, decide, fence=self.claimed.fence, claim_seq=self.claimed.seq
        )

    def due_at(self) -> float | None:
        """Returns when to store, by the monotonic clock; None while there is nothing to store."""
        if self.ending is not None:
            return self.not_before
        due = self.spool.due_at(BATCH, self._hold)
        if due is None and self.child is not None and not self.child_is_noted:
            due = self._stored_at + self._hold
        return None if due is None else max(due, self.not_before)

    def share(self) -> Share:
        """Returns what to store in one transaction: lines, progress, and the last move if nothing is left after them."""
        lines = self.spool.peek(BATCH)
        progress = self.intake.take_progress()
        if self.failures >= _REFUSALS:
            # nothing may stop the job's other lines: what the database refuses is written as plain ASCII
            lines, progress = [plain_ascii(line) for line in lines], {}
        self._lines_after = self.tail.line_count + len(lines)
        ending = self.ending if len(lines) == len(self.spool) else None
        child = None if self.child_is_noted else self.child
        return Share(self.claimed, self.tail, lines, progress, ending, child)

    def refused(self, progress: dict[str, Any]) -> None:
        """Notes that the database refuses what this job has said; it is tried again, alone."""
        self.intake.give_back(progress)
        self.failures += 1
        self.not_before = clock.monotonic() + _PAUSE

    def _process(self) -> dict[str, Any]:
        return (
            {} if self.child is None else {"child_pid": self.child.pid, "child_started": self.child.started}
        )

    def stored(self, share: Share) -> bool:
        """Notes that a transaction has stored a share; returns True when the row bears news."""
        if share.lines:
            self.tail.advance(share.lines)
            self.spool.forget(len(share.lines))
        elif not len(self.spool):
            self.spool.rest()
        if self.intake.has_progress:
            self.spool.touch()
        self.failures, self.child_is_noted = 0, share.child is not None or self.child_is_noted
        return self.told(share.state) if share.state is not None else False

    def told(self, state: JobState) -> bool:
        """Notes what the row says; returns True when that is news."""
        self._stored_at = clock.monotonic()
        news = (state.status, state.cancel_mode) != (self.state.status, self.state.cancel_mode)
        self.state = state
        return news

    def is_mine(self, state: JobState | None) -> bool:
        """True when the row still is this attempt's."""
        return state is not None and is_held(state.status, state.fence, self.claimed.fence)
