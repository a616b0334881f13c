"""The transactions of the search: a small state goes in, the store in memory runs the statements, a small state comes out."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

from jobrunner.errors import Superseded
from jobrunner.operations import cancel, recovery, resolve, retry
from jobrunner.operations.acting import Refusal
from jobrunner.operations.recovery import Evidence
from jobrunner.states import IN_HAND, Mode
from jobrunner.store import claims
from jobrunner.store.journal import Move
from jobrunner.store.workers import WorkerIdentity
from jobrunner.worker import verdict
from jobrunner.worker.death import Error
from jobrunner.worker.verdict import Cause, Outcome, Said
from tests.model.memory import ANYTHING, NOON, HeldDead, Memory, Row, later, new_job
from tests.model.memory import Lease as LeaseRow
from tests.model.state import LEASE, TICK, Job, Lease, Rules

_BOOM = Error("ValueError", "handler_error", "boom")
OUTCOMES = {
    "returned": Outcome(Said.RETURNED, "{}"),
    "raised": Outcome(Said.RAISED, error=_BOOM),
    "obeyed": Outcome(Said.CANCELLED),
    "forced": Outcome(Said.NOTHING),
    "not called": Outcome(Said.NOT_CALLED),
    "interrupted": Outcome(Said.NOTHING, cause=Cause.INTERRUPTED, cause_text="told to end"),
    "given back": Outcome(Said.NOT_CALLED, cause=Cause.INTERRUPTED, cause_text="told to end"),
}
OPERATOR, REAPER = "operator:ann", "reaper:h:1"
VERBS: dict[str, Callable[[Row], Move | Refusal]] = {
    **{mode.value: partial(cancel.choose, mode=mode, actor=OPERATOR) for mode in Mode},
    "retry": partial(retry.choose, actor=OPERATOR, force=True),
    "abandon": partial(resolve.choose_abandon, actor=OPERATOR),
    "resolve": partial(resolve.choose_end, as_="succeeded", actor=OPERATOR),
}
_HERE = 5  # the number of the present attempt; only differences count
_OPS = ("op-1", "op-2")
_LOST_BACKOFF = 0.0  # the next attempt comes as early as it may


class Answer(NamedTuple):
    """What a transaction left behind, and what it told its caller."""

    job: Job
    lease: Lease | None
    said: Any


@cache
def identity(name: str) -> WorkerIdentity:
    """Returns a worker identity."""
    return WorkerIdentity(name, "pool", "h", None, None, 1, None, "none", "0")


@cache
def row_of(job: Job, rules: Rules) -> Row:
    """Returns the job row that a small one stands for."""
    number = _HERE if job.status != "queued" or job.live else _HERE - 1
    return new_job(idempotent=rules.idempotent, max_attempts=rules.max_attempts) | {
        "status": job.status, "fence": job.fence, "budget_used": job.budget, "cancel_mode": job.mode or None,
        "worker_id": job.holder or None, "attempt": number, "last_seq": 10,
    }  # fmt: skip


def _store(job: Job, rules: Rules) -> Memory:
    row = row_of(job, rules)
    store = Memory(row=dict(row), guarded=rules.checks_fence, last_move=10)
    store.attempts = {row["attempt"] - back: (fence, True) for back, fence in job.live}
    if job.status in IN_HAND:
        store.last_move = 9  # a line stands between
    return store


def _small(store: Memory) -> Job:
    row = store.row
    live = tuple(sorted((row["attempt"] - number, fence) for number, fence in store.open_attempts()))
    store.check()
    return Job(
        row["status"], row["fence"], row["budget_used"], row["cancel_mode"] or "",
        row["worker_id"] if row["status"] in IN_HAND else "", live,
    )  # fmt: skip


@cache
def takeable(job: Job, rules: Rules) -> bool:
    """True when a pool would take the job."""
    return ANYTHING.takes(row_of(job, rules) | {"clock": NOON})


@cache
def claim(job: Job, rules: Rules, worker: str, held_dead: bool) -> Answer:
    """Commits a claim; says the fence, None, or ``held dead``."""
    store = _store(job, rules)
    try:
        fence = store.claim(
            worker, lambda row: claims.steps(row, identity(worker)), _OPS, held_dead=held_dead, until=NOON
        )
    except HeldDead:
        return Answer(job, None, "held dead")
    return Answer(_small(store), None, fence)


@cache
def finish(job: Job, rules: Rules, outcome: str, fence: int) -> Answer:
    """Ends an attempt as its worker sees it; says the trigger, or ``superseded``."""
    store = _store(job, rules)

    def decide(row: Row) -> list[Move]:
        return verdict.decide(row, OUTCOMES[outcome], identity("w").actor)

    try:
        store.move(decide, _OPS, fence=fence)
    except Superseded:
        return Answer(job, None, "superseded")
    return Answer(_small(store), None, store.triggers[-1])


@cache
def take(job: Job, rules: Rules, holder: str, fence: int) -> Answer:
    """Takes the job from a lost worker; says the trigger, None when it is not lost any more."""
    store = _store(job, rules)
    evidence = Evidence(holder, "It was lost.", {})
    store.move(lambda row: recovery.take(row, fence, evidence, REAPER, _LOST_BACKOFF), _OPS)
    return Answer(_small(store), None, store.triggers[-1] if store.triggers else None)


@cache
def operate(job: Job, rules: Rules, verb: str, again: bool) -> Answer:
    """Does what an operator's verb does; ``again`` after a COMMIT that gave no answer. Says the trigger or None."""
    store = _store(job, rules)
    if again:
        store.ops.add(_OPS[0])

    def decide(row: Row) -> list[Move]:
        chosen = VERBS[verb](row)
        return [chosen] if isinstance(chosen, Move) else []

    store.move(decide, _OPS)
    return Answer(_small(store), None, store.triggers[-1] if store.triggers else None)


@cache
def condemn(lease: Lease, beats_same: bool | None) -> Answer:
    """Holds a worker dead, by proof when ``beats_same`` is None; says whether it was done."""
    store = Memory({}, leases={"w": LeaseRow(100, until(lease.age), lease.stopped)})
    done = store.condemn("w", None if beats_same is None else 100 if beats_same else 99)
    return Answer(Job(), lease._replace(stopped=store.is_stopped("w")), done)


@cache
def beat(lease: Lease) -> Answer:
    """Renews a lease; says whether its worker lives in the eyes of the others."""
    store = Memory({}, leases={"w": LeaseRow(100, until(lease.age), lease.stopped)})
    alive = store.beat("w", until(0))
    return Answer(Job(), Lease(store.is_stopped("w"), 0), alive)


@cache
def may_append(job: Job, rules: Rules, fence: int) -> bool:
    """True when the store would take a line from the attempt of ``fence``."""
    try:
        _store(job, rules).append(fence, 1)
    except Superseded:
        return False
    return True


@cache
def may_take(age: int | None, here: bool, left: int) -> bool:
    """True when the job of a lost worker whose last heartbeat is so old may be taken away."""
    lost = {"clock": NOON, "lease_until": None if age is None else until(age)}
    return recovery.may_take(lost, here=here, left=left)


@cache
def until(age: int) -> str:
    """Returns when a lease ends whose last heartbeat is ``age`` ticks old."""
    return later((LEASE - age) * TICK)
