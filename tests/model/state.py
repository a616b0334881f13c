"""What the search knows of the world at one moment, small enough that equal worlds are equal tuples.

Two workers, ``a`` and ``b``, each a pool with one seat on a host of its own; two reapers, one on each of these hosts;
one operator; one job. Time is counted in ticks since something happened and never beyond what a rule asks for.
``A`` and ``B`` are the ids that a and b had before, as far as the job still bears one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

LEASE, FENCE, GRACE = 3, 1, 1
"""In ticks: the lease, the self-fence, and from TERM to KILL. The lease is longer than the other two together."""
TICK = 10.0
SLOTS = "ab"


@dataclass(frozen=True)
class Rules:
    """What is searched: a kind of job, how many faults and verbs there are, and, for a control, what is left out."""

    idempotent: bool
    max_attempts: int = 1
    faults: int = 2
    verbs: int = 1
    fences: int = 4
    checks_fence: bool = True
    trusts_the_clock: bool = False
    confirms_the_child: bool = True
    times_heartbeats_from_their_reply: bool = False
    confirms_a_claim: bool = True


class Job(NamedTuple):
    """The job row; ``live`` are its attempts without an end, counted from the latest, with their fences."""

    status: str = "queued"
    fence: int = 0
    budget: int = 0
    mode: str = ""
    holder: str = ""
    live: tuple[tuple[int, int], ...] = ()


class Lease(NamedTuple):
    """A worker id's rows: held dead or not, and the ticks since its last heartbeat was stored."""

    stopped: bool = False
    age: int = 0


class Worker(NamedTuple):
    """A worker process and what it has in hand.

    ``proc`` is up, paused or cut (it runs, but reaches no database). ``phase`` goes idle, claiming, (unsure,)
    held, running, ended. ``pulse`` is how long ago it last knew its lease renewed, ``post_pulse`` the same of
    the id under which it claimed, when that is another one (else -1). ``reply`` counts since a heartbeat whose answer is
    late, or is -1.
    """

    proc: str = "up"
    phase: str = "idle"
    fence: int = 0
    told: str = ""
    outcome: str = ""
    lease: Lease = Lease()
    pulse: int = 0
    post_pulse: int = -1
    reply: int = -1
    just_resumed: bool = False


class Reaper(NamedTuple):
    """A reaper: what it is about to do to whom, and what it remembers: (id, silent for, expired, together)."""

    phase: str = "idle"
    target: str = ""
    fence: int = 0
    beats_same: bool = True
    lease_over: bool = False
    memory: tuple[tuple[str, int, bool, bool], ...] = ()


class State(NamedTuple):
    """One moment. ``surplus`` is how often a handler that is not idempotent began beyond once and operators' words."""

    job: Job = Job()
    old: Lease = Lease()
    lock: str = ""
    saw_stopped: bool = False
    workers: tuple[Worker, Worker] = (Worker(), Worker())
    orphans: tuple[tuple[int, int], ...] = ()
    reapers: tuple[Reaper, Reaper] = (Reaper(), Reaper())
    unanswered: str = ""
    surplus: int = -1
    faults: int = 2
    verbs: int = 1


def canonical(state: State) -> State:
    """Returns the smaller of a state and its mirror image, in which the two hosts have changed places."""
    return min(state, _mirrored(state))


def _mirrored(state: State) -> State:
    job = state.job
    if job.holder:
        job = job._replace(holder=job.holder.translate(_MIRROR))
    return state._replace(
        job=job,
        lock=state.lock and state.lock.translate(_MIRROR),
        workers=(state.workers[1], state.workers[0]),
        orphans=tuple(sorted((1 - slot, fence) for slot, fence in state.orphans)),
        reapers=(_turned(state.reapers[1]), _turned(state.reapers[0])),
    )


@cache
def _turned(reaper: Reaper) -> Reaper:
    memory = tuple(sorted((name.translate(_MIRROR), *rest) for name, *rest in reaper.memory))
    return reaper._replace(target=reaper.target.translate(_MIRROR), memory=memory)  # type: ignore[arg-type]


_MIRROR = str.maketrans("abAB", "baBA")
