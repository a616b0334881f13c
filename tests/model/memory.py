"""The store in memory: one job, its attempts, the workers and their leases, under the guards of the real statements.

Only what the database itself decides is written down here anew: which row a guarded statement still finds, and
what a unique key refuses. Every decision about a row is the product's own function. ``test_same_store`` runs the
same statements here and on the real databases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobrunner import clock
from jobrunner.errors import Superseded, TransitionConflict
from jobrunner.states import IN_HAND, Trigger, edge, is_held
from jobrunner.store import journal, workers
from jobrunner.store.journal import Decision, Move
from jobrunner.store.picking import Appetite

Row = dict[str, Any]
NOON = "2026-11-21T12:00:00.000000Z"
TYPE, QUEUE = "t.noop", "default"
ANYTHING = Appetite((TYPE,), (), launch_grace=0.0)


class Broken(AssertionError):
    """A statement did what no statement may do."""


class HeldDead(Exception):
    """The worker was held dead: it may claim nothing under its id."""


@dataclass
class Lease:
    """A worker's rows: whether it has ended or was held dead, its heartbeats, and until when its lease runs."""

    beats: int = 1
    until: str = NOON
    stopped: bool = False


@dataclass
class Memory:
    """The store; ``guarded`` is False in a control, where a worker's move is not held against its fence."""

    row: Row
    now: str = NOON
    attempts: dict[int, tuple[int, bool]] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    ops: set[str] = field(default_factory=set)
    last_move: int = 1
    guarded: bool = True
    triggers: list[str] = field(default_factory=list)

    def lock(self) -> Row:
        """Returns the job row as a transaction finds it."""
        return dict(self.row) | {"clock": self.now}

    def apply(self, row: Row, step: Move, op: str) -> Row:
        """Takes one step from ``row``, which may be out of date."""
        after = journal.row_after(row, step)
        guard = ("status", "fence", "last_seq")
        if any(self.row[name] != row[name] for name in guard):
            raise TransitionConflict("The row is not what it was.")
        self._check(self.row, step, after, op)
        self.row = {name: value for name, value in after.items() if name not in ("clock", "prev_seq")}
        self.ops.add(op)
        self.last_move = after["last_seq"]
        self.triggers.append(step.trigger.value)
        self._note_attempt(after, step)
        return after

    def _check(self, before: Row, step: Move, after: Row, op: str) -> None:
        """Holds a transition against what the schema refuses and what the invariants say of any single one."""
        known = edge(before["status"], step.trigger)
        if known is None or known.to_status != after["status"]:
            raise Broken("I4: the move is no edge of the machine.")
        if op in self.ops:
            raise Broken("I6: one operation is stored twice.")
        if after["last_seq"] != before["last_seq"] + 1 or self.last_move > before["last_seq"]:
            raise Broken("I4: the history has a gap.")
        taken = step.new_fence or step.trigger is Trigger.CLAIM
        if after["fence"] - before["fence"] != int(taken):
            raise Broken(
                "I2: the fence does not go up by one at a claim or a take-away, or it moves otherwise."
            )
        kind = step.actor.partition(":")[0]
        if known.from_status.is_terminal and kind != "operator":
            raise Broken("I11: what had ended was moved without an operator.")
        asked = before["status"] == "cancel_requested" and after["status"] != "cancel_requested"
        if asked and not known.to_status.is_terminal:
            raise Broken("I13: a cancel that was accepted was forgotten.")

    def _note_attempt(self, after: Row, step: Move) -> None:
        number = after["attempt"]
        if step.trigger is Trigger.CLAIM:
            if number in self.attempts:
                raise Broken("I1: an attempt was made twice.")
            self.attempts[number] = (after["fence"], True)
        elif step.attempt:
            if not self.attempts.get(number, (0, False))[1]:
                raise Broken("I14: an attempt ended twice.")
            self.attempts[number] = (self.attempts[number][0], False)

    def move(self, decide: Decision, ops: Sequence[str], *, fence: int | None = None) -> tuple[Row, Row]:
        """Does what the journal's ``Moving`` does in its transaction; returns the row before and after."""
        row = self.lock()
        if ops[0] in self.ops:
            return row, row
        if self.guarded and fence is not None and not is_held(row["status"], row["fence"], fence):
            raise Superseded
        before = dict(row)
        steps = decide(dict(row))
        if fence is not None and steps and not is_held(before["status"], before["fence"], fence):
            raise Broken("I3: a superseded worker moved the job.")
        for step, op in zip(steps, ops, strict=False):
            row = self.apply(row, step, op)
        return before, row

    def append(self, fence: int, count: int) -> None:
        """Appends lines as the holder of ``fence``."""
        if not is_held(self.row["status"], self.row["fence"], fence):
            raise Superseded
        self.row = self.row | {"last_seq": self.row["last_seq"] + count}

    def claim(
        self,
        worker: str,
        steps: Callable[[Row], Sequence[Move]],
        ops: Sequence[str],
        *,
        held_dead: bool,
        until: str,
    ) -> int | None:
        """Takes the job for ``worker``, for whom a look at its row has said whether it is ``held_dead``.

        Returns the fence; None when there is nothing to take.
        """
        row = self.lock()
        if not ANYTHING.takes(row):
            return None
        if held_dead:
            raise HeldDead
        self.register(worker, until)
        taken = steps(row)
        for step, op in zip(taken, ops[-len(taken) :], strict=True):
            row = self.apply(row, step, op)
        return int(row["fence"])

    def holds(self, fence: int) -> bool:
        """True while the attempt of ``fence`` has the job in hand."""
        return is_held(self.row["status"], self.row["fence"], fence)

    def is_stopped(self, worker: str) -> bool:
        """True for a worker that has ended or was held dead."""
        return worker in self.leases and self.leases[worker].stopped

    def register(self, worker: str, until: str) -> bool:
        """Writes a worker's rows unless they are there; False when it may claim nothing."""
        if worker not in self.leases:
            self.leases[worker] = Lease(until=until)
        return not self.leases[worker].stopped

    def beat(self, worker: str, until: str) -> bool:
        """Renews a lease; False when the worker was held dead."""
        if worker not in self.leases:
            return False
        lease = self.leases[worker]
        lease.beats, lease.until = lease.beats + 1, until
        return not lease.stopped

    def condemn(self, worker: str, beats: int | None) -> bool:
        """Holds a worker dead; given ``beats``, only while it is silent."""
        lease = self.leases.get(worker)
        if lease is None:
            return False
        if beats is not None and not workers.is_silent(lease.beats, lease.until, beats, self.now):
            return False
        done, lease.stopped = not lease.stopped, True
        return done

    def retire(self, worker: str) -> None:
        """Notes that a worker has ended in order."""
        if worker in self.leases:
            self.leases[worker].stopped = True

    def open_attempts(self) -> list[tuple[int, int]]:
        """Returns (number, fence) of every attempt without an end."""
        return [(number, fence) for number, (fence, is_open) in self.attempts.items() if is_open]

    def check(self) -> None:
        """Holds the whole store against the invariants of a single live attempt."""
        expected = [(self.row["attempt"], self.row["fence"])] if self.row["status"] in IN_HAND else []
        if self.open_attempts() != expected:
            raise Broken("I1: there is not exactly one live attempt, under the fence of its job.")


def new_job(*, idempotent: bool, max_attempts: int = 1) -> Row:
    """Returns the row of a job that was just created for a pool."""
    return dict.fromkeys(journal.JOB_COLUMNS) | {
        "id": 1, "uuid": "u", "type": TYPE, "queue": QUEUE, "status": "queued", "idempotent": int(idempotent),
        "launcher": "pool", "attempt": 0, "budget_used": 0, "max_attempts": max_attempts, "backoff_base": 0.0,
        "backoff_factor": 2.0, "backoff_cap": 300.0, "backoff_jitter": 0.0, "fence": 0, "last_seq": 1, "first_seq": 1,
        "launches": 0, "available_at": NOON, "created_at": NOON, "log_bytes": 0,
    }  # fmt: skip


def later(seconds: float) -> str:
    """Returns the moment so many seconds after NOON."""
    return clock.shift(NOON, seconds)
