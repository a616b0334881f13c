"""The nemesis: pools, detached jobs and operators at work on one database, and a seeded schedule of faults against them.

The seed decides which fault comes when and which job, worker or child it meets. When the time is over everything
heals: no more faults, a reaper, a pool, a person for what is parked; then all has to come to an end and to hold.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from jobrunner.errors import JobRunnerError, StoreError
from tests.faults.laboratory import TIMING, Laboratory, go_on
from tests.faults.oddities import ODD
from tests.servers import Server

POOLS, CAPACITY, MOST_OPEN = 2, 4, 24
VERBS = ("cancel", "stop", "kill", "hold", "release", "retry")
KINDS = ("f.again", "f.once", "f.flaky")
SETTLED = ("succeeded", "failed", "cancelled", "stopped", "abandoned")
HANDLERS = "tests.handlers.lost,tests.handlers.faulty"
# after a kill, pools look this long for jobs that they may take
GRACE = 60.0


class Nemesis:
    """One run on one laboratory; ``server`` is there when it may be restarted and killed."""

    def __init__(self, lab: Laboratory, seed: int, server: Server | None = None) -> None:
        self.lab, self.seed, self._server = lab, seed, server
        self._chance = random.Random(seed)
        self._pools: list[subprocess.Popen[bytes]] = []
        self._over = threading.Event()
        self._numbers = {"job": 0, "verb": 0}
        self.jobs: list[int] = []
        self.log: list[str] = []

    def run(self, seconds: float) -> list[str]:
        """Lets faults happen for so long, heals, and returns the violations."""
        for _ in range(POOLS):
            self._open_pool()
        reaper = threading.Thread(target=self._reap)
        reaper.start()
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:
                self._start_some()
                self._fault()
                self._begin_again()
                time.sleep(self._chance.uniform(0.05, 0.4))
            self._heal()
        finally:
            self._over.set()
            reaper.join()
            self._close_pools()
        return self.lab.violations(settled=True)

    def _start_some(self) -> None:
        open_ones = self._read("SELECT COUNT(*) FROM jobrunner_job WHERE final_seq IS NULL")
        if open_ones and open_ones[0][0] >= MOST_OPEN:
            return
        for _ in range(self._chance.randint(1, 3)):
            self._numbers["job"] += 1
            key = f"{self.seed}-{self._numbers['job']}"
            params: dict[str, Any] = {
                "witness": str(self.lab.witness), "lines": self._chance.randint(1, 30),
                "seconds": self._chance.choice((0.0, 0.01, 0.05)), "odd": self._chance.choice(ODD),
            }  # fmt: skip
            kind = self._chance.choice(KINDS)
            launcher = "detached" if self._chance.random() < 0.2 else "pool"
            with contextlib.suppress(StoreError):
                made = self.lab.history.tell(
                    "start",
                    partial(self.lab.runner.start, kind, params, idempotency_key=key, launcher=launcher),
                    lambda result: result.job_id, key=key, params=params,
                )  # fmt: skip
                self.jobs.append(made.job_id or 0)

    def _fault(self) -> None:
        faults: list[tuple[Callable[[], str | None], int]] = [
            (self._kill_pool, 2), (self._kill_nursery, 1), (self._kill_detached, 3), (self._kill_child, 4),
            (self._stop_a_while, 2), (self._verb, 10), (self._terminate_pool, 1),
        ]  # fmt: skip
        if self.lab.store.address is not None:
            faults.append((self._cut, 4))
        if self._server is not None:
            faults.append((self._end_server, 1))
        act = self._chance.choices([f for f, _ in faults], [w for _, w in faults])[0]
        told = act()
        if told is not None:
            self.lab.tally.injected(told)
            self.log.append(told)

    def _kill_pool(self) -> str | None:
        pool = self._chance.choice(self._pools)
        pool.kill()
        self._replace(pool)
        return "kill -9 of a pool"

    def _terminate_pool(self) -> str | None:
        pool = self._chance.choice(self._pools)
        pool.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            pool.wait(10)
        pool.kill()
        self._replace(pool)
        return "SIGTERM of a pool"

    def _kill_nursery(self) -> str | None:
        pool = self._chance.choice(self._pools)
        children = _children(pool.pid)
        return self._signal(children, signal.SIGKILL, "kill -9 of a nursery")

    def _kill_detached(self) -> str | None:
        found = self._read(
            "SELECT w.pid FROM jobrunner_worker w WHERE w.kind = 'detached' AND w.stopped_at IS NULL"
        )
        return self._signal([int(row[0]) for row in found], signal.SIGKILL, "kill -9 of a detached worker")

    def _kill_child(self) -> str | None:
        found = self._read(
            "SELECT child_pid FROM jobrunner_job_attempt WHERE ended_at IS NULL AND child_pid IS NOT NULL"
        )
        return self._signal([int(row[0]) for row in found], signal.SIGKILL, "kill -9 of a child")

    def _stop_a_while(self) -> str | None:
        pool = self._chance.choice(self._pools)
        with contextlib.suppress(AssertionError, FileNotFoundError, ProcessLookupError):
            self.lab.stop(pool.pid)
            time.sleep(self._chance.uniform(0.1, 1.5 * TIMING["lease"]))
        with contextlib.suppress(ProcessLookupError):
            go_on(pool.pid)
        return None  # the laboratory has counted it

    def _verb(self) -> str | None:
        if not self.jobs:
            return None
        job, verb = self._chance.choice(self.jobs[-40:]), self._chance.choice(VERBS)
        self._numbers["verb"] += 1
        self._ask(verb, job, f"nemesis-{self.seed}-{self._numbers['verb']}")
        return f"{verb} at any moment"

    def _ask(self, verb: str, job: int, actor: str, **options: Any) -> None:
        with contextlib.suppress(JobRunnerError):
            self.lab.history.tell(
                verb, lambda: getattr(self.lab.runner, verb)(job, actor=actor, **options),
                lambda done: done.outcome, job=job, actor=f"operator:{actor}",
            )  # fmt: skip

    def _cut(self) -> str | None:
        with contextlib.suppress(Exception):
            assert self.lab.store.address is not None
            self.lab.store.address.disconnect(self.lab.store.name)
        return "every session of the database killed"

    def _end_server(self) -> str | None:
        assert self._server is not None
        hard = self._chance.random() < 0.5
        self._server.kill9() if hard else self._server.stop()
        time.sleep(self._chance.uniform(0.0, 1.0))
        self._server.start()
        return "kill -9 of the server" if hard else "restart of the server"

    def _signal(self, pids: list[int], number: signal.Signals, told: str) -> str | None:
        # a child of a pool is not ours: its pid may be gone, or a zombie, by now
        for pid in self._chance.sample(pids, min(1, len(pids))):
            with contextlib.suppress(OSError):
                environment = Path(f"/proc/{pid}/environ").read_bytes()
                if self.lab.store.mark.encode() in environment:
                    os.kill(pid, number)
                    return told
        return None

    def _heal(self) -> None:
        """No more faults: whatever is open has to come to an end, with a person for what is parked or held."""
        until = time.monotonic() + GRACE
        number = 0
        while rows := self._read(
            "SELECT id, status FROM jobrunner_job WHERE status NOT IN"
            " ('succeeded', 'failed', 'cancelled', 'stopped', 'abandoned') OR id IN"
            " (SELECT job_id FROM jobrunner_job_attempt WHERE ended_at IS NULL)"
        ):
            assert time.monotonic() < until, f"seed {self.seed}: not at an end: {rows}"
            for job, status in rows:
                number += 1
                verb = {"held": "release", "parked": "abandon"}.get(str(status))
                if verb is not None:
                    self._ask(verb, int(job), f"healer-{self.seed}-{number}")
            self._begin_again()
            time.sleep(0.2)

    def _open_pool(self) -> None:
        environment = {
            **os.environ, "JOBRUNNER_DATABASE_URL": self.lab.store.url, "JOBRUNNER_HANDLERS": HANDLERS,
            **{f"JOBRUNNER_{name.upper()}": str(value) for name, value in TIMING.items()},
        }  # fmt: skip
        command = [
            sys.executable,
            "-m",
            "jobrunner",
            "work",
            "--capacity",
            str(CAPACITY),
            "--drain-timeout",
            "1",
        ]
        self._pools.append(
            subprocess.Popen(
                command, env=environment, cwd=self.lab.store.directory, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
        )  # fmt: skip

    def _begin_again(self) -> None:
        """Starts anew, as a service manager does, what found no database when it began; nothing else ends by itself."""
        for pool in [pool for pool in self._pools if pool.poll() is not None]:
            assert pool.returncode == 125, f"seed {self.seed}: a pool has ended with {pool.returncode}"
            self._replace(pool)

    def _replace(self, pool: subprocess.Popen[bytes]) -> None:
        pool.wait()
        self._pools.remove(pool)
        self._open_pool()

    def _close_pools(self) -> None:
        for pool in self._pools:
            with contextlib.suppress(ProcessLookupError):
                go_on(pool.pid)
            pool.terminate()
        for pool in self._pools:
            try:
                pool.wait(20)
            except subprocess.TimeoutExpired:
                pool.kill()
                pool.wait()

    def _reap(self) -> None:
        reaper = self.lab.runner.reaper()
        reaper.run(self._over)

    def _read(self, text: str) -> list[tuple[Any, ...]]:
        for _ in range(100):
            with contextlib.suppress(Exception):
                return self.lab.sql(text)
            time.sleep(0.1)
        return self.lab.sql(text)


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(part) for part in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
