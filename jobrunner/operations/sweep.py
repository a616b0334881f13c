"""One bounded pass over what nobody minds any more: jobs of lost workers, and jobs that no worker came for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from jobrunner import clock, processes
from jobrunner.errors import DatabaseUnavailable, StoreError
from jobrunner.operations import leftovers, recovery, standstill
from jobrunner.operations.recovery import Evidence
from jobrunner.operations.relaunch import Spawn, give_up, relaunch
from jobrunner.operations.suspicion import Belief, Memory, Sighting
from jobrunner.settings import Settings
from jobrunner.states import Status, Trigger
from jobrunner.store import journal, recovering, workers
from jobrunner.store.database import Database, Row
from jobrunner.store.workers import Suspect

AT_ONCE = 100
MOST_LAUNCHES = 2
# whoever has just moved a job launches it himself
_LAUNCHERS_TURN = 1.0
_A_BIT = 0.05


@dataclass(frozen=True)
class Recovered:
    """A job that was taken from its lost worker, and where it went."""

    job_id: int
    type: str
    trigger: str
    status: str
    launcher: str


@dataclass(frozen=True)
class Charge:
    """Why a worker is to be held dead; with ``beats`` nothing but its silence at that count speaks against it."""

    suspect: Suspect
    told: str
    beats: int | None


@dataclass
class Swept:
    """What passes have done: workers held dead, jobs taken from them, jobs launched and given up."""

    workers: list[str] = field(default_factory=list)
    recovered: list[Recovered] = field(default_factory=list)
    launched: list[int] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)

    def add(self, other: Swept) -> None:
        """Takes what another pass has done into this one."""
        self.workers += other.workers
        self.recovered += other.recovered
        self.launched += other.launched
        self.given_up += other.given_up

    def __bool__(self) -> bool:
        return bool(self.workers or self.recovered or self.launched or self.given_up)


class Sweeper:
    """Sweeps for one process; ``actor`` is ``reaper:HOST:PID``.

    Several may sweep at once, in one process or many: every step is a compare-and-set, and one of them
    takes it. ``spawn`` starts a worker process for a job of a type that ``knows``; without it nothing is launched.
    A StoreError passes through; whatever was done until then is stored.
    """

    def __init__(
        self, database: Database, settings: Settings, actor: str | None = None, spawn: Spawn | None = None,
        knows: Callable[[str], bool] = lambda _: True,
    ) -> None:  # fmt: skip
        me = processes.identity()
        self.memory = Memory(settings.lease)
        self._database, self._settings = database, settings
        self._actor = actor or f"reaper:{me.host}:{me.pid}"
        self._spawn, self._knows = spawn, knows
        self._cursors = {Status.QUEUED.value: 0, Status.SCHEDULED.value: 0}
        self._told: dict[str, str] = {}

    def recover(self, *, by_lease: bool = True) -> Swept:
        """Takes jobs away from workers that are dead; ``launch`` starts those that are to run again.

        Deaths on this host are proved by the process; ``by_lease`` also judges workers by their silence.
        """
        swept = Swept()
        swept.workers += self._condemn(by_lease=by_lease)
        for row in recovering.lost(self._database, AT_ONCE):
            taken = self._take(row)
            if taken is not None:
                swept.recovered.append(taken)
        return swept

    def patience(self) -> float | None:
        """Returns the seconds after which another look can decide on everybody who is silent now; None without any."""
        left = self.memory.undecided_for(clock.monotonic())
        return None if left is None else left + _A_BIT

    def launch(self, recovered: list[Recovered]) -> list[int]:
        """Launches the detached ones among recovered jobs that wait for another attempt; returns their ids."""
        again = [j for j in recovered if j.trigger == Trigger.REQUEUE_LOST and j.launcher == "detached"]
        return [job.job_id for job in again if self._start(job.job_id, job.type, (None, 0))]

    def call_again(self) -> Swept:
        """Launches detached jobs that no worker came for once more, and fails those for which that was in vain."""
        swept, grace = Swept(), self._settings.launch_grace
        found = recovering.uncalled(self._database, self._cursors, AT_ONCE, grace=grace, age=_LAUNCHERS_TURN)
        for row in found:
            seen = (row["claim_token_hash"], int(row["launches"]))
            if seen[1] >= MOST_LAUNCHES:
                if give_up(self._database, row["id"], self._actor, seen=seen, launch_grace=grace):
                    swept.given_up.append(row["id"])
            elif self._start(row["id"], row["type"], seen):
                swept.launched.append(row["id"])
        for status, highest in self._cursors.items():
            self._cursors[status] = recovering.reach(self._database, status, highest)
        return swept

    def _start(self, job_id: int, type: str, seen: tuple[str | None, int]) -> bool:
        if self._spawn is None or not self._knows(type):
            return False
        return relaunch(self._database, job_id, type, self._spawn, self._actor, seen=seen)

    def _condemn(self, *, by_lease: bool) -> list[str]:
        living = self._look()
        seen = [Sighting(one.id, _runs(one), one.beats, one.expired) for one in living]
        beliefs = self.memory.judge(seen, clock.monotonic())
        charges = [charge for one in living if (charge := _charge(one, beliefs[one.id], by_lease=by_lease))]
        dead: list[str] = []
        try:
            self._mark(charges, dead)
        except DatabaseUnavailable:
            # a worker that stands still may be what the file waits for; its end is a proof then
            silent = [charge.suspect for charge in charges if charge.beats is not None]
            ended = standstill.end(self._database, silent)
            if not ended:
                self.memory.begin_anew()
                raise
            known = {c.suspect.id: c for c in charges}
            charges = [Charge(known[i].suspect, told, None) for i, told in ended.items()] + [
                charge for charge in charges if charge.suspect.id not in ended
            ]
            self._mark(charges, dead)
        return dead

    def _mark(self, charges: list[Charge], dead: list[str]) -> None:
        """Marks workers as lost, and notes those for which this call did it in ``dead``."""
        for charge in charges:
            worker_id = charge.suspect.id
            self._told[worker_id] = charge.told
            if workers.condemn(self._database, worker_id, beats=charge.beats):
                dead.append(worker_id)

    def _look(self) -> list[Suspect]:
        began = clock.monotonic()
        try:
            living = self._living()
        except StoreError:
            self.memory.begin_anew()
            raise
        if clock.monotonic() - began > workers.PROMPT:
            self.memory.begin_anew()
        return living

    def _living(self) -> list[Suspect]:
        found: list[Suspect] = []
        while page := workers.living(self._database, AT_ONCE, found[-1].id if found else ""):
            found += page
            if len(page) < AT_ONCE:
                break
        return found

    def _take(self, row: Row) -> Recovered | None:
        here = leftovers.is_here(row)
        killed, left = leftovers.end_all(row) if here else (0, 0)
        if not recovery.may_take(row, here=here, left=left):
            return None  # run again beside it? Never: the next sweep tries again
        evidence = self._evidence(row, killed)
        moved = journal.move(
            self._database,
            row["id"],
            lambda job: recovery.take(job, row["fence"], evidence, self._actor, self._settings.lost_backoff),
        )
        if moved is None or moved.before == moved.after:
            return None
        after = moved.after
        trigger = recovery.judge(moved.before, evidence, self._actor, 0)[0].trigger
        return Recovered(row["id"], row["type"], trigger.value, after["status"], row["launcher"])

    def _evidence(self, row: Row, killed: int) -> Evidence:
        name = f"{row['host']} pid {row['pid']}"
        how = self._told.get(
            row["worker_id"] or "", "It was held dead before." if row["known"] else "Nothing is known of it."
        )
        told = f"The worker on {name} was lost. {how}"
        facts = {
            "worker": row["worker_id"], "host": row["host"], "pid": row["pid"], "boot_id": row["boot_id"],
            "heartbeat_at": row["heartbeat_at"], "lease_until": row["lease_until"], "beats": row["beats"],
            "how": how, "child_pid": row["child_pid"], "killed": killed,
        }  # fmt: skip
        return Evidence(row["worker_id"], told, facts)


def _charge(one: Suspect, belief: Belief, *, by_lease: bool) -> Charge | None:
    if belief is Belief.GONE:
        return Charge(one, "Its process is gone.", None)
    if belief is Belief.SILENT and by_lease:
        return Charge(one, f"It has not been heard of since {one.heartbeat_at}.", one.beats)
    return None


def _runs(worker: Suspect) -> bool | None:
    return processes.life(
        worker.host, worker.boot_id, worker.pid_namespace, worker.pid, worker.process_started
    )
