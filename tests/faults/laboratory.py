"""Real workers that are killed, stopped and continued, and what a reaper makes of that."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from jobrunner import JobRunner
from jobrunner.auditor import verify
from jobrunner.processes import MARK
from tests.addresses import query
from tests.faults import witness
from tests.faults.dump import Dump, dump
from tests.faults.evidence import Evidence
from tests.faults.history import History
from tests.faults.tally import Tally
from tests.stores import Store
from tests.worker.workbed import Work, is_gone

LEASE = 2.0
ENDS = ("succeeded", "failed", "cancelled", "stopped")
TIMING: dict[str, Any] = {
    "heartbeat": 0.3, "lease": LEASE, "self_fence": 1.4, "unsafe_timing": True, "lost_backoff": 0.2,
    "launch_grace": 1.5, "poll_cancel": 0.1, "stop_grace": 1.0,
}  # fmt: skip


class Laboratory(Work):
    """Detached jobs with short leases, a witness file that no database knows of, and a checker that joins the two."""

    def __init__(self, store: Store, tally: Tally, scene: Path, poll: Any) -> None:
        handlers = ["tests.handlers.lost", "tests.handlers.faulty"]
        super().__init__(
            JobRunner(database_url=store.url, handlers=handlers, launcher="detached", **TIMING),
            store.sql,
            poll,
        )
        self.store, self.tally, self.scene = store, tally, scene
        self.witness = scene / "witness"
        self.history = History(scene / "history")
        self.sql, self.poll = store.sql, poll

    def wait_for_launches(self, seconds: float = 30.0) -> None:
        """Gives what is launched from now on so much time to come: on a busy machine it needs that."""
        self.runner.settings = replace(self.runner.settings, launch_grace=seconds)

    def bear_silence(self, seconds: float = 30.0) -> None:
        """Lets jobs that are started from now on go on for so long without a heartbeat: a server may need that to come back."""
        self.runner.settings = replace(self.runner.settings, self_fence=seconds)

    def begin(self, type: str, **params: Any) -> tuple[int, int]:
        """Starts a job and waits until it has said something; returns its id and its worker's pid."""
        job = self.start(type, {"witness": str(self.witness)} | params)
        return job, self.running(job)

    def child(self, job: int) -> int:
        """Returns the pid of the child that the attempt row names."""
        return int(
            self.sql(
                f"SELECT child_pid FROM jobrunner_job_attempt WHERE job_id = {job} ORDER BY attempt DESC"
            )[0][0]
        )

    def starts(self) -> int:
        """Returns how often a handler has begun, whatever the database says."""
        return sum(note.what == "start" for note in witness.read(self.witness))

    def claims(self) -> int:
        """Returns how often a job was claimed, as the histories tell it."""
        told = "SELECT COUNT(*) FROM jobrunner_job_transition WHERE trigger_name = 'claim'"
        return int(self.sql(told)[0][0])

    def fence(self, job: int) -> int:
        """Returns the job's fence."""
        return int(self.sql(f"SELECT fence FROM jobrunner_job WHERE id = {job}")[0][0])

    def triggers(self, job: int) -> list[str]:
        """Returns the triggers of a job's history, without admissions."""
        rows = self.sql(
            f"SELECT trigger_name FROM jobrunner_job_transition WHERE job_id = {job}"
            " AND trigger_name <> 'admit' ORDER BY seq"
        )
        return [str(row[0]) for row in rows]

    def was_given_back(self, job: int) -> bool:
        """True when the job's worker gave it back and a sweep had it run again, to its end.

        The second worker gives it back too where a busy machine lets it say nothing for as long as a lease lasts.
        """
        told = self.triggers(job)
        back = told.count("interrupt")
        assert back and told == ["create", *["claim", "interrupt"] * back, "claim", "succeed"]
        assert 2 <= self.starts() <= self.claims() == back + 1
        return True

    def heal(self, job: int, run: Callable[[], object] = lambda: None, timeout: float = 90) -> str:
        """Sweeps as a machine's timer does, and has what waits ``run``, until the job has ended; returns how."""
        reaper = self.runner.reaper()

        def ended() -> bool:
            reaper.once()
            if self.status(job) in ("queued", "scheduled"):
                run()
            return self.status(job) in ENDS

        self.poll(ended, timeout=timeout, every=0.2)
        return self.status(job)

    def kill(self, pid: int, what: str = "kill -9 of a worker") -> None:
        """Kills a process as the kernel does when memory runs out, and waits until it is gone."""
        self.tally.injected(what)
        kill(pid)

    def stop(self, pid: int) -> None:
        """Stops a worker where it holds no lock: one that stands still inside a transaction is a case of its own."""
        self.tally.injected("SIGSTOP of a worker")
        deadline = time.monotonic() + 20
        while True:
            stop(pid)
            if locks_are_free(self.store):
                return
            assert time.monotonic() < deadline
            go_on(pid)
            time.sleep(0.01)

    def evidence(self, *, settled: bool = False) -> Evidence:
        """Returns what there is to check by now."""
        tables = dump(self.store.connect)
        return Evidence(
            tables,
            self.history.events(),
            witness.read(self.witness),
            orphans(tables),
            sizes(self.store),
            settled,
        )

    def violations(self, *, settled: bool = False) -> list[str]:
        """Returns what does not hold, of all invariants."""
        return [str(found) for found in self.tally.checked(self.evidence(settled=settled))]

    def sound(self, *, settled: bool = False) -> bool:
        """True when the ledger verifies and every invariant holds; AssertionError with all that does not."""
        found = self.violations(settled=settled)
        found += [f"audit: {finding}" for finding in verify(self.runner.database)]
        assert not found, "\n".join(found)
        return True


