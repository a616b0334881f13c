"""The steps of a worker: claim, begin, mind, finish, and keep its lease; with a crash, a pause or a lost reply at each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from jobrunner.worker.pulse import Pulse
from tests.model import database
from tests.model.memory import Broken
from tests.model.state import FENCE, GRACE, SLOTS, Lease, Rules, State, Worker

Step = tuple[str, State]
HAS_JOB = ("held", "running", "ended")


def steps(state: State, rules: Rules, slot: int) -> Iterator[Step]:
    """Yields every step that this worker can take now, or that can befall it."""
    worker = state.workers[slot]
    if worker.proc in ("up", "cut"):
        for what, after in _locally(state, rules, worker):
            yield what, put(state, slot, after[0], **after[1])
    if worker.proc == "up":
        yield from _claiming(state, rules, slot)
        yield from _with_the_job(state, rules, slot)
        if worker.phase != "claiming":
            yield from _keeping_alive(state, rules, slot)
    elif worker.phase == "claiming":
        yield (
            "the server rolls its transaction back",
            put(state, slot, worker._replace(phase="idle"), lock=""),
        )
    yield from _befalling(state, slot)


def put(state: State, slot: int, worker: Worker, **changes: object) -> State:
    """Returns the state with this worker in place of the one it was."""
    workers = (worker, state.workers[1]) if slot == 0 else (state.workers[0], worker)
    return state._replace(workers=workers, **changes)  # type: ignore[arg-type]


def let_go(worker: Worker) -> Worker:
    """Returns a worker without a job in hand."""
    return worker._replace(phase="idle", fence=0, told="", outcome="", post_pulse=-1)


def fence_age(worker: Worker) -> int:
    """Returns how long ago the worker last knew the lease renewed under which it has its job."""
    return worker.pulse if worker.post_pulse < 0 else worker.post_pulse


def _ended(worker: Worker, outcome: str) -> Worker:
    return worker._replace(phase="ended", outcome=outcome)


def _locally(
    state: State, rules: Rules, worker: Worker
) -> Iterator[tuple[str, tuple[Worker, dict[str, object]]]]:
    late = rules.idempotent and is_fenced(fence_age(worker))
    if worker.phase == "held" and late:
        yield "begins nothing, for its lease may be over", (_ended(worker, "given back"), {})
    elif worker.phase == "held":
        surplus = state.surplus + int(not rules.idempotent)
        yield "starts the handler", (worker._replace(phase="running"), {"surplus": surplus})
    if worker.phase == "running":
        if worker.told in ("stop", "kill"):
            yield "ends the handler by force, as asked", (_ended(worker, "forced"), {})
        else:
            yield "sees the handler raise", (_ended(worker, "raised"), {})
            said = "obeyed" if worker.told else "returned"
            yield "sees the handler return", (_ended(worker, said), {})
        if late:
            yield "fences itself and ends the handler", (_ended(worker, "interrupted"), {})
    if state.faults and worker.phase in ("held", "running"):
        outcome = "interrupted" if worker.phase == "running" else "given back"
        yield "is told to shut down", (_ended(worker, outcome), {"faults": state.faults - 1})


def _claiming(state: State, rules: Rules, slot: int) -> Iterator[Step]:
    worker, name = state.workers[slot], SLOTS[slot]
    if worker.phase == "idle" and not state.lock and not is_fenced(worker.pulse):
        if state.job.fence < rules.fences and database.takeable(state.job, rules):
            began = worker._replace(phase="claiming")
            yield (
                "begins to claim, the row locked",
                put(state, slot, began, lock=name, saw_stopped=worker.lease.stopped),
            )
    elif worker.phase == "claiming":
        answer = database.claim(state.job, rules, name, state.saw_stopped)
        freed = state._replace(lock="", job=answer.job, saw_stopped=False)
        if answer.said == "held dead":
            yield "is told that it was held dead, and joins anew", rejoin(freed, slot)
        elif answer.said is None:
            yield "finds nothing to claim", put(freed, slot, let_go(worker))
        else:
            held = worker._replace(phase="held", fence=answer.said)
            yield f"claims under fence {answer.said}", put(freed, slot, held)
            if state.faults:
                unsure = put(freed, slot, held._replace(phase="unsure"), faults=state.faults - 1)
                yield f"claims under fence {answer.said}, and the reply is lost", unsure
    elif worker.phase == "unsure" and not state.lock:
        ours = database.may_append(state.job, rules, worker.fence)
        if ours or not rules.confirms_a_claim:
            if not ours:
                raise Broken("A handler is about to begin under a claim that was taken away.")
            yield "learns that its claim was stored", put(state, slot, worker._replace(phase="held"))
        else:
            yield "learns that its claim was taken away", put(state, slot, let_go(worker))


def _with_the_job(state: State, rules: Rules, slot: int) -> Iterator[Step]:
    worker, job = state.workers[slot], state.job
    if worker.phase not in HAS_JOB:
        return
    if not database.may_append(job, rules, worker.fence):
        yield "finds that the job is another's, and ends its child", put(state, slot, let_go(worker))
    elif job.status == "cancel_requested" and worker.told != job.mode and worker.phase != "ended":
        told = worker._replace(told=job.mode)
        if worker.phase == "held":
            told = _ended(told, "not called")
        yield f"sees the request to {job.mode}", put(state, slot, told)
    if worker.phase == "ended" and not state.lock:
        answer = database.finish(job, rules, worker.outcome, worker.fence)
        if answer.said != "superseded":
            over = put(state, slot, let_go(worker), job=answer.job)
            yield f"stores the end: {answer.said}", over
            if state.faults:
                unsure = put(state, slot, worker, job=answer.job, faults=state.faults - 1)
                yield f"stores the end: {answer.said}, and the reply is lost", unsure


def _keeping_alive(state: State, rules: Rules, slot: int) -> Iterator[Step]:
    worker = state.workers[slot]
    if worker.reply >= 0:
        began = 0 if rules.times_heartbeats_from_their_reply else worker.reply
        pulse = pulse_after(worker.pulse, began)
        yield (
            "gets the late answer to its heartbeat",
            put(state, slot, worker._replace(pulse=pulse, reply=-1)),
        )
        return
    if worker.lease.age or worker.pulse:
        yield "sends a heartbeat", beaten(state, slot)
    if state.faults and worker.phase in HAS_JOB and not worker.lease.stopped:
        late = beaten(state, slot)
        waiting = late.workers[slot]._replace(pulse=worker.pulse, reply=0)
        yield "sends a heartbeat, whose answer is late", put(late, slot, waiting, faults=state.faults - 1)


def _befalling(state: State, slot: int) -> Iterator[Step]:
    worker = state.workers[slot]
    if worker.proc == "paused":
        back = worker._replace(proc="up", just_resumed=worker.phase in HAS_JOB)
        yield "goes on", put(state, slot, back)
    elif worker.proc == "cut":
        yield "reaches the database again", put(state, slot, worker._replace(proc="up"))
    if state.faults and worker.proc == "up":
        fewer = state._replace(faults=state.faults - 1)
        yield "is paused", put(fewer, slot, worker._replace(proc="paused", reply=-1))
    if state.faults and worker.proc == "up" and worker.phase != "idle":
        yield "is cut off from the database", put(fewer, slot, worker._replace(proc="cut", reply=-1))
    if state.faults and worker.phase != "idle":
        yield "is killed, and started again", killed(state._replace(faults=state.faults - 1), slot)


def beaten(state: State, slot: int) -> State:
    """Returns the state after a heartbeat of this worker: renewed, or on under another id, for it was held dead."""
    worker, name = state.workers[slot], SLOTS[slot]
    answer = database.beat(worker.lease)
    heard = state._replace(reapers=tuple(_heard(reaper, name) for reaper in state.reapers))
    if not answer.said:
        return rejoin(heard, slot)
    renewed = worker._replace(lease=answer.lease or Lease(), pulse=pulse_after(worker.pulse, 0))
    return put(heard, slot, renewed)


def _heard(reaper, name):
    memory = tuple(one for one in reaper.memory if one[0] != name)
    same = reaper.beats_same and not (reaper.phase == "condemning" and reaper.target == name)
    return reaper._replace(memory=memory, beats_same=same)


def rejoin(state: State, slot: int) -> State:
    """Returns the state in which this worker goes on under a new id; what it holds still bears the old one."""
    worker = state.workers[slot]
    has_job = worker.phase in HAS_JOB
    anew = worker._replace(
        lease=Lease(), pulse=0, reply=-1, post_pulse=fence_age(worker) if has_job else -1,
        phase=worker.phase if has_job else "idle",
    )  # fmt: skip
    return put(rename(state, slot, worker.lease), slot, anew)


def killed(state: State, slot: int) -> State:
    """Returns the state in which this worker's process is gone, its child not yet, and a fresh process has come."""
    worker, name = state.workers[slot], SLOTS[slot]
    orphans = state.orphans
    if worker.phase == "running":
        orphans = tuple(sorted((*orphans, (slot, worker.fence))))
    freed = state._replace(orphans=orphans, lock="" if state.lock == name else state.lock)
    return put(rename(freed, slot, worker.lease), slot, Worker())


