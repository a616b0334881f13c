"""Every step from a state, and what must hold in each: the invariants of jobs that nobody loses or runs twice."""

from __future__ import annotations

from collections.abc import Iterator

from tests.model import database, reaping, working
from tests.model.memory import Broken
from tests.model.state import FENCE, GRACE, LEASE, SLOTS, Lease, Reaper, Rules, State, Worker
from tests.model.working import Step, must_act

ENDS = frozenset({"succeeded", "failed", "cancelled", "stopped", "abandoned", "parked"})


def steps(state: State, rules: Rules) -> Iterator[Step]:
    """Yields (what happens, the state after it), for everything that can happen next."""
    if is_over(state):
        return
    for slot, name in enumerate(SLOTS):
        for what, after in working.steps(state, rules, slot):
            yield f"worker {name} {what}", after
    for place, name in enumerate(SLOTS):
        for what, after in reaping.steps(state, rules, place):
            yield f"reaper {name} {what}", after
    yield from _operating(state, rules)
    for orphan in dict.fromkeys(state.orphans):
        left = list(state.orphans)
        left.remove(orphan)
        yield f"the child of fence {orphan[1]} follows its worker", state._replace(orphans=tuple(left))
    yield from _time(state, rules)


def is_over(state: State) -> bool:
    """True when nothing can happen to the job any more, whatever befalls whom."""
    asked = state.verbs or state.unanswered or state.lock
    return state.job.status in ENDS and not asked and not any(one.fence for one in state.workers)


def normal(state: State) -> State:
    """Returns the state without what nobody can ask for any more, every idle reaper having looked just now.

    How old the lease is of a worker that was held dead, and has no job by it, nobody asks but that worker, who
    may send a heartbeat the earlier for it: a step more, and none less.
    """
    for slot, worker in enumerate(state.workers):
        if worker.lease.stopped and worker.lease.age <= LEASE and state.job.holder != SLOTS[slot]:
            state = working.put(state, slot, worker._replace(lease=_aged(worker.lease, LEASE + 1)))
    if not state.job.holder.isupper() and state.old != Lease():
        reapers = []
        for reaper in state.reapers:
            aimless = reaper.phase == "condemning" and reaper.target.isupper()
            reapers.append(Reaper(memory=reaper.memory) if aimless else reaper)
        state = state._replace(old=Lease(), reapers=(reapers[0], reapers[1]))
    for place, reaper in enumerate(state.reapers):
        if reaper.phase == "idle":
            state = reaping.look(state, place)
    return state


def _operating(state: State, rules: Rules) -> Iterator[Step]:
    if state.lock:
        return
    if state.unanswered:
        answer = database.operate(state.job, rules, state.unanswered, again=True)
        yield f"the operator repeats {state.unanswered}", state._replace(job=answer.job, unanswered="")
        return
    for verb in database.VERBS if state.verbs else ():
        answer = database.operate(state.job, rules, verb, again=False)
        if answer.said is None:
            continue
        surplus = state.surplus - int(verb == "retry" and not rules.idempotent)
        after = state._replace(job=answer.job, verbs=state.verbs - 1, surplus=surplus)
        yield f"the operator says {verb}", after
        if state.faults:
            unsure = after._replace(unanswered=verb, faults=state.faults - 1)
            yield f"the operator says {verb}, and the reply is lost", unsure


def _time(state: State, rules: Rules) -> Iterator[Step]:
    if not state.orphans and not any(must_act(state, rules, one) for one in state.workers):
        yield f"time passes: {LEASE} of it are a lease", _ticked(state)
    if state.faults and state.job.live:
        yield "the database's clock jumps ahead", _jumped(state._replace(faults=state.faults - 1))


def _jumped(state: State) -> State:
    workers = tuple(one._replace(lease=_aged(one.lease, LEASE + 1)) for one in state.workers)
    old = _aged(state.old, LEASE + 1) if state.job.holder.isupper() else state.old
    return state._replace(workers=workers, old=old)  # type: ignore[arg-type]


def _ticked(state: State) -> State:
    first, second = map(_older, state.workers)
    state = state._replace(
        workers=(first, second), old=_aged(state.old, 1) if state.job.holder.isupper() else state.old
    )
    reapers = tuple(
        r._replace(memory=tuple((name, min(since + 1, 2 * LEASE), *rest) for name, since, *rest in r.memory))  # type: ignore[misc]
        for r in state.reapers
    )
    state = state._replace(reapers=reapers)  # type: ignore[arg-type]
    for slot, worker in enumerate(state.workers):
        if worker.proc == "up" and worker.reply < 0 and worker.phase != "claiming":
            state = working.beaten(state, slot)
    return state


def _older(worker: Worker) -> Worker:
    most = FENCE + GRACE
    return worker._replace(
        lease=_aged(worker.lease, 1), pulse=min(worker.pulse + 1, most),
        post_pulse=-1 if worker.post_pulse < 0 else min(worker.post_pulse + 1, most),
        reply=-1 if worker.reply < 0 else min(worker.reply + 1, most), just_resumed=False,
    )  # fmt: skip


def _aged(lease: Lease, ticks: int) -> Lease:
    return lease._replace(age=min(lease.age + ticks, LEASE + 1))


def check(state: State, rules: Rules) -> None:
    """Raises Broken unless every invariant holds in this state; what a single move must not do the store refuses."""
    job = state.job
    alive = {fence for _, fence in job.live}
    for fence in {one.fence for one in state.workers if one.fence} - alive:
        if database.may_append(job, rules, fence):
            raise Broken("I3: a line of a superseded worker would be stored.")
    if not rules.idempotent and state.surplus > 0:
        raise Broken("I7: a job that is not idempotent ran again without an operator's word.")
    running = reaping.children(state)
    if rules.idempotent and len(running) > 1:
        latest = max(fence for _, fence in running)
        for slot, fence in running:
            worker = state.workers[slot]
            excused = worker.proc == "paused" or worker.just_resumed or (slot, fence) in state.orphans
            if fence < latest and not excused:
                raise Broken("I8: an attempt that could have known better still runs beside the next one.")


def is_fault(before: State, after: State) -> bool:
    """True for a step that is a fault, or an operator's, and not the protocol's own."""
    return after.faults < before.faults or after.verbs < before.verbs


def is_stuck_without_help(what: str) -> bool:
    """True for a step by which a worker that was paused or cut off comes back."""
    return what.endswith(("goes on", "reaches the database again"))
