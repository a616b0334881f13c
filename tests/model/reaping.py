"""The steps of a reaper: look, hold dead, end what is left of the child, take the job away."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from jobrunner.operations.suspicion import Belief, Memory, Sighting, _Silence
from tests.model import database
from tests.model.memory import Broken
from tests.model.state import LEASE, SLOTS, Lease, Reaper, Rules, State
from tests.model.working import HAS_JOB, Step, put

Remembered = tuple[tuple[str, int, bool, bool], ...]


def steps(state: State, rules: Rules, place: int) -> Iterator[Step]:
    """Yields every step that this reaper can take now, or that can befall it."""
    reaper = state.reapers[place]
    if reaper.phase == "idle":
        yield from _looking(state, rules, place)
    elif reaper.phase == "condemning":
        yield _condemning(state, place)
    elif not state.lock:
        yield from _taking(state, rules, place)
    if state.faults and reaper.phase != "idle":
        yield "is killed; another one begins", _set(state, place, Reaper(), faults=state.faults - 1)


def look(state: State, place: int) -> State:
    """Returns the state after a look that this reaper only remembers."""
    reaper = state.reapers[place]
    memory, _ = _judged(reaper.memory, _sightings(state, place))
    return state if memory == reaper.memory else _set(state, place, reaper._replace(memory=memory))


def _looking(state: State, rules: Rules, place: int) -> Iterator[Step]:
    reaper, seen = state.reapers[place], _sightings(state, place)
    memory, dead = _judged(reaper.memory, seen)
    if rules.trusts_the_clock:
        dead = tuple((one[0], Belief.GONE) for one in seen if one[2])
    for name, belief in dead:
        phase = reaper._replace(
            phase="condemning", target=name, memory=memory, lease_over=belief is Belief.GONE, beats_same=True
        )
        yield f"believes that {name} is dead: {belief}", _set(state, place, phase)
    holder = state.job.holder
    lease = _lease(state, holder) if holder else None
    if lease is not None and lease.stopped:
        found = reaper._replace(phase="found", target=holder, fence=state.job.fence, lease_over=_over(lease))
        yield f"finds the job in the hands of {holder}, who was held dead", _set(state, place, found)


def _condemning(state: State, place: int) -> Step:
    reaper = state.reapers[place]
    proved, name = reaper.lease_over, reaper.target
    lease = _lease(state, name)
    after = _set(state, place, Reaper(memory=reaper.memory))
    if lease is None:
        return "finds that worker's row gone", after
    answer = database.condemn(lease, None if proved else reaper.beats_same)
    if not answer.said:
        return f"cannot hold {name} dead: it has ended, or it lives", after
    return f"holds {name} dead", _set_lease(after, name, answer.lease or lease)


def _taking(state: State, rules: Rules, place: int) -> Iterator[Step]:
    reaper = state.reapers[place]
    here = SLOTS.index(reaper.target.lower()) == place
    left = _children(state, place, reaper.fence) if here else 0
    if left and rules.confirms_the_child:
        yield "ends what is left of the child", _cleared(state, place, reaper.fence)
        return
    if not database.may_take(0 if not reaper.lease_over else LEASE + 1, here, 0):
        yield "leaves it to whoever stands on that host", _set(state, place, Reaper(memory=reaper.memory))
        return
    answer = database.take(state.job, rules, reaper.target, reaper.fence)
    if answer.said is not None and left:
        raise Broken("I9: the job is taken away while its child runs on this very host.")
    done = _set(state, place, Reaper(memory=reaper.memory), job=answer.job)
    yield (
        "finds that the job has gone on" if answer.said is None else f"takes the job away: {answer.said}",
        done,
    )
    if answer.said is not None and state.faults:
        unsure = _set(state, place, reaper, job=answer.job, faults=state.faults - 1)
        yield f"takes the job away: {answer.said}, and the reply is lost", unsure


def _children(state: State, place: int, fence: int) -> int:
    worker = state.workers[place]
    minded = worker.phase == "running" and worker.fence == fence
    return int(minded) + state.orphans.count((place, fence))


def _cleared(state: State, place: int, fence: int) -> State:
    orphans = tuple(one for one in state.orphans if one != (place, fence))
    worker = state.workers[place]
    if worker.phase == "running" and worker.fence == fence:
        worker = worker._replace(phase="ended", outcome="raised")
    return put(state, place, worker, orphans=orphans)


def _sightings(state: State, place: int) -> tuple[tuple[str, bool | None, bool], ...]:
    """Returns (id, does its process run, has its lease expired) of every worker that nobody holds dead."""
    seen: list[tuple[str, bool | None, bool]] = []
    for slot, worker in enumerate(state.workers):
        if not worker.lease.stopped:
            seen.append((SLOTS[slot], True if slot == place else None, _over(worker.lease)))
    old = state.job.holder
    if old.isupper() and not state.old.stopped:
        seen.append((old, False if SLOTS.index(old.lower()) == place else None, _over(state.old)))
    return tuple(seen)


@cache
def _judged(
    memory: Remembered, seen: tuple[tuple[str, bool | None, bool], ...]
) -> tuple[Remembered, tuple[tuple[str, Belief], ...]]:
    """Asks the product's own memory of heartbeats, put back to where it stood."""
    kept = Memory(LEASE)
    kept._silences = {
        name: _Silence(1, -since, expired, together) for name, since, expired, together in memory
    }
    beliefs = kept.judge([Sighting(name, runs, 1, expired) for name, runs, expired in seen], 0)
    after = tuple(
        sorted(
            (name, min(int(-one.since), 2 * LEASE), one.expired, one.together)
            for name, one in kept._silences.items()
        )
    )
    return after, tuple((name, belief) for name, belief in beliefs.items() if belief.is_dead)


def _over(lease: Lease) -> bool:
    return lease.age > LEASE


def _lease(state: State, name: str) -> Lease | None:
    if name.isupper():
        return state.old if state.job.holder == name else None
    return state.workers[SLOTS.index(name)].lease


def _set_lease(state: State, name: str, lease: Lease) -> State:
    if name.isupper():
        return state._replace(old=lease)
    slot = SLOTS.index(name)
    return put(state, slot, state.workers[slot]._replace(lease=lease))


def _set(state: State, place: int, reaper: Reaper, **changes: object) -> State:
    reapers = (reaper, state.reapers[1]) if place == 0 else (state.reapers[0], reaper)
    return state._replace(reapers=reapers, **changes)  # type: ignore[arg-type]


def children(state: State) -> list[tuple[int, int]]:
    """Returns (slot, fence) of every child that runs."""
    minded = [(slot, one.fence) for slot, one in enumerate(state.workers) if one.phase == "running"]
    return minded + list(state.orphans)


def holds_something(state: State) -> bool:
    """True when a worker process has a job in hand."""
    return any(one.phase in HAS_JOB for one in state.workers)
