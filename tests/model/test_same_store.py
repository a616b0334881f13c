"""The store in memory takes and refuses the same statements as the real ones, in any order, from out-of-date rows too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from jobrunner import clock, identifiers
from jobrunner.errors import IllegalTransition, StoreError, Superseded, TransitionConflict
from jobrunner.states import EDGES, IN_HAND, Trigger
from jobrunner.store import claims, journal, logs, views, workers
from jobrunner.store.claims import ChildProcess, Claimed
from jobrunner.store.database import Database
from jobrunner.store.journal import Move, Moving
from jobrunner.store.logs import Tail
from tests.model.memory import ANYTHING, Broken, HeldDead, Memory, new_job
from tests.store.driving import WORKER, create, line

LONG = 3600.0
MOVES = sorted({e.trigger for e in EDGES if e.from_status != "new"} - {Trigger.ADMIT, Trigger.CLAIM})
SEEN = ("status", "fence", "attempt", "budget_used", "last_seq", "cancel_mode", "worker_id", "final_seq")
LEGAL, SELDOM = st.sampled_from((True, True, True, False)), st.sampled_from((False, False, False, True))
NAMES, SPANS = st.sampled_from("abc"), st.sampled_from((LONG, -LONG))


def step(row: dict[str, Any], trigger: Trigger, wait: float) -> Move:
    """Returns a move by the first actor who may make it, waiting before the next attempt where there is one."""
    edges = [e for e in EDGES if e.trigger is trigger]
    known = next((e for e in edges if e.from_status == row["status"]), edges[0])
    changes = {"available_at": clock.shift(row["clock"], wait)} if known.to_status == "scheduled" else {}
    leaves = known.from_status in IN_HAND and known.to_status not in IN_HAND
    return Move(
        trigger, f"{known.actors[0]}:tester", changes=changes, attempt={"reason_code": "left"} if leaves else {},
        new_fence=trigger.value.endswith("_lost"),
    )  # fmt: skip


def nth(row: dict[str, Any], number: int, legal: bool) -> Trigger:
    """Returns a trigger: one that the machine has from where the row stands, or any."""
    known = [e.trigger for e in EDGES if e.from_status == row["status"] and e.trigger in MOVES]
    among = known if legal and known else MOVES
    return among[number % len(among)]


def outcome(do: Any) -> Any:
    """Returns what a call answered, or how it was refused, in words that both stores share."""
    try:
        return do()
    except (Superseded, TransitionConflict, IllegalTransition) as error:
        return type(error).__name__
    except (Broken, StoreError):
        return "refused"


class SameStore(RuleBasedStateMachine):
    """One job and three workers in both stores."""

    database: Database

    @initialize(idempotent=st.booleans(), claimed=st.booleans())
    def begin(self, idempotent: bool, claimed: bool) -> None:
        self.job = create(self.database, idempotent=idempotent, max_attempts=2 if idempotent else 1)
        row = self.read()
        self.model = Memory(new_job(idempotent=idempotent, max_attempts=row["max_attempts"]))
        self.rows = [(row, self.model.lock())]
        self.ids = {name: identifiers.uuid7() for name in "abc"}
        self.held: list[tuple[Claimed, Tail]] = []
        self.moved: list[tuple[Moving, str, Trigger, int]] = []
        self.children: dict[int, int] = {}
        self.ops: list[str] = []
        if claimed:
            self.claim("a")
            self.look()

    def read(self) -> dict[str, Any]:
        """Returns the real row as a transaction finds it."""
        row = self.database.read(lambda c: journal.lock(self.database, c, self.job, for_update=False))
        assert row is not None
        return row

    @rule()
    def look(self) -> None:
        self.rows.append((self.read(), self.model.lock()))

    @rule(which=st.integers(0, 3), number=st.integers(0, 30), legal=LEGAL, wait=SPANS, again=SELDOM)
    def move_from_a_row_that_was_read_before(
        self, which: int, number: int, legal: bool, wait: float, again: bool
    ) -> None:
        if which == 0:
            self.look()
        real, small = self.rows[-1 - which % len(self.rows)]
        trigger = nth(small, number, legal)
        op = self.ops[-1] if again and self.ops else identifiers.uuid7()
        self.ops.append(op)

        def really() -> Any:
            def work(connection: Any) -> Any:
                row = journal.apply(connection, dict(real), step(real, trigger, wait), op)
                return row["status"], row["fence"]

            return self.database.write(work)

        def small_one() -> Any:
            row = self.model.apply(dict(small), step(small, trigger, wait), op)
            return row["status"], row["fence"]

        assert outcome(really) == outcome(small_one)

    @rule(fence=st.sampled_from((0, 0, 1, 2)), number=st.integers(0, 30), legal=LEGAL)
    def move_as_a_holder(self, fence: int, number: int, legal: bool) -> None:
        trigger = nth(self.model.row, number, legal)
        own = self.model.row["fence"] - fence
        moving = Moving(self.job, lambda row: [step(row, trigger, -LONG)], fence=own)
        self.moved.append((moving, identifiers.uuid7(), trigger, own))
        self.make(*self.moved[-1])

    @rule(which=st.integers(0, 3))
    def make_the_same_move_again(self, which: int) -> None:
        if self.moved:
            self.make(*self.moved[-1 - which % len(self.moved)])

    def make(self, moving: Moving, op: str, trigger: Trigger, own: int) -> None:
        """Makes a move that says whom it takes itself for, in both stores."""

        def really() -> Any:
            moved = self.database.write(lambda c: moving.make(self.database, c))
            assert moved is not None

        def small_one() -> Any:
            self.model.move(lambda row: [step(row, trigger, -LONG)], [op], fence=own)

        assert outcome(really) == outcome(small_one)

    @rule(name=NAMES)
    def claim(self, name: str) -> None:
        worker = replace(WORKER, id=self.ids[name])
        answer = claims.claim(self.database, self.job, worker, token=None, launch_grace=0, lease=LONG)
        due = self.model.row["available_at"] <= self.model.now
        taken = None
        if due:
            try:
                taken = self.model.claim(
                    self.ids[name], lambda row: claims.steps(row, worker), [identifiers.uuid7(), identifiers.uuid7()],
                    held_dead=self.model.is_stopped(self.ids[name]), until=clock.shift(self.model.now, LONG),
                )  # fmt: skip
            except HeldDead:
                taken = None
        assert (answer.fence if isinstance(answer, Claimed) else None) == taken
        if isinstance(answer, Claimed):
            self.held.append((answer, Tail(answer)))

    @rule(which=st.integers(0, 3), count=st.integers(0, 3))
    def append(self, which: int, count: int) -> None:
        if not self.held:
            return
        _, tail = self.held[-1 - which % len(self.held)]
        lines = [line("x")] * count
        really = outcome(lambda: logs.append(self.database, tail, lines, {}) and None)
        assert really == outcome(lambda: self.model.append(tail.fence, count))

    @rule(which=st.integers(0, 3), fence=st.integers(0, 1), pid=st.integers(1, 9))
    def note_the_child(self, which: int, fence: int, pid: int) -> None:
        if not self.held:
            return
        claimed = self.held[-1 - which % len(self.held)][0]
        named = replace(claimed, fence=claimed.fence - fence)
        self.database.write(lambda c: claims.note_child(c, named, ChildProcess(pid, 1)))
        if not fence:
            self.children[claimed.attempt] = pid

    @rule(name=NAMES, lease=SPANS)
    def beat(self, name: str, lease: float) -> None:
        until = clock.shift(self.model.now, lease)
        heard = workers.beat(self.database, self.ids[name], lease)
        assert heard.lives == self.model.beat(self.ids[name], until)

    @rule(name=NAMES, behind=st.sampled_from((None, 0, 1)))
    def condemn(self, name: str, behind: int | None) -> None:
        known = self.model.leases.get(self.ids[name])
        beats = None if behind is None or known is None else known.beats - behind
        really = workers.condemn(self.database, self.ids[name], beats=beats)
        assert really == self.model.condemn(self.ids[name], beats)

    @rule(name=NAMES)
    def retire(self, name: str) -> None:
        workers.retire(self.database, self.ids[name])
        self.model.retire(self.ids[name])

    @invariant()
    def the_two_are_the_same(self) -> None:
        if not hasattr(self, "model"):
            return
        row = self.read()
        assert {name: row[name] for name in SEEN} == {name: self.model.row[name] for name in SEEN}
        assert (row["available_at"] <= row["clock"]) == (self.model.row["available_at"] <= self.model.now)
        history = views.history(self.database, self.job)
        assert [move["trigger_name"] for move in history][1:] == self.model.triggers
        attempts = {
            number: (fence, end is None, child)
            for number, fence, end, child in self.database.read(
                lambda c: [tuple(r) for r in c.execute(_ATTEMPTS, {"id": self.job})]
            )
        }
        assert attempts == {
            number: (fence, is_open, self.children.get(number))
            for number, (fence, is_open) in self.model.attempts.items()
        }
        alive = {one.id: one.beats for one in workers.living(self.database, 10_000)}
        ours = {key: lease.beats for key, lease in self.model.leases.items() if not lease.stopped}
        assert {key: beats for key, beats in alive.items() if key in self.ids.values()} == ours
        assert claims.may_claim(row, None, 0) == (self.model.row["status"] in ("queued", "scheduled"))
        assert ANYTHING.types == (row["type"],)


_ATTEMPTS = text("SELECT attempt, fence, ended_at, child_pid FROM jobrunner_job_attempt WHERE job_id = :id")


def test_the_same_statements_have_the_same_outcome(database: Database, kind: str) -> None:
    machine = type("SameStore", (SameStore,), {"database": database})
    examples = 50 if kind == "sqlite" else 25
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=30, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@pytest.mark.databases("sqlite")
def test_the_control_a_store_without_the_fence_is_told_apart(database: Database) -> None:
    class Careless(SameStore):
        @rule()
        def forget_the_guard(self) -> None:
            self.model.guarded = False

    Careless.database = database
    with pytest.raises(AssertionError, match="Superseded"):
        run_state_machine_as_test(
            Careless,
            settings=settings(
                max_examples=100, stateful_step_count=30, deadline=None, derandomize=True, database=None,
                suppress_health_check=list(HealthCheck), phases=(Phase.generate,),
            ),
        )  # fmt: skip
