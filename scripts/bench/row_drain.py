"""Draining jobs that do nothing, a process each and the full ledger, against systems that have neither or one of them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from measure import Result, Target, environment
from peering import Peer, PeerMissing, install, server_of
from places import Place
from plan import Plan

JOBS, CAPACITY, PATIENCE = 600, 4, 300.0
SERVER_WORKERS = ("4x8", "2x8", "2x4", "1x4")


def measure(plan: Plan) -> Iterator[Result]:
    """Yields our speed as a multiple of each peer's; a peer that is missing is told on standard error."""
    for place in plan.on("sqlite", "mariadb"):
        try:
            peer = install("dj-queue", plan.scratch, "pymysql", oldest=(3, 12))
            best = ("1x1",) if place.kind == "sqlite" else _best(place, peer)
            target = Target(2.5 if place.kind == "sqlite" else 1.3)
            yield _compared(
                plan,
                place,
                f"dj-queue {peer.version}, {best[0]}",
                partial(django, place, peer, best[0]),
                target,
            )
        except PeerMissing as error:
            print(f"  missing: {error}", file=sys.stderr)
    for place in plan.on("sqlite"):
        try:
            peer = install("rq", plan.scratch)
            yield _compared(
                plan, place, f"rq {peer.version}, forking worker", partial(redis, plan, peer), Target(5)
            )
        except PeerMissing as error:
            print(f"  missing: {error}", file=sys.stderr)


def _best(place: Place, peer: Peer) -> tuple[str, ...]:
    """Returns the peer's settings (processes x threads), the fastest first."""
    return tuple(sorted(SERVER_WORKERS, key=lambda workers: django(place, peer, workers)))


def _compared(plan: Plan, place: Place, against: str, theirs: Callable[[], float], target: Target) -> Result:
    pairs = []
    for number in range(max(3, plan.rounds // 2)):
        sides = [lambda: ours(place), theirs]
        taken = [side() for side in (sides if number % 2 else reversed(sides))]
        own, other = taken if number % 2 else reversed(taken)
        pairs.append(other / own)
        print(
            f"    {place.title}: {JOBS / own:.0f}/s, {against}: {JOBS / other:.0f}/s",
            file=sys.stderr,
            flush=True,
        )
    return Result("draining no-op jobs, a process each", against, place.title, pairs, target)


def ours(place: Place) -> float:
    """Returns the seconds in which a pool of ours brings the jobs to their end."""
    with place.store() as store:
        runner = store.runner(launcher="pool")
        runner.start_many([("bench.small", {"number": n, "name": "a name"}) for n in range(JOBS)])
        runner.database.close()
        left = _counter(
            store.connect(), store.kind, "SELECT COUNT(*) FROM jobrunner_job WHERE finished_at IS NULL"
        )
        settings = {"JOBRUNNER_DATABASE_URL": store.url, "JOBRUNNER_HANDLERS": "bench_jobs"}
        here = os.path.dirname(__file__)
        env = environment()
        env |= settings | {"PYTHONPATH": os.pathsep.join((here, env["PYTHONPATH"]))}
        command = [sys.executable, "-m", "jobrunner", "work", "--capacity", str(CAPACITY)]
        return _timed(
            subprocess.Popen(command, env=env, start_new_session=True, stderr=subprocess.DEVNULL), left
        )


def django(place: Place, peer: Peer, workers: str) -> float:
    """Returns the seconds in which dj-queue does."""
    with place.store() as store:
        if store.address is None:
            told: dict[str, Any] = {"ENGINE": "django.db.backends.sqlite3", "NAME": store.name}
            # its documentation's advice for SQLite: write-ahead log, and transactions that begin as writers
            told["OPTIONS"] = {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": "PRAGMA journal_mode=WAL;",
            }
        else:
            told = {
                "ENGINE": "django.db.backends.mysql", "NAME": store.name, "HOST": store.address.host,
                "PORT": store.address.port, "USER": store.address.user, "PASSWORD": store.address.password,
            }  # fmt: skip
        env = {"PEER_DATABASE": json.dumps(told), "PEER_WORKERS": workers}
        peer.run("peer_django.py", "make", **env)
        peer.run("peer_django.py", "enqueue", JOBS, **env)
        left = _counter(
            store.connect(), store.kind, "SELECT COUNT(*) FROM dj_queue_jobs WHERE finished_at IS NULL"
        )
        return _timed(peer.start("-m", "django", "dj_queue", "--only-work", **env), left)


def redis(plan: Plan, peer: Peer) -> float:
    """Returns the seconds in which rq does, on a Redis of its own."""
    server, path = server_of(plan.scratch)
    try:
        deadline = time.monotonic() + PATIENCE
        while not os.path.exists(path) and time.monotonic() < deadline:
            time.sleep(0.02)  # polls
        peer.run("peer_rq.py", path, JOBS)
        rq = os.path.join(os.path.dirname(peer.python), "rq")
        worker = peer.start(rq, "worker", "bench", "--quiet", "--url", f"unix://{path}")
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as asking:
            asking.connect(path)

            def left() -> int:
                asking.sendall(b"ZCARD rq:finished:bench\r\n")
                return JOBS - int(asking.recv(64).strip(b":\r\n"))

            return _timed(worker, left)
    finally:
        server.kill()
        server.wait()


def _counter(connection: Any, kind: str, statement: str) -> Callable[[], int]:
    cursor = connection.cursor()

    def left() -> int:
        cursor.execute(statement)
        found = int(cursor.fetchone()[0])
        if kind != "sqlite":
            connection.commit()
        return found

    return left


def _timed(process: subprocess.Popen[bytes], left: Callable[[], int]) -> float:
    """Returns the seconds for all jobs, as measured from a tenth of them on, so that start-up does not count."""
    try:
        before = _await(left, JOBS * 9 // 10)
        began = time.perf_counter()
        _await(left, 0)
        return (time.perf_counter() - began) * JOBS / before
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(left: Callable[[], int], few: int) -> int:
    deadline = time.monotonic() + PATIENCE
    while (found := left()) > few:
        if time.monotonic() > deadline:
            raise PeerMissing(f"{found} jobs were left after {PATIENCE:g} s")
        time.sleep(0.02)  # polls
    return found