def rename(state: State, slot: int, lease: Lease) -> State:
    """Returns the state in which a worker's id has become the old one of its slot, wherever it stands."""
    name = SLOTS[slot]
    old = name.upper()
    reapers = []
    for reaper in state.reapers:
        memory = tuple(
            sorted((old if one[0] == name else one[0], *one[1:]) for one in reaper.memory if one[0] != old)
        )
        target = old if reaper.target == name else reaper.target
        reapers.append(reaper._replace(memory=memory, target=target))
    if state.job.holder != name:
        return state._replace(reapers=tuple(reapers))  # type: ignore[arg-type]
    return state._replace(reapers=tuple(reapers), job=state.job._replace(holder=old), old=lease)  # type: ignore[arg-type]


@cache
def pulse_after(pulse: int, began: int) -> int:
    """Returns how old the latest known heartbeat is once one that began so long ago is known to be stored."""
    kept = Pulse(-pulse, 1.0, FENCE)
    kept.stored(-began)
    return int(FENCE - kept.fences_at)


@cache
def is_fenced(age: int) -> bool:
    """True when a worker whose latest known heartbeat is so old must hold its job for another's."""
    return Pulse(-age, 1.0, FENCE).fences_at <= 0


def must_act(state: State, rules: Rules, worker: Worker) -> bool:
    """True when this worker does something before any more time passes: none of it takes as long as a tick."""
    if worker.proc == "up" and worker.phase == "claiming":
        return True
    if worker.proc not in ("up", "cut") or worker.phase not in HAS_JOB:
        return False
    overdue = rules.idempotent and worker.phase == "running" and fence_age(worker) >= FENCE + GRACE
    superseded = worker.proc == "up" and not database.may_append(state.job, rules, worker.fence)
    return overdue or superseded