def locks_are_free(store: Store) -> bool:
    """True when nobody holds a lock that a worker may hold."""
    with closing(store.connect()) as connection:
        try:
            if store.kind == "sqlite":
                connection.execute("PRAGMA busy_timeout = 0")
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
                return True
            for table in ("jobrunner_job", "jobrunner_lease", "jobrunner_worker"):
                query(connection, f"SELECT 1 FROM {table} FOR UPDATE NOWAIT")
        except Exception:
            return False
    return True


def orphans(tables: Dump) -> list[tuple[int, int, int]]:
    """Returns (job, attempt, pid) of every process that bears the mark of an attempt that has ended."""
    ended = {
        f"{job['uuid']}:{attempt['fence']}": (job["id"], attempt["attempt"])
        for job in tables.jobs
        for attempt in tables.of(tables.attempts, job["id"])
        if attempt["ended_at"] is not None
    }
    return [(*ended[mark], pid) for pid, mark in _marks() if mark in ended]


def _marks() -> Iterator[tuple[int, str]]:
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with suppress(OSError):
            found = {
                part.decode()
                for part in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0")
                if _MARKED in part
            }
            found |= {
                name
                for fd in os.listdir(f"/proc/{entry}/fd")
                if MARK in (name := os.readlink(f"/proc/{entry}/fd/{fd}"))
            }
            yield from ((int(entry), name.rpartition("=")[2].split(" ")[0]) for name in found)


_MARKED = f"{MARK}=".encode()


def sizes(store: Store) -> list[tuple[str, int, int]]:
    """Returns the files that could grow without end: (what, size, bound)."""
    log = store.directory / "jobs.db-wal"
    return [("bytes of the write-ahead log", log.stat().st_size, 64 * 1024**2)] if log.exists() else []


def kill(pid: int) -> None:
    """Kills a process as the kernel does when memory runs out, and waits until it is gone."""
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while not is_gone(pid):
        assert time.monotonic() < deadline


def stop(pid: int) -> None:
    """Stops a process and waits until it stands still."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline


def go_on(pid: int) -> None:
    """Continues a stopped process."""
    os.kill(pid, signal.SIGCONT)
