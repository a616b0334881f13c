"""What the heartbeats, looks and sweeps of many idle pools cost the database, in shares of one core."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from measure import Result, Target, environment
from places import Place
from plan import Plan

from jobrunner import processes

WINDOW, WARM, TICKS = 60.0, 30.0, os.sysconf("SC_CLK_TCK")


def measure(plan: Plan) -> Iterator[Result]:
    """Yields one result per server."""
    for place in plan.on("mariadb", "postgres"):
        share = _share(plan, place)
        yield Result(
            f"an idle fleet of {plan.fleet} pools: CPU of the database", "one core", place.title, [100 * share],
            Target(1, at_least=False), unit=" %",
        )  # fmt: skip


def _share(plan: Plan, place: Place) -> float:
    with place.store() as store:
        env = environment() | {"JOBRUNNER_DATABASE_URL": store.url, "JOBRUNNER_HANDLERS": "bench_jobs"}
        env["PYTHONPATH"] = os.pathsep.join((os.path.dirname(__file__), env["PYTHONPATH"]))
        command = [sys.executable, "-m", "jobrunner", "work"]
        pools = []
        runner = store.runner(launcher="pool")
        try:
            for _ in range(plan.fleet):
                pools.append(
                    subprocess.Popen(command, env=env, start_new_session=True, stderr=subprocess.DEVNULL)
                )
                time.sleep(0.3)  # starts do not crowd
            deadline = time.monotonic() + 300
            while len(runner.workers()) < plan.fleet and time.monotonic() < deadline:
                time.sleep(1)  # polls
            print(f"    {len(runner.workers())} pools", file=sys.stderr)
            runner.database.close()
            time.sleep(WARM)  # until it is idle
            server = _server(plan.scratch / place.kind)
            before = _cpu(server)
            time.sleep(WINDOW)  # the time that is measured
            return (_cpu(server) - before) / WINDOW
        finally:
            for pool in pools:
                os.killpg(pool.pid, signal.SIGKILL)
            for pool in pools:
                pool.wait()


def _server(directory: Path) -> int:
    """Returns the pid of the private server that works in this directory, oldest first."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.readlink(f"/proc/{entry}/cwd").startswith(str(directory)):
                found.append(int(entry))
        except OSError:
            continue
    return min(found)


def _cpu(server: int) -> float:
    """Returns the seconds that a server and its processes have used, those that have ended too."""
    total = 0
    for pid in (server, *(one.pid for one in processes.descendants(server))):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(field) for field in fields[11:13])
        total += sum(int(field) for field in fields[13:15]) if pid == server else 0
    return total / TICKS
